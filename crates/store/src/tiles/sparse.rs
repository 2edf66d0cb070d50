//! Tiles of a ledger that has subtrees: rows of `tile`, or else derived from leaf hashes, full tiles' roots and rows of
//! `subtree`, with hashes that are not known.

use std::slice;

use merkle_log::{FullTile, Hash, Tile};
use sqlx::PgConnection;

use crate::convert::{bytes, from_bigint, hashes, to_bigint};
use crate::tiles::set::{Found, Wanted};
use crate::write::rows::write_tiles;
use crate::{LedgerRow, Log, StoreError, TileSet};

/// Reads all that is known of the tiles of such ledgers, in one query: the rows of tiles, what their hashes are derived
/// from where there is no row, and the subtrees in and around them. Limits and sub-selects are those of [`crate::tiles::whole`].
pub(crate) async fn load_sparse_rows(
    connection: &mut PgConnection,
    sets: &[TileSet<'_>],
    found: &mut Found,
) -> Result<(), StoreError> {
    let mut wanted = Wanted::default();
    for set in sets.iter().filter(|set| set.may_be_sparse()) {
        set.tiles.iter().try_for_each(|tile| wanted.push(set, tile))?;
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query!(
        r#"with wanted as (
               select unnested.*, (
                   select tile.hashes from tile
                   where tile.ledger = unnested.ledger and tile.log = 0
                       and tile.level = unnested.level and tile.index = unnested.index
               ) as hashes
               from unnest((select $1::integer[]), (select $2::smallint[]), (select $3::bigint[]),
                           (select $4::bigint[]), (select $5::bigint[]))
                   as unnested (ledger, level, index, first, after_last)
           )
           select wanted.ledger as "ledger!", wanted.level as "level!", wanted.index as "index!",
                  wanted.hashes as "hashes!", null::bigint[] as offsets, false as "is_subtree!"
           from wanted
           where wanted.hashes is not null
           union all
           select wanted.ledger, wanted.level, wanted.index, below.hashes, below.offsets, false
           from wanted cross join lateral (
               select string_agg(known.root, '' order by known.index) as hashes,
                      array_agg(known.index order by known.index) as offsets
               from (
                   select tile.root, tile.index from tile
                   where tile.ledger = wanted.ledger and tile.log = 0 and tile.level = wanted.level - 1
                       and tile.index >= wanted.first and tile.index < wanted.after_last
                   limit 256
               ) as known
           ) as below
           where wanted.level > 0 and wanted.hashes is null and below.hashes is not null
           union all
           select wanted.ledger, wanted.level, wanted.index, below.hashes, below.offsets, false
           from wanted cross join lateral (
               select string_agg(known.leaf_hash, '' order by known.index) as hashes,
                      array_agg(known.index order by known.index) as offsets
               from (
                   select entry.leaf_hash, entry.index from entry
                   where entry.ledger = wanted.ledger
                       and entry.index >= wanted.first and entry.index < wanted.after_last
                   limit 256
               ) as known
           ) as below
           where wanted.level = 0 and wanted.hashes is null and below.hashes is not null
           union all
           select wanted.ledger, height.level::smallint, known.index, known.root, null, true
           from wanted
           cross join generate_series(8 * wanted.level, 47) as height (level)
           cross join lateral (
               select subtree.index, subtree.root from subtree
               where subtree.ledger = wanted.ledger and subtree.level = height.level::smallint
                   and subtree.index >= (wanted.first << (8 * wanted.level)) >> height.level
                   and subtree.index <= ((wanted.after_last << (8 * wanted.level)) - 1) >> height.level
               limit 256
           ) as known
           where wanted.hashes is null"#,
        &wanted.ledgers,
        &wanted.levels,
        &wanted.indexes,
        &wanted.firsts,
        &wanted.ends,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let key = (row.ledger, Log::Entries.number(), row.level, row.index);
        match (row.is_subtree, row.offsets) {
            (true, _) => drop(found.subtrees.insert((row.ledger, row.level, row.index), row.hashes)),
            (false, Some(offsets)) => drop(found.slots.insert(key, (offsets, row.hashes))),
            (false, None) => drop(found.whole.insert(key, row.hashes)),
        }
    }
    Ok(())
}

/// A tile's hashes as far as they are known: of leaves and full tiles, and of subtrees of just that height.
pub(crate) fn slots(set: &TileSet<'_>, tile: &Tile, found: &Found) -> Result<Vec<Option<Hash>>, StoreError> {
    let name = || set.name(tile);
    let mut slots = vec![None; usize::from(tile.width)];
    let mut fill = |offset: i64, hash: Hash| -> Result<(), StoreError> {
        let slot = from_bigint("tile", name(), offset)?.checked_sub(tile.first_offset());
        let slot = slot.and_then(|slot| slots.get_mut(usize::try_from(slot).ok()?));
        *slot.ok_or_else(|| StoreError::corrupt("tile", name(), "a hash lies beyond it"))? = Some(hash);
        Ok(())
    };
    let level = i16::from(tile.level).saturating_mul(8);
    let first = to_bigint("offset", tile.first_offset())?;
    let within = (set.ledger.key, level, first)..(set.ledger.key, level, first.saturating_add(i64::from(tile.width)));
    for ((_, _, offset), root) in found.subtrees.range(within) {
        fill(*offset, Hash(bytes("subtree", name(), root)?))?;
    }
    if let Some((offsets, found)) = found.slots.get(&set.key(tile)?) {
        let hashes = hashes("tile", name(), found)?;
        offsets.iter().zip(hashes).try_for_each(|(offset, hash)| fill(*offset, hash))?;
    }
    Ok(slots)
}

/// Writes those of these full tiles of the entries that are no rows yet and of which all hashes are known.
pub(crate) async fn complete_tiles(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    tiles: &[Tile],
) -> Result<(), StoreError> {
    if tiles.is_empty() {
        return Ok(());
    }
    let ledger = LedgerRow { has_subtrees: true, ..ledger.clone() };
    let set = TileSet { ledger: &ledger, log: Log::Entries, tiles: tiles.to_vec() };
    let mut found = Found::default();
    load_sparse_rows(&mut *connection, slice::from_ref(&set), &mut found).await?;
    let mut complete = Vec::new();
    for tile in tiles {
        if found.whole.contains_key(&set.key(tile)?) {
            continue;
        }
        let hashes: Option<Vec<Hash>> = slots(&set, tile, &found)?.into_iter().collect();
        complete.extend(hashes.and_then(|hashes| FullTile::new(tile.level, tile.index, hashes)));
    }
    let complete: Vec<(Log, &FullTile)> = complete.iter().map(|tile| (Log::Entries, tile)).collect();
    write_tiles(connection, ledger.key, &complete).await
}
