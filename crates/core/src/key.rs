//! 32-byte keys, each kind with a type of its own. Shown and read in base58, as Solana does.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

/// Says that a text is not a key: not base58 of 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseKeyError;

impl fmt::Display for ParseKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key is 32 bytes in base58, 32 to 44 characters")
    }
}

impl core::error::Error for ParseKeyError {}

macro_rules! key_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
                let text: String = bs58::encode(&self.0).into_string();
                f.write_str(&text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseKeyError;

            fn from_str(text: &str) -> Result<Self, ParseKeyError> {
                let mut key = [0; 32];
                match bs58::decode(text).onto(&mut key) {
                    Ok(32) => Ok(Self(key)),
                    _ => Err(ParseKeyError),
                }
            }
        }

        #[cfg(feature = "receipt")]
        impl crate::json::FromJson for $name {
            fn from_json(value: &crate::json::Value<'_>) -> Result<Self, crate::json::ReadError> {
                from_json(value).map(Self)
            }
        }
    };
}

key_type! {
    /// A ledger: the address of its account, which is its name everywhere.
    LedgerId
}
key_type! {
    /// A wallet: the public key that signs.
    Wallet
}
key_type! {
    /// An on-chain program.
    ProgramId
}
key_type! {
    /// The hash of a cluster's first block, which names the cluster.
    GenesisHash
}

/// A key of any kind.
#[cfg(feature = "receipt")]
#[inline(never)]
fn from_json(value: &crate::json::Value<'_>) -> Result<[u8; 32], crate::json::ReadError> {
    value.text().map(|Wallet(key)| key)
}
