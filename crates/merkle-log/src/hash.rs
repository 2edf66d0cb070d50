//! The hashes of RFC 6962 section 2.1, and the types that keep them apart.

use core::fmt;
use core::str::FromStr;

/// The prefix of a leaf's preimage. Source: RFC 6962 section 2.1.
const LEAF_PREFIX: [u8; 1] = [0x00];
/// The prefix of an inner node's preimage. Source: RFC 6962 section 2.1.
const NODE_PREFIX: [u8; 1] = [0x01];

/// Says that a text is not a hash: not 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseHashError;

impl fmt::Display for ParseHashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hash is 64 lowercase hexadecimal digits")
    }
}

impl core::error::Error for ParseHashError {}

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                crate::hex::write(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseHashError;

            fn from_str(text: &str) -> Result<Self, ParseHashError> {
                crate::hex::parse(text).map(Self).ok_or(ParseHashError)
            }
        }
    };
}

hash_type! {
    /// The hash of any node of the tree, in proofs and tiles. Shown as 64 lowercase hex digits.
    Hash
}
hash_type! {
    /// The hash of a leaf: SHA-256(0x00 || leaf). Source: RFC 6962 section 2.1.
    LeafHash
}
hash_type! {
    /// The hash of a whole tree, RFC 6962's Merkle Tree Hash.
    Root
}

impl From<LeafHash> for Hash {
    fn from(leaf: LeafHash) -> Self {
        Self(leaf.0)
    }
}

/// Hashes a leaf: SHA-256(0x00 || `leaf`).
#[must_use]
pub fn hash_leaf(leaf: &[u8]) -> LeafHash {
    LeafHash(sha256(&[&LEAF_PREFIX, leaf]))
}

/// Hashes an inner node: SHA-256(0x01 || `left` || `right`).
#[must_use]
pub fn hash_children(left: &Hash, right: &Hash) -> Hash {
    Hash(sha256(&[&NODE_PREFIX, &left.0, &right.0]))
}

/// The root of the tree without leaves: SHA-256 of nothing. Source: RFC 6962 section 2.1.
#[must_use]
pub fn empty_root() -> Root {
    Root(sha256(&[]))
}

/// On chain the syscall, elsewhere `sha2`: chosen by target, so that no feature can mix them up.
#[cfg(target_os = "solana")]
#[inline(always)]
fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    solana_sha256_hasher::hashv(parts).to_bytes()
}

#[cfg(not(target_os = "solana"))]
#[inline]
fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}
