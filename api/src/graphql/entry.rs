//! An entry.

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, ID, Json, Object, Result, ScalarType, Value};
use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use counterfoil_core::LedgerHead;
use counterfoil_core::receipt::Receipt;
use counterfoil_read::{self as read, EntryProofs, PageProofs, ReadError, Reader};
use counterfoil_wire::{Bytes, Hash, Hashes, Head, U64};

use super::error::refuse;
use super::event::{Event, EventField};
use super::flat::{Flat, Fragments, Plan, ProofTexts, text};
use super::proof::load_proof;

/// An entry of a ledger.
pub(super) struct Entry {
    pub(super) head: LedgerHead,
    pub(super) entry: read::Entry,
    pub(super) proofs: EntryProofs,
}

/// An entry alone.
pub(super) fn one_entry(found: Result<(LedgerHead, read::Entry), ReadError>) -> Result<Entry> {
    let (head, entry) = found.map_err(refuse)?;
    Ok(Entry::of_page(head, vec![entry]).pop().ok_or("a page of one entry is empty")?)
}

impl Entry {
    /// The entries of a page.
    pub(super) fn of_page(head: LedgerHead, entries: Vec<read::Entry>) -> Vec<Self> {
        let proofs = EntryProofs::new(head, &entries);
        Self::with_proofs(head, entries, &proofs)
    }

    /// The entries of a page whose proofs others may share.
    pub(super) fn with_proofs(head: LedgerHead, entries: Vec<read::Entry>, proofs: &EntryProofs) -> Vec<Self> {
        entries.into_iter().map(|entry| Self { head, entry, proofs: proofs.clone() }).collect()
    }

    fn id_text(&self) -> String {
        format!("entry:{}:{}", self.head.ledger, self.entry.index)
    }

    fn event_object(&self) -> Event {
        Event { head: self.head, event: self.entry.event.clone(), proofs: self.proofs.events.clone() }
    }
}

/// An entry of a ledger.
#[Object]
impl Entry {
    pub(super) async fn id(&self) -> ID {
        ID(self.id_text())
    }

    /// Its index in the log; the first is 0.
    async fn index(&self) -> U64 {
        self.entry.index.into()
    }

    /// The entry's bytes.
    async fn payload(&self) -> Bytes {
        Bytes(self.entry.payload.to_vec())
    }

    /// The entry's bytes as text; null when they are not UTF-8.
    async fn text(&self) -> Option<&str> {
        str::from_utf8(&self.entry.payload).ok()
    }

    /// The entry's bytes as JSON; null when they are none. Numbers beyond 64 bits lose digits: `text` has them all.
    async fn json(&self) -> Option<Json<serde_json::Value>> {
        serde_json::from_slice(&self.entry.payload).ok().map(Json)
    }

    /// SHA-256(0x00 || payload).
    async fn leaf_hash(&self) -> Hash {
        self.entry.leaf.into()
    }

    /// The event that appended it: who, in which slot and when.
    async fn event(&self) -> Event {
        self.event_object()
    }

    /// Its inclusion proof, from the leaf to the root of head.
    #[graphql(complexity = 2)]
    async fn proof(&self, context: &Context<'_>) -> Result<Hashes> {
        load_proof(&self.proofs.entries, context, self.entry.index).await
    }

    /// The checked head.
    async fn head(&self) -> Head {
        self.head.entries.into()
    }

    /// The checked head of the event log.
    async fn event_head(&self) -> Head {
        self.head.events.into()
    }

    /// All that `counterfoil verify` needs besides the chain. Read apart from the entry, so its heads may be newer.
    #[graphql(complexity = 100)]
    async fn receipt(&self, context: &Context<'_>) -> Result<Json<Receipt>> {
        let receipt = read::receipt(context.data::<Reader>()?, self.head.ledger, self.entry.index.get());
        // Of all the fields' futures the largest: each field of each entry of a page would have room for it.
        Box::pin(receipt).await.map(Json).map_err(refuse)
    }
}

/// A field of an entry that is answered at once.
#[derive(Clone)]
pub(super) enum EntryField {
    Id,
    Index,
    Payload,
    Text,
    LeafHash,
    Proof,
    Event(Plan<EventField>),
}

impl Flat for Entry {
    type Field = EntryField;

    fn field(field: &Field, fragments: &Fragments) -> Option<EntryField> {
        Some(match field.name.node.as_str() {
            "id" => EntryField::Id,
            "index" => EntryField::Index,
            "payload" => EntryField::Payload,
            "text" => EntryField::Text,
            "leafHash" => EntryField::LeafHash,
            "proof" => EntryField::Proof,
            "event" => EntryField::Event(Plan::of::<Event>(&field.selection_set.node, fragments)?),
            _ => return None,
        })
    }

    fn proofs(&self, field: &EntryField) -> Vec<&Arc<PageProofs>> {
        match field {
            EntryField::Proof => vec![&self.proofs.entries],
            EntryField::Event(plan) if plan.fields().any(|field| matches!(field, EventField::Proof)) => {
                vec![&self.proofs.events]
            }
            _ => Vec::new(),
        }
    }

    fn value(&self, field: &EntryField, texts: &mut ProofTexts<'_>) -> Option<Value> {
        Some(match field {
            EntryField::Id => Value::String(self.id_text()),
            EntryField::Index => U64::from(self.entry.index).to_value(),
            EntryField::Payload => Value::String(BASE64.encode(&self.entry.payload)),
            EntryField::Text => str::from_utf8(&self.entry.payload).map_or(Value::Null, Value::from),
            EntryField::LeafHash => text(&self.entry.leaf.into()),
            EntryField::Proof => texts.value(&self.proofs.entries, self.entry.index)?,
            EntryField::Event(plan) => {
                let event = self.event_object();
                plan.object(|field| event.value(field, texts))?
            }
        })
    }
}
