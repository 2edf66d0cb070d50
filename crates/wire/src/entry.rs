//! Entries, and those that the index does not have.

#![allow(missing_docs, reason = "a field whose name says all needs no line")]

use std::borrow::Cow;
use std::sync::Arc;

#[cfg(feature = "graphql")]
use async_graphql::SimpleObject;
use counterfoil_core::certificate::Certificate;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

#[cfg(feature = "openapi")]
use crate::form::CertificateForm;
use crate::head::Head;
use crate::value::{Bytes, Hash, Hashes, Key, Signature, Time, U64};

/// The event that appended an entry.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct EntryEvent {
    /// Its number in the ledger's event log.
    pub seq: U64,
    /// As in the program's IDL, for example EntriesAppended.
    #[cfg_attr(feature = "openapi", schema(example = "EntriesAppended"))]
    pub kind: Cow<'static, str>,
    pub slot: U64,
    /// The chain's clock in that slot.
    pub time: Time,
    /// The wallet whose signature allowed it.
    pub signer: Key,
    /// The first entry that it appended.
    pub first_index: U64,
    /// How many it appended.
    pub count: U64,
    /// The transaction, as stored: a hint where to look, which no proof covers.
    pub transaction: Signature,
}

/// An [`EntryEvent`] as JSON text: most of an entry's text, and shared by all entries that the event appended.
#[derive(Clone, Debug)]
pub struct EventText(Arc<RawValue>);

impl EventText {
    /// The JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl From<&EntryEvent> for EventText {
    fn from(event: &EntryEvent) -> Self {
        Self(to_raw_value(event).expect("strings under constant names").into())
    }
}

impl Serialize for EventText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EventText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

/// An entry.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Entry {
    pub index: U64,
    /// The entry's bytes.
    pub payload: Bytes,
    /// SHA-256(0x00 || payload).
    pub leaf_hash: Hash,
    #[cfg_attr(feature = "openapi", schema(value_type = EntryEvent))]
    pub event: EventText,
}

/// A subtree that was appended by its hash and whose entries the index does not have.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct MissingSubtree {
    /// Its first leaf.
    pub first_index: U64,
    /// How many leaves it has.
    pub count: U64,
    /// Its root, to which the entries must lead.
    pub root: Hash,
    /// The event that appended it.
    pub event_seq: U64,
}

/// The entries that the index does not have.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct Missing {
    /// The checked head, where they end.
    pub head: Head,
    /// How many in all.
    pub leaves: U64,
    /// A page of the subtrees that they make, in the order of the log.
    pub subtrees: Vec<MissingSubtree>,
    /// Where the next page begins; null when there are no more.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next: Option<U64>,
}

/// A page of entries.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct EntryPage {
    /// The checked head, where pages end.
    pub head: Head,
    pub event_head: Head,
    /// In order, without a gap but for those in `missing`.
    pub entries: Vec<Entry>,
    /// Subtrees in or around the page whose entries the index does not have: they are left out.
    pub missing: Vec<MissingSubtree>,
    /// For `first`; null at the checked size.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next: Option<U64>,
    /// That the page is whole; null where the index does not have some of its entries, and where it has none.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<CertificateForm>))]
    pub certificate: Option<Certificate>,
}

/// The event that appended an entry, and its proof.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ProvenEvent {
    #[serde(flatten)]
    pub event: EntryEvent,
    /// Kind, header and body: what the leaf hash covers.
    pub leaf: Bytes,
    /// Its inclusion proof in the event log, from the leaf to the root of `event_head`.
    pub proof: Hashes,
}

/// An entry, its event, and both proofs.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ProvenEntry {
    pub index: U64,
    /// The entry's bytes.
    pub payload: Bytes,
    /// SHA-256(0x00 || payload).
    pub leaf_hash: Hash,
    pub event: ProvenEvent,
    /// Its inclusion proof, from the leaf to the root of `head`.
    pub proof: Hashes,
    pub head: Head,
    pub event_head: Head,
}
