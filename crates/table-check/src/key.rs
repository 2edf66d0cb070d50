//! A row's key, and the subject that stands for it in the ledger.

use std::borrow::Cow;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, Serializer};
use sha2::Sha256;

use crate::array;
use crate::ids::decode_hex;
use crate::instant;
use crate::value::{Kind, array_to_json, unescape};

/// The 32 random bytes under which a protection makes its subjects. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Takes the bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The subject of a row: HMAC-SHA256 over each key value's length (4 bytes, big-endian) and its UTF-8.
    ///
    /// Two keys never have one framing, for each value stands behind its length. PostgreSQL's values are below 1 GiB.
    ///
    /// # Panics
    /// Never: HMAC takes keys of every length.
    #[must_use]
    pub fn subject<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> Subject {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        for value in values {
            let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
            mac.update(&length.to_be_bytes());
            mac.update(value.as_bytes());
        }
        Subject(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The 32 bytes that stand for a row's key. Text and JSON have lowercase hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject(pub [u8; 32]);

impl Subject {
    /// Reads hex.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        decode_hex(text).map(Self)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text that `json ->> name` gives of a member. `None` for null.
pub(crate) fn text_of_json(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first() {
        None | Some(b'n') => None,
        Some(b'"') => unescape(json),
        Some(_) => Some(Cow::Borrowed(json)),
    }
}

/// The text that `json ->> name` would give of a live value. `None` for an array that is none.
pub(crate) fn text_of_live<'a>(kind: &Kind, live: &'a str) -> Option<Cow<'a, str>> {
    match kind {
        Kind::Bool => Some(Cow::Borrowed(if live == "t" { "true" } else { "false" })),
        Kind::Instant => Some(instant::to_json(live)),
        Kind::Json if live.starts_with('"') => unescape(live),
        Kind::Array(element, delimiter) => {
            let mut json = String::new();
            array_to_json(element, &array::parse(live, *delimiter)?, &mut json);
            Some(Cow::Owned(json))
        }
        Kind::Text | Kind::Number | Kind::Json | Kind::Other => Some(Cow::Borrowed(live)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn gives_each_key_a_subject_of_its_own() {
        let secret = Secret::new([7; 32]);
        let keys: [&[&str]; 8] =
            [&["a", "b:c"], &["a:b", "c"], &["a", ""], &["", "a"], &["a"], &[], &["a", "", ""], &["\0\0\0\u{1}a"]];
        let subjects: BTreeSet<Subject> = keys.iter().map(|key| secret.subject(key.iter().copied())).collect();
        assert_eq!(subjects.len(), keys.len());
        assert_ne!(Secret::new([8; 32]).subject(["a"]), secret.subject(["a"]));
    }

    /// RFC 4231 has no case of this framing, so the value is that of `openssl mac` over the same bytes.
    #[test]
    fn makes_the_subject_of_the_specification() {
        let subject = Secret::new([0x0b; 32]).subject(["1"]);
        assert_eq!(subject, Subject::parse(SUBJECT).unwrap());
        assert_eq!(subject.to_string(), SUBJECT);
    }

    const SUBJECT: &str = "893e5442fc6c5addd50b2a451f97a1ffb723a186276df6ea4aea643a9ad7bcc0";

    #[test]
    fn gives_a_live_value_the_text_of_its_json() {
        let array = |element| Kind::Array(Box::new(element), ',');
        for (kind, live, json) in [
            (Kind::Number, "1.10", "1.10"),
            (Kind::Bool, "t", "true"),
            (Kind::Bool, "f", "false"),
            (Kind::Text, "a \"b\"", r#""a \"b\"""#),
            (Kind::Instant, "2026-01-02 03:04:05+00", r#""2026-01-02T03:04:05+00:00""#),
            (Kind::Json, r#""a""#, r#""a""#),
            (Kind::Json, r#"{"a": 1}"#, r#"{"a": 1}"#),
            (array(Kind::Number), "{1,NULL,NaN}", r#"[1,null,"NaN"]"#),
            (array(Kind::Text), r#"{"a\"b",NULL}"#, r#"["a\"b",null]"#),
            (array(Kind::Instant), r#"{"2026-01-02 03:04:05"}"#, r#"["2026-01-02T03:04:05"]"#),
        ] {
            assert_eq!(text_of_live(&kind, live), text_of_json(json), "{live}");
        }
    }
}
