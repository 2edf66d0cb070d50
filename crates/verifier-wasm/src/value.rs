//! JSON as a tree, read once for all kinds of documents: code that serde derives is small over a tree, and large over a text.
//!
//! Two members of one name are refused wherever they stand, for a reader takes either. An error says at which member it is.

use std::borrow::Cow;
use std::{fmt, slice};

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, Expected, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use crate::verdict::Fault;

/// A value. No document of Counterfoil's has a number of JSON's own: all stand in texts.
pub(crate) enum Value<'de> {
    Null,
    Bool(bool),
    Number,
    Text(Cow<'de, str>),
    List(Vec<Value<'de>>),
    Object(Vec<(Cow<'de, str>, Value<'de>)>),
    /// In place of a value in which two members have this name; never in a tree that was parsed.
    Twice(Cow<'de, str>),
}

/// A value that is not what was expected, and where it stands.
///
/// On the heap, for every step of reading hands one on.
#[derive(Debug)]
pub(crate) struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    problem: String,
    /// From the inner name to the outer.
    path: Vec<String>,
}

impl Error {
    /// As `entry.proof[3]`; none for the whole.
    pub(crate) fn place(&self) -> Option<String> {
        let mut place = String::new();
        for name in self.0.path.iter().rev() {
            if !place.is_empty() && !name.starts_with('[') {
                place.push('.');
            }
            place.push_str(name);
        }
        (!place.is_empty()).then_some(place)
    }

    #[inline(never)]
    fn within(mut self, name: &str) -> Self {
        self.0.path.push(name.to_owned());
        self
    }

    #[inline(never)]
    fn at(self, item: usize) -> Self {
        self.within(&format!("[{item}]"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.problem)
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    #[inline(never)]
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self(Box::new(Inner { problem: problem.to_string(), path: Vec::new() }))
    }

    /// Without the value, whose text would bring in the writing of floats.
    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("another kind of value stands in place of {expected}"))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }
}

/// The refusal of JSON that cannot be read as what it should be.
pub(crate) fn unreadable(what: &str, error: &Error) -> Fault {
    let fault = Fault::refused(format_args!("{what}: {error}"));
    match error.place() {
        Some(place) => fault.at(place),
        None => fault,
    }
}

impl<'de> Value<'de> {
    /// Reads one JSON text, and nothing after it.
    ///
    /// # Errors
    /// An [`Error`] that says at which line and column.
    pub(crate) fn parse(text: &'de [u8]) -> Result<Self, Error> {
        let value = serde_json::from_slice(text).map_err(|error| {
            // The error's own text would bring in the writing of floats.
            let what = if error.is_eof() { "it ends too early" } else { "it is not JSON" };
            Error::custom(format_args!("{what}, at line {} column {}", error.line(), error.column()))
        })?;
        match value {
            Self::Twice(name) => Err(Error::custom(format_args!("two members have the name `{name}`"))),
            value => Ok(value),
        }
    }

    /// Whether it is an object with this member, and that is not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.member(name).is_some_and(|value| !matches!(value, Self::Null))
    }

    /// A member that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.member(name) {
            Some(Self::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    #[inline(never)]
    fn is_not(&self, expected: &dyn Expected) -> Error {
        let found = match self {
            Self::Null => "null",
            Self::Bool(_) => "a bool",
            Self::Number => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) | Self::Twice(_) => "an object",
        };
        Error::custom(format_args!("{found} stands in place of {expected}"))
    }
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        let (mut list, mut twice) = (Vec::new(), None);
        while let Some(item) = items.next_element()? {
            match item {
                Value::Twice(name) => twice = Some(name),
                item => list.push(item),
            }
        }
        Ok(twice.map_or(Value::List(list), Value::Twice))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value<'de>, A::Error> {
        let mut object: Vec<(Cow<'de, str>, Value<'de>)> = Vec::new();
        let mut twice = None;
        while let Some(name) = members.next_key::<Value<'de>>()? {
            match (name, members.next_value()?) {
                (Value::Text(_), Value::Twice(name)) => twice = Some(name),
                (Value::Text(name), value) => object.push((name, value)),
                // A name that is no text, which JSON does not have.
                (_, _) => {}
            }
        }
        let mut names: Vec<&str> = object.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        let pairs = names.iter().zip(names.iter().skip(1));
        let of_this = pairs.filter(|(name, next)| name == next).map(|(name, _)| Cow::Owned((*name).to_owned())).next();
        Ok(of_this.or(twice).map_or(Value::Object(object), Value::Twice))
    }
}

impl<'de> Deserializer<'de> for &'de Value<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Text(text) => visitor.visit_str(text),
            other => Err(other.is_not(&visitor)),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::List(items) => visitor.visit_seq(Items { items: items.iter(), at: 0 }),
            other => Err(other.is_not(&visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::Object(members) => visitor.visit_map(Members { members: members.iter(), value: None }),
            other => Err(other.is_not(&visitor)),
        }
    }

    /// An object, never a list of its members' values.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    /// An object of one member, or a text.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Value::Text(text) => visitor.visit_enum(StrDeserializer::new(text)),
            Value::Object(members) if members.len() == 1 => {
                let members = Members { members: members.iter(), value: None };
                visitor.visit_enum(MapAccessDeserializer::new(members))
            }
            other => Err(other.is_not(&visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::Null => visitor.visit_none(),
            other => visitor.visit_some(other),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        tuple tuple_struct identifier
    }
}

struct Items<'de, 'text> {
    items: slice::Iter<'de, Value<'text>>,
    at: usize,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let at = self.at;
        self.at = at.saturating_add(1);
        seed.deserialize(item).map(Some).map_err(|error| error.at(at))
    }
}

struct Members<'de, 'text> {
    members: slice::Iter<'de, (Cow<'text, str>, Value<'text>)>,
    value: Option<(&'de str, &'de Value<'text>)>,
}

impl<'de> MapAccess<'de> for Members<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.value = self.members.next().map(|(name, value)| (name.as_ref(), value));
        match self.value {
            Some((name, _)) => seed.deserialize(StrDeserializer::new(name)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.value {
            Some((name, value)) => seed.deserialize(value).map_err(|error| error.within(name)),
            None => Err(Error::custom("a value without a name")),
        }
    }
}
