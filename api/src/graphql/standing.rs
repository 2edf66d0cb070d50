//! A ledger as it was.

use std::sync::Arc;

use async_graphql::SimpleObject;
use counterfoil_read::{self as read, PageProofs};
use counterfoil_wire::{Head, Key, U64};

use super::event::Event;
use super::writer::Writer;

/// A ledger as it was. Every event here has its proof; that `administrative` leaves none out shows the event log itself.
#[derive(SimpleObject)]
pub(super) struct Standing {
    /// The head of the entries then; `consistency` proves that the checked one grew from it.
    head: Head,
    /// The head of the event log then, likewise.
    event_head: Head,
    /// The last event until then.
    last: Option<Event>,
    /// The first event after: that `last` and this are neighbours shows that `last` was the last. Null when none is
    /// checked.
    next: Option<Event>,
    /// The wallet that could grant, revoke, pass on and seal.
    authority: Option<Key>,
    /// To whom that was offered.
    pending_authority: Option<Key>,
    /// The wallets that were granted to append, and not granted again since, in the order of the grants.
    writers: Vec<Writer>,
    /// The event that sealed the ledger.
    sealed: Option<Event>,
    /// The events that append nothing: all of the above follows from them.
    administrative: Vec<Event>,
    /// How many events there were.
    event_seq: U64,
}

impl From<read::LedgerAt> for Standing {
    fn from(standing: read::LedgerAt) -> Self {
        let read::LedgerAt { head, administrative, .. } = standing;
        let edge = [&standing.last, &standing.next].into_iter().flatten().cloned();
        let events: Vec<_> = administrative.iter().cloned().chain(edge).collect();
        let proofs = PageProofs::of_events(head, &events);
        let event = |event: Arc<read::CheckedEvent>| Event { head, event, proofs: proofs.clone() };
        Self {
            head: standing.entries.into(),
            event_head: standing.events.into(),
            last: standing.last.map(event),
            next: standing.next.map(event),
            authority: standing.authority.map(Key::from),
            pending_authority: standing.pending_authority.map(Key::from),
            writers: standing.writers.into_iter().map(|writer| Writer::with_proofs(head, writer, &proofs)).collect(),
            sealed: standing.sealed.map(event),
            administrative: administrative.into_iter().map(event).collect(),
            event_seq: standing.events.size.into(),
        }
    }
}
