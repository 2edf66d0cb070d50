//! An event.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use counterfoil_core::LedgerHead;
use counterfoil_read::{CheckedEvent, PageProofs, ReadError};
use counterfoil_wire::{Bytes, Hash, Hashes, Head, Key, Signature, Time, U64};

use super::error::refuse;
use super::proof::load_proof;

/// What happened to a ledger: who did what, in which slot and when.
pub(super) struct Event {
    pub(super) head: LedgerHead,
    pub(super) event: Arc<CheckedEvent>,
    pub(super) proofs: Arc<PageProofs>,
}

/// An event alone.
pub(super) fn one_event(found: Result<(LedgerHead, Arc<CheckedEvent>), ReadError>) -> Result<Event> {
    let (head, event) = found.map_err(refuse)?;
    Ok(Event::of_page(head, vec![event]).pop().ok_or("a page of one event is empty")?)
}

impl Event {
    /// The events of a page.
    pub(super) fn of_page(head: LedgerHead, events: Vec<Arc<CheckedEvent>>) -> Vec<Self> {
        let proofs = PageProofs::of_events(head, &events);
        Self::with_proofs(head, events, &proofs)
    }

    /// The events of a page whose proofs others may share.
    pub(super) fn with_proofs(head: LedgerHead, events: Vec<Arc<CheckedEvent>>, proofs: &Arc<PageProofs>) -> Vec<Self> {
        events.into_iter().map(|event| Self { head, event, proofs: proofs.clone() }).collect()
    }
}

/// What happened to a ledger: who did what, in which slot and when.
#[Object]
impl Event {
    pub(super) async fn id(&self) -> ID {
        ID(format!("event:{}:{}", self.head.ledger, self.event.seq))
    }

    /// Its number in the ledger's event log.
    async fn seq(&self) -> U64 {
        self.event.seq.into()
    }

    /// As in the program's IDL, for example EntriesAppended.
    async fn kind(&self) -> &'static str {
        self.event.event.body.name()
    }

    async fn slot(&self) -> U64 {
        U64(self.event.event.header.slot)
    }

    /// The chain's clock in that slot.
    async fn time(&self) -> Time {
        self.event.time.into()
    }

    /// The wallet whose signature allowed it.
    async fn signer(&self) -> Key {
        self.event.event.header.signer.into()
    }

    /// The size of the log before.
    async fn first_index(&self) -> U64 {
        self.event.event.header.first_index.into()
    }

    /// How many entries it appended.
    async fn count(&self) -> U64 {
        U64(self.event.event.header.count)
    }

    /// The transaction, as stored: a hint where to look, which no proof covers.
    async fn transaction(&self) -> Signature {
        self.event.signature.into()
    }

    /// Kind, header and body: what the leaf hash covers.
    async fn leaf(&self) -> Bytes {
        Bytes(self.event.leaf_bytes.clone())
    }

    /// SHA-256(0x00 || leaf).
    async fn leaf_hash(&self) -> Hash {
        self.event.leaf.into()
    }

    /// Its inclusion proof in the event log, from the leaf to the root of eventHead.
    #[graphql(complexity = 2)]
    async fn proof(&self, context: &Context<'_>) -> Result<Hashes> {
        load_proof(&self.proofs, context, self.event.seq).await
    }

    /// The checked head of the event log.
    async fn event_head(&self) -> Head {
        self.head.events.into()
    }
}
