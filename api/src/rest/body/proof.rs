//! Proofs, certificates and receipts.

use counterfoil_core::relate::LogKind;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Head, LogName};
use crate::value::{Bytes, Hash, Key, Signature, U64, hashes};
use counterfoil_read as read;

/// That a list is all of a log's leaves from one index up to another: with it a reader finds every row that is missing,
/// extra, altered or out of place. That the head is the chain's is for the reader to check.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Certificate {
    /// `counterfoil certificate v1`
    format: String,
    /// The hash of the cluster's first block.
    genesis_hash: Key,
    program: Key,
    ledger: Key,
    log: LogName,
    /// The first leaf of the list.
    from: U64,
    /// The leaf that follows the list's last.
    to: U64,
    /// The checked head, which the proof leads to.
    head: Head,
    /// The slot at which that head was read from the chain: a hint, which nothing proves.
    slot: U64,
    /// The roots of the largest subtrees beside the list, from left to right.
    proof: Vec<Hash>,
}

impl From<counterfoil_core::certificate::Certificate> for Certificate {
    fn from(certificate: counterfoil_core::certificate::Certificate) -> Self {
        Self {
            format: certificate.format,
            genesis_hash: certificate.genesis_hash.into(),
            program: certificate.program.into(),
            ledger: certificate.ledger.into(),
            log: match certificate.log {
                LogKind::Entries => LogName::Entries,
                LogKind::Events => LogName::Events,
            },
            from: U64(certificate.from),
            to: U64(certificate.to),
            head: Head { size: U64(certificate.head.size), root: certificate.head.root.into() },
            slot: U64(certificate.slot),
            proof: hashes(certificate.proof),
        }
    }
}

/// An inclusion proof.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Inclusion {
    log: LogName,
    index: U64,
    leaf_hash: Hash,
    /// The head that the proof leads to.
    head: Head,
    /// From the leaf to the root.
    proof: Vec<Hash>,
}

impl From<read::Inclusion> for Inclusion {
    fn from(inclusion: read::Inclusion) -> Self {
        Self {
            log: inclusion.log.into(),
            index: inclusion.index.into(),
            leaf_hash: inclusion.leaf.into(),
            head: inclusion.head.into(),
            proof: hashes(inclusion.proof),
        }
    }
}

/// A consistency proof.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Consistency {
    log: LogName,
    /// The earlier head.
    first: Head,
    /// The later head.
    second: Head,
    /// From the leaves to the root.
    proof: Vec<Hash>,
}

impl From<read::Consistency> for Consistency {
    fn from(consistency: read::Consistency) -> Self {
        Self {
            log: consistency.log.into(),
            first: consistency.first.into(),
            second: consistency.second.into(),
            proof: hashes(consistency.proof),
        }
    }
}

/// The form of a receipt, which `counterfoil-core` writes; a test compares the two.
#[derive(ToSchema)]
#[schema(as = Receipt)]
#[allow(dead_code, reason = "only describes")]
pub(crate) struct ReceiptForm {
    #[schema(example = "counterfoil receipt v2")]
    format: String,
    genesis_hash: Key,
    program: Key,
    ledger: Key,
    entry: EntryProofForm,
    event: EventLeafForm,
    /// The signature of the transaction that holds the event: a hint, which nothing proves.
    transaction: Signature,
    bridge: BridgeForm,
}

/// An entry and its inclusion proof.
#[derive(ToSchema)]
#[schema(as = EntryProof)]
#[allow(dead_code, reason = "only describes")]
pub(crate) struct EntryProofForm {
    index: U64,
    payload: Bytes,
    /// From the leaf to the root of the head that the event states.
    proof: Vec<Hash>,
}

/// An event by its leaf: kind, header and body.
#[derive(ToSchema)]
#[schema(as = EventLeaf)]
#[allow(dead_code, reason = "only describes")]
pub(crate) struct EventLeafForm {
    seq: U64,
    leaf: Bytes,
}

/// How the checked heads contain the entry and its event.
#[derive(ToSchema)]
#[schema(as = Bridge)]
#[allow(dead_code, reason = "only describes")]
pub(crate) struct BridgeForm {
    head: Head,
    /// From the head that the event states to `head`.
    consistency: Vec<Hash>,
    event_head: Head,
    /// From the event's leaf to the root of `event_head`.
    event_proof: Vec<Hash>,
}
