//! An event.

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, ID, Object, Result, ScalarType, Value};
use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use counterfoil_core::LedgerHead;
use counterfoil_read::{CheckedEvent, PageProofs, ReadError};
use counterfoil_wire::{Bytes, Hash, Hashes, Head, Key, Signature, Time, U64};

use super::error::refuse;
use super::flat::{Flat, Fragments, ProofTexts, text};
use super::proof::load_proof;

/// An event of a ledger: who did what, in which slot and when.
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

    fn id_text(&self) -> String {
        format!("event:{}:{}", self.head.ledger, self.event.seq)
    }
}

/// An event of a ledger: who did what, in which slot and when.
#[Object]
impl Event {
    pub(super) async fn id(&self) -> ID {
        ID(self.id_text())
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

/// A field of an event that is answered at once.
#[derive(Clone, Copy)]
pub(super) enum EventField {
    Id,
    Seq,
    Kind,
    Slot,
    Time,
    Signer,
    FirstIndex,
    Count,
    Transaction,
    Leaf,
    LeafHash,
    Proof,
}

impl Flat for Event {
    type Field = EventField;

    fn field(field: &Field, _: &Fragments) -> Option<EventField> {
        Some(match field.name.node.as_str() {
            "id" => EventField::Id,
            "seq" => EventField::Seq,
            "kind" => EventField::Kind,
            "slot" => EventField::Slot,
            "time" => EventField::Time,
            "signer" => EventField::Signer,
            "firstIndex" => EventField::FirstIndex,
            "count" => EventField::Count,
            "transaction" => EventField::Transaction,
            "leaf" => EventField::Leaf,
            "leafHash" => EventField::LeafHash,
            "proof" => EventField::Proof,
            _ => return None,
        })
    }

    fn proofs(&self, field: &EventField) -> Vec<&Arc<PageProofs>> {
        if matches!(field, EventField::Proof) { vec![&self.proofs] } else { Vec::new() }
    }

    fn value(&self, field: &EventField, texts: &mut ProofTexts<'_>) -> Option<Value> {
        let header = &self.event.event.header;
        Some(match field {
            EventField::Id => Value::String(self.id_text()),
            EventField::Seq => U64::from(self.event.seq).to_value(),
            EventField::Kind => Value::String(self.event.event.body.name().to_owned()),
            EventField::Slot => U64(header.slot).to_value(),
            EventField::Time => Time::from(self.event.time).to_value(),
            EventField::Signer => Key::from(header.signer).to_value(),
            EventField::FirstIndex => U64::from(header.first_index).to_value(),
            EventField::Count => U64(header.count).to_value(),
            EventField::Transaction => Signature::from(self.event.signature).to_value(),
            EventField::Leaf => Value::String(BASE64.encode(&self.event.leaf_bytes)),
            EventField::LeafHash => text(&self.event.leaf.into()),
            EventField::Proof => texts.value(&self.proofs, self.event.seq)?,
        })
    }
}
