//! A ledger.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use counterfoil_core::LedgerId;
use counterfoil_store::Log;

use super::entry::{Entry, one_entry};
use super::event::{Event, one_event};
use super::head::Head;
use super::missing::{EntryPageFields, Missing};
use super::page::{Arguments, LeafConnection, complexity, connection, count};
use super::pending::PendingEvent;
use super::refuse;
use crate::query::{self, CheckedLedger, View, Window};
use crate::value::{Hash, Key, Time, U64, hashes};

/// Whether the indexer goes on with a ledger.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum LedgerStatus {
    /// It goes on.
    Following,
    /// What it recomputed differs from what the chain says. What was checked before is served on.
    Halted,
}

/// Why the indexer does not go on with a ledger.
#[derive(SimpleObject)]
struct Halt {
    since: Time,
    /// Both heads.
    reason: String,
}

/// How far events were recomputed.
#[derive(SimpleObject)]
struct Applied {
    /// Entries.
    size: U64,
    /// Events.
    event_seq: U64,
}

/// What was compared with the ledger's account on the chain.
#[derive(SimpleObject)]
struct Checked {
    head: Head,
    event_head: Head,
    /// The slot at which the account was read.
    slot: U64,
    /// The roots of the perfect subtrees that make up the log, the largest first.
    frontier: Vec<Hash>,
}

/// How much was applied that is not checked yet.
#[derive(SimpleObject)]
struct Behind {
    entries: U64,
    events: U64,
}

/// Which of a ledger's two logs.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Log")]
enum LogName {
    Entries,
    Events,
}

/// An inclusion proof.
#[derive(SimpleObject)]
struct Inclusion {
    log: LogName,
    index: U64,
    leaf_hash: Hash,
    /// The head that the proof leads to.
    head: Head,
    /// From the leaf to the root.
    proof: Vec<Hash>,
}

/// A consistency proof.
#[derive(SimpleObject)]
struct Consistency {
    log: LogName,
    /// The earlier head.
    first: Head,
    /// The later head.
    second: Head,
    /// From the leaves to the root.
    proof: Vec<Hash>,
}

/// A ledger, and how far it is.
pub(super) struct Ledger(pub(super) CheckedLedger);

/// A ledger, and how far it is.
#[Object]
impl Ledger {
    pub(super) async fn id(&self) -> ID {
        ID(format!("ledger:{}", self.address()))
    }

    /// Its address, which is its name everywhere.
    async fn ledger(&self) -> Key {
        self.address().into()
    }

    async fn status(&self) -> LedgerStatus {
        if self.0.row.halt.is_some() { LedgerStatus::Halted } else { LedgerStatus::Following }
    }

    async fn halt(&self) -> Option<Halt> {
        let halt = self.0.row.halt.clone()?;
        Some(Halt { since: Time(halt.since), reason: halt.reason })
    }

    async fn applied(&self) -> Applied {
        Applied { size: self.0.row.applied_size.into(), event_seq: self.0.row.applied_event_seq.into() }
    }

    /// Null before the first comparison.
    async fn checked(&self) -> Option<Checked> {
        let (head, slot) = self.0.row.checked?;
        Some(Checked {
            head: head.entries.into(),
            event_head: head.events.into(),
            slot: U64(slot),
            frontier: hashes(self.0.frontier.clone()),
        })
    }

    async fn behind(&self) -> Behind {
        let behind = self.0.behind();
        Behind { entries: U64(behind.entries), events: U64(behind.events) }
    }

    /// How many entries of the checked log the index lacks, for they were appended by the hashes of their subtrees.
    async fn missing_leaves(&self) -> U64 {
        U64(self.0.row.missing)
    }

    /// A page of the subtrees whose entries the index lacks, at most 1,000; 100 when nothing is said.
    #[graphql(complexity = "complexity(first, None, child_complexity)")]
    async fn missing(&self, context: &Context<'_>, first: Option<i32>, from: Option<U64>) -> Result<Missing> {
        let (limit, from) = (first.map(count).transpose()?, from.map_or(0, |from| from.0));
        let found = query::missing(context.data::<View>()?, self.address(), from, limit).await;
        Ok(found.map_err(refuse)?.into())
    }

    /// What the cluster has confirmed and not finalized, at most 1,000; 100 when nothing is said. A fork can still take
    /// it back: nothing here is proven.
    #[graphql(complexity = "complexity(first, None, child_complexity)")]
    async fn pending(&self, context: &Context<'_>, first: Option<i32>) -> Result<Vec<PendingEvent>> {
        let limit = first.map(count).transpose()?;
        let found = query::pending(context.data::<View>()?, self.address(), limit).await;
        Ok(found.map_err(refuse)?.into_iter().map(PendingEvent::from).collect())
    }

    /// Its entries up to the checked size, at most 1,000 a page; 100 when nothing is said. Those that the index lacks are
    /// left out and named; a page with nothing else is followed by the one after its last missing leaf.
    #[graphql(complexity = "complexity(first, last, child_complexity)")]
    async fn entries(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<LeafConnection<Entry, EntryPageFields>> {
        let window = Window::try_from(Arguments { first, after, last, before })?;
        let page = query::entries(context.data::<View>()?, self.address(), window).await;
        connection(page, |entry| entry.index, Entry::of_page)
    }

    /// One entry, below the checked size.
    async fn entry(&self, context: &Context<'_>, index: U64) -> Result<Entry> {
        let found = query::entry(context.data::<View>()?, self.address(), index.0).await;
        one_entry(found)
    }

    /// Its events up to the checked size of the event log, at most 1,000 a page; 100 when nothing is said.
    #[graphql(complexity = "complexity(first, last, child_complexity)")]
    async fn events(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<LeafConnection<Event>> {
        let window = Window::try_from(Arguments { first, after, last, before })?;
        let page = query::events(context.data::<View>()?, self.address(), window).await;
        connection(page, |event| event.seq, Event::of_page)
    }

    /// One event, below the checked size of the event log.
    async fn event(&self, context: &Context<'_>, seq: U64) -> Result<Event> {
        let found = query::event(context.data::<View>()?, self.address(), seq.0).await;
        one_event(found)
    }

    /// The proof that a leaf is in the tree of a size, from index + 1 to the checked size, which is the default.
    #[graphql(complexity = "50 + child_complexity")]
    async fn inclusion(&self, context: &Context<'_>, log: LogName, index: U64, size: Option<U64>) -> Result<Inclusion> {
        let size = size.map(|size| size.0);
        let found = query::inclusion(context.data::<View>()?, self.address(), log.into(), index.0, size).await;
        let found = found.map_err(refuse)?;
        Ok(Inclusion {
            log,
            index: found.index.into(),
            leaf_hash: found.leaf.into(),
            head: found.head.into(),
            proof: hashes(found.proof),
        })
    }

    /// The proof that the tree of the later size, by default the checked one, begins with that of the earlier.
    #[graphql(complexity = "50 + child_complexity")]
    async fn consistency(
        &self,
        context: &Context<'_>,
        log: LogName,
        first: U64,
        second: Option<U64>,
    ) -> Result<Consistency> {
        let second = second.map(|second| second.0);
        let found = query::consistency(context.data::<View>()?, self.address(), log.into(), first.0, second).await;
        let found = found.map_err(refuse)?;
        let (first, second) = (found.first.into(), found.second.into());
        Ok(Consistency { log, first, second, proof: hashes(found.proof) })
    }
}

impl Ledger {
    pub(super) const fn address(&self) -> LedgerId {
        self.0.row.ledger
    }
}
