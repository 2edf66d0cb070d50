#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod access;
mod activity;
mod body;
mod budget;
mod cache;
mod certificate;
mod consistency;
mod entries;
mod entry;
mod error;
mod events;
mod heads;
mod inclusion;
mod leaf;
mod ledger_at;
mod ledgers;
mod live;
mod missing;
mod page;
mod page_proofs;
mod pending;
mod prove;
mod reader;
mod receipt;
mod search;
mod snapshot;
mod status;
mod tile_nodes;
mod tiles;
mod tree;

pub use access::{Caller, CallerName, KeyUses, Policies, Session, Who};
pub use activity::{Activity, ActivityBucket, NewWriter, Span, Step, activity};
pub use body::{aggregates_body, log_of, missing_subtree_body, status_body};
pub use budget::SearchBudget;
pub use cache::Cache;
pub use consistency::{Consistency, consistency};
pub use entries::entries;
pub use entry::{ProvenEntry, entry, proven_entry};
pub use error::{Difference, MAX_FILTER_DEPTH, MAX_PAGE, Place, ReadError};
pub use events::{event, events};
pub use heads::{Heads, heads};
pub use inclusion::{Inclusion, inclusion};
pub use leaf::{CheckedEvent, Entry};
pub use ledger_at::{LedgerAt, When, Writer, ledger_at};
pub use ledgers::{Behind, CheckedLedger, LedgerPage, ledger, ledgers};
pub use live::{Batch, Hints, Leaf, Live, LiveError, StreamLimits, StreamPermit};
pub use missing::{Missing, missing};
pub use page::{DEFAULT_PAGE, Page, Window, page_limit};
pub use page_proofs::{EntryProofs, PageProofs, Proofs};
pub use pending::{PendingEvent, pending};
pub use prove::prove;
pub use reader::Reader;
pub use receipt::{SignedFormat, receipt, signed_receipt};
pub use search::{
    Aggregates, CountedHead, Found, MAX_COUNT, Search, Transaction, WriterField, aggregate, count_found, count_ledgers,
    find_entries, find_events, find_ledgers, find_transactions, find_writers, transaction, writer,
};
pub use status::status;
pub use tiles::{bundle, head, tile};

/// The public part of an API key.
pub use counterfoil_store::KeyId;
