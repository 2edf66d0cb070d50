//! The operator's key, by which checkpoints and receipts are signed: an Ed25519 key as C2SP signed-note writes it,
//! <https://c2sp.org/signed-note>.
//!
//! Both are signed under their log's own name, the key's name with ledger and log behind it, so that a reader who
//! expects one log cannot be given another's.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use signed_note::{SignerError, StandardSigner, is_key_name_valid, key_id, new_ed25519_verifier_key};

use super::log::LogId;

/// The algorithm's number, before the key's bytes.
const ED25519: u8 = 1;

/// The key of one operator. It is shown nowhere; [`fmt::Debug`] tells its name.
pub struct NoteKey {
    name: String,
    key: SigningKey,
}

impl fmt::Debug for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoteKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NoteKeyError {
    /// The text is not a signer's key.
    #[error("it is not PRIVATE+KEY+NAME+ID+KEY: {0}")]
    Malformed(#[from] SignerError),
    /// The name cannot stand in a note.
    #[error(
        "the name of a key is not empty, and has neither spaces nor a plus sign; take a host name, as log.example.com"
    )]
    BadName,
    /// The machine gives no randomness.
    #[error("no randomness: {0}")]
    Random(getrandom::Error),
}

impl NoteKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`NoteKeyError`].
    pub fn generate(name: &str) -> Result<Self, NoteKeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(NoteKeyError::Random)?;
        if !is_key_name_valid(name) {
            return Err(NoteKeyError::BadName);
        }
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(&seed) })
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`NoteKeyError::Malformed`]; the text is not repeated.
    pub fn parse(text: &str) -> Result<Self, NoteKeyError> {
        let text = text.trim();
        StandardSigner::new(text)?;
        // Five fields, of which the last is the algorithm and the seed, in base64, which may have a plus sign too.
        let mut fields = text.splitn(5, '+').skip(2);
        let name = fields.next().ok_or(SignerError::Format)?.to_owned();
        let key = fields.nth(1).and_then(|key| STANDARD.decode(key).ok()).ok_or(SignerError::Format)?;
        let seed: [u8; 32] = key.get(1..).and_then(|seed| seed.try_into().ok()).ok_or(SignerError::Format)?;
        Ok(Self { name, key: SigningKey::from_bytes(&seed) })
    }

    /// The key as [`Self::parse`] reads it: secret.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        self.secret_under(&self.name)
    }

    /// A log's name, in its checkpoints and in the key that verifies them.
    fn origin(&self, log: LogId) -> String {
        format!("{}/{}/{}", self.name, log.ledger, log.name())
    }

    /// The key that verifies a log's checkpoints.
    pub(super) fn verifier(&self, log: LogId) -> String {
        new_ed25519_verifier_key(&self.origin(log), &self.key.verifying_key())
    }

    /// Signs under a log's name.
    pub(crate) fn signer(&self, log: LogId) -> StandardSigner {
        StandardSigner::new(&self.secret_under(&self.origin(log))).expect("it is made of a good key")
    }

    fn secret_under(&self, name: &str) -> String {
        let public = [&[ED25519], self.key.verifying_key().as_bytes().as_slice()].concat();
        let secret = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        format!("PRIVATE+KEY+{name}+{:08x}+{}", key_id(name, &public), STANDARD.encode(secret))
    }
}

#[cfg(test)]
mod tests {
    use super::NoteKey;

    #[test]
    fn a_key_has_one_text_and_shows_it_to_nobody() {
        for _ in 0..100 {
            let key = NoteKey::generate("log.example.com").expect("a good name");
            let text = key.to_secret_text();
            assert_eq!(NoteKey::parse(&format!("{text}\n")).expect("its own text").to_secret_text(), text);
            let secret = text.splitn(5, '+').last().expect("a key");
            assert!(!format!("{key:?}").contains(secret));
            for bad in ["", "PRIVATE+KEY+name", &text.replace("log.", "leg."), &text[..text.len() - 4]] {
                let error = NoteKey::parse(bad).expect_err("no key").to_string();
                assert!(!error.contains(secret), "{error}");
            }
        }
        for name in ["", "a b", "a+b"] {
            NoteKey::generate(name).expect_err("no name");
        }
    }
}
