//! The forms of certificates and receipts, for documents alone: `counterfoil-core` writes them, and tests compare the two.

#![allow(dead_code, missing_docs, reason = "only describes")]

use utoipa::ToSchema;

use crate::head::{Head, LogName};
use crate::value::{Bytes, Hashes, Key, Signature, U64};

/// That a list is all of a log's leaves from one index up to another: with it a reader finds every row that is missing,
/// extra, altered or out of place. That the head is the chain's is for the reader to check.
#[derive(ToSchema)]
#[schema(as = Certificate)]
pub struct CertificateForm {
    /// `counterfoil certificate v1`
    pub format: String,
    /// The hash of the cluster's first block.
    pub genesis_hash: Key,
    pub program: Key,
    pub ledger: Key,
    pub log: LogName,
    /// The first leaf of the list.
    pub from: U64,
    /// The leaf that follows the list's last.
    pub to: U64,
    /// The checked head, which the proof leads to.
    pub head: Head,
    /// The slot at which that head was read from the chain: a hint, which nothing proves.
    pub slot: U64,
    /// The roots of the largest subtrees outside the list, from left to right.
    pub proof: Hashes,
}

/// A receipt.
#[derive(ToSchema)]
#[schema(as = Receipt)]
pub struct ReceiptForm {
    #[schema(example = "counterfoil receipt v2")]
    pub format: String,
    pub genesis_hash: Key,
    pub program: Key,
    pub ledger: Key,
    pub entry: EntryProofForm,
    pub event: EventLeafForm,
    /// The signature of the transaction that holds the event: a hint, which nothing proves.
    pub transaction: Signature,
    pub bridge: BridgeForm,
}

/// An entry and its inclusion proof.
#[derive(ToSchema)]
#[schema(as = EntryProof)]
pub struct EntryProofForm {
    pub index: U64,
    pub payload: Bytes,
    /// From the leaf to the root of the head that the event states.
    pub proof: Hashes,
}

/// An event by its leaf: kind, header and body.
#[derive(ToSchema)]
#[schema(as = EventLeaf)]
pub struct EventLeafForm {
    pub seq: U64,
    pub leaf: Bytes,
}

/// How the checked heads contain the entry and its event.
#[derive(ToSchema)]
#[schema(as = Bridge)]
pub struct BridgeForm {
    pub head: Head,
    /// From the head that the event states to `head`.
    pub consistency: Hashes,
    pub event_head: Head,
    /// From the event's leaf to the root of `event_head`.
    pub event_proof: Hashes,
}
