//! Events, final and pending.

#![allow(missing_docs, reason = "a field whose name says all needs no line")]

use std::borrow::Cow;

#[cfg(feature = "graphql")]
use async_graphql::SimpleObject;
use counterfoil_core::certificate::Certificate;
use serde::{Deserialize, Serialize};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

#[cfg(feature = "openapi")]
use crate::form::CertificateForm;
use crate::head::Head;
use crate::value::{Bytes, Hash, Key, Signature, Time, U64};

/// An event that the cluster has confirmed and not finalized. A fork can still take it back: nothing proves it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct PendingEvent {
    /// The number that it will have in the ledger's event log.
    pub seq: U64,
    /// As in the program's IDL, for example EntriesAppended.
    #[cfg_attr(feature = "openapi", schema(example = "EntriesAppended"))]
    pub kind: Cow<'static, str>,
    pub slot: U64,
    /// The chain's clock in that slot.
    pub time: Time,
    /// The wallet whose signature allowed it.
    pub signer: Key,
    /// The first entry that it appends.
    pub first_index: U64,
    /// How many it appends.
    pub count: U64,
    /// The entries of an append, in order.
    pub entries: Vec<Bytes>,
    /// The transaction.
    pub transaction: Signature,
}

/// A confirmed event, which follows the final ones. A fork can still take it back: nothing here is proven.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Pending {
    /// In order.
    pub events: Vec<PendingEvent>,
}

/// An event.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Event {
    /// Its number in the ledger's event log.
    pub seq: U64,
    /// As in the program's IDL, for example EntriesAppended.
    #[cfg_attr(feature = "openapi", schema(example = "WriterGranted"))]
    pub kind: Cow<'static, str>,
    /// Kind, header and body: what the leaf hash covers.
    pub leaf: Bytes,
    /// SHA-256(0x00 || leaf).
    pub leaf_hash: Hash,
    pub slot: U64,
    /// The chain's clock in that slot.
    pub time: Time,
    /// The wallet whose signature allowed it.
    pub signer: Key,
    /// The transaction, as stored: a hint where to look, which no proof covers.
    pub transaction: Signature,
}

/// A page of events.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct EventPage {
    pub head: Head,
    /// The checked head of the event log, where pages end.
    pub event_head: Head,
    pub events: Vec<Event>,
    /// For `first`; null at the checked size.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next: Option<U64>,
    /// That the page is whole; null where it has no events.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<CertificateForm>))]
    pub certificate: Option<Certificate>,
}
