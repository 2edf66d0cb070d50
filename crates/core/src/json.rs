//! How values are written in JSON: hashes in hex, keys in base58, 64-bit numbers as strings, bytes in base64.

use alloc::string::{String, ToString};
use core::fmt::{self, Display};
use core::marker::PhantomData;
use core::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
        let text = String::deserialize(deserializer)?;
        let value: T = text.parse().map_err(D::Error::custom)?;
        if value.to_string() == text { Ok(value) } else { Err(D::Error::custom("not in its usual form")) }
    }
}

/// For `#[serde(with)]`: hashes in a list.
pub mod hashes {
    use super::*;
    use alloc::vec::Vec;
    use merkle_log::Hash;

    /// Writes each hash as 64 lowercase hex digits.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(hashes: &[Hash], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(hashes.iter().map(ToString::to_string))
    }

    /// Reads hashes.
    ///
    /// # Errors
    /// When one is not 64 lowercase hex digits.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Hash>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
    }
}

/// For `#[serde(with)]`: bytes in base64 with padding.
pub mod bytes {
    use super::*;
    use alloc::vec::Vec;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    /// Writes base64.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    /// Reads base64.
    ///
    /// # Errors
    /// When the text is not base64 with padding.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// For `#[serde(with)]`: an object, and nothing else. Code that serde derives also takes a list of the members' values.
pub mod object {
    use super::*;

    /// Writes the value as it writes itself.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    /// Reads an object.
    ///
    /// # Errors
    /// When it is no object, or not one of this kind.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_map(Object(PhantomData))
    }

    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
}

/// For `#[serde(default, with, skip_serializing_if = "Option::is_none")]`: a member that may be absent; `null` is refused,
/// for it would be a second text of the same value.
pub mod optional {
    use super::*;

    /// An optional object.
    pub mod object {
        use super::*;

        /// Writes the value; absent ones are skipped before.
        ///
        /// # Errors
        /// The serializer's.
        pub fn serialize<T: Serialize, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
            value.serialize(serializer)
        }

        /// Reads an object.
        ///
        /// # Errors
        /// As [`super::super::object::deserialize`].
        pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<T>, D::Error> {
            super::super::object::deserialize(deserializer).map(Some)
        }
    }

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

        /// Reads hashes.
        ///
        /// # Errors
        /// As [`super::super::hashes::deserialize`].
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Hash>>, D::Error> {
            super::super::hashes::deserialize(deserializer).map(Some)
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

        /// Reads the value's text.
        ///
        /// # Errors
        /// As [`super::super::text::deserialize`].
        pub fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
        where
            T: FromStr<Err: Display> + Display,
            D: Deserializer<'de>,
        {
            super::super::text::deserialize(deserializer).map(Some)
        }
    }
}
