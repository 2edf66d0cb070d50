//! The table, in SQLite: rows and the place where they end move in one transaction, so that a kill at any moment leaves both or neither.

use std::path::Path;

use anyhow::{Context, ensure};
use counterfoil_core::LedgerId;
use merkle_log::{Hash, Root, TreeHead, TreeSize};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

const SCHEMA: &str = "
    pragma journal_mode = wal;
    pragma synchronous = full;
    create table if not exists entry (
        ledger text not null,
        entry_index integer not null check (entry_index >= 0),
        leaf_hash blob not null check (length(leaf_hash) = 32),
        bytes integer not null,
        primary key (ledger, entry_index)
    ) without rowid;
    create table if not exists cursor (
        ledger text primary key,
        size integer not null,
        head_size integer not null,
        head_root blob not null check (length(head_root) = 32)
    ) without rowid;
";

/// An entry, without its content.
pub(crate) struct Row {
    pub(crate) index: u64,
    pub(crate) leaf_hash: Hash,
    pub(crate) bytes: u64,
}

/// Where the rows of a ledger end.
pub(crate) struct Cursor {
    /// The number of rows, which is the next entry's index.
    pub(crate) size: u64,
    /// The newest head that was verified.
    pub(crate) head: Option<TreeHead>,
}

/// The database. Its file is trusted.
pub(crate) struct Table(Connection);

impl Table {
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        connection.execute_batch(SCHEMA).context("cannot make the tables")?;
        Ok(Self(connection))
    }

    pub(crate) fn load_cursor(&self, ledger: LedgerId) -> anyhow::Result<Cursor> {
        let sql = "select size, head_size, head_root from cursor where ledger = ?1";
        let found = self.0.query_row(sql, params![ledger.to_string()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, [u8; 32]>(2)?))
        });
        let Some((size, head_size, root)) = found.optional()? else { return Ok(Cursor { size: 0, head: None }) };
        let head = TreeHead { size: TreeSize::new(u64::try_from(head_size)?)?, root: Root(root) };
        Ok(Cursor { size: u64::try_from(size)?, head: Some(head) })
    }

    /// Keeps the rows from `first` to `end`, unless another process has moved the place where they end.
    pub(crate) fn keep(
        &mut self,
        ledger: LedgerId,
        first: u64,
        end: u64,
        head: TreeHead,
        rows: impl Iterator<Item = Row>,
    ) -> anyhow::Result<()> {
        let ledger = ledger.to_string();
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let none = "insert into cursor values (?1, 0, 0, zeroblob(32)) on conflict do nothing";
        transaction.execute(none, params![ledger])?;
        let moved = transaction.execute(
            "update cursor set size = ?3, head_size = ?4, head_root = ?5 where ledger = ?1 and size = ?2",
            params![ledger, i64::try_from(first)?, i64::try_from(end)?, i64::try_from(head.size.get())?, head.root.0],
        )?;
        ensure!(moved == 1, "another process writes to this table");
        {
            let mut insert = transaction.prepare("insert into entry values (?1, ?2, ?3, ?4)")?;
            for row in rows {
                let (index, bytes) = (i64::try_from(row.index)?, i64::try_from(row.bytes)?);
                insert.execute(params![ledger, index, row.leaf_hash.0, bytes])?;
            }
        }
        Ok(transaction.commit()?)
    }
}
