//! Sets of tiles of one log: as they are asked for, as columns of a query, and as the database holds them.

use std::collections::BTreeMap;

use merkle_log::Tile;

use crate::convert::to_bigint;
use crate::{LedgerRow, StoreError};

/// One of a ledger's two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Log {
    /// The entries.
    Entries,
    /// The events.
    Events,
}

impl Log {
    pub(crate) const fn number(self) -> i16 {
        match self {
            Self::Entries => 0,
            Self::Events => 1,
        }
    }
}

/// Tiles of one log that a caller asks for.
#[derive(Clone, Debug)]
pub struct TileSet<'a> {
    /// The ledger.
    pub ledger: &'a LedgerRow,
    /// The log.
    pub log: Log,
    /// The tiles.
    pub tiles: Vec<Tile>,
}

impl TileSet<'_> {
    /// Whether hashes may be missing in a tile that is not a row.
    pub(crate) fn may_be_sparse(&self) -> bool {
        self.log == Log::Entries && self.ledger.has_subtrees
    }

    pub(crate) fn key(&self, tile: &Tile) -> Result<Key, StoreError> {
        Ok((self.ledger.key, self.log.number(), i16::from(tile.level), to_bigint("tile", tile.index)?))
    }

    pub(crate) fn name(&self, tile: &Tile) -> String {
        format!("ledger {}, {:?}, tile {}/{}", self.ledger.ledger, self.log, tile.level, tile.index)
    }
}

/// The tiles that a query reads, as columns for `unnest`.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) ledgers: Vec<i32>,
    pub(crate) logs: Vec<i16>,
    pub(crate) levels: Vec<i16>,
    pub(crate) indexes: Vec<i64>,
    pub(crate) firsts: Vec<i64>,
    pub(crate) ends: Vec<i64>,
}

impl Wanted {
    pub(crate) const fn is_empty(&self) -> bool {
        self.ledgers.is_empty()
    }

    pub(crate) fn push(&mut self, set: &TileSet<'_>, tile: &Tile) -> Result<(), StoreError> {
        let first = tile.first_offset();
        self.ledgers.push(set.ledger.key);
        self.logs.push(set.log.number());
        self.levels.push(i16::from(tile.level));
        self.indexes.push(to_bigint("tile", tile.index)?);
        self.firsts.push(to_bigint("offset", first)?);
        self.ends.push(to_bigint("offset", first.saturating_add(u64::from(tile.width)))?);
        Ok(())
    }
}

/// A tile's ledger, log, level and index.
pub(crate) type Key = (i32, i16, i16, i64);

/// Bytes of tiles, as a query found them.
#[derive(Default)]
pub(crate) struct Found {
    /// The hashes of whole tiles.
    pub(crate) whole: BTreeMap<Key, Vec<u8>>,
    /// Of tiles that may have holes, the hashes of leaves and of full tiles below: their offsets, and the hashes one
    /// after the other.
    pub(crate) slots: BTreeMap<Key, (Vec<i64>, Vec<u8>)>,
    /// By ledger, level and index, the roots of subtrees in or around these tiles.
    pub(crate) subtrees: BTreeMap<(i32, i16, i64), Vec<u8>>,
}
