//! Ledgers: how far they are, and what servers said of them.

#![allow(missing_docs, reason = "a field whose name says all needs no line")]

use std::borrow::Cow;

#[cfg(feature = "graphql")]
use async_graphql::{Enum, SimpleObject};
use serde::{Deserialize, Serialize};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::head::Head;
use crate::value::{Hashes, Key, Time, U64};

/// The server, and what its index is of.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Status {
    /// The server's version.
    pub version: Cow<'static, str>,
    /// The hash of the cluster's first block; null before an indexer has written.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub genesis_hash: Option<Key>,
    /// The program; null before an indexer has written.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub program: Option<Key>,
}

/// Whether the indexer goes on with a ledger.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(Enum))]
#[serde(rename_all = "lowercase")]
pub enum LedgerStatus {
    /// It goes on.
    Following,
    /// The recomputed log differs from the chain's. The part checked before is served on.
    Halted,
}

/// Why the indexer does not go on with a ledger.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct Halt {
    pub since: Time,
    /// Both heads.
    pub reason: String,
}

/// How far events were recomputed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct Applied {
    /// Entries.
    pub size: U64,
    /// Events.
    pub event_seq: U64,
}

/// The heads that were compared with the ledger's account on the chain.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct Checked {
    pub head: Head,
    pub event_head: Head,
    /// The slot at which the account was read.
    pub slot: U64,
    /// The roots of the perfect subtrees that make up the log, the largest first.
    pub frontier: Hashes,
}

/// How much was applied that is not checked yet.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct Behind {
    pub entries: U64,
    pub events: U64,
}

/// A ledger and how far it is.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Ledger {
    /// Its address, which is its name everywhere.
    pub ledger: Key,
    pub status: LedgerStatus,
    #[cfg_attr(feature = "openapi", schema(required))]
    pub halt: Option<Halt>,
    pub applied: Applied,
    /// Null before the first comparison.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub checked: Option<Checked>,
    pub behind: Behind,
    /// How many entries of the checked log the index does not have, for they were appended by the hashes of their subtrees.
    pub missing_leaves: U64,
}

/// A page of ledgers, in the order of their addresses' bytes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct LedgerPage {
    pub ledgers: Vec<Ledger>,
    /// For `after`; null when there are no more.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next: Option<Key>,
}

/// Which servers said what of a ledger's account when the indexer compared it. Evidence that was kept, not a proof.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct Heads {
    /// Since when all of them have agreed with the index without interruption; null while one does not.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub agrees_since: Option<Time>,
    /// By server, the newest answer first; of each the newest 16 that agreed and the newest 64 that did not.
    pub said: Vec<ServerHead>,
}

/// One server's answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct ServerHead {
    /// Its scheme, host and port.
    #[cfg_attr(feature = "openapi", schema(example = "https://rpc.example.com"))]
    pub server: String,
    /// Whether it said what was rebuilt from the events.
    pub agrees: bool,
    pub head: Head,
    pub event_head: Head,
    /// The slot at which it was asked.
    pub slot: U64,
    /// When the answer was compared first.
    pub observed_at: Time,
    /// Since when this server had agreed without interruption; null where it did not.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub since: Option<Time>,
}
