//! Answers of searches, and their counts.

#![allow(missing_docs, reason = "a field whose name says all needs no line")]

#[cfg(feature = "graphql")]
use async_graphql::SimpleObject;
use serde::{Deserialize, Serialize};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::entry::Entry;
use crate::event::Event;
use crate::head::Head;
use crate::ledger::Ledger;
use crate::standing::Writer;
use crate::value::{Key, Signature, Time, U64};

/// The events of a ledger that came in one transaction, as far as they are checked. That they came in one is the database's
/// word, for no proof covers a transaction's signature.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Transaction {
    /// Its signature, as stored: a hint where to look, which no proof covers.
    pub signature: Signature,
    /// The slot of its events.
    pub slot: U64,
    /// The chain's clock in that slot.
    pub time: Time,
    /// The number of its first event in the ledger's event log.
    pub first_seq: U64,
    /// How many events came in it.
    pub event_count: U64,
    /// The size of the log before.
    pub first_index: U64,
    /// How many entries its events appended.
    pub entry_count: U64,
    /// Its events, in order.
    pub events: Vec<Event>,
}

/// Entries put together.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject), graphql(name = "EntryAggregate"))]
pub struct Aggregate {
    /// The signer, when they are put together by signers.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub signer: Option<Key>,
    /// Where the hour or day begins, when they are put together by those.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub time: Option<Time>,
    /// How many.
    pub count: U64,
    /// How many bytes they have together.
    pub payload_bytes: U64,
    /// The first of them.
    pub first_index: U64,
    /// The last of them.
    pub last_index: U64,
}

/// Entries put together. The database counts: nothing proves it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Aggregates {
    /// The checked head up to which was counted.
    pub head: Head,
    /// In order of the signers' bytes, or of time; the first 1,000.
    pub buckets: Vec<Aggregate>,
    /// Whether there are more: narrow the times.
    pub has_more: bool,
}

/// A row a list: the page of its search, with the name and the type of the elements.
macro_rules! found {
    ($($(#[doc = $doc:literal])* $page:ident { $(#[doc = $head_doc:literal])* head, $(#[doc = $event_doc:literal])* event_head,
        $(#[doc = $items_doc:literal])* $items:ident: $item:ty })*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Debug, Deserialize, Serialize)]
            #[cfg_attr(feature = "openapi", derive(ToSchema))]
            pub struct $page {
                $(#[doc = $head_doc])*
                pub head: Head,
                $(#[doc = $event_doc])*
                pub event_head: Head,
                $(#[doc = $items_doc])*
                pub $items: Vec<$item>,
                /// For `after`; null when there are no more.
                #[cfg_attr(feature = "openapi", schema(required))]
                pub next: Option<String>,
                /// For `after`: the page before; null when there is none.
                #[cfg_attr(feature = "openapi", schema(required))]
                pub previous: Option<String>,
            }

            impl $page {
                /// A page of elements found at these heads, with the cursors that lead on.
                #[must_use]
                pub fn new(heads: [Head; 2], $items: Vec<$item>, [next, previous]: [Option<String>; 2]) -> Self {
                    let [head, event_head] = heads;
                    Self { head, event_head, $items, next, previous }
                }
            }
        )*
    };
}

found! {
    /// A page of the entries that were found. Each is proven; that none is left out is not.
    FoundEntries {
        /// The checked head at which they were looked for.
        head,
        event_head,
        /// In the order that was wanted.
        entries: Entry
    }
    /// A page of the events that were found. Each is proven; that none is left out is not.
    FoundEvents {
        head,
        /// The checked head of the event log at which they were looked for.
        event_head,
        /// In the order that was wanted.
        events: Event
    }
    /// A page of the transactions that were found. Each event is proven; which came in one transaction, and that none is left
    /// out, is not.
    FoundTransactions {
        head,
        /// The checked head of the event log at which they were looked for.
        event_head,
        /// In the order that was wanted. Fewer than `limit` where they have more than 1,000 events together.
        transactions: Transaction
    }
    /// A page of the writers that were found, as they are now. They follow from the events that …/standing shows.
    FoundWriters {
        head,
        /// The checked head of the event log at which they were looked for.
        event_head,
        /// In the order that was wanted.
        writers: Writer
    }
}

/// A page of the ledgers that were found.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct FoundLedgers {
    /// In the order that was wanted.
    pub ledgers: Vec<Ledger>,
    /// For `after`; null when there are no more.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next: Option<String>,
    /// For `after`: the page before; null when there is none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub previous: Option<String>,
}
