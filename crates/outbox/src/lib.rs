//! Counterfoil in the user's own database: the schema that is installed there, and what the relay and the check read of it.
//!
//! That database is not trusted: the relay takes from it what becomes a record, and the check compares it with the ledger.
#![forbid(unsafe_code)]

mod error;
mod install;
mod names;
mod protect;
mod recorded;
mod source;
mod table;

pub use error::OutboxError;
pub use install::{Installation, install, load_installation, remove};
pub use names::{connect, load_name};
pub use protect::{
    Progress, Size, Wanted, backfill, is_lock_timeout, load_progress, load_protection, load_size, protect,
};
pub use recorded::{Recorded, load_recorded};
pub use source::{OutboxRow, Protection, Receipt, Source, outbox_name};
pub use sqlx::PgConnection;
pub use sqlx::types::Uuid;
pub use table::{TableColumn, TableReader, TableRow};
