//! Receipts that an operator signs, in other people's formats: [C2SP tlog-proof](https://c2sp.org/tlog-proof) and COSE
//! receipts (RFC 9942).
//!
//! Both say that the log of a name had a leaf at an index when it had a head, and who knows the operator's key can verify
//! that with tools that know nothing of Counterfoil. Their reader believes the operator about the head: that it is the
//! chain's is shown by Counterfoil's own receipt, which needs no operator.

#![forbid(unsafe_code)]

pub mod cose;
mod error;
pub mod tlog;

pub use error::SignedError;
pub use signed_note::{StandardSigner, StandardVerifier};

use merkle_log::{Hash, LeafHash, LeafIndex};

/// That a leaf stands at an index; the head is what the proof leads to.
#[derive(Clone, Copy, Debug)]
pub struct Inclusion<'a> {
    /// Where the leaf stands.
    pub index: LeafIndex,
    /// The leaf's hash.
    pub leaf: LeafHash,
    /// From the leaf to the root.
    pub proof: &'a [Hash],
}
