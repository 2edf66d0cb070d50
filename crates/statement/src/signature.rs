//! Ed25519: who signed what.

use core::fmt;
use core::str::FromStr;

use counterfoil_core::receipt::TransactionSignature;
use counterfoil_core::{ParseKeyError, Wallet};
use ed25519_dalek::VerifyingKey;

use crate::base58;

/// An Ed25519 signature. Shown and read in base58.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// The key by which a gateway signs promises. Shown and read in base58.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PromiseKey(pub [u8; 32]);

/// That an author signed a statement, or is said to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorSignature {
    /// The author.
    pub author: Wallet,
    /// By the author's key, over the statement's signing text.
    pub signature: Signature,
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        base58::write_64(&self.0, f)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

impl FromStr for Signature {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<TransactionSignature>().map(|signature| Self(signature.0))
    }
}

impl fmt::Display for PromiseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        base58::write_32(&self.0, f)
    }
}

impl fmt::Debug for PromiseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PromiseKey({self})")
    }
}

impl FromStr for PromiseKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        text.parse::<Wallet>().map(|key| Self(key.0))
    }
}

/// Whether a key signed a message. Keys and nonces of small order are refused, so that a signature is of one key and one
/// message.
pub(crate) fn is_signed_by(key: &[u8; 32], message: &[u8], signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}
