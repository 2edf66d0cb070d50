//! Pages whose rows are answered at once, without a future for each field.
//!
//! A page has up to 1,000 rows, and a query asks each of them for the same fields. [`Rows`] reads the fields once, loads what they need
//! once, and then makes the value of each row. It leaves fields that it does not know, such as those with arguments, to the general
//! resolver, which gives the same answer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::connection::{Edge, EmptyFields, PageInfo};
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::resolve_list;
use async_graphql::{
    ContextSelectionSet, Name, Object, ObjectType, OutputType, Positioned, ServerResult, TypeName, Value,
};
use counterfoil_read::{PageProofs, Proofs, Reader};
use merkle_log::{Hash, LeafIndex};

/// The fragments of a query by their names.
pub(super) type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// A type whose rows can be answered at once.
pub(super) trait Flat: OutputType + Sized {
    /// A field that can be answered at once.
    type Field: Clone + Send + Sync;

    /// A field of the type; none when it takes the general resolver.
    fn field(field: &Field, fragments: &Fragments) -> Option<Self::Field>;

    /// The proofs that the field needs.
    fn proofs<'a>(&'a self, field: &Self::Field) -> Vec<&'a Arc<PageProofs>>;

    /// The field's value; none when a proof is not there.
    fn value(&self, field: &Self::Field, texts: &mut ProofTexts<'_>) -> Option<Value>;
}

/// The fields that are asked of each row, by the names under which they are answered.
#[derive(Clone)]
pub(super) struct Plan<F>(Vec<(Name, Answer<F>)>);

#[derive(Clone)]
enum Answer<F> {
    TypeName(String),
    Field(F),
}

impl<F: Clone> Plan<F> {
    /// The plan of a selection; none when a part of it takes the general resolver.
    pub(super) fn of<T: Flat<Field = F>>(set: &SelectionSet, fragments: &Fragments) -> Option<Self> {
        let fields = fields::<F>(set, &T::type_name(), fragments, &mut |field| T::field(field, fragments))?;
        Some(Self(fields))
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &F> {
        self.0.iter().filter_map(|(_, answer)| match answer {
            Answer::TypeName(_) => None,
            Answer::Field(field) => Some(field),
        })
    }

    /// An object with these fields.
    pub(super) fn object(&self, mut value: impl FnMut(&F) -> Option<Value>) -> Option<Value> {
        let mut object = IndexMap::with_capacity(self.0.len());
        for (name, answer) in &self.0 {
            let value = match answer {
                Answer::TypeName(name) => Value::String(name.clone()),
                Answer::Field(field) => value(field)?,
            };
            object.insert(name.clone(), value);
        }
        Some(Value::Object(object))
    }
}

/// The fields of a selection with its fragments written out. None when two are answered under one name, or one has a
/// directive: the general resolver knows how to put these together.
fn fields<F>(
    set: &SelectionSet,
    type_name: &str,
    fragments: &Fragments,
    known: &mut impl FnMut(&Field) -> Option<F>,
) -> Option<Vec<(Name, Answer<F>)>> {
    let mut found: Vec<(Name, Answer<F>)> = Vec::with_capacity(set.items.len());
    for selection in &set.items {
        let more = match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                if !field.directives.is_empty() || !field.arguments.is_empty() {
                    return None;
                }
                let answer = match field.name.node.as_str() {
                    "__typename" => Answer::TypeName(type_name.to_owned()),
                    _ => Answer::Field(known(field)?),
                };
                vec![(field.response_key().node.clone(), answer)]
            }
            Selection::FragmentSpread(spread) if spread.node.directives.is_empty() => {
                let fragment = &fragments.get(&spread.node.fragment_name.node)?.node;
                if fragment.type_condition.node.on.node != type_name || !fragment.directives.is_empty() {
                    return None;
                }
                fields(&fragment.selection_set.node, type_name, fragments, known)?
            }
            _ => return None,
        };
        for (name, answer) in more {
            if found.iter().any(|(other, _)| *other == name) {
                return None;
            }
            found.push((name, answer));
        }
    }
    Some(found)
}

/// The proofs of a page as text. Proofs of neighbours differ in their lower hashes alone, so the texts of the others are shared.
#[derive(Default)]
pub(super) struct ProofTexts<'a> {
    proofs: Vec<(&'a Arc<PageProofs>, &'a Proofs)>,
    before: Vec<(Hash, Value)>,
}

impl<'a> ProofTexts<'a> {
    async fn load(proofs: Vec<&'a Arc<PageProofs>>, reader: &Reader) -> Option<Self> {
        let mut texts = Self::default();
        for proofs in proofs {
            if !texts.proofs.iter().any(|(known, _)| Arc::ptr_eq(known, proofs)) {
                texts.proofs.push((proofs, proofs.load_all(reader).await.ok()?));
            }
        }
        Some(texts)
    }

    /// The proof of a leaf; none when it is not of these pages.
    pub(super) fn value(&mut self, proofs: &Arc<PageProofs>, index: LeafIndex) -> Option<Value> {
        let (_, found) = self.proofs.iter().find(|(known, _)| Arc::ptr_eq(known, proofs))?;
        let hashes = found.get(&index)?;
        self.before.truncate(hashes.len());
        for (at, hash) in hashes.iter().enumerate() {
            match self.before.get_mut(at) {
                Some((before, _)) if before == hash => {}
                Some(before) => *before = (*hash, text(hash)),
                None => self.before.push((*hash, text(hash))),
            }
        }
        Some(Value::List(self.before.iter().map(|(_, text)| text.clone()).collect()))
    }
}

/// A hash as text that can be shared: written to JSON, an enum's name is the same as a string.
pub(super) fn text(hash: &Hash) -> Value {
    let mut text = [0; 64];
    let text = base16ct::lower::encode_str(&hash.0, &mut text).expect("two digits for each byte");
    Value::Enum(Name::new(text))
}

/// The rows of a page with their cursors.
pub(super) struct Rows<T: OutputType>(Vec<Edge<String, T, EmptyFields>>);

/// A field of an edge.
#[derive(Clone)]
enum EdgeField<F> {
    Cursor,
    Node(Plan<F>),
}

impl<T: Flat> Rows<T> {
    async fn at_once(&self, context: &ContextSelectionSet<'_>) -> Option<Value> {
        let fragments = &context.query_env.fragments;
        let type_name = <Edge<String, T, EmptyFields> as OutputType>::type_name();
        let plan = fields(&context.item.node, &type_name, fragments, &mut |field| match field.name.node.as_str() {
            "cursor" => Some(EdgeField::Cursor),
            "node" => Plan::of::<T>(&field.selection_set.node, fragments).map(EdgeField::Node),
            _ => None,
        })?;
        let plan = Plan(plan);
        let mut needed = Vec::new();
        if let Some(row) = self.0.first() {
            for field in plan.fields() {
                if let EdgeField::Node(plan) = field {
                    needed.extend(plan.fields().flat_map(|field| row.node.proofs(field)));
                }
            }
        }
        let mut texts = ProofTexts::load(needed, context.data_opt::<Reader>()?).await?;
        let rows = self.0.iter().map(|row| {
            plan.object(|field| match field {
                EdgeField::Cursor => Some(Value::String(row.cursor.clone())),
                EdgeField::Node(plan) => plan.object(|field| row.node.value(field, &mut texts)),
            })
        });
        rows.collect::<Option<Vec<Value>>>().map(Value::List)
    }
}

impl<T: Flat> OutputType for Rows<T> {
    fn type_name() -> Cow<'static, str> {
        Vec::<Edge<String, T, EmptyFields>>::type_name()
    }

    fn qualified_type_name() -> String {
        Vec::<Edge<String, T, EmptyFields>>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Vec::<Edge<String, T, EmptyFields>>::create_type_info(registry)
    }

    async fn resolve(&self, context: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        match self.at_once(context).await {
            Some(rows) => Ok(rows),
            None => Box::pin(resolve_list(context, field, &self.0, Some(self.0.len()))).await,
        }
    }
}

/// A connection over the leaves of a log, Relay's; a leaf's cursor is its index.
pub(super) struct LeafConnection<T: OutputType, F> {
    pub(super) has_previous_page: bool,
    pub(super) has_next_page: bool,
    pub(super) rows: Rows<T>,
    pub(super) fields: F,
}

impl<T: OutputType> Rows<T> {
    pub(super) fn new(rows: impl Iterator<Item = (LeafIndex, T)>) -> Self {
        Self(rows.map(|(index, node)| Edge::new(index.to_string(), node)).collect())
    }
}

#[Object(name_type, shareable)]
impl<T: Flat, F: ObjectType> LeafConnection<T, F> {
    /// Information to aid in pagination.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_previous_page: self.has_previous_page,
            has_next_page: self.has_next_page,
            start_cursor: self.rows.0.first().map(|row| row.cursor.clone()),
            end_cursor: self.rows.0.last().map(|row| row.cursor.clone()),
        }
    }

    /// A list of edges.
    async fn edges(&self) -> &Rows<T> {
        &self.rows
    }

    /// A list of nodes.
    async fn nodes(&self) -> Vec<&T> {
        self.rows.0.iter().map(|row| &row.node).collect()
    }

    #[graphql(flatten)]
    async fn fields(&self) -> &F {
        &self.fields
    }
}

impl<T: OutputType, F: ObjectType> TypeName for LeafConnection<T, F> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::type_name()).into()
    }
}
