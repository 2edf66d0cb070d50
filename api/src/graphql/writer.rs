//! Writers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{ID, Result, SimpleObject};
use counterfoil_core::{LedgerHead, LedgerId, Wallet};
use counterfoil_read::{self as read, CheckedEvent, CountedHead, PageProofs, ReadError, Reader, When};
use counterfoil_wire::{Head, Key, Time};
use tokio::sync::OnceCell;

use super::error::refuse;
use super::event::Event;
use super::head::TotalCount;

/// A wallet that may append, by a grant.
#[derive(SimpleObject)]
pub(super) struct Writer {
    /// Of the writer as it is now, or, in a standing of the past, as it was then.
    #[graphql(owned)]
    pub(super) id: ID,
    wallet: Key,
    /// Whether it may append entries.
    may_append: bool,
    /// Whether it may append subtrees by their hashes.
    may_append_subtrees: bool,
    /// From when on the grant no longer holds, by the chain's clock; null for never.
    expires_at: Option<Time>,
    /// The event that granted it.
    granted: Event,
    /// The event that took it back.
    revoked: Option<Event>,
}

/// The fields of a connection of found writers, besides its elements.
#[derive(SimpleObject)]
pub(super) struct FoundWriters {
    /// The checked head at which they were looked for.
    head: Head,
    /// The checked head of the event log at which they were looked for.
    event_head: Head,
    /// How many there are in all.
    total_count: TotalCount,
}

impl From<CountedHead> for FoundWriters {
    fn from(CountedHead { head, count }: CountedHead) -> Self {
        Self { head: head.entries.into(), event_head: head.events.into(), total_count: count.into() }
    }
}

/// The standings that one operation has asked for. A writer follows from all of a ledger's administrative events, up to
/// 10,000: they are read once, however many of its writers are named.
#[derive(Default)]
pub(super) struct LedgersAt(Mutex<HashMap<(LedgerId, Option<u64>), Asked>>);

/// By whom it is asked for first, that reads it; the others wait.
type Asked = Arc<OnceCell<read::LedgerAt>>;

impl LedgersAt {
    /// A writer, as of now or at a number of events.
    pub(super) async fn writer(
        &self,
        reader: &Reader,
        ledger: LedgerId,
        wallet: Wallet,
        events: Option<u64>,
    ) -> Result<(LedgerHead, read::Writer), ReadError> {
        let cell = {
            let mut standings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            standings.entry((ledger, events)).or_default().clone()
        };
        let load = || read::ledger_at(reader, ledger, When { events, ..When::default() });
        cell.get_or_try_init(load).await?.writer(wallet)
    }
}

/// A writer alone.
pub(super) fn one_writer(found: Result<(LedgerHead, read::Writer), ReadError>) -> Result<Writer> {
    let (head, writer) = found.map_err(refuse)?;
    Ok(Writer::of_page(head, vec![writer]).pop().ok_or("a page of one writer is empty")?)
}

impl Writer {
    /// The writers of a page.
    pub(super) fn of_page(head: LedgerHead, writers: Vec<read::Writer>) -> Vec<Self> {
        let events = writers.iter().flat_map(|writer| [&writer.granted].into_iter().chain(&writer.revoked));
        let proofs = PageProofs::of_events(head, &events.cloned().collect::<Vec<_>>());
        writers.into_iter().map(|writer| Self::with_proofs(head, writer, &proofs)).collect()
    }

    /// A writer whose events' proofs others share.
    pub(super) fn with_proofs(head: LedgerHead, writer: read::Writer, proofs: &Arc<PageProofs>) -> Self {
        let event = |event: Arc<CheckedEvent>| Event { head, event, proofs: proofs.clone() };
        let then = writer.then.map(|events| format!(":{events}")).unwrap_or_default();
        Self {
            id: ID(format!("writer:{}:{}{then}", head.ledger, writer.wallet)),
            wallet: writer.wallet.into(),
            may_append: writer.may_append(),
            may_append_subtrees: writer.may_append_subtrees(),
            expires_at: writer.expiry().map(Time::from),
            granted: event(writer.granted),
            revoked: writer.revoked.map(event),
        }
    }
}
