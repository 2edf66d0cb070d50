//! Searches: keys found by conditions, then read and verified as everywhere.

mod aggregate;
mod find;
mod plan;
mod transactions;
mod writers;

pub use aggregate::{Aggregates, aggregate};
pub use find::{count_found, count_ledgers, find_entries, find_events, find_ledgers};
pub use plan::{Found, MAX_COUNT, Search};
pub(crate) use plan::{expensive, limit};
pub use transactions::{Transaction, find_transactions, transaction};
pub use writers::{CountedHead, WriterField, find_writers, writer};
