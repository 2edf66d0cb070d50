//! Entries, and those that the index lacks.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use super::{Certificate, Head};
use crate::value::{Bytes, Hash, Key, Signature, Time, U64, hashes};
use counterfoil_read::{self as read, CheckedEvent};

/// The event that appended an entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryEvent {
    /// Its number in the ledger's event log.
    seq: U64,
    #[schema(example = "EntriesAppended")]
    kind: &'static str,
    slot: U64,
    /// The chain's clock in that slot.
    time: Time,
    /// The wallet whose signature allowed it.
    signer: Key,
    /// The first entry that it appended.
    first_index: U64,
    /// How many it appended.
    count: U64,
    /// The transaction, as stored: a hint where to look, which no proof covers.
    transaction: Signature,
}

impl From<&CheckedEvent> for EntryEvent {
    fn from(event: &CheckedEvent) -> Self {
        let header = &event.event.header;
        Self {
            seq: event.seq.into(),
            kind: event.event.body.name(),
            slot: U64(header.slot),
            time: event.time.into(),
            signer: header.signer.into(),
            first_index: header.first_index.into(),
            count: U64(header.count),
            transaction: event.signature.into(),
        }
    }
}

/// An [`EntryEvent`] as JSON: the most of an entry's text, and the same for all that it appended.
#[derive(Clone, Debug)]
struct EventText(Arc<RawValue>);

impl From<&CheckedEvent> for EventText {
    fn from(event: &CheckedEvent) -> Self {
        Self(to_raw_value(&EntryEvent::from(event)).expect("strings under constant names").into())
    }
}

impl Serialize for EventText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(serializer)
    }
}

/// An entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entry {
    index: U64,
    /// The entry's bytes.
    payload: Bytes,
    /// SHA-256(0x00 || payload).
    leaf_hash: Hash,
    #[schema(value_type = EntryEvent)]
    event: EventText,
}

impl From<read::Entry> for Entry {
    fn from(entry: read::Entry) -> Self {
        let event = (&*entry.event).into();
        Self::new(entry, event)
    }
}

impl Entry {
    fn new(entry: read::Entry, event: EventText) -> Self {
        let payload = Bytes(entry.payload.to_vec());
        Self { index: entry.index.into(), payload, leaf_hash: entry.leaf.into(), event }
    }
}

/// Neighbours share their event's text.
fn entries(items: Vec<read::Entry>) -> Vec<Entry> {
    let mut last = None;
    let mut entries = Vec::with_capacity(items.len());
    for entry in items {
        let seq = entry.event.seq;
        let known = last.take().filter(|(last, _)| *last == seq);
        let event = known.map_or_else(|| EventText::from(&*entry.event), |(_, event)| event);
        last = Some((seq, event.clone()));
        entries.push(Entry::new(entry, event));
    }
    entries
}

/// A subtree that was appended by its hash and whose entries the index lacks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MissingSubtree {
    /// Its first leaf.
    first_index: U64,
    /// How many leaves it has.
    count: U64,
    /// Its root, to which the entries must lead.
    root: Hash,
    /// The event that appended it.
    event_seq: U64,
}

impl From<counterfoil_store::MissingSubtree> for MissingSubtree {
    fn from(subtree: counterfoil_store::MissingSubtree) -> Self {
        Self {
            first_index: U64(subtree.first_index()),
            count: U64(subtree.leaves()),
            root: subtree.root.into(),
            event_seq: subtree.event_seq.into(),
        }
    }
}

/// The entries that the index lacks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Missing {
    /// The checked head, where they end.
    head: Head,
    /// How many in all.
    leaves: U64,
    /// A page of the subtrees that they make, in the order of the log.
    subtrees: Vec<MissingSubtree>,
    /// For `first`; null when there are no more.
    #[schema(required)]
    next: Option<U64>,
}

impl From<read::Missing> for Missing {
    fn from(missing: read::Missing) -> Self {
        Self {
            head: missing.head.entries.into(),
            leaves: U64(missing.leaves),
            subtrees: missing.subtrees.into_iter().map(MissingSubtree::from).collect(),
            next: missing.next.map(U64),
        }
    }
}

/// A page of entries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryPage {
    /// The checked head, where pages end.
    head: Head,
    event_head: Head,
    /// In order, without a gap but for those in `missing`.
    pub(crate) entries: Vec<Entry>,
    /// Subtrees in or around the page whose entries the index lacks: they are left out.
    pub(crate) missing: Vec<MissingSubtree>,
    /// For `first`; null at the checked size.
    #[schema(required)]
    next: Option<U64>,
    /// That the page is whole; null where the index lacks some of its entries, and where it has none.
    #[schema(required)]
    pub(crate) certificate: Option<Certificate>,
}

impl From<read::Page<read::Entry>> for EntryPage {
    fn from(page: read::Page<read::Entry>) -> Self {
        Self {
            head: page.head.entries.into(),
            event_head: page.head.events.into(),
            entries: entries(page.items),
            missing: page.missing.into_iter().map(MissingSubtree::from).collect(),
            next: page.next.map(U64),
            certificate: page.certificate.map(Certificate::from),
        }
    }
}

/// The event that appended an entry, and its proof.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProvenEvent {
    #[serde(flatten)]
    event: EntryEvent,
    /// Kind, header and body: what the leaf hash covers.
    leaf: Bytes,
    /// Its inclusion proof in the event log, from the leaf to the root of `event_head`.
    proof: Vec<Hash>,
}

/// An entry, its event, and both proofs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProvenEntry {
    index: U64,
    /// The entry's bytes.
    payload: Bytes,
    /// SHA-256(0x00 || payload).
    leaf_hash: Hash,
    event: ProvenEvent,
    /// Its inclusion proof, from the leaf to the root of `head`.
    proof: Vec<Hash>,
    head: Head,
    event_head: Head,
}

impl From<read::ProvenEntry> for ProvenEntry {
    fn from(proven: read::ProvenEntry) -> Self {
        let read::ProvenEntry { head, entry, proof, event_proof } = proven;
        Self {
            index: entry.index.into(),
            leaf_hash: entry.leaf.into(),
            payload: Bytes(entry.payload.to_vec()),
            event: ProvenEvent {
                event: (&*entry.event).into(),
                leaf: Bytes(entry.event.leaf_bytes.clone()),
                proof: hashes(event_proof),
            },
            proof: hashes(proof),
            head: head.entries.into(),
            event_head: head.events.into(),
        }
    }
}
