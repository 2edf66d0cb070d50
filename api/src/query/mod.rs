//! What the API answers: functions from the index to checked answers. REST and GraphQL are skins over them.
//!
//! Each reads one moment of the database, but for what is in memory, and gives out nothing that was not recomputed: the bytes
//! of entries and events hash to leaves of the trees whose roots are the checked ones, lists included, and proofs lead there.
//!
//! Trusted: the checked head, which the indexer compared with the chain, and nothing else that is stored. Whoever can
//! write to the database can write a head too: that the head is the chain's is for the reader to check.

mod aggregate;
mod certificate;
mod consistency;
mod entries;
mod entry;
mod error;
mod events;
mod find;
mod heads;
mod inclusion;
mod ledgers;
mod memory;
mod missing;
mod moment;
mod nodes;
mod page;
mod pending;
mod prove;
mod receipt;
mod rows;
mod search;
mod searches;
mod standing;
mod status;
mod tile_nodes;
mod tiles;
mod transactions;
mod tree;
mod view;
mod writers;

pub use aggregate::{Aggregates, aggregate};
pub use consistency::{Consistency, consistency};
pub use entries::{Entry, entries};
pub use entry::{ProvenEntry, entry, proven_entry};
pub use error::{Difference, MAX_PAGE, Place, QueryError};
pub use events::{CheckedEvent, event, events};
pub use find::{count_found, count_ledgers, find_entries, find_events, find_ledgers};
pub use heads::{Heads, heads};
pub use inclusion::{Inclusion, inclusion};
pub use ledgers::{Behind, CheckedLedger, LedgerPage, ledger, ledgers};
pub(crate) use memory::Memory;
pub use missing::{Missing, missing};
pub use page::{DEFAULT_PAGE, Page, Window, page_limit};
pub use pending::{PendingEvent, pending};
pub use prove::prove;
pub use receipt::{SignedFormat, receipt, signed_receipt};
pub use search::{Found, MAX_COUNT, Search};
pub(crate) use searches::Searches;
pub use standing::{Standing, When, Writer, standing};
pub use status::status;
pub use tiles::{bundle, head, tile};
pub use transactions::{Transaction, find_transactions, transaction};
pub use view::View;
pub use writers::{CountedHead, WriterField, find_writers, writer};
