//! Table `tile`, and the partial tiles that are derived: from the newest leaf hashes, and from full tiles' roots.

use std::collections::BTreeMap;

use merkle_log::{Hash, Tile, Tiles};
use sqlx::PgConnection;

use crate::convert::{bytes, hashes, to_bigint};
use crate::holes::{load_holed_rows, slots};
use crate::subtree::position;
use crate::{LedgerRow, StoreError};

/// Which of a ledger's two logs.
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

/// Tiles wanted of one log.
#[derive(Clone, Debug)]
pub struct TileSet<'a> {
    /// The ledger.
    pub ledger: &'a LedgerRow,
    /// Which of its logs.
    pub log: Log,
    /// The tiles.
    pub tiles: Vec<Tile>,
}

/// The tiles wanted, as columns for `unnest`.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) ledgers: Vec<i32>,
    logs: Vec<i16>,
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

/// What was found.
#[derive(Default)]
pub(crate) struct Found {
    /// The hashes of tiles that lack none.
    pub(crate) whole: BTreeMap<Key, Vec<u8>>,
    /// Of tiles that may lack some, the hashes of leaves and of full tiles below: their offsets, and the hashes one
    /// after the other.
    pub(crate) slots: BTreeMap<Key, (Vec<i64>, Vec<u8>)>,
    /// By ledger, level and index, the roots of subtrees in or around these tiles.
    pub(crate) subtrees: BTreeMap<(i32, i16, i64), Vec<u8>>,
}

impl TileSet<'_> {
    /// Whether a tile that is not a row may lack hashes.
    pub(crate) fn may_have_holes(&self) -> bool {
        self.log == Log::Entries && self.ledger.has_subtrees
    }

    pub(crate) fn key(&self, tile: &Tile) -> Result<Key, StoreError> {
        Ok((self.ledger.key, self.log.number(), i16::from(tile.level), to_bigint("tile", tile.index)?))
    }

    pub(crate) fn name(&self, tile: &Tile) -> String {
        format!("ledger {}, {:?}, tile {}/{}", self.ledger.ledger, self.log, tile.level, tile.index)
    }
}

/// Reads tiles of one log, in one query.
///
/// # Errors
/// As [`load_tile_sets`].
pub async fn load_tiles(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    log: Log,
    tiles: &[Tile],
) -> Result<Tiles, StoreError> {
    let sets = [TileSet { ledger, log, tiles: tiles.to_vec() }];
    Ok(load_tile_sets(connection, &sets).await?.pop().unwrap_or_default())
}

/// Reads tiles of several logs, also of several ledgers, in one query; those of ledgers that have subtrees in a second
/// one, so that the others do not pay for it. The answer has the order of `sets`.
///
/// # Errors
/// [`StoreError::Database`]; [`StoreError::Corrupt`] when a tile is missing or has another width. A tile of a ledger that
/// has subtrees may lack hashes: which of them, the tiles themselves say.
pub async fn load_tile_sets(connection: &mut PgConnection, sets: &[TileSet<'_>]) -> Result<Vec<Tiles>, StoreError> {
    let mut found = Found::default();
    load_rows(&mut *connection, sets, &mut found).await?;
    load_holed_rows(connection, sets, &mut found).await?;
    sets.iter().map(|set| take_tiles(set, &found)).collect()
}

/// Reads what is derived by the size of the log alone.
async fn load_rows(connection: &mut PgConnection, sets: &[TileSet<'_>], found: &mut Found) -> Result<(), StoreError> {
    let (mut full, mut roots, mut leaves) = (Wanted::default(), Wanted::default(), Wanted::default());
    for set in sets.iter().filter(|set| !set.may_have_holes()) {
        for tile in &set.tiles {
            match (tile.is_full(), tile.level) {
                (true, _) => full.push(set, tile)?,
                (false, 0) => leaves.push(set, tile)?,
                (false, _) => roots.push(set, tile)?,
            }
        }
    }
    if full.is_empty() && roots.is_empty() && leaves.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query!(
        r#"select wanted.ledger as "ledger!", wanted.log as "log!", wanted.level as "level!",
                  wanted.index as "index!", tile.hashes as "hashes!"
           from unnest($1::integer[], $2::smallint[], $3::smallint[], $4::bigint[])
               as wanted (ledger, log, level, index)
           join tile on tile.ledger = wanted.ledger and tile.log = wanted.log
               and tile.level = wanted.level and tile.index = wanted.index
           union all
           select wanted.ledger, wanted.log, wanted.level, wanted.index,
                  string_agg(tile.root, '' order by tile.index)
           from unnest($5::integer[], $6::smallint[], $7::smallint[], $8::bigint[], $9::bigint[], $10::bigint[])
               as wanted (ledger, log, level, index, first, after_last)
           join tile on tile.ledger = wanted.ledger and tile.log = wanted.log and tile.level = wanted.level - 1
               and tile.index >= wanted.first and tile.index < wanted.after_last
           group by wanted.ledger, wanted.log, wanted.level, wanted.index
           union all
           select wanted.ledger, wanted.log, 0::smallint, wanted.index,
                  string_agg(entry.leaf_hash, '' order by entry.index)
           from unnest($11::integer[], $12::smallint[], $13::bigint[], $14::bigint[], $15::bigint[])
               as wanted (ledger, log, index, first, after_last)
           join entry on entry.ledger = wanted.ledger
               and entry.index >= wanted.first and entry.index < wanted.after_last
           where wanted.log = 0
           group by wanted.ledger, wanted.log, wanted.index
           union all
           select wanted.ledger, wanted.log, 0::smallint, wanted.index,
                  string_agg(event.leaf_hash, '' order by event.seq)
           from unnest($11::integer[], $12::smallint[], $13::bigint[], $14::bigint[], $15::bigint[])
               as wanted (ledger, log, index, first, after_last)
           join event on event.ledger = wanted.ledger
               and event.seq >= wanted.first and event.seq < wanted.after_last
           where wanted.log = 1
           group by wanted.ledger, wanted.log, wanted.index"#,
        &full.ledgers,
        &full.logs,
        &full.levels,
        &full.indexes,
        &roots.ledgers,
        &roots.logs,
        &roots.levels,
        &roots.indexes,
        &roots.firsts,
        &roots.ends,
        &leaves.ledgers,
        &leaves.logs,
        &leaves.indexes,
        &leaves.firsts,
        &leaves.ends,
    )
    .fetch_all(connection)
    .await?;
    let whole = rows.into_iter().map(|row| ((row.ledger, row.log, row.level, row.index), row.hashes));
    found.whole.extend(whole);
    Ok(())
}

fn take_tiles(set: &TileSet<'_>, found: &Found) -> Result<Tiles, StoreError> {
    let mut read = Tiles::default();
    for tile in &set.tiles {
        match found.whole.get(&set.key(tile)?) {
            Some(bytes) => read.insert(*tile, hashes("tile", set.name(tile), bytes)?),
            None if set.may_have_holes() => read.insert_holed(*tile, slots(set, tile, found)?),
            None => return Err(StoreError::corrupt("tile", set.name(tile), "hashes are missing")),
        }
        .map_err(|error| StoreError::corrupt("tile", set.name(tile), error))?;
    }
    if set.may_have_holes() {
        for ((_, level, index), root) in found.subtrees.range((set.ledger.key, 0, 0)..=(set.ledger.key, 47, i64::MAX)) {
            let name = || format!("ledger {}, {level}/{index}", set.ledger.ledger);
            read.insert_subtree(position(set.ledger.ledger, *level, *index)?, Hash(bytes("subtree", name(), root)?));
        }
    }
    Ok(read)
}
