//! A ledger as it was: who could do what.

#![allow(missing_docs, reason = "a field whose name says all needs no line")]

use serde::{Deserialize, Serialize};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::event::Event;
use crate::head::Head;
use crate::value::{Key, Time, U64};

/// A wallet that may append, by a grant.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Writer {
    pub wallet: Key,
    /// Whether it may append entries.
    pub may_append: bool,
    /// Whether it may append subtrees by their hashes.
    pub may_append_subtrees: bool,
    /// From when on the grant no longer holds, by the chain's clock; null for never.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub expires_at: Option<Time>,
    /// The event that granted it.
    pub granted_seq: U64,
    /// The event that took it back.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub revoked_seq: Option<U64>,
}

/// A ledger as it was. Every event here is in the checked event log; that `administrative` leaves none out shows the log
/// itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Standing {
    /// The head of the entries then; …/consistency proves that the checked one grew from it.
    pub head: Head,
    /// The head of the event log then, likewise.
    pub event_head: Head,
    /// The last event until then.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub last: Option<Event>,
    /// The first event after: that `last` and this are neighbours shows that `last` was the last. Null when none is checked.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next: Option<Event>,
    /// The wallet that could grant, revoke, pass on and seal.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub authority: Option<Key>,
    /// To whom that was offered.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub pending_authority: Option<Key>,
    /// The wallets that were granted to append, and not granted again since, in the order of the grants.
    pub writers: Vec<Writer>,
    /// The event that sealed the ledger.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub sealed_seq: Option<U64>,
    /// The events that append nothing: all of the above follows from them.
    pub administrative: Vec<Event>,
}
