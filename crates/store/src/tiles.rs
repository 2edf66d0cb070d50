//! Table `tile`, and the partial tiles that are derived: from the newest leaf hashes, and from full tiles' roots.

use merkle_log::{Hash, Tile, Tiles};
use sqlx::PgConnection;

use crate::convert::{hashes, to_bigint};
use crate::{LedgerRow, StoreError};

/// Which of a ledger's two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// The tiles wanted, as columns for `unnest`.
#[derive(Default)]
struct Wanted {
    levels: Vec<i16>,
    indexes: Vec<i64>,
    firsts: Vec<i64>,
    ends: Vec<i64>,
}

impl Wanted {
    fn push(&mut self, tile: &Tile) -> Result<(), StoreError> {
        let first = tile.first_offset();
        self.levels.push(i16::from(tile.level));
        self.indexes.push(to_bigint("tile", tile.index)?);
        self.firsts.push(to_bigint("offset", first)?);
        self.ends.push(to_bigint("offset", first.saturating_add(u64::from(tile.width)))?);
        Ok(())
    }
}

/// Reads tiles, in one query.
///
/// # Errors
/// [`StoreError::Database`]; [`StoreError::Corrupt`] when a tile is missing or has another width.
pub async fn load_tiles(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    log: Log,
    tiles: &[Tile],
) -> Result<Tiles, StoreError> {
    let (mut full, mut roots, mut leaves) = (Wanted::default(), Wanted::default(), Wanted::default());
    for tile in tiles {
        match (tile.is_full(), tile.level) {
            (true, _) => full.push(tile)?,
            (false, 0) => leaves.push(tile)?,
            (false, _) => roots.push(tile)?,
        }
    }
    let rows = sqlx::query!(
        r#"select wanted.level as "level!", wanted.index as "index!", tile.hashes as "hashes!"
           from unnest($3::smallint[], $4::bigint[]) as wanted (level, index)
           join tile on tile.ledger = $1 and tile.log = $2
               and tile.level = wanted.level and tile.index = wanted.index
           union all
           select wanted.level, wanted.index, string_agg(tile.root, '' order by tile.index)
           from unnest($5::smallint[], $6::bigint[], $7::bigint[], $8::bigint[])
               as wanted (level, index, first, after_last)
           join tile on tile.ledger = $1 and tile.log = $2 and tile.level = wanted.level - 1
               and tile.index >= wanted.first and tile.index < wanted.after_last
           group by wanted.level, wanted.index
           union all
           select 0::smallint, wanted.index, string_agg(entry.leaf_hash, '' order by entry.index)
           from unnest($9::bigint[], $10::bigint[], $11::bigint[]) as wanted (index, first, after_last)
           join entry on entry.ledger = $1 and entry.index >= wanted.first and entry.index < wanted.after_last
           where $2 = 0::smallint
           group by wanted.index
           union all
           select 0::smallint, wanted.index, string_agg(event.leaf_hash, '' order by event.seq)
           from unnest($9::bigint[], $10::bigint[], $11::bigint[]) as wanted (index, first, after_last)
           join event on event.ledger = $1 and event.seq >= wanted.first and event.seq < wanted.after_last
           where $2 = 1::smallint
           group by wanted.index"#,
        ledger.key,
        log.number(),
        &full.levels,
        &full.indexes,
        &roots.levels,
        &roots.indexes,
        &roots.firsts,
        &roots.ends,
        &leaves.indexes,
        &leaves.firsts,
        &leaves.ends,
    )
    .fetch_all(connection)
    .await?;

    let name = |level: i16, index: i64| format!("ledger {}, {log:?}, tile {level}/{index}", ledger.ledger);
    let mut found = std::collections::BTreeMap::<(i16, i64), Vec<Hash>>::new();
    for row in rows {
        let hashes = hashes("tile", name(row.level, row.index), &row.hashes)?;
        found.insert((row.level, row.index), hashes);
    }
    let mut read = Tiles::default();
    for tile in tiles {
        let key = (i16::from(tile.level), to_bigint("tile", tile.index)?);
        let problem = |problem: &dyn ToString| StoreError::corrupt("tile", name(key.0, key.1), problem.to_string());
        let hashes = found.remove(&key).ok_or_else(|| problem(&"hashes are missing"))?;
        read.insert(*tile, hashes).map_err(|error| problem(&error))?;
    }
    Ok(read)
}
