//! Table `tile`, and the partial tiles that are derived: from the newest leaf hashes, and from full tiles' roots.

use std::collections::BTreeMap;

use merkle_log::{Tile, Tiles};
use sqlx::PgConnection;

use crate::convert::{hashes, to_bigint};
use crate::{LedgerRow, StoreError};

/// Which of a ledger's two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
struct Wanted {
    ledgers: Vec<i32>,
    logs: Vec<i16>,
    levels: Vec<i16>,
    indexes: Vec<i64>,
    firsts: Vec<i64>,
    ends: Vec<i64>,
}

impl Wanted {
    fn push(&mut self, set: &TileSet<'_>, tile: &Tile) -> Result<(), StoreError> {
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

/// A tile's hashes by ledger, log, level and index.
type Found = BTreeMap<(i32, i16, i16, i64), Vec<u8>>;

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

/// Reads tiles of several logs, also of several ledgers, in one query. The answer has the order of `sets`.
///
/// # Errors
/// [`StoreError::Database`]; [`StoreError::Corrupt`] when a tile is missing or has another width.
pub async fn load_tile_sets(connection: &mut PgConnection, sets: &[TileSet<'_>]) -> Result<Vec<Tiles>, StoreError> {
    let found = load_rows(connection, sets).await?;
    sets.iter().map(|set| take_tiles(set, &found)).collect()
}

async fn load_rows(connection: &mut PgConnection, sets: &[TileSet<'_>]) -> Result<Found, StoreError> {
    let (mut full, mut roots, mut leaves) = (Wanted::default(), Wanted::default(), Wanted::default());
    for set in sets {
        for tile in &set.tiles {
            match (tile.is_full(), tile.level) {
                (true, _) => full.push(set, tile)?,
                (false, 0) => leaves.push(set, tile)?,
                (false, _) => roots.push(set, tile)?,
            }
        }
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
    Ok(rows.into_iter().map(|row| ((row.ledger, row.log, row.level, row.index), row.hashes)).collect())
}

fn take_tiles(set: &TileSet<'_>, found: &Found) -> Result<Tiles, StoreError> {
    let mut read = Tiles::default();
    for tile in &set.tiles {
        let name = || format!("ledger {}, {:?}, tile {}/{}", set.ledger.ledger, set.log, tile.level, tile.index);
        let key = (set.ledger.key, set.log.number(), i16::from(tile.level), to_bigint("tile", tile.index)?);
        let bytes = found.get(&key).ok_or_else(|| StoreError::corrupt("tile", name(), "hashes are missing"))?;
        let hashes = hashes("tile", name(), bytes)?;
        read.insert(*tile, hashes).map_err(|error| StoreError::corrupt("tile", name(), error))?;
    }
    Ok(read)
}
