//! The values of a statement, each kind with a type of its own.

use core::fmt;
use core::str::FromStr;

use merkle_log::Hash;
use sha2::{Digest, Sha256};

/// A record's name: a UUID of version 7. Shown in lowercase with hyphens, and read in that form alone.
///
/// Source: RFC 9562 section 5.7.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId([u8; 16]);

/// Says that bytes or a text are not a record's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record id is a UUID of version 7, in lowercase with hyphens")]
pub struct NotARecordId;

impl RecordId {
    /// Takes the 16 bytes.
    ///
    /// # Errors
    /// [`NotARecordId`] unless version and variant are those of a UUID of version 7.
    pub const fn new(bytes: [u8; 16]) -> Result<Self, NotARecordId> {
        match bytes {
            [_, _, _, _, _, _, 0x70..=0x7f, _, 0x80..=0xbf, ..] => Ok(Self(bytes)),
            _ => Err(NotARecordId),
        }
    }

    /// Makes one of a time in milliseconds since 1970, of which 48 bits are kept, and of random bytes, of which 74 bits are.
    #[must_use]
    pub const fn from_parts(unix_ms: u64, random: [u8; 10]) -> Self {
        let [_, _, a, b, c, d, e, f] = unix_ms.to_be_bytes();
        let [g, h, i, j, k, l, m, n, o, p] = random;
        Self([a, b, c, d, e, f, 0x70 | (g & 0x0f), h, 0x80 | (i & 0x3f), j, k, l, m, n, o, p])
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordId({self})")
    }
}

impl FromStr for RecordId {
    type Err = NotARecordId;

    fn from_str(text: &str) -> Result<Self, NotARecordId> {
        let mut bytes = [0; 16];
        let mut characters = text.bytes();
        for (at, byte) in bytes.iter_mut().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) && characters.next() != Some(b'-') {
                return Err(NotARecordId);
            }
            let mut digit = || match characters.next() {
                Some(digit @ b'0'..=b'9') => Ok(digit & 0x0f),
                Some(digit @ b'a'..=b'f') => Ok((digit & 0x0f).saturating_add(9)),
                _ => Err(NotARecordId),
            };
            *byte = (digit()? << 4) | digit()?;
        }
        match characters.next() {
            None => Self::new(bytes),
            Some(_) => Err(NotARecordId),
        }
    }
}

macro_rules! bytes_type {
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
                Hash(self.0).fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = merkle_log::hash::ParseHashError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse::<Hash>().map(|hash| Self(hash.0))
            }
        }
    };
}

bytes_type! {
    /// SHA-256(salt || content). Shown as 64 lowercase hex digits.
    Commitment
}
bytes_type! {
    /// A stream: random, or an HMAC of a name that lives off the chain. Shown as 64 lowercase hex digits.
    StreamId
}
bytes_type! {
    /// The subject of a record: an HMAC of a table's key, under a secret that lives off the chain. Shown as 64 lowercase
    /// hex digits.
    SubjectId
}

/// The salt of a commitment: 32 random bytes. Without them the content cannot be guessed from the commitment, so that
/// `Debug` does not show them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

/// Says that a text is not a salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a salt is 64 lowercase hexadecimal digits")]
pub struct SaltTextError;

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hash(self.0).fmt(f)
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

impl FromStr for Salt {
    type Err = SaltTextError;

    fn from_str(text: &str) -> Result<Self, SaltTextError> {
        text.parse::<Hash>().map(|hash| Self(hash.0)).map_err(|_| SaltTextError)
    }
}

/// Commits to content: SHA-256(`salt` || `content`).
#[must_use]
pub fn commit(salt: &Salt, content: &[u8]) -> Commitment {
    Commitment(Sha256::new().chain_update(salt.0).chain_update(content).finalize().into())
}

/// The author's time, in milliseconds since 1970: at most 2^63 - 1. It is the author's word, unlike the chain's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorTime(u64);

/// Says that a number of milliseconds is above 2^63 - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the author's time is above 2^63 - 1 milliseconds")]
pub struct NotATime;

impl AuthorTime {
    /// Takes milliseconds since 1970.
    ///
    /// # Errors
    /// [`NotATime`] above 2^63 - 1.
    pub const fn new(ms: u64) -> Result<Self, NotATime> {
        if ms <= i64::MAX as u64 { Ok(Self(ms)) } else { Err(NotATime) }
    }

    /// The milliseconds.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0
    }
}
