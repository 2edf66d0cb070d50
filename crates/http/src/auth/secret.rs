//! The server's own secret, which authenticates tokens, so that the server stores none.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A key of HMAC-SHA256.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

/// The reason that a secret is refused or cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The secret is short enough to be guessed.
    #[error(
        "{0} characters are too few for a secret: give at least 32 random ones, as `openssl rand -hex 32` makes them"
    )]
    TooShort(usize),
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    Random(#[from] getrandom::Error),
}

/// Without the secret: no log may hold it.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}

impl Secret {
    /// A random secret, for as long as the process lives.
    ///
    /// # Errors
    /// [`SecretError::Random`].
    pub fn generate() -> Result<Self, SecretError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self::of(&bytes))
    }

    /// Reads a secret from the text of a file; surrounding space does not count.
    ///
    /// # Errors
    /// [`SecretError::TooShort`].
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        match text.trim() {
            text if text.len() < 32 => Err(SecretError::TooShort(text.len())),
            text => Ok(Self::of(text.as_bytes())),
        }
    }

    fn of(bytes: &[u8]) -> Self {
        Self(Hmac::new_from_slice(bytes).expect("HMAC takes keys of every length"))
    }

    /// The seal of some bytes. `purpose` keeps what is sealed for one use from being taken for another, and ends in a
    /// zero byte, which no other purpose has.
    pub(super) fn seal(&self, purpose: &[u8], bytes: &[u8]) -> [u8; 32] {
        self.0.clone().chain_update(purpose).chain_update(bytes).finalize().into_bytes().into()
    }

    /// Whether this is the seal, or begins it, in a time that does not depend on where they differ.
    pub(super) fn is_seal(&self, purpose: &[u8], bytes: &[u8], seal: &[u8]) -> bool {
        self.0.clone().chain_update(purpose).chain_update(bytes).verify_truncated_left(seal).is_ok()
    }
}
