//! A completeness certificate: that a list is all of a log's leaves from one index up to another, for readers who trust no
//! operator.
//!
//! A certificate alone proves that a list and a head belong together. Whether the head is the chain's is for
//! [`crate::relate::relate`] to say, from an account that the reader fetched from servers of its own choice; and "up to
//! now" is as fresh as that account.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use merkle_log::{Hash, LeafHash, LeafIndex, OutOfRange, ProofError, TreeHead, verify_range};
use serde::Serialize;

use crate::json::{FromJson, ReadError, Value, deserialize_from_json};
use crate::receipt::Head;
use crate::relate::LogKind;
use crate::{GenesisHash, LedgerId, ProgramId, json};

/// The first field of every certificate of this form.
pub const FORMAT: &str = "counterfoil certificate v1";

/// A certificate as it comes with a list; nothing in it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// [`FORMAT`].
    pub format: String,
    /// The cluster.
    #[serde(with = "json::text")]
    pub genesis_hash: GenesisHash,
    /// The program on it.
    #[serde(with = "json::text")]
    pub program: ProgramId,
    /// The ledger.
    #[serde(with = "json::text")]
    pub ledger: LedgerId,
    /// Which of its logs.
    pub log: LogKind,
    /// The first leaf of the list.
    #[serde(with = "json::text")]
    pub from: u64,
    /// The leaf that follows the list's last.
    #[serde(with = "json::text")]
    pub to: u64,
    /// The head that the proof leads to.
    pub head: Head,
    /// The slot at which that head was read from the chain: a hint, which nothing proves.
    #[serde(with = "json::text")]
    pub slot: u64,
    /// The roots of the largest subtrees outside the list, from left to right.
    #[serde(with = "json::hashes")]
    pub proof: Vec<Hash>,
}

/// Why a list is not what a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// The first field is not [`FORMAT`].
    UnknownFormat,
    /// An index or a size is beyond the largest tree.
    OutOfRange(OutOfRange),
    /// The list has another number of leaves.
    Count {
        /// How many the list has; counted no further than one too many.
        found: u64,
        /// How many it must have.
        expected: u64,
    },
    /// The leaves and the proof do not lead to the head: a leaf is changed, missing, extra or in another place.
    Proof(ProofError),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFormat => write!(f, "the format is not \"{FORMAT}\""),
            Self::OutOfRange(error) => error.fmt(f),
            Self::Count { found, expected } => write!(f, "the list has {found} leaves, the certificate {expected}"),
            Self::Proof(error) => write!(f, "the list is not the log's: {error}"),
        }
    }
}

impl core::error::Error for CertificateError {}

impl FromJson for Certificate {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|certificate| {
            Ok(Self {
                format: certificate.member("format")?,
                genesis_hash: certificate.member("genesis_hash")?,
                program: certificate.member("program")?,
                ledger: certificate.member("ledger")?,
                log: certificate.member("log")?,
                from: certificate.member("from")?,
                to: certificate.member("to")?,
                head: certificate.member("head")?,
                slot: certificate.member("slot")?,
                proof: certificate.member("proof")?,
            })
        })
    }
}

deserialize_from_json!(Certificate);

impl Certificate {
    /// Verifies that `leaves` are all leaves of the head's tree from [`Self::from`] up to [`Self::to`], in order. Gives
    /// back the head, which is the chain's only if the chain says so.
    ///
    /// Hash the leaves from the list's own bytes ([`merkle_log::hash_leaf`]), never take the hashes that came with it.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn verify(&self, leaves: impl IntoIterator<Item = LeafHash>) -> Result<TreeHead, CertificateError> {
        if self.format != FORMAT {
            return Err(CertificateError::UnknownFormat);
        }
        let head: TreeHead = self.head.try_into().map_err(CertificateError::OutOfRange)?;
        let first = LeafIndex::new(self.from).map_err(CertificateError::OutOfRange)?;
        let expected = self.to.saturating_sub(self.from);
        if self.to > head.size.get() {
            return Err(CertificateError::Proof(ProofError::NoRange { first, leaves: expected, size: head.size }));
        }
        let mut found = 0_u64;
        let most = usize::try_from(expected.saturating_add(1)).unwrap_or(usize::MAX);
        let mut leaves = leaves.into_iter().take(most).inspect(|_| found = found.saturating_add(1));
        let verified = verify_range(&head, first, leaves.by_ref(), &self.proof);
        // The hashes that are left of a proof that does not hold.
        leaves.for_each(drop);
        if found != expected {
            return Err(CertificateError::Count { found, expected });
        }
        verified.map_err(CertificateError::Proof)?;
        Ok(head)
    }
}
