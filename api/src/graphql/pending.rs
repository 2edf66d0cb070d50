//! What is confirmed and not final.

use async_graphql::SimpleObject;
use counterfoil_core::EventBody;

use crate::value::{Bytes, Key, Signature, Time, U64};
use counterfoil_read as read;

/// An event that the cluster has confirmed and not finalized. A fork can still take it back: nothing proves it.
#[derive(SimpleObject)]
pub(super) struct PendingEvent {
    /// The number that it will have in the ledger's event log.
    seq: U64,
    /// As in the program's IDL, for example EntriesAppended.
    kind: &'static str,
    slot: U64,
    /// The chain's clock in that slot.
    time: Time,
    /// The wallet whose signature allowed it.
    signer: Key,
    /// The first entry that it appends.
    first_index: U64,
    /// How many it appends.
    count: U64,
    /// The entries of an append, in order.
    entries: Vec<Bytes>,
    /// The transaction.
    transaction: Signature,
}

impl From<read::PendingEvent> for PendingEvent {
    fn from(pending: read::PendingEvent) -> Self {
        let (header, kind) = (pending.event.header, pending.event.body.name());
        let entries = match pending.event.body {
            EventBody::EntriesAppended { entries } => entries.into_iter().map(Bytes).collect(),
            _ => Vec::new(),
        };
        Self {
            seq: header.event_seq.into(),
            kind,
            slot: U64(header.slot),
            time: pending.time.into(),
            signer: header.signer.into(),
            first_index: header.first_index.into(),
            count: U64(header.count),
            entries,
            transaction: pending.signature.into(),
        }
    }
}
