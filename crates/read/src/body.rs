//! Answers as they go over a wire.

use std::sync::Arc;

use counterfoil_core::EventBody;
use counterfoil_store::{Bucket, Cluster, Evidence, Log, Value};
use counterfoil_wire::{self as wire, Bytes, EventText, Key, LogName, Time, U64};
use jiff::Timestamp;
use merkle_log::LeafIndex;

use crate::consistency::Consistency;
use crate::entry::ProvenEntry;
use crate::heads::Heads;
use crate::inclusion::Inclusion;
use crate::leaf::{CheckedEvent, Entry};
use crate::ledger_at::{LedgerAt, Writer};
use crate::ledgers::{CheckedLedger, LedgerPage};
use crate::missing::Missing;
use crate::page::Page;
use crate::pending::PendingEvent;
use crate::search::{Aggregates, Transaction};

/// The log of this name.
#[must_use]
pub const fn log_of(name: LogName) -> Log {
    match name {
        LogName::Entries => Log::Entries,
        LogName::Events => Log::Events,
    }
}

const fn name_of(log: Log) -> LogName {
    match log {
        Log::Entries => LogName::Entries,
        Log::Events => LogName::Events,
    }
}

/// The server, and the cluster that its index is of.
#[must_use]
pub fn status_body(version: &'static str, cluster: Option<Cluster>) -> wire::Status {
    wire::Status {
        version: version.into(),
        genesis_hash: cluster.map(|cluster| cluster.genesis_hash.into()),
        program: cluster.map(|cluster| cluster.program.into()),
    }
}

impl From<CheckedLedger> for wire::Ledger {
    fn from(ledger: CheckedLedger) -> Self {
        let (status, checked, behind) = (ledger.status(), ledger.checked(), ledger.behind().into());
        let row = &ledger.row;
        Self {
            ledger: row.ledger.into(),
            missing_leaves: U64(row.missing),
            status,
            halt: ledger.halt(),
            applied: ledger.applied(),
            checked,
            behind,
        }
    }
}

impl CheckedLedger {
    /// Whether the indexer goes on with it.
    #[must_use]
    pub fn status(&self) -> wire::LedgerStatus {
        if self.row.halt.is_some() { wire::LedgerStatus::Halted } else { wire::LedgerStatus::Following }
    }

    /// Why the indexer does not go on with it.
    #[must_use]
    pub fn halt(&self) -> Option<wire::Halt> {
        self.row.halt.as_ref().map(|halt| wire::Halt { since: Time(halt.since.clone()), reason: halt.reason.clone() })
    }

    /// How far events were recomputed.
    #[must_use]
    pub fn applied(&self) -> wire::Applied {
        wire::Applied { size: self.row.applied_size.into(), event_seq: self.row.applied_event_seq.into() }
    }

    /// The heads compared with the account.
    #[must_use]
    pub fn checked(&self) -> Option<wire::Checked> {
        self.row.checked.map(|(head, slot)| wire::Checked {
            head: head.entries.into(),
            event_head: head.events.into(),
            slot: U64(slot),
            frontier: self.frontier.clone().into(),
        })
    }
}

impl From<crate::ledgers::Behind> for wire::Behind {
    fn from(behind: crate::ledgers::Behind) -> Self {
        Self { entries: U64(behind.entries), events: U64(behind.events) }
    }
}

impl From<LedgerPage> for wire::LedgerPage {
    fn from(page: LedgerPage) -> Self {
        Self { ledgers: page.ledgers.into_iter().map(wire::Ledger::from).collect(), next: page.next.map(Key::from) }
    }
}

impl From<Heads> for wire::Heads {
    fn from(heads: Heads) -> Self {
        let said = heads.said.into_iter().map(server_head).collect();
        Self { agrees_since: heads.agrees_since.map(Time), said }
    }
}

fn server_head(evidence: Evidence) -> wire::ServerHead {
    let said = evidence.said;
    wire::ServerHead {
        server: said.server,
        agrees: said.agrees,
        head: said.head.entries.into(),
        event_head: said.head.events.into(),
        slot: U64(said.slot),
        observed_at: Time(evidence.observed_at),
        since: evidence.since.map(Time),
    }
}

impl From<&CheckedEvent> for wire::EntryEvent {
    fn from(event: &CheckedEvent) -> Self {
        let header = &event.event.header;
        Self {
            seq: event.seq.into(),
            kind: event.event.body.name().into(),
            slot: U64(header.slot),
            time: event.time.into(),
            signer: header.signer.into(),
            first_index: header.first_index.into(),
            count: U64(header.count),
            transaction: event.signature.into(),
        }
    }
}

impl From<Entry> for wire::Entry {
    fn from(entry: Entry) -> Self {
        let event = EventText::from(&wire::EntryEvent::from(&*entry.event));
        entry_body(entry, event)
    }
}

fn entry_body(entry: Entry, event: EventText) -> wire::Entry {
    let payload = Bytes(entry.payload.to_vec());
    wire::Entry { index: entry.index.into(), payload, leaf_hash: entry.leaf.into(), event }
}

/// Neighbours share their event's text.
fn entry_bodies(items: Vec<Entry>) -> Vec<wire::Entry> {
    let mut last: Option<(LeafIndex, EventText)> = None;
    let mut entries = Vec::with_capacity(items.len());
    for entry in items {
        let seq = entry.event.seq;
        let known = last.take().filter(|(last, _)| *last == seq);
        let event = known.map_or_else(|| EventText::from(&wire::EntryEvent::from(&*entry.event)), |(_, event)| event);
        last = Some((seq, event.clone()));
        entries.push(entry_body(entry, event));
    }
    entries
}

/// A subtree that was appended by its hash and whose entries the index does not have.
#[must_use]
pub fn missing_subtree_body(subtree: counterfoil_store::MissingSubtree) -> wire::MissingSubtree {
    wire::MissingSubtree {
        first_index: U64(subtree.first_index()),
        count: U64(subtree.leaves()),
        root: subtree.root.into(),
        event_seq: subtree.event_seq.into(),
    }
}

impl From<Missing> for wire::Missing {
    fn from(missing: Missing) -> Self {
        Self {
            head: missing.head.entries.into(),
            leaves: U64(missing.leaves),
            subtrees: missing.subtrees.into_iter().map(missing_subtree_body).collect(),
            next: missing.next.map(U64),
        }
    }
}

impl From<Page<Entry>> for wire::EntryPage {
    fn from(page: Page<Entry>) -> Self {
        Self {
            head: page.head.entries.into(),
            event_head: page.head.events.into(),
            entries: entry_bodies(page.items),
            missing: page.missing.into_iter().map(missing_subtree_body).collect(),
            next: page.next.map(U64),
            certificate: page.certificate,
        }
    }
}

impl From<ProvenEntry> for wire::ProvenEntry {
    fn from(proven: ProvenEntry) -> Self {
        let ProvenEntry { head, entry, proof, event_proof } = proven;
        Self {
            index: entry.index.into(),
            leaf_hash: entry.leaf.into(),
            payload: Bytes(entry.payload.to_vec()),
            event: wire::ProvenEvent {
                event: (&*entry.event).into(),
                leaf: Bytes(entry.event.leaf_bytes.clone()),
                proof: event_proof.into(),
            },
            proof: proof.into(),
            head: head.entries.into(),
            event_head: head.events.into(),
        }
    }
}

impl From<PendingEvent> for wire::PendingEvent {
    fn from(pending: PendingEvent) -> Self {
        let (header, kind) = (pending.event.header, pending.event.body.name());
        let entries = match pending.event.body {
            EventBody::EntriesAppended { entries } => entries.into_iter().map(Bytes).collect(),
            _ => Vec::new(),
        };
        Self {
            seq: header.event_seq.into(),
            kind: kind.into(),
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

impl From<&CheckedEvent> for wire::Event {
    fn from(event: &CheckedEvent) -> Self {
        Self {
            seq: event.seq.into(),
            kind: event.event.body.name().into(),
            leaf: Bytes(event.leaf_bytes.clone()),
            leaf_hash: event.leaf.into(),
            slot: U64(event.event.header.slot),
            time: event.time.into(),
            signer: event.event.header.signer.into(),
            transaction: event.signature.into(),
        }
    }
}

impl From<Page<Arc<CheckedEvent>>> for wire::EventPage {
    fn from(page: Page<Arc<CheckedEvent>>) -> Self {
        Self {
            head: page.head.entries.into(),
            event_head: page.head.events.into(),
            events: page.items.iter().map(|event| wire::Event::from(&**event)).collect(),
            next: page.next.map(U64),
            certificate: page.certificate,
        }
    }
}

impl From<Inclusion> for wire::Inclusion {
    fn from(inclusion: Inclusion) -> Self {
        Self {
            log: name_of(inclusion.log),
            index: inclusion.index.into(),
            leaf_hash: inclusion.leaf.into(),
            head: inclusion.head.into(),
            proof: inclusion.proof.into(),
        }
    }
}

impl From<Consistency> for wire::Consistency {
    fn from(consistency: Consistency) -> Self {
        Self {
            log: name_of(consistency.log),
            first: consistency.first.into(),
            second: consistency.second.into(),
            proof: consistency.proof.into(),
        }
    }
}

impl From<Writer> for wire::Writer {
    fn from(writer: Writer) -> Self {
        Self {
            wallet: writer.wallet.into(),
            may_append: writer.may_append(),
            may_append_subtrees: writer.may_append_subtrees(),
            expires_at: writer.expiry().map(Time::from),
            granted_seq: writer.granted.seq.into(),
            revoked_seq: writer.revoked.map(|event| event.seq.into()),
        }
    }
}

impl From<LedgerAt> for wire::Standing {
    fn from(standing: LedgerAt) -> Self {
        let event = |event: Arc<CheckedEvent>| wire::Event::from(&*event);
        Self {
            head: standing.entries.into(),
            event_head: standing.events.into(),
            last: standing.last.map(event),
            next: standing.next.map(event),
            authority: standing.authority.map(Key::from),
            pending_authority: standing.pending_authority.map(Key::from),
            writers: standing.writers.into_iter().map(wire::Writer::from).collect(),
            sealed_seq: standing.sealed.map(|event| event.seq.into()),
            administrative: standing.administrative.into_iter().map(event).collect(),
        }
    }
}

impl From<Transaction> for wire::Transaction {
    fn from(transaction: Transaction) -> Self {
        let Transaction { first, events, entry_count } = transaction;
        Self {
            signature: first.signature.into(),
            slot: U64(first.event.header.slot),
            time: first.time.into(),
            first_seq: first.seq.into(),
            event_count: U64(events.len() as u64),
            first_index: first.event.header.first_index.into(),
            entry_count: U64(entry_count),
            events: events.iter().map(|event| wire::Event::from(&**event)).collect(),
        }
    }
}

/// The counts by this kind of bucket.
#[must_use]
pub fn aggregates_body(found: Aggregates, bucket: Bucket) -> wire::Aggregates {
    let buckets = found.buckets.into_iter().map(|found| {
        let (signer, time) = bucket_name(&found.bucket, bucket);
        wire::Aggregate {
            signer,
            time,
            count: U64(found.count),
            payload_bytes: U64(found.payload_bytes),
            first_index: U64(found.first_index),
            last_index: U64(found.last_index),
        }
    });
    let buckets = buckets.collect();
    wire::Aggregates { head: found.head.entries.into(), buckets, has_more: found.has_next }
}

/// A bucket of entries by its signer, or by when its hour or day begins.
fn bucket_name(value: &Value, bucket: Bucket) -> (Option<Key>, Option<Time>) {
    match (value, bucket) {
        (Value::Bytes(bytes), _) => {
            (<[u8; 32]>::try_from(bytes.as_slice()).ok().map(|key| counterfoil_core::Wallet(key).into()), None)
        }
        (Value::Number(_), Bucket::Whole | Bucket::Signer) => (None, None),
        // An event whose time no calendar has is not served, and has no name here.
        (Value::Number(seconds), Bucket::Hour | Bucket::Day) => {
            (None, Timestamp::from_second(*seconds).ok().map(Time::from))
        }
    }
}
