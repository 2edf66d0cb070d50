//! How values are written in JSON, hashes in hex, keys in base58, 64-bit numbers as strings, bytes in base64, and how documents
//! are read: as a tree ([`Value`]), from which each document takes the members that it names ([`FromJson`]).
//!
//! Every document has this one reader. Code that serde derives from a type is some kilobytes for each, which matters where a
//! browser loads it, and takes lists in place of objects and `null` in place of nothing.

mod base64;
mod parse;
mod plain;
mod read;
mod value;

use alloc::string::{String, ToString};
use core::fmt::Display;
use core::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

pub use parse::MAX_DEPTH;
pub use plain::{MAX_PLAIN_CHARS, Plain};
pub(crate) use read::deserialize_from_json;
pub use read::{FromJson, Object};
pub use value::{ReadError, Value};

/// For `#[serde(with)]`: a value that has one text.
pub mod text {
    use super::*;

    /// Writes the value's text.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    /// Reads the value's text; another text of the same value (`007`, `+7`) is refused.
    ///
    /// # Errors
    /// When the text is not the value's.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display> + Display,
        D: Deserializer<'de>,
    {
        read::value_of(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// For `#[serde(serialize_with)]`: hashes in a list.
pub mod hashes {
    use super::*;
    use merkle_log::Hash;

    /// Writes each hash as 64 lowercase hex digits.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(hashes: &[Hash], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(hashes.iter().map(ToString::to_string))
    }
}

/// For `#[serde(with)]`: bytes in base64 with padding.
pub mod bytes {
    use super::*;
    use alloc::vec::Vec;

    /// Writes base64.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_text(bytes))
    }

    /// The base64 of bytes.
    #[must_use]
    pub fn to_text(bytes: &[u8]) -> String {
        super::base64::encode(bytes)
    }

    /// Reads base64.
    ///
    /// # Errors
    /// When the text is not base64 with padding.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        read::bytes_of(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// For `#[serde(serialize_with, skip_serializing_if = "Option::is_none")]`: a member that may be absent.
pub mod optional {
    use super::*;

    /// An optional list of hashes.
    pub mod hashes {
        use super::*;
        use alloc::vec::Vec;
        use merkle_log::Hash;

        /// Writes each hash as 64 lowercase hex digits; absent lists are skipped before.
        ///
        /// # Errors
        /// The serializer's.
        pub fn serialize<S: Serializer>(hashes: &Option<Vec<Hash>>, serializer: S) -> Result<S::Ok, S::Error> {
            match hashes {
                Some(hashes) => super::super::hashes::serialize(hashes, serializer),
                None => serializer.serialize_none(),
            }
        }
    }

    /// An optional value that has one text.
    pub mod text {
        use super::*;

        /// Writes the value's text; absent ones are skipped before.
        ///
        /// # Errors
        /// The serializer's.
        pub fn serialize<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
            match value {
                Some(value) => serializer.collect_str(value),
                None => serializer.serialize_none(),
            }
        }
    }
}
