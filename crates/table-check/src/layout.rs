//! The columns of a protection: how a row becomes hashes, and how rows go over to other columns.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::{Hash, Hasher, UNSAID};
use crate::event::{Column, Protected};
use crate::key::text_of_json;
use crate::row::Row;
use crate::value::{Kind, push_json};

pub(crate) struct Layout {
    pub(crate) protected: Protected,
    kinds: Vec<Kind>,
    labels: Vec<Option<BTreeSet<String>>>,
}

/// A reason for which a record says nothing of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unsaid {
    /// The row has no member of that name.
    Missing,
    /// The enum has no such label.
    Label,
    /// The JSON is not of a form that the type has.
    NotComparable,
}

/// A row's hashes, one for each column, and the columns that it does not say.
pub(crate) struct HashedRow {
    pub(crate) hashes: Box<[Hash]>,
    pub(crate) unsaid: Vec<(usize, Unsaid)>,
}

impl Layout {
    pub(crate) fn new(protected: Protected) -> Self {
        let kinds =
            protected.columns.iter().map(|column| Kind::of(&column.type_name, column.labels.is_some())).collect();
        let labels = protected.columns.iter().map(|column| {
            let is_array = column.type_name.ends_with("[]");
            column.labels.as_ref().filter(|_| !is_array).map(|labels| labels.iter().cloned().collect())
        });
        let labels = labels.collect();
        Self { kinds, labels, protected }
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.protected.columns
    }

    /// The texts of the row's key. `None` if the row does not have the key's columns, or one is null.
    pub(crate) fn key_of(&self, row: &Row<'_>) -> Option<Vec<String>> {
        let text = |name: &String| row.member(name, 0).and_then(text_of_json).map(std::borrow::Cow::into_owned);
        self.protected.key.iter().map(text).collect()
    }

    pub(crate) fn hash(&self, row: &Row<'_>, hasher: &Hasher) -> HashedRow {
        let mut form = Vec::new();
        let mut hashed = HashedRow { hashes: vec![UNSAID; self.kinds.len()].into(), unsaid: Vec::new() };
        for (place, (column, hash)) in self.protected.columns.iter().zip(hashed.hashes.iter_mut()).enumerate() {
            form.clear();
            let json = row.member(&column.name, place);
            let said = match (json, self.kinds.get(place)) {
                (Some(json), Some(kind)) if self.is_label(place, json) => {
                    push_json(kind, json, &mut form).map_err(|_| Unsaid::NotComparable)
                }
                (Some(_), _) => Err(Unsaid::Label),
                (None, _) => Err(Unsaid::Missing),
            };
            match said {
                Ok(()) => *hash = hasher.hash(&form),
                Err(unsaid) => hashed.unsaid.push((place, unsaid)),
            }
        }
        hashed
    }

    fn is_label(&self, place: usize, json: &str) -> bool {
        let Some(labels) = self.labels.get(place).and_then(Option::as_ref) else { return true };
        text_of_json(json).is_none_or(|label| labels.contains(label.as_ref()))
    }
}

/// How rows go over from one layout to the next.
pub(crate) struct Graft {
    /// For each new column, the place of the column that it goes on.
    sources: Vec<Option<usize>>,
    /// For each new column, an enum's hashes of before with those of now.
    labels: Vec<BTreeMap<Hash, Hash>>,
    /// The new columns whose values have other texts than those of the column that each goes on.
    retyped: BTreeSet<usize>,
}

impl Graft {
    /// Joins columns of one name, and then those of one number: a rename keeps the number, and a restore changes it.
    pub(crate) fn new(before: &[Column], after: &[Column], hasher: &Hasher) -> Self {
        let sources: Vec<Option<usize>> = after.iter().map(|column| source_of(column, before, after)).collect();
        let translate = |(column, source): (&Column, &Option<usize>)| {
            let before = source.and_then(|source| before.get(source));
            before.map_or_else(BTreeMap::new, |before| label_hashes(before, column, hasher))
        };
        let labels = after.iter().zip(&sources).map(translate).collect();
        let is_retyped = |column: &Column, source: &Option<usize>| {
            let before = source.and_then(|source| before.get(source)).filter(|before| before.attnum == column.attnum);
            before.is_some_and(|before| !has_same_texts(before, column))
        };
        let places = after.iter().zip(&sources).enumerate();
        let retyped =
            places.filter(|(_, (column, source))| is_retyped(column, source)).map(|(place, _)| place).collect();
        Self { sources, labels, retyped }
    }

    /// The columns whose values a change of the type made other texts of, now or since the last backfill, as `before` has them.
    pub(crate) fn retyped(&self, before: &BTreeSet<usize>) -> BTreeSet<usize> {
        let still =
            self.sources.iter().enumerate().filter(|(_, source)| source.is_some_and(|source| before.contains(&source)));
        self.retyped.iter().copied().chain(still.map(|(place, _)| place)).collect()
    }

    /// Whether the key's columns of before are those of now, in their order.
    pub(crate) fn keeps_key(&self, before: &Protected, after: &Protected) -> bool {
        let old_name = |name: &String| {
            let place = after.columns.iter().position(|column| column.name == *name)?;
            let source = self.sources.get(place).copied().flatten()?;
            before.columns.get(source).map(|column| column.name.clone())
        };
        let names: Option<Vec<String>> = after.key.iter().map(old_name).collect();
        names.as_ref() == Some(&before.key) && before.secret == after.secret
    }

    pub(crate) fn fill(&self, from: &[Hash], to: &mut [Hash]) {
        for ((to, source), labels) in to.iter_mut().zip(&self.sources).zip(&self.labels) {
            let hash = source.and_then(|source| from.get(source)).copied().unwrap_or(UNSAID);
            *to = labels.get(&hash).copied().unwrap_or(hash);
        }
    }
}

/// The place among `before` of the column that `column`, one of `after`, goes on: that of its name, or else of its number.
///
/// A column whose name was another one's goes on the one of its number: the other one is gone. A restore gives other numbers to all, and
/// there each name is found.
pub(crate) fn source_of(column: &Column, before: &[Column], after: &[Column]) -> Option<usize> {
    let is_there = |old: &Column| after.iter().any(|other| other.name == old.name);
    let by_name = before.iter().position(|old| old.name == column.name);
    let by_number = before.iter().position(|old| old.attnum == column.attnum && !is_there(old));
    let is_gone =
        |place: &usize| before.get(*place).is_some_and(|old| !after.iter().any(|other| other.attnum == old.attnum));
    match (by_name, by_number) {
        (Some(named), Some(_)) if is_gone(&named) => by_number,
        (Some(_), _) => by_name,
        (None, _) => by_number,
    }
}

/// Whether a change of a column's type leaves the texts of its values as they are: between integers, and between texts of any length.
fn has_same_texts(before: &Column, after: &Column) -> bool {
    const INTEGERS: [&str; 3] = ["smallint", "integer", "bigint"];
    let is_integer = |column: &Column| INTEGERS.contains(&column.type_name.as_str());
    let is_text = |column: &Column| column.type_name == "text" || column.type_name.starts_with("character varying");
    before.type_name == after.type_name
        || is_integer(before) && is_integer(after)
        || is_text(before) && is_text(after)
        || scale_of(&before.type_name).is_some_and(|scale| scale_of(&after.type_name) == Some(scale))
        || before.labels.is_some() && after.labels.is_some()
}

/// The digits behind the point of a `numeric(10,2)`, by which its texts are written.
fn scale_of(type_name: &str) -> Option<&str> {
    type_name.strip_prefix("numeric(")?.strip_suffix(')')?.split_once(',').map(|(_, scale)| scale)
}

/// The labels of an enum before and after, by their sort order. Labels that cannot be told apart become [`UNSAID`].
fn label_hashes(before: &Column, after: &Column, hasher: &Hasher) -> BTreeMap<Hash, Hash> {
    let (Some(old), Some(new)) = (&before.labels, &after.labels) else { return BTreeMap::new() };
    let hash = |label: &String| {
        let mut form = Vec::new();
        let json = serde_json::Value::String(label.clone()).to_string();
        // A label is a string, which has a form.
        push_json(&Kind::Text, &json, &mut form).map_or(UNSAID, |()| hasher.hash(&form))
    };
    if before.type_name != after.type_name || old == new {
        BTreeMap::new()
    } else if old.len() == new.len() {
        // A label that is there still is the same one: by their places alone two that were swapped would be one another.
        let renamed = old.iter().zip(new).filter(|(label, _)| !new.contains(label));
        renamed.map(|(old, new)| (hash(old), hash(new))).collect()
    } else {
        // Labels were added: one that is gone was renamed to one of those, and it is not known to which.
        old.iter().filter(|label| !new.contains(label)).map(|label| (hash(label), UNSAID)).collect()
    }
}
