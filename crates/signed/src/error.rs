//! Why a receipt does not hold.

use merkle_log::{LeafIndex, ProofError};
use signed_note::NoteError;

/// Why a receipt does not hold, or cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SignedError {
    /// It is not written as its format demands.
    #[error("it is not of its format: {0}")]
    Malformed(&'static str),
    /// The checkpoint is no signed note.
    #[error("its checkpoint is not a note that the key signed: {0:?}")]
    Note(NoteError),
    /// It is no COSE object.
    #[error("it is no COSE_Sign1: {0}")]
    Cose(coset::CoseError),
    /// It is of another log than the key.
    #[error("it is of log {found}, the key is of {expected}")]
    OtherLog {
        /// As the receipt says.
        found: String,
        /// As the key says.
        expected: String,
    },
    /// It is of another leaf than the wanted one.
    #[error("it is of leaf {found}, not of {expected}")]
    OtherIndex {
        /// As the receipt says.
        found: LeafIndex,
        /// The wanted one.
        expected: LeafIndex,
    },
    /// The proof does not lead to the signed head.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The signature over the root that the proof leads to is not the key's.
    #[error("the key did not sign the root that the proof leads to")]
    Signature,
}
