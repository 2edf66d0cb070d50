//! Records, as the gateway takes and tells them.

use counterfoil_core::receipt::Receipt;
use serde::{Deserialize, Serialize};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::problem::Code;
use crate::value::{Hash, Key, U64};

/// How far a record is. Each state includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    /// It is on disk. Its place in the ledger is not fixed yet.
    Accepted,
    /// Its entry and its place among the gateway's records are fixed, and the transaction that carries it is on disk.
    Sealed,
    /// The cluster confirmed the transaction; a fork can still take it back, and then it is sent again.
    Confirmed,
    /// The indexer has it from finalized events.
    Finalized,
    /// The index compared the ledger with the account on the chain: there is a receipt.
    Checked,
}

impl RecordState {
    /// As it is written.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Sealed => "sealed",
            Self::Confirmed => "confirmed",
            Self::Finalized => "finalized",
            Self::Checked => "checked",
        }
    }
}

/// A record that was accepted.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct AcceptedRecord {
    /// Its id, a UUID of version 7.
    pub id: String,
    /// Where it is read, relative to this server.
    pub url: String,
}

/// The answer to a request with records: they are on disk.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Acceptance<P> {
    /// The records, in the order of the request.
    pub records: Vec<AcceptedRecord>,
    /// The promise for all of them, a document of docs/protocol.md, section 10. None for entries by their bytes, and where the
    /// operator can promise nothing now.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub promise: Option<P>,
}

/// An entry of a ledger, with the content that it commits to where that is there and the caller may see it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct EntryContent {
    /// Its index.
    pub index: U64,
    /// Its bytes, base64.
    pub entry: String,
    /// The content's media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The content's bytes, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The 32 bytes that the commitment is salted with, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
}

/// The answer to one line of a request of many.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(untagged)]
pub enum LineAnswer {
    /// It was accepted.
    Accepted {
        /// The line, from 1.
        line: u32,
        /// The record's id.
        id: String,
    },
    /// It was not.
    Refused {
        /// The line, from 1.
        line: u32,
        /// The problem's code.
        code: Code,
        /// The fault, and what to do.
        detail: String,
    },
}

/// The last line of the answer to a request of many.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct LinesEnd<P> {
    /// How many lines were accepted.
    pub accepted: u32,
    /// How many were refused.
    pub refused: u32,
    /// The promise for all that were accepted.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub promise: Option<P>,
}

/// A record.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Record<P> {
    /// Its id.
    pub id: String,
    /// The ledger.
    pub ledger: Key,
    /// How far it is.
    pub state: RecordState,
    /// When it was accepted, by the gateway's clock.
    pub accepted_at: String,
    /// Its media type.
    pub content_type: String,
    /// The commitment that its entry holds: SHA-256 of salt and content. None for entries by their bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commitment: Option<Hash>,
    /// The salt: with it a holder of the content shows that it is this record's, to those it tells it to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salt: Option<Hash>,
    /// Its index in the ledger; before `checked` the one that it is to get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<U64>,
    /// The slot in which its transaction was confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_slot: Option<U64>,
    /// The promise, with the proof that it is of this record.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub promise: Option<P>,
    /// The receipt, once it is checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub receipt: Option<Receipt>,
}

/// The use of a ledger by a key in the last 24 hours, in whole hours of the clock.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct KeyUsage {
    /// The key's id; null for callers without one.
    pub key: Option<String>,
    /// The ledger.
    pub ledger: Key,
    /// Records that were accepted.
    pub records: U64,
    /// Their bytes.
    pub bytes: U64,
    /// Its share of what the transactions that carried them cost.
    pub lamports: U64,
}

/// The use of ledgers by keys.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Usage {
    /// By key and ledger.
    pub usage: Vec<KeyUsage>,
}

/// The key that signs a gateway's promises.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct PromiseKey {
    /// Its public part, base58.
    pub key: String,
}
