//! API keys: `cfk_ID_SECRET`, both in hex. The secret has 256 random bits, so that its SHA-256 is as safe at rest as a
//! slow hash would make a password.

use std::fmt;

use base16ct::lower;
use counterfoil_read::KeyId;
use sha2::{Digest, Sha256};

pub(super) const PREFIX: &str = "cfk_";

/// An API key, with its secret.
pub struct ApiKey {
    /// The public part, by which the key is revoked.
    pub id: KeyId,
    secret: [u8; 32],
}

/// The operating system gives no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct ApiKeyError(#[from] getrandom::Error);

/// Without the secret: no log may hold it.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("id", &key_id_text(self.id)).finish_non_exhaustive()
    }
}

impl ApiKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`ApiKeyError`].
    pub fn generate() -> Result<Self, ApiKeyError> {
        let mut key = Self { id: [0; 8], secret: [0; 32] };
        getrandom::fill(&mut key.id)?;
        getrandom::fill(&mut key.secret)?;
        Ok(key)
    }

    /// The key as clients send it, with its secret.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        format!("{PREFIX}{}_{}", key_id_text(self.id), lower::encode_string(&self.secret))
    }

    /// SHA-256 of the secret, as the database stores it.
    #[must_use]
    pub fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        Some(Self { id: parse_hex(id)?, secret: parse_hex(secret)? })
    }
}

/// A key's public part as it is written.
#[must_use]
pub fn key_id_text(id: KeyId) -> String {
    lower::encode_string(&id)
}

/// Reads what [`key_id_text`] writes.
#[must_use]
pub fn parse_key_id(text: &str) -> Option<KeyId> {
    parse_hex(text)
}

/// Lowercase digits of exactly `N` bytes: a key has one text.
fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let is_whole = lower::decode(text, &mut bytes).is_ok_and(|decoded| decoded.len() == N);
    is_whole.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::ApiKey;

    #[test]
    fn a_key_has_one_text_and_shows_its_secret_to_nobody() {
        let key = ApiKey::generate().unwrap();
        let text = key.to_secret_text();
        assert_eq!(text.len(), 4 + 16 + 1 + 64);
        let read = ApiKey::parse(&text).unwrap();
        assert_eq!(read.secret_hash(), key.secret_hash());
        assert_ne!(read.secret_hash(), ApiKey::generate().unwrap().secret_hash());
        assert!(!format!("{key:?}").contains(text.rsplit('_').next().unwrap()));
        for bad in
            ["", "cfk_", &text[1..], &text[..84], &format!("{text}0"), &text.to_uppercase(), &text.replace('_', "-")]
        {
            assert!(ApiKey::parse(bad).is_none(), "{bad}");
        }
    }
}
