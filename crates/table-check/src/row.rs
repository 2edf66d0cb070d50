//! The JSON object of one row, as `row_to_json` wrote it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A row's JSON object: its bytes as they are, and its members in their order.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    raw: &'a RawValue,
    members: Vec<(Cow<'a, str>, &'a str)>,
}

/// A text that is not one JSON object whose members have names of their own.
#[derive(Debug, thiserror::Error)]
#[error("a row is not one JSON object without white space around it and with each member once")]
pub struct NotARow(#[source] Option<serde_json::Error>);

impl<'a> Row<'a> {
    /// Reads a row's object. It keeps the bytes.
    ///
    /// # Errors
    /// [`NotARow`] if the text is no JSON object, has white space around it, or has a member twice.
    pub fn parse(json: &'a str) -> Result<Self, NotARow> {
        let raw: &RawValue = serde_json::from_str(json).map_err(|error| NotARow(Some(error)))?;
        if raw.get().len() != json.len() {
            return Err(NotARow(None));
        }
        Self::from_raw(raw)
    }

    pub(crate) fn from_raw(raw: &'a RawValue) -> Result<Self, NotARow> {
        let mut reader = serde_json::Deserializer::from_str(raw.get());
        let members = reader.deserialize_map(Members).map_err(|error| NotARow(Some(error)))?;
        Ok(Self { raw, members })
    }

    /// The object's bytes.
    #[must_use]
    pub fn json(&self) -> &'a str {
        self.raw.get()
    }

    /// The text of a member, as `json ->> name` gives it; none for null and for a member that is not there.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.member(name, 0).and_then(crate::key::text_of_json)
    }

    pub(crate) fn raw(&self) -> &'a RawValue {
        self.raw
    }

    /// The members: each name with the raw JSON of its value.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (&str, &'a str)> {
        self.members.iter().map(|(name, raw)| (name.as_ref(), *raw))
    }

    /// The raw JSON of a member. `near` says where it is expected, which makes rows in their columns' order cheap.
    #[must_use]
    pub(crate) fn member(&self, name: &str, near: usize) -> Option<&'a str> {
        match self.members.get(near) {
            Some((found, raw)) if found == name => Some(raw),
            _ => self.members.iter().find(|(found, _)| found == name).map(|(_, raw)| *raw),
        }
    }
}

impl PartialEq for Row<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Self::Value = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            members.push((name, map.next_value::<&RawValue>()?.get()));
        }
        // A table has up to 1,600 columns: comparing each pair would cost more than sorting.
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(serde::de::Error::custom("a member stands there twice"));
        }
        Ok(members)
    }
}

/// A member's name, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_bytes_and_finds_members_by_name() {
        let json = r#"{"id":1,"a\"b":{"x" : [1, 2]},"n":null,"z":-0}"#;
        let row = Row::parse(json).unwrap();
        assert_eq!(row.json(), json);
        assert_eq!(
            row.members().collect::<Vec<_>>(),
            [("id", "1"), ("a\"b", r#"{"x" : [1, 2]}"#), ("n", "null"), ("z", "-0")]
        );
        assert_eq!((row.member("z", 0), row.member("z", 3), row.member("y", 9)), (Some("-0"), Some("-0"), None));
    }

    #[test]
    fn refuses_other_texts_and_a_member_twice() {
        for json in ["", "null", "[]", "1", r#"{"a":1} "#, r#" {"a":1}"#, r#"{"a":1,"a":2}"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(Row::parse(json).is_err(), "{json}");
        }
    }
}
