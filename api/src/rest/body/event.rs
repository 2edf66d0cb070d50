//! Events, final and pending.

use std::sync::Arc;

use counterfoil_core::EventBody;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Certificate, Head};
use crate::value::{Bytes, Hash, Key, Signature, Time, U64};
use counterfoil_read::{self as read, CheckedEvent};

/// An event that the cluster has confirmed and not finalized.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PendingEvent {
    /// The number that it will have in the ledger's event log.
    seq: U64,
    #[schema(example = "EntriesAppended")]
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

/// What follows what is final. A fork can still take it back: nothing here is proven.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pending {
    /// In order.
    events: Vec<PendingEvent>,
}

impl From<Vec<read::PendingEvent>> for Pending {
    fn from(events: Vec<read::PendingEvent>) -> Self {
        Self { events: events.into_iter().map(PendingEvent::from).collect() }
    }
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

/// An event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Event {
    /// Its number in the ledger's event log.
    seq: U64,
    #[schema(example = "WriterGranted")]
    kind: &'static str,
    /// Kind, header and body: what the leaf hash covers.
    leaf: Bytes,
    /// SHA-256(0x00 || leaf).
    leaf_hash: Hash,
    slot: U64,
    /// The chain's clock in that slot.
    time: Time,
    /// The wallet whose signature allowed it.
    signer: Key,
    /// The transaction, as stored: a hint where to look, which no proof covers.
    transaction: Signature,
}

impl From<&CheckedEvent> for Event {
    fn from(event: &CheckedEvent) -> Self {
        Self {
            seq: event.seq.into(),
            kind: event.event.body.name(),
            leaf: Bytes(event.leaf_bytes.clone()),
            leaf_hash: event.leaf.into(),
            slot: U64(event.event.header.slot),
            time: event.time.into(),
            signer: event.event.header.signer.into(),
            transaction: event.signature.into(),
        }
    }
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    head: Head,
    /// The checked head of the event log, where pages end.
    event_head: Head,
    pub(crate) events: Vec<Event>,
    /// For `first`; null at the checked size.
    #[schema(required)]
    next: Option<U64>,
    /// That the page is whole; null where it has no events.
    #[schema(required)]
    pub(crate) certificate: Option<Certificate>,
}

impl From<read::Page<Arc<CheckedEvent>>> for EventPage {
    fn from(page: read::Page<Arc<CheckedEvent>>) -> Self {
        Self {
            head: page.head.entries.into(),
            event_head: page.head.events.into(),
            events: page.items.iter().map(|event| Event::from(&**event)).collect(),
            next: page.next.map(U64),
            certificate: page.certificate.map(Certificate::from),
        }
    }
}
