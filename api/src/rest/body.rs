//! The JSON bodies, and what they are made from.

use counterfoil_core::EventBody;
use counterfoil_core::receipt::LogKind;
use counterfoil_store::{Cluster, Log};
use merkle_log::TreeHead;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::query::{self, CheckedEvent};
use crate::value::{Bytes, Hash, Key, Signature, Time, U64, hashes};

/// The size of a log, and the root over that many leaves.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Head {
    size: U64,
    root: Hash,
}

impl From<TreeHead> for Head {
    fn from(head: TreeHead) -> Self {
        Self { size: head.size.into(), root: head.root.into() }
    }
}

/// Which of a ledger's two logs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogName {
    Entries,
    Events,
}

impl From<Log> for LogName {
    fn from(log: Log) -> Self {
        match log {
            Log::Entries => Self::Entries,
            Log::Events => Self::Events,
        }
    }
}

impl From<LogName> for Log {
    fn from(log: LogName) -> Self {
        match log {
            LogName::Entries => Self::Entries,
            LogName::Events => Self::Events,
        }
    }
}

/// The server, and what its index is of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Status {
    /// The server's version.
    version: &'static str,
    /// The hash of the cluster's first block; null before an indexer has written.
    #[schema(required)]
    genesis_hash: Option<Key>,
    /// The program; null before an indexer has written.
    #[schema(required)]
    program: Option<Key>,
}

impl From<Option<Cluster>> for Status {
    fn from(cluster: Option<Cluster>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            genesis_hash: cluster.map(|cluster| cluster.genesis_hash.into()),
            program: cluster.map(|cluster| cluster.program.into()),
        }
    }
}

/// Whether the indexer goes on with a ledger.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LedgerStatus {
    /// It goes on.
    Following,
    /// What it recomputed differs from what the chain says. What was checked before is served on.
    Halted,
}

/// Why the indexer does not go on with a ledger.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Halt {
    since: Time,
    /// Both heads.
    reason: String,
}

/// How far events were recomputed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Applied {
    /// Entries.
    size: U64,
    /// Events.
    event_seq: U64,
}

/// What was compared with the ledger's account on the chain.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checked {
    head: Head,
    event_head: Head,
    /// The slot at which the account was read.
    slot: U64,
    /// The roots of the perfect subtrees that make up the log, the largest first.
    frontier: Vec<Hash>,
}

/// How much was applied that is not checked yet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Behind {
    entries: U64,
    events: U64,
}

/// A ledger and how far it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ledger {
    /// Its address, which is its name everywhere.
    ledger: Key,
    status: LedgerStatus,
    #[schema(required)]
    halt: Option<Halt>,
    applied: Applied,
    /// Null before the first comparison.
    #[schema(required)]
    checked: Option<Checked>,
    behind: Behind,
    /// How many entries of the checked log the index lacks, for they were appended by the hashes of their subtrees.
    missing_leaves: U64,
}

impl From<query::CheckedLedger> for Ledger {
    fn from(ledger: query::CheckedLedger) -> Self {
        let behind = ledger.behind();
        let query::CheckedLedger { row, frontier } = ledger;
        Self {
            ledger: row.ledger.into(),
            missing_leaves: U64(row.missing),
            status: if row.halt.is_some() { LedgerStatus::Halted } else { LedgerStatus::Following },
            halt: row.halt.map(|halt| Halt { since: Time(halt.since), reason: halt.reason }),
            applied: Applied { size: row.applied_size.into(), event_seq: row.applied_event_seq.into() },
            checked: row.checked.map(|(head, slot)| Checked {
                head: head.entries.into(),
                event_head: head.events.into(),
                slot: U64(slot),
                frontier: hashes(frontier),
            }),
            behind: Behind { entries: U64(behind.entries), events: U64(behind.events) },
        }
    }
}

/// A page of ledgers, in the order of their addresses' bytes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerPage {
    ledgers: Vec<Ledger>,
    /// For `after`; null when there are no more.
    #[schema(required)]
    next: Option<Key>,
}

impl From<query::LedgerPage> for LedgerPage {
    fn from(page: query::LedgerPage) -> Self {
        Self { ledgers: page.ledgers.into_iter().map(Ledger::from).collect(), next: page.next.map(Key::from) }
    }
}

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

/// An entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entry {
    index: U64,
    /// The entry's bytes.
    payload: Bytes,
    /// SHA-256(0x00 || payload).
    leaf_hash: Hash,
    event: EntryEvent,
}

impl From<query::Entry> for Entry {
    fn from(entry: query::Entry) -> Self {
        Self {
            index: entry.index.into(),
            leaf_hash: entry.leaf.into(),
            payload: Bytes(entry.payload),
            event: (&*entry.event).into(),
        }
    }
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

impl From<query::Missing> for Missing {
    fn from(missing: query::Missing) -> Self {
        Self {
            head: missing.head.entries.into(),
            leaves: U64(missing.leaves),
            subtrees: missing.subtrees.into_iter().map(MissingSubtree::from).collect(),
            next: missing.next.map(U64),
        }
    }
}

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

impl From<Vec<query::PendingEvent>> for Pending {
    fn from(events: Vec<query::PendingEvent>) -> Self {
        Self { events: events.into_iter().map(PendingEvent::from).collect() }
    }
}

impl From<query::PendingEvent> for PendingEvent {
    fn from(pending: query::PendingEvent) -> Self {
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

impl From<query::Page<query::Entry>> for EntryPage {
    fn from(page: query::Page<query::Entry>) -> Self {
        Self {
            head: page.head.entries.into(),
            event_head: page.head.events.into(),
            entries: page.items.into_iter().map(Entry::from).collect(),
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

impl From<query::ProvenEntry> for ProvenEntry {
    fn from(proven: query::ProvenEntry) -> Self {
        let query::ProvenEntry { head, entry, proof, event_proof } = proven;
        Self {
            index: entry.index.into(),
            leaf_hash: entry.leaf.into(),
            payload: Bytes(entry.payload),
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

impl From<query::Page<std::sync::Arc<CheckedEvent>>> for EventPage {
    fn from(page: query::Page<std::sync::Arc<CheckedEvent>>) -> Self {
        Self {
            head: page.head.entries.into(),
            event_head: page.head.events.into(),
            events: page.items.iter().map(|event| Event::from(&**event)).collect(),
            next: page.next.map(U64),
            certificate: page.certificate.map(Certificate::from),
        }
    }
}

/// Which servers said what of a ledger's account when the indexer compared it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Heads {
    /// Since when all of them have agreed with the index without interruption; null while one does not.
    #[schema(required)]
    agrees_since: Option<Time>,
    /// By server, the newest answer first; of each the newest 16 that agreed and the newest 64 that did not.
    said: Vec<ServerHead>,
}

/// What one server said.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServerHead {
    /// Its scheme, host and port.
    #[schema(example = "https://rpc.example.com")]
    server: String,
    /// Whether it said what was rebuilt from the events.
    agrees: bool,
    head: Head,
    event_head: Head,
    /// The slot at which it was asked.
    slot: U64,
    /// When the answer was compared first.
    observed_at: Time,
    /// Since when this server had agreed without interruption; null where it did not.
    #[schema(required)]
    since: Option<Time>,
}

impl From<query::Heads> for Heads {
    fn from(heads: query::Heads) -> Self {
        let said = heads.said.into_iter().map(ServerHead::from).collect();
        Self { agrees_since: heads.agrees_since.map(Time), said }
    }
}

impl From<counterfoil_store::Evidence> for ServerHead {
    fn from(evidence: counterfoil_store::Evidence) -> Self {
        let said = evidence.said;
        Self {
            server: said.server,
            agrees: said.agrees,
            head: said.head.entries.into(),
            event_head: said.head.events.into(),
            slot: U64(said.slot),
            observed_at: Time(evidence.observed_at),
            since: evidence.since.map(Time),
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

impl From<query::Inclusion> for Inclusion {
    fn from(inclusion: query::Inclusion) -> Self {
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

impl From<query::Consistency> for Consistency {
    fn from(consistency: query::Consistency) -> Self {
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
    #[schema(example = "counterfoil receipt v1")]
    format: String,
    genesis_hash: Key,
    program: Key,
    ledger: Key,
    entry: EntryProofForm,
    event: EventProofForm,
    head: Head,
    event_head: Head,
}

/// An entry and its inclusion proof.
#[derive(ToSchema)]
#[schema(as = EntryProof)]
#[allow(dead_code, reason = "only describes")]
pub(crate) struct EntryProofForm {
    index: U64,
    payload: Bytes,
    proof: Vec<Hash>,
}

/// An event and its inclusion proof.
#[derive(ToSchema)]
#[schema(as = EventProof)]
#[allow(dead_code, reason = "only describes")]
pub(crate) struct EventProofForm {
    seq: U64,
    leaf: Bytes,
    proof: Vec<Hash>,
}
