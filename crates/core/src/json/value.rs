//! JSON as a tree.

use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Display};

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::plain::Plain;

/// A value in JSON.
///
/// No object of it has two members of one name, wherever it stands: one reader takes the first, another the last. Of a number
/// only that it is one is kept, for all numbers of our documents stand in texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number of JSON's own.
    Number,
    /// A text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Value<'a>>),
    /// An object's members, in their order.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

/// Why JSON is not what it should be, and where.
///
/// On the heap, for every step of reading hands one on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    problem: String,
    place: String,
}

impl ReadError {
    /// A problem with a whole value.
    #[inline(never)]
    pub fn new(problem: impl Display) -> Self {
        Self(Box::new(Inner { problem: problem.to_string(), place: String::new() }))
    }

    /// The problem, without its place. It may hold texts of the document's.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.0.problem
    }

    /// The place, as `entry.proof[3]`; none for the whole.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        (!self.0.place.is_empty()).then_some(self.0.place.as_str())
    }

    /// The same, within a member.
    #[inline(never)]
    pub(super) fn within(mut self, name: &str) -> Self {
        let inner = &self.0.place;
        let dot = if inner.is_empty() || inner.starts_with('[') { "" } else { "." };
        self.0.place = [name, dot, inner].concat();
        self
    }

    /// The same, within an item of a list.
    #[inline(never)]
    pub(super) fn at(self, item: usize) -> Self {
        self.within(&["[", &item.to_string(), "]"].concat())
    }

    #[inline(never)]
    pub(super) fn twice(name: &str) -> Self {
        Self::new(format_args!("two members have the name `{}`", Plain(name)))
    }
}

impl Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place() {
            Some(place) => write!(f, "{place}: {}", self.problem()),
            None => f.write_str(self.problem()),
        }
    }
}

impl core::error::Error for ReadError {}

/// A name that two members have.
pub(super) fn repeated<'v>(members: &'v [(Cow<'_, str>, Value<'_>)]) -> Option<&'v str> {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.iter().zip(names.iter().skip(1)).find(|(name, next)| name == next).map(|(name, _)| *name)
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut members = Vec::new();
        // Read as a value, a name is borrowed where it can be.
        while let Some(name) = map.next_key::<Value<'de>>()? {
            let Value::Text(name) = name else { return Err(A::Error::custom("a member's name is no text")) };
            members.push((name, map.next_value()?));
        }
        match repeated(&members) {
            Some(name) => Err(A::Error::custom(ReadError::twice(name))),
            None => Ok(Value::Object(members)),
        }
    }
}
