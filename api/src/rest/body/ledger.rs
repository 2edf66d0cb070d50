//! Ledgers: how far they are, and what servers said of them.

use counterfoil_store::Cluster;
use serde::Serialize;
use utoipa::ToSchema;

use super::Head;
use crate::value::{Hash, Key, Time, U64, hashes};
use counterfoil_read as read;

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

impl From<read::CheckedLedger> for Ledger {
    fn from(ledger: read::CheckedLedger) -> Self {
        let behind = ledger.behind();
        let read::CheckedLedger { row, frontier } = ledger;
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

impl From<read::LedgerPage> for LedgerPage {
    fn from(page: read::LedgerPage) -> Self {
        Self { ledgers: page.ledgers.into_iter().map(Ledger::from).collect(), next: page.next.map(Key::from) }
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

impl From<read::Heads> for Heads {
    fn from(heads: read::Heads) -> Self {
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
