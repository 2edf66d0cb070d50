//! Hints that an index has moved, as messages carry them: numbers, ids and hashes, never content. A hint is no proof; its reader looks.

use serde::{Deserialize, Serialize};

use crate::value::{Hashes, Key, Signature, U64};

/// The numbers of a ledger at one stage.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// Entries.
    pub size: U64,
    /// Events.
    pub event_seq: U64,
}

/// A ledger moved, halted, or goes on.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct HeadHint {
    /// Its address.
    pub ledger: Key,
    /// How far events were recomputed.
    pub applied: Reached,
    /// How far they were compared with the ledger's account; null before the first comparison.
    pub checked: Option<Reached>,
    /// Whether the indexer does not go on with it.
    pub halted: bool,
}

/// Entries were checked.
///
/// A range begins where the one before it ended, so that a reader finds a hole by the numbers.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct EntriesHint {
    /// Its address.
    pub ledger: Key,
    /// The index of the first entry, which is the end of the range before.
    pub from: U64,
    /// The end of the range.
    pub to: U64,
    /// The appends that make up the range, in order; null where they are too many for a message, or not in the sender's memory.
    pub appends: Option<Vec<AppendHint>>,
}

/// The entries of one event.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct AppendHint {
    /// The event's number.
    pub event_seq: U64,
    /// The transaction's signature.
    pub transaction: Signature,
    /// The index of its first entry.
    pub from: U64,
    /// The end of its entries.
    pub to: U64,
    /// The entries' leaf hashes, in order; null where they were appended by the hashes of their subtrees.
    pub leaf_hashes: Option<Hashes>,
}
