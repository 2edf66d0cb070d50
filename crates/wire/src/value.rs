//! The text of each value, in JSON and as GraphQL's scalars alike.

use counterfoil_core::json;
use counterfoil_core::{GenesisHash, LedgerId, ProgramId, Wallet};
use merkle_log::{LeafHash, LeafIndex, Root, TreeSize};
use serde::{Deserialize, Serialize, Serializer};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

/// A 64-bit number as a string of digits: JSON's numbers are exact only to 2^53. None that means anything has over 19.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^(0|[1-9][0-9]{0,18})$", example = "5"))]
pub struct U64(#[serde(with = "json::text")] pub u64);

/// A SHA-256 hash: 64 lowercase hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^[0-9a-f]{64}$", example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))]
pub struct Hash(
    #[serde(serialize_with = "write_hex", deserialize_with = "json::text::deserialize")] pub merkle_log::Hash,
);

/// A 32-byte key in base58: a ledger, a wallet, a program, a cluster's genesis hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(transparent)]
#[cfg_attr(
    feature = "openapi",
    schema(
        format = "base58-32",
        pattern = "^[1-9A-HJ-NP-Za-km-z]{32,44}$",
        example = "4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi"
    )
)]
pub struct Key(pub String);

/// Bytes in base64 with padding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", schema(value_type = String, content_encoding = "base64", pattern = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$", example = "aGVsbG8="))]
pub struct Bytes(#[serde(with = "json::bytes")] pub Vec<u8>);

/// A moment, RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", schema(format = DateTime, example = "2026-02-28T12:00:00Z"))]
pub struct Time(pub String);

/// A transaction's signature: 64 bytes in base58.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", schema(format = "base58-64", pattern = "^[1-9A-HJ-NP-Za-km-z]{64,88}$"))]
pub struct Signature(pub String);

impl From<TreeSize> for U64 {
    fn from(size: TreeSize) -> Self {
        Self(size.get())
    }
}

impl From<LeafIndex> for U64 {
    fn from(index: LeafIndex) -> Self {
        Self(index.get())
    }
}

impl From<merkle_log::Hash> for Hash {
    fn from(hash: merkle_log::Hash) -> Self {
        Self(hash)
    }
}

impl From<LeafHash> for Hash {
    fn from(leaf: LeafHash) -> Self {
        Self(leaf.into())
    }
}

impl From<Root> for Hash {
    fn from(root: Root) -> Self {
        Self(merkle_log::Hash(root.0))
    }
}

macro_rules! key_from {
    ($($key:ty),*) => {
        $(impl From<$key> for Key {
            fn from(key: $key) -> Self {
                let mut text = [0; five8::BASE58_ENCODED_32_MAX_LEN];
                let len = five8::encode_32(&key.0, &mut text);
                Self(base58(&text, len.into()))
            }
        })*
    };
}
key_from!(GenesisHash, LedgerId, ProgramId, Wallet);

impl From<[u8; 64]> for Signature {
    fn from(signature: [u8; 64]) -> Self {
        let mut text = [0; five8::BASE58_ENCODED_64_MAX_LEN];
        let len = five8::encode_64(&signature, &mut text);
        Self(base58(&text, len.into()))
    }
}

impl From<jiff::Timestamp> for Time {
    fn from(time: jiff::Timestamp) -> Self {
        Self(time.to_string())
    }
}

/// As its text, at once: digit by digit takes ten times as long.
fn write_hex<S: Serializer>(hash: &merkle_log::Hash, serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = [0; 64];
    let text = base16ct::lower::encode_str(&hash.0, &mut text).expect("two digits for each byte");
    serializer.serialize_str(text)
}

fn base58(text: &[u8], len: usize) -> String {
    String::from_utf8_lossy(text.get(..len).unwrap_or_default()).into_owned()
}

/// Hashes of a proof or frontier, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(transparent)]
pub struct Hashes(pub Vec<Hash>);

impl From<Vec<merkle_log::Hash>> for Hashes {
    fn from(hashes: Vec<merkle_log::Hash>) -> Self {
        Self(hashes.into_iter().map(Hash).collect())
    }
}
