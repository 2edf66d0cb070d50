//! Table `tile`, and the partial tiles that are derived: from the newest leaf hashes, and from full tiles' roots.

use merkle_log::{Hash, Tile, Tiles};
use sqlx::PgConnection;

use crate::convert::{bytes, hashes};
use crate::tiles::set::{Found, Wanted};
use crate::tiles::sparse::{load_sparse_rows, slots};
use crate::tiles::subtree::position;
use crate::{LedgerRow, Log, StoreError, TileSet};

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
/// has subtrees may be sparse: its tiles tell which hashes are unknown.
pub async fn load_tile_sets(connection: &mut PgConnection, sets: &[TileSet<'_>]) -> Result<Vec<Tiles>, StoreError> {
    let mut found = Found::default();
    load_rows(&mut *connection, sets, &mut found).await?;
    load_sparse_rows(connection, sets, &mut found).await?;
    sets.iter().map(|set| take_tiles(set, &found)).collect()
}

/// Reads what is derived by the size of the log alone.
///
/// How many rows a range has is a guess to the planner, a share of the table: the limits, which leave out nothing, keep
/// it at index scans. The arrays come out of sub-selects, so that it does not see how many are wanted: else it would find
/// each request cheaper than its plan for all, and plan again, which takes longer than to read.
async fn load_rows(connection: &mut PgConnection, sets: &[TileSet<'_>], found: &mut Found) -> Result<(), StoreError> {
    let (mut full, mut roots, mut leaves) = (Wanted::default(), Wanted::default(), Wanted::default());
    for set in sets.iter().filter(|set| !set.may_be_sparse()) {
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
           from unnest((select $1::integer[]), (select $2::smallint[]), (select $3::smallint[]),
                       (select $4::bigint[]))
               as wanted (ledger, log, level, index)
           cross join lateral (
               select tile.hashes from tile
               where tile.ledger = wanted.ledger and tile.log = wanted.log
                   and tile.level = wanted.level and tile.index = wanted.index
               limit 1
           ) as tile
           union all
           select wanted.ledger, wanted.log, wanted.level, wanted.index, below.hashes
           from unnest((select $5::integer[]), (select $6::smallint[]), (select $7::smallint[]),
                       (select $8::bigint[]), (select $9::bigint[]), (select $10::bigint[]))
               as wanted (ledger, log, level, index, first, after_last)
           cross join lateral (
               select string_agg(known.root, '' order by known.index) as hashes from (
                   select tile.root, tile.index from tile
                   where tile.ledger = wanted.ledger and tile.log = wanted.log and tile.level = wanted.level - 1
                       and tile.index >= wanted.first and tile.index < wanted.after_last
                   limit 256
               ) as known
           ) as below
           where below.hashes is not null
           union all
           select wanted.ledger, wanted.log, 0::smallint, wanted.index, below.hashes
           from unnest((select $11::integer[]), (select $12::smallint[]), (select $13::bigint[]),
                       (select $14::bigint[]), (select $15::bigint[]))
               as wanted (ledger, log, index, first, after_last)
           cross join lateral (
               select string_agg(known.leaf_hash, '' order by known.index) as hashes from (
                   select entry.leaf_hash, entry.index from entry
                   where entry.ledger = wanted.ledger
                       and entry.index >= wanted.first and entry.index < wanted.after_last
                   limit 256
               ) as known
           ) as below
           where wanted.log = 0 and below.hashes is not null
           union all
           select wanted.ledger, wanted.log, 0::smallint, wanted.index, below.hashes
           from unnest((select $11::integer[]), (select $12::smallint[]), (select $13::bigint[]),
                       (select $14::bigint[]), (select $15::bigint[]))
               as wanted (ledger, log, index, first, after_last)
           cross join lateral (
               select string_agg(known.leaf_hash, '' order by known.seq) as hashes from (
                   select event.leaf_hash, event.seq from event
                   where event.ledger = wanted.ledger
                       and event.seq >= wanted.first and event.seq < wanted.after_last
                   limit 256
               ) as known
           ) as below
           where wanted.log = 1 and below.hashes is not null"#,
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
            None if set.may_be_sparse() => read.insert_holed(*tile, slots(set, tile, found)?),
            None => return Err(StoreError::corrupt("tile", set.name(tile), "hashes are missing")),
        }
        .map_err(|error| StoreError::corrupt("tile", set.name(tile), error))?;
    }
    if set.may_be_sparse() {
        for ((_, level, index), root) in found.subtrees.range((set.ledger.key, 0, 0)..=(set.ledger.key, 47, i64::MAX)) {
            let name = || format!("ledger {}, {level}/{index}", set.ledger.ledger);
            read.insert_subtree(position(set.ledger.ledger, *level, *index)?, Hash(bytes("subtree", name(), root)?));
        }
    }
    Ok(read)
}
