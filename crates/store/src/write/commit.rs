//! Writing: what was verified, and nothing else.

use counterfoil_core::{CheckedHead, EventHeader, LedgerId, VerifiedAppend};
use merkle_log::{FullTile, Tile};
use sqlx::PgConnection;

use crate::convert::to_bigint;
use crate::notify::notify;
use crate::tiles::sparse::complete_tiles;
use crate::write::rows::{EntryRows, EventRows, SubtreeRows, write_tiles};
use crate::{LedgerRow, Log, StoreError, load_ledger};

/// The transaction that an event came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommittedIn {
    /// Its signature.
    pub signature: [u8; 64],
}

/// Writes a batch of consecutive events of one ledger and moves its cursor.
///
/// The caller owns the SQL transaction: all of it is committed or none.
///
/// # Errors
/// [`StoreError::BrokenBatch`] when the batch is not a run of this ledger's events; [`StoreError::CursorMoved`] when
/// the cursor does not stand at its first; [`StoreError::Database`]. Roll back then.
pub async fn commit(
    connection: &mut PgConnection,
    ledger: LedgerId,
    batch: &[(CommittedIn, VerifiedAppend)],
) -> Result<(), StoreError> {
    let (Some((_, first)), Some((_, last))) = (batch.first(), batch.last()) else { return Ok(()) };
    expect_run(ledger, batch)?;
    let row = load_ledger(&mut *connection, ledger).await?;
    let expected = first.event().header.event_seq.get();
    // The cursor moves first: its row lock keeps every other writer of this ledger out until the end.
    let moved = sqlx::query!(
        "update cursor set event_seq = $3, size = $4 where ledger = $1 and event_seq = $2 and size = $5",
        row.key,
        to_bigint("event", expected)?,
        to_bigint("event", last.event().header.event_seq.smallest_size().get())?,
        to_bigint("size", last.event().header.size.get())?,
        to_bigint("size", first.event().header.first_index.get())?,
    )
    .execute(&mut *connection)
    .await?;
    if moved.rows_affected() != 1 {
        return Err(StoreError::CursorMoved { ledger, expected });
    }
    // A pending event is final now, or was replaced by one that is.
    sqlx::query!(
        "delete from pending where ledger = $1 and seq < $2",
        row.key,
        to_bigint("event", last.event().header.event_seq.smallest_size().get())?,
    )
    .execute(&mut *connection)
    .await?;
    insert_events(&mut *connection, row.key, batch).await?;
    insert_entries(&mut *connection, row.key, batch).await?;
    insert_subtrees(&mut *connection, row.key, batch).await?;
    insert_new_tiles(&mut *connection, row.key, batch).await?;
    complete_filled_tiles(connection, &row, batch).await
}

/// Moves the checked watermark.
///
/// # Errors
/// [`StoreError::Corrupt`] when another head was checked at the same event; [`StoreError::CursorMoved`] when the head
/// is above what is applied or below what is checked; [`StoreError::Database`].
pub async fn mark_checked(connection: &mut PgConnection, checked: &CheckedHead, slot: u64) -> Result<(), StoreError> {
    let head = checked.head();
    let row = load_ledger(&mut *connection, head.ledger).await?;
    let moved = sqlx::query!(
        "update cursor
         set checked_event_seq = $2, checked_size = $3, checked_root = $4, checked_event_root = $5, checked_slot = $6,
             missing = missing + (
                 select coalesce(sum(1::bigint << level), 0)::bigint from subtree
                 where subtree.ledger = cursor.ledger and not is_tile
                     and (index << level) >= cursor.checked_size and (index << level) < $3
             )
         where ledger = $1 and event_seq >= $2 and (
             checked_event_seq < $2
             or (checked_event_seq = $2 and checked_size = $3 and checked_root = $4 and checked_event_root = $5)
         )",
        row.key,
        to_bigint("event", head.events.size.get())?,
        to_bigint("size", head.entries.size.get())?,
        &head.entries.root.0[..],
        &head.events.root.0[..],
        to_bigint("slot", slot)?,
    )
    .execute(&mut *connection)
    .await?;
    match (moved.rows_affected(), row.checked) {
        (1, _) => notify(connection, head.ledger).await,
        (_, Some((known, _))) if known.events.size == head.events.size && known != *head => {
            Err(StoreError::corrupt("cursor", head.ledger, format!("checked was {known:?}, now it is {head:?}")))
        }
        _ => Err(StoreError::CursorMoved { ledger: head.ledger, expected: head.events.size.get() }),
    }
}

/// A `VerifiedAppend` follows from the state that it was applied to; that a slice of them is whole is seen only here.
fn expect_run(ledger: LedgerId, batch: &[(CommittedIn, VerifiedAppend)]) -> Result<(), StoreError> {
    let mut before: Option<&EventHeader> = None;
    for (_, append) in batch {
        let header = &append.event().header;
        let follows = before.is_none_or(|before| {
            header.event_seq.get() == before.event_seq.smallest_size().get() && header.first_index == before.size
        });
        if header.ledger != ledger || !follows {
            return Err(StoreError::BrokenBatch { ledger, event_seq: header.event_seq.get() });
        }
        before = Some(header);
    }
    Ok(())
}

async fn insert_events(
    connection: &mut PgConnection,
    ledger: i32,
    batch: &[(CommittedIn, VerifiedAppend)],
) -> Result<(), StoreError> {
    let mut rows = EventRows::default();
    for (within, append) in batch {
        let seq = to_bigint("event", append.event().header.event_seq.get())?;
        rows.push(seq, &within.signature, &append.leaf().0, append.leaf_bytes());
    }
    rows.write(connection, ledger).await
}

async fn insert_entries(
    connection: &mut PgConnection,
    ledger: i32,
    batch: &[(CommittedIn, VerifiedAppend)],
) -> Result<(), StoreError> {
    let mut rows = EntryRows::default();
    for (_, append) in batch {
        let event_seq = to_bigint("event", append.event().header.event_seq.get())?;
        for entry in append.entries() {
            rows.push(to_bigint("index", entry.index.get())?, event_seq, &entry.leaf.0, &entry.bytes);
        }
    }
    rows.write(connection, ledger).await
}

/// Writes a batch's subtrees: those that were appended by their hashes, and tiles that became full and have holes.
async fn insert_subtrees(
    connection: &mut PgConnection,
    ledger: i32,
    batch: &[(CommittedIn, VerifiedAppend)],
) -> Result<(), StoreError> {
    let mut rows = SubtreeRows::default();
    for (_, append) in batch {
        let event_seq = to_bigint("event", append.event().header.event_seq.get())?;
        let appended = append.subtrees().iter().map(|subtree| (subtree, false));
        for ((position, root), is_tile) in appended.chain(append.holed_tiles().iter().map(|tile| (tile, true))) {
            let index = to_bigint("index", position.offset)?;
            rows.push(i16::from(position.level), index, &root.0, event_seq, is_tile);
        }
    }
    rows.write(connection, ledger).await
}

/// An unknown hash of a tile may have been filled in since the state was loaded that this batch was applied to: then
/// the tile is whole, though the batch gives its root alone. Entries are filled in below the checked size only, so of
/// each level one tile at most is concerned.
async fn complete_filled_tiles(
    connection: &mut PgConnection,
    row: &LedgerRow,
    batch: &[(CommittedIn, VerifiedAppend)],
) -> Result<(), StoreError> {
    let checked = row.checked.map_or(0, |(head, _)| head.entries.size.get());
    let holed = batch.iter().flat_map(|(_, append)| append.holed_tiles());
    let concerned = holed.filter(|(position, _)| position.offset << position.level < checked);
    let tiles: Vec<Tile> = concerned.filter_map(|(position, _)| Tile::rooted_at(*position)).collect();
    complete_tiles(connection, row, &tiles).await
}

async fn insert_new_tiles(
    connection: &mut PgConnection,
    ledger: i32,
    batch: &[(CommittedIn, VerifiedAppend)],
) -> Result<(), StoreError> {
    let tiles: Vec<(Log, &FullTile)> = batch
        .iter()
        .flat_map(|(_, append)| {
            let entries = append.entry_tiles().iter().map(|tile| (Log::Entries, tile));
            entries.chain(append.event_tiles().iter().map(|tile| (Log::Events, tile)))
        })
        .collect();
    write_tiles(connection, ledger, &tiles).await
}
