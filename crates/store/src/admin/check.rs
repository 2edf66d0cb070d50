//! Rows as they are stored, for a check that derives them again.

use std::collections::BTreeMap;

use merkle_log::{Hash, LeafIndex, Position};
use sqlx::PgConnection;

use crate::convert::{bytes, from_bigint, to_bigint};
use crate::tiles::subtree::position;
use crate::{EventRow, LedgerRow, Log, StoreError, load_events};

/// A full tile's key: log, level, index.
pub type TileKey = (Log, u8, u64);

/// How many rows each of the big tables holds of one ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Of `event`.
    pub events: u64,
    /// Of `entry`.
    pub entries: u64,
    /// Of `tile`.
    pub tiles: u64,
    /// Of `subtree`.
    pub subtrees: u64,
}

/// Counts one ledger's rows.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count_rows(connection: &mut PgConnection, ledger: &LedgerRow) -> Result<RowCounts, StoreError> {
    let row = sqlx::query!(
        r#"select (select count(*) from event where ledger = $1) as "events!",
                  (select count(*) from entry where ledger = $1) as "entries!",
                  (select count(*) from tile where ledger = $1) as "tiles!",
                  (select count(*) from subtree where ledger = $1) as "subtrees!""#,
        ledger.key,
    )
    .fetch_one(connection)
    .await?;
    let count = |table, rows| from_bigint(table, ledger.ledger, rows);
    Ok(RowCounts {
        events: count("event", row.events)?,
        entries: count("entry", row.entries)?,
        tiles: count("tile", row.tiles)?,
        subtrees: count("subtree", row.subtrees)?,
    })
}

/// How many rows of the big tables belong to no ledger, by table; and the constraints that PostgreSQL has not validated.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_strays(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    let strays = sqlx::query!(
        r#"select 'event' as "table!", count(*) as "rows!" from event
           where not exists (select from ledger where id = event.ledger)
           union all select 'entry', count(*) from entry
           where not exists (select from ledger where id = entry.ledger)
           union all select 'tile', count(*) from tile
           where not exists (select from ledger where id = tile.ledger)
           union all select 'ledger without a cursor', count(*) from ledger
           where not exists (select from cursor where cursor.ledger = ledger.id)"#
    )
    .fetch_all(&mut *connection)
    .await?;
    let unvalidated = sqlx::query_scalar!(
        r#"select conname::text as "name!" from pg_constraint
           join pg_class on pg_class.oid = conrelid
           where not convalidated and relnamespace = current_schema()::regnamespace"#
    )
    .fetch_all(connection)
    .await?;
    let strays = strays.into_iter().filter(|stray| stray.rows > 0);
    let strays = strays.map(|stray| format!("table {}: {} rows of no ledger", stray.table, stray.rows));
    Ok(strays.chain(unvalidated.into_iter().map(|name| format!("constraint {name} was never validated"))).collect())
}

/// Reads the events `first` to `end`, in order; those that are missing are an error.
///
/// # Errors
/// As [`load_events`].
pub async fn load_event_range(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    first: u64,
    end: u64,
) -> Result<Vec<EventRow>, StoreError> {
    let seqs: Vec<LeafIndex> = (first..end).filter_map(|seq| LeafIndex::new(seq).ok()).collect();
    load_events(connection, ledger, &seqs).await
}

/// Reads full tiles' roots and hashes by key; those that are missing are left out.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_full_tiles(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    keys: &[TileKey],
) -> Result<BTreeMap<TileKey, (Hash, Vec<u8>)>, StoreError> {
    let indexes: Vec<i64> = keys.iter().map(|key| to_bigint("tile", key.2)).collect::<Result<_, StoreError>>()?;
    let rows = sqlx::query!(
        r#"select tile.log, tile.level, tile.index, root, hashes
           from unnest($2::smallint[], $3::smallint[], $4::bigint[]) as wanted (log, level, index)
           join tile on tile.ledger = $1 and tile.log = wanted.log and tile.level = wanted.level
               and tile.index = wanted.index"#,
        ledger.key,
        &keys.iter().map(|key| key.0.number()).collect::<Vec<_>>(),
        &keys.iter().map(|key| i16::from(key.1)).collect::<Vec<_>>(),
        &indexes,
    )
    .fetch_all(connection)
    .await?;
    let mut tiles = BTreeMap::new();
    for row in rows {
        let name = || format!("ledger {}, log {}, tile {}/{}", ledger.ledger, row.log, row.level, row.index);
        let log = if row.log == Log::Entries.number() { Log::Entries } else { Log::Events };
        let level = u8::try_from(row.level).map_err(|error| StoreError::corrupt("tile", name(), error))?;
        let key = (log, level, from_bigint("tile", name(), row.index)?);
        tiles.insert(key, (Hash(bytes("tile", name(), &row.root)?), row.hashes));
    }
    Ok(tiles)
}

/// Reads the known nodes at these positions: their roots; those that are missing are left out.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_subtree_roots(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    positions: &[Position],
) -> Result<BTreeMap<Position, Hash>, StoreError> {
    let indexes: Vec<i64> =
        positions.iter().map(|position| to_bigint("subtree", position.offset)).collect::<Result<_, StoreError>>()?;
    let rows = sqlx::query!(
        r#"select subtree.level, subtree.index, root
           from unnest($2::smallint[], $3::bigint[]) as wanted (level, index)
           join subtree on subtree.ledger = $1 and subtree.level = wanted.level and subtree.index = wanted.index"#,
        ledger.key,
        &positions.iter().map(|position| i16::from(position.level)).collect::<Vec<_>>(),
        &indexes,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let name = || format!("ledger {}, {}/{}", ledger.ledger, row.level, row.index);
            let position = position(ledger.ledger, row.level, row.index)?;
            Ok((position, Hash(bytes("subtree", name(), &row.root)?)))
        })
        .collect()
}
