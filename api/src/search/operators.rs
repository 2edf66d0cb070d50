//! The operators of fields, and the conditions that they make.

use async_graphql::InputObject;
use counterfoil_http::Rejection;
use counterfoil_store::{Comparison, Condition, JsonTest};
use counterfoil_wire::{Bytes, Code, Hash, Key, Signature, Time, U64};
use serde::Deserialize;
use utoipa::ToSchema;

use super::given::Given;
use super::value::{EventKind, ToValue, push_comparison};

/// A number. All that is given must hold.
#[derive(Default, Deserialize, InputObject, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct U64Filter {
    #[serde(default)]
    #[schema(value_type = Option<U64>, nullable = false)]
    eq: Given<U64>,
    #[graphql(name = "in")]
    #[serde(rename = "in")]
    #[serde(default)]
    #[schema(value_type = Option<Vec<U64>>, nullable = false)]
    one_of: Given<Vec<U64>>,
    #[serde(default)]
    #[schema(value_type = Option<U64>, nullable = false)]
    lt: Given<U64>,
    #[serde(default)]
    #[schema(value_type = Option<U64>, nullable = false)]
    lte: Given<U64>,
    #[serde(default)]
    #[schema(value_type = Option<U64>, nullable = false)]
    gt: Given<U64>,
    #[serde(default)]
    #[schema(value_type = Option<U64>, nullable = false)]
    gte: Given<U64>,
}

/// A moment, to the second, which is all that the chain's clock tells. All that is given must hold.
#[derive(Default, Deserialize, InputObject, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimeFilter {
    #[serde(default)]
    #[schema(value_type = Option<Time>, nullable = false)]
    eq: Given<Time>,
    #[serde(default)]
    #[schema(value_type = Option<Time>, nullable = false)]
    lt: Given<Time>,
    #[serde(default)]
    #[schema(value_type = Option<Time>, nullable = false)]
    lte: Given<Time>,
    #[serde(default)]
    #[schema(value_type = Option<Time>, nullable = false)]
    gt: Given<Time>,
    #[serde(default)]
    #[schema(value_type = Option<Time>, nullable = false)]
    gte: Given<Time>,
}

/// A key. All that is given must hold.
#[derive(Default, Deserialize, InputObject, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyFilter {
    #[serde(default)]
    #[schema(value_type = Option<Key>, nullable = false)]
    eq: Given<Key>,
    #[graphql(name = "in")]
    #[serde(rename = "in")]
    #[serde(default)]
    #[schema(value_type = Option<Vec<Key>>, nullable = false)]
    one_of: Given<Vec<Key>>,
}

/// A hash. All that is given must hold.
#[derive(Default, Deserialize, InputObject, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HashFilter {
    #[serde(default)]
    #[schema(value_type = Option<Hash>, nullable = false)]
    eq: Given<Hash>,
    #[graphql(name = "in")]
    #[serde(rename = "in")]
    #[serde(default)]
    #[schema(value_type = Option<Vec<Hash>>, nullable = false)]
    one_of: Given<Vec<Hash>>,
}

/// A transaction's signature. All that is given must hold.
#[derive(Default, Deserialize, InputObject, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureFilter {
    #[serde(default)]
    #[schema(value_type = Option<Signature>, nullable = false)]
    eq: Given<Signature>,
    #[graphql(name = "in")]
    #[serde(rename = "in")]
    #[serde(default)]
    #[schema(value_type = Option<Vec<Signature>>, nullable = false)]
    one_of: Given<Vec<Signature>>,
}

/// Bytes. All that is given must hold.
#[derive(Default, Deserialize, InputObject, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BytesFilter {
    #[serde(default)]
    #[schema(value_type = Option<Bytes>, nullable = false)]
    eq: Given<Bytes>,
    #[graphql(name = "in")]
    #[serde(rename = "in")]
    #[serde(default)]
    #[schema(value_type = Option<Vec<Bytes>>, nullable = false)]
    one_of: Given<Vec<Bytes>>,
    /// They begin with these.
    #[serde(default)]
    #[schema(value_type = Option<Bytes>, nullable = false)]
    prefix: Given<Bytes>,
    /// They begin with this text, in UTF-8.
    #[serde(default)]
    #[schema(value_type = Option<String>, nullable = false)]
    prefix_text: Given<String>,
    /// They are JSON of which all of this holds.
    #[serde(default)]
    #[schema(value_type = Option<Vec<JsonFilter>>, nullable = false)]
    json: Given<Vec<JsonFilter>>,
}

/// The value at a path of JSON. All that is given must hold.
#[derive(Deserialize, InputObject, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JsonFilter {
    /// Names of members, and numbers of elements from 0 on: `["lines", "0", "price"]`. At most 16, each of 256 bytes at most.
    #[schema(min_items = 1, max_items = 16)]
    path: Vec<String>,
    /// Its text is this: of a string its content, of a number, `true`, `false`, a list or an object the JSON.
    #[serde(default)]
    #[schema(value_type = Option<String>, nullable = false)]
    eq: Given<String>,
    /// Its text is one of these.
    #[graphql(name = "in")]
    #[serde(rename = "in")]
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, nullable = false)]
    one_of: Given<Vec<String>>,
    /// Whether there is a value, if only `null`.
    #[serde(default)]
    #[schema(value_type = Option<bool>, nullable = false)]
    exists: Given<bool>,
}

/// The longest path, in names, and the longest name, in bytes.
const MAX_PATH: usize = 16;
const MAX_NAME_BYTES: usize = 256;

impl JsonFilter {
    fn push<C: Copy>(self, parts: &mut Vec<Condition<C>>, column: C) -> Result<(), Rejection> {
        let Self { path, eq, one_of, exists } = self;
        if path.is_empty() || path.len() > MAX_PATH || path.iter().any(|name| name.len() > MAX_NAME_BYTES) {
            let detail = format!("A path of JSON has 1 to {MAX_PATH} names of at most {MAX_NAME_BYTES} bytes.");
            return Err(Rejection::new(Code::MalformedParameter, detail));
        }
        let values = eq.0.map(|value| vec![value]).into_iter().chain(one_of.0);
        let tests: Vec<JsonTest> = values.map(JsonTest::OneOf).collect();
        let texts = tests.iter().flat_map(|test| match test {
            JsonTest::OneOf(texts) => texts.as_slice(),
            JsonTest::Exists => &[],
        });
        if path.iter().chain(texts).any(|text| text.contains('\0')) {
            let detail = "PostgreSQL's JSON has no character U+0000: leave it out of paths and values.";
            return Err(Rejection::new(Code::MalformedParameter, detail));
        }
        parts.extend(tests.into_iter().map(|test| Condition::Json(column, path.clone(), test)));
        if let Some(exists) = exists.0 {
            let there = Condition::Json(column, path, JsonTest::Exists);
            parts.push(if exists { there } else { Condition::Not(Box::new(there)) });
        }
        Ok(())
    }
}

/// The kind of event. All that is given must hold.
#[derive(Default, Deserialize, InputObject, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventKindFilter {
    #[serde(default)]
    #[schema(value_type = Option<EventKind>, nullable = false)]
    eq: Given<EventKind>,
    #[graphql(name = "in")]
    #[serde(rename = "in")]
    #[serde(default)]
    #[schema(value_type = Option<Vec<EventKind>>, nullable = false)]
    one_of: Given<Vec<EventKind>>,
}

/// All of these conditions, and those of the filters `and`, `or` and `not`.
pub(super) fn combine<F, C>(
    mut parts: Vec<Condition<C>>,
    and: Given<Vec<F>>,
    or: Given<Vec<F>>,
    not: Given<Box<F>>,
    condition: impl Fn(F) -> Result<Condition<C>, Rejection>,
) -> Result<Condition<C>, Rejection> {
    for filter in and.0.into_iter().flatten() {
        parts.push(condition(filter)?);
    }
    if let Some(or) = or.0 {
        parts.push(Condition::Any(or.into_iter().map(&condition).collect::<Result<_, _>>()?));
    }
    if let Some(not) = not.0 {
        parts.push(Condition::Not(Box::new(condition(*not)?)));
    }
    Ok(Condition::All(parts))
}

/// Adds the conditions on one column, where some are given.
pub(super) fn push<C: Copy>(
    parts: &mut Vec<Condition<C>>,
    column: C,
    filter: Given<impl ColumnFilter>,
) -> Result<(), Rejection> {
    filter.0.map_or(Ok(()), |filter| filter.push(parts, column))
}

/// Conditions on one column.
pub(super) trait ColumnFilter {
    fn push<C: Copy>(self, parts: &mut Vec<Condition<C>>, column: C) -> Result<(), Rejection>;
}

/// Of values in the order equal, less, at most, greater, at least.
fn push_ordered<C: Copy>(
    parts: &mut Vec<Condition<C>>,
    column: C,
    values: [Option<impl ToValue>; 5],
) -> Result<(), Rejection> {
    use Comparison::{AtLeast, AtMost, Equal, Greater, Less};
    let comparisons = [Equal, Less, AtMost, Greater, AtLeast];
    comparisons.into_iter().zip(values).try_for_each(|(how, value)| push_comparison(parts, column, how, value))
}

fn push_one_of<C: Copy, T: ToValue>(
    parts: &mut Vec<Condition<C>>,
    column: C,
    one_of: Option<Vec<T>>,
) -> Result<(), Rejection> {
    if let Some(values) = one_of {
        let values = values.into_iter().map(T::to_value).collect::<Result<_, _>>()?;
        parts.push(Condition::In(column, values));
    }
    Ok(())
}

impl ColumnFilter for U64Filter {
    fn push<C: Copy>(self, parts: &mut Vec<Condition<C>>, column: C) -> Result<(), Rejection> {
        push_ordered(parts, column, [self.eq.0, self.lt.0, self.lte.0, self.gt.0, self.gte.0])?;
        push_one_of(parts, column, self.one_of.0)
    }
}

impl ColumnFilter for TimeFilter {
    fn push<C: Copy>(self, parts: &mut Vec<Condition<C>>, column: C) -> Result<(), Rejection> {
        push_ordered(parts, column, [self.eq.0, self.lt.0, self.lte.0, self.gt.0, self.gte.0])
    }
}

macro_rules! equality {
    ($($filter:ty),*) => {
        $(impl ColumnFilter for $filter {
            fn push<C: Copy>(self, parts: &mut Vec<Condition<C>>, column: C) -> Result<(), Rejection> {
                push_comparison(parts, column, Comparison::Equal, self.eq.0)?;
                push_one_of(parts, column, self.one_of.0)
            }
        })*
    };
}
equality!(KeyFilter, HashFilter, SignatureFilter, EventKindFilter);

impl ColumnFilter for bool {
    fn push<C: Copy>(self, parts: &mut Vec<Condition<C>>, column: C) -> Result<(), Rejection> {
        push_comparison(parts, column, Comparison::Equal, Some(self))
    }
}

impl ColumnFilter for BytesFilter {
    fn push<C: Copy>(self, parts: &mut Vec<Condition<C>>, column: C) -> Result<(), Rejection> {
        push_comparison(parts, column, Comparison::Equal, self.eq.0)?;
        push_one_of(parts, column, self.one_of.0)?;
        let prefixes =
            self.prefix.0.map(|prefix| prefix.0).into_iter().chain(self.prefix_text.0.map(String::into_bytes));
        parts.extend(prefixes.map(|prefix| Condition::StartsWith(column, prefix)));
        self.json.0.into_iter().flatten().try_for_each(|json| json.push(parts, column))
    }
}
