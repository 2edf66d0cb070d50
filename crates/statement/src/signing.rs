//! The text that an author signs.

use alloc::format;
use alloc::string::String;

use counterfoil_core::Wallet;
use ed25519_dalek::{Signer, SigningKey};
use merkle_log::Hash;
use sha2::{Digest, Sha256};

use crate::cbor;
use crate::signature::{AuthorSignature, Signature, is_signed_by};
use crate::statement::{SignedStatement, Statement, StatementError};

/// The first line of the text.
const SIGNING_LINE: &str = "counterfoil statement v1\n";

impl Statement {
    /// The text that the author signs: two lines of ASCII, the second without an end, which a wallet can show.
    #[must_use]
    pub fn signing_text(&self) -> String {
        let digest = Hash(Sha256::digest(cbor::encode_map(self)).into());
        format!("{SIGNING_LINE}{digest}")
    }

    /// Signs with the author's key.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> AuthorSignature {
        let signature = Signature(key.sign(self.signing_text().as_bytes()).to_bytes());
        AuthorSignature { author: Wallet(key.verifying_key().to_bytes()), signature }
    }
}

impl SignedStatement {
    /// Verifies the signature, where there is one. Gives the author whom it shows.
    ///
    /// # Errors
    /// [`StatementError::NotSigned`].
    pub fn verify_signature(&self) -> Result<Option<Wallet>, StatementError> {
        let Some(AuthorSignature { author, signature }) = self.signature else { return Ok(None) };
        match is_signed_by(&author.0, self.statement.signing_text().as_bytes(), &signature) {
            true => Ok(Some(author)),
            false => Err(StatementError::NotSigned { author }),
        }
    }
}
