#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod access;
mod activity;
mod admin;
mod cluster;
mod convert;
mod error;
mod evidence;
mod forget;
pub mod gateway;
mod history;
mod lease;
mod ledger;
mod notify;
mod origin;
mod pending;
mod read;
mod search;
mod state;
mod tiles;
mod write;

pub use access::{
    ApiKeyRow, KeyId, KeyScope, Quota, Reader, add_reader, insert_api_key, load_api_keys, load_private_ledgers,
    load_readers, make_private, make_public, mark_keys_used, remove_reader, revoke_api_key,
};
pub use activity::{Amount, count_entries_between, count_events_before, count_of_signer_between, load_signers};
pub use admin::check::{
    RowCounts, TileKey, count_rows, find_strays, load_event_range, load_full_tiles, load_subtree_roots,
};
pub use admin::rebuild::{
    BEFORE_SCHEMA, Difference, REBUILD_SCHEMA, Swap, analyze, begin_rebuild, connect_to_rebuild, find_differences,
    find_obstacles,
};
pub use admin::schema::{
    Connection, Snapshot, acquire, begin, connect, is_only_indexer, limit_statements, migrate, snapshot,
};
pub use admin::stats::{
    LockHolder, Migrations, TableSize, load_ledgers_without_cursor, load_lock_holder, load_migrations, load_table_sizes,
};
pub use cluster::{bind_cluster, load_cluster};
pub use error::{StoreError, WrongCluster};
pub use evidence::{Evidence, Said, keep_evidence, load_evidence};
pub use forget::forget_ledger;
pub use history::{Rising, count_events_until, load_administrative};
pub use lease::{Epoch, expect_lease, hold_lease, renew_lease, take_lease};
pub use ledger::{Halt, LedgerRow, Selection, add_ledger, load_ledger, load_ledgers, load_selected_ledgers};
pub use notify::{Heard, Listener};
pub use origin::Cluster;
pub use pending::{Pending, clear_pending, load_pending, replace_pending};
pub use read::{EntryRow, EventRow, load_entries, load_entries_at, load_entry, load_event_of_leaf, load_events};
pub use search::column::{Column, EntryColumn, EventColumn, Field, LedgerColumn, TransactionColumn};
pub use search::find::{
    Aggregate, Bucket, Comparison, Condition, Direction, Find, JsonTest, Scope, Value, aggregate, count, find,
};
pub use state::{load_head_at, load_state};
pub use tiles::set::{Log, TileSet};
pub use tiles::subtree::{MissingSubtree, load_missing, load_missing_at, load_page_end};
pub use tiles::whole::{load_tile_sets, load_tiles};
pub use write::commit::{CommittedIn, commit, mark_checked};
pub use write::fill::{Fill, FillError};
pub use write::halt::{clear_halt, halt};
pub use write::rollback::drop_unchecked;

pub use sqlx::pool::PoolConnection;
pub use sqlx::{Error as SqlError, PgConnection, PgPool, Postgres, Transaction};

/// A connection lent by the pool.
pub type PgPoolConnection = PoolConnection<Postgres>;
