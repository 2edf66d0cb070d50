//! Filling in the entries of leaves that were appended by the hashes of their subtrees.

use counterfoil_core::LedgerId;
use counterfoil_core::limits::MAX_ENTRY_BYTES;
use merkle_log::{Edge, FullTile, Grown, Hash, LeafHash, Root, Tile, hash_leaf};
use sqlx::PgConnection;

use crate::convert::to_bigint;
use crate::notify::notify;
use crate::tiles::sparse::complete_tiles;
use crate::tiles::subtree::Row;
use crate::write::rows::{EntryRows, write_tiles};
use crate::{LedgerRow, Log, MissingSubtree, StoreError, load_ledger};

/// Why entries were not filled in. Roll back then: some may have been written.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// Below the checked size no subtree that was appended by its hash begins at this leaf.
    #[error("ledger {ledger}: no subtree that was appended by its hash begins at leaf {first_index}")]
    NoSubtree {
        /// The ledger.
        ledger: LedgerId,
        /// The leaf.
        first_index: u64,
    },
    /// The entries are in the index already; nothing needs to be done.
    #[error("ledger {ledger}: the {leaves} entries from {first_index} on are in the index already")]
    AlreadyFilled {
        /// The ledger.
        ledger: LedgerId,
        /// The first of them.
        first_index: u64,
        /// How many.
        leaves: u64,
    },
    /// An entry has no bytes, or too many.
    #[error("entry {index} has {bytes} bytes, not 1 to {MAX_ENTRY_BYTES}")]
    WrongEntryLength {
        /// The entry.
        index: u64,
        /// How many bytes.
        bytes: usize,
    },
    /// There are more or fewer entries than the subtree has leaves.
    #[error("the subtree at leaf {first_index} has {leaves} leaves, not {given}")]
    WrongCount {
        /// Its first leaf.
        first_index: u64,
        /// How many leaves it has.
        leaves: u64,
        /// How many entries were given, as far as they were counted.
        given: u64,
    },
    /// The entries do not lead to the root that was appended, so at least one of them is false.
    #[error("the {leaves} entries from {first_index} on lead to {computed}, appended was {appended}")]
    RootMismatch {
        /// The first of them.
        first_index: u64,
        /// How many.
        leaves: u64,
        /// The root that they lead to.
        computed: Hash,
        /// The root in the event, which is checked.
        appended: Hash,
    },
    /// The database refused, or holds what cannot have been written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for FillError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Filling in the entries of one subtree, in one SQL transaction that the caller owns.
///
/// The source is not trusted: [`Self::finish`] refuses unless the entries lead to the root that the ledger's checked events
/// appended. Commit after it, and only then.
#[derive(Debug)]
pub struct Fill<'a> {
    connection: &'a mut PgConnection,
    row: LedgerRow,
    subtree: MissingSubtree,
    /// The subtree as a log of its own: its tiles are the ledger's, further to the right.
    edge: Edge,
}

impl<'a> Fill<'a> {
    /// Begins with the subtree whose first leaf is `first_index`. Other writers of the ledger wait until the end.
    ///
    /// # Errors
    /// [`FillError::NoSubtree`], [`FillError::AlreadyFilled`], [`FillError::Store`].
    pub async fn begin(
        connection: &'a mut PgConnection,
        ledger: LedgerId,
        first_index: u64,
    ) -> Result<Self, FillError> {
        let key = load_ledger(&mut *connection, ledger).await?.key;
        // As when events are written: this lock keeps every other writer of this ledger out until the end.
        sqlx::query_scalar!("select event_seq from cursor where ledger = $1 for update", key)
            .fetch_one(&mut *connection)
            .await?;
        let row = load_ledger(&mut *connection, ledger).await?;
        let found = load_appended(&mut *connection, &row, first_index).await?;
        let subtree = found.ok_or(FillError::NoSubtree { ledger, first_index })?;
        let is_filled = sqlx::query_scalar!(
            r#"select exists (select from entry where ledger = $1 and index = $2) as "is_filled!""#,
            row.key,
            to_bigint("index", first_index)?,
        );
        if is_filled.fetch_one(&mut *connection).await? {
            return Err(FillError::AlreadyFilled { ledger, first_index, leaves: subtree.leaves() });
        }
        Ok(Self { connection, row, subtree, edge: Edge::new() })
    }

    /// The subtree.
    #[must_use]
    pub const fn subtree(&self) -> &MissingSubtree {
        &self.subtree
    }

    /// How many entries are still to come.
    #[must_use]
    pub fn rest(&self) -> u64 {
        self.subtree.leaves().saturating_sub(self.given())
    }

    /// Writes the next entries, in order.
    ///
    /// # Errors
    /// [`FillError::WrongEntryLength`], [`FillError::WrongCount`] when they are more than the subtree has leaves,
    /// [`FillError::Store`].
    pub async fn push(&mut self, entries: &[Vec<u8>]) -> Result<(), FillError> {
        if entries.is_empty() {
            return Ok(());
        }
        if self.rest() < entries.len() as u64 {
            return Err(self.wrong_count(self.given().saturating_add(entries.len() as u64)));
        }
        let (mut leaves, mut grown) = (Vec::with_capacity(entries.len()), Grown::default());
        let first = self.subtree.first_index().saturating_add(self.given());
        for (index, entry) in (first..).zip(entries) {
            if entry.is_empty() || entry.len() > MAX_ENTRY_BYTES {
                return Err(FillError::WrongEntryLength { index, bytes: entry.len() });
            }
            let leaf: LeafHash = hash_leaf(entry);
            // Far from full: the subtree fits into the ledger's log.
            let appended = self.edge.append_leaf(&leaf, &mut grown);
            appended.map_err(|error| StoreError::corrupt("subtree", self.row.ledger, error))?;
            leaves.push((to_bigint("index", index)?, leaf));
        }
        let mut rows = EntryRows::default();
        let event_seq = to_bigint("event", self.subtree.event_seq.get())?;
        for ((index, leaf), entry) in leaves.iter().zip(entries) {
            rows.push(*index, event_seq, &leaf.0, entry);
        }
        rows.write(&mut *self.connection, self.row.key).await?;
        for tile in &mut grown.tiles {
            let hashes_before = self.subtree.first_index() >> (8 * u32::from(tile.level));
            tile.index = tile.index.saturating_add(hashes_before / merkle_log::TILE_WIDTH);
        }
        let tiles: Vec<(Log, &FullTile)> = grown.tiles.iter().map(|tile| (Log::Entries, tile)).collect();
        write_tiles(self.connection, self.row.key, &tiles).await?;
        Ok(())
    }

    /// Ends: compares the root, and writes the tile in which the subtree stands if it was the last that it lacked.
    ///
    /// # Errors
    /// [`FillError::WrongCount`] when entries are missing, [`FillError::RootMismatch`], [`FillError::Store`].
    pub async fn finish(self) -> Result<(), FillError> {
        if self.rest() > 0 {
            return Err(self.wrong_count(self.given()));
        }
        let Root(computed) = self.edge.frontier().root();
        let (computed, appended) = (Hash(computed), self.subtree.root);
        let (first_index, leaves) = (self.subtree.first_index(), self.subtree.leaves());
        if computed != appended {
            return Err(FillError::RootMismatch { first_index, leaves, computed, appended });
        }
        // The cursor's row is locked, so this is what is applied now; a tile that is not as wide yet is completed
        // when it is.
        let tile = Tile::holding(self.subtree.position, self.row.applied_size)
            .map_err(|error| StoreError::corrupt("subtree", self.row.ledger, error))?;
        if tile.is_full() {
            complete_tiles(&mut *self.connection, &self.row, &[tile]).await?;
        }
        sqlx::query!(
            "update cursor set missing = missing - $2 where ledger = $1",
            self.row.key,
            to_bigint("count", leaves)?,
        )
        .execute(&mut *self.connection)
        .await?;
        Ok(notify(self.connection, self.row.ledger).await?)
    }

    fn given(&self) -> u64 {
        self.edge.frontier().size().get()
    }

    fn wrong_count(&self, given: u64) -> FillError {
        let (first_index, leaves) = (self.subtree.first_index(), self.subtree.leaves());
        FillError::WrongCount { first_index, leaves, given }
    }
}

/// The subtree below the checked size that begins at a leaf.
async fn load_appended(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    first_index: u64,
) -> Result<Option<MissingSubtree>, StoreError> {
    let checked = ledger.checked.map_or(0, |(head, _)| head.entries.size.get());
    // An index that the database cannot hold is none of its rows'.
    let Ok(first) = i64::try_from(first_index) else { return Ok(None) };
    let row = sqlx::query_as!(
        Row,
        "select level, index, root, event_seq from subtree
         where ledger = $1 and not is_tile and (index << level) = $2 and (index << level) < $3",
        ledger.key,
        first,
        to_bigint("size", checked)?,
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| row.read(ledger.ledger)).transpose()
}
