//! Taking back what was applied and never checked.

use counterfoil_core::LedgerId;
use sqlx::PgConnection;

use crate::convert::to_bigint;
use crate::{StoreError, load_ledger};

/// Deletes a ledger's rows above its checked watermark and moves the cursor back to it. Answers how many events
/// were deleted. Rows at or below the watermark stay as they are.
///
/// The caller owns the SQL transaction: all of it is committed or none.
///
/// # Errors
/// [`StoreError::CursorMoved`] when another writer is at work; [`StoreError::UnknownLedger`],
/// [`StoreError::Database`]. Roll back then.
pub async fn drop_unchecked(connection: &mut PgConnection, ledger: LedgerId) -> Result<u64, StoreError> {
    let row = load_ledger(&mut *connection, ledger).await?;
    let (size, event_seq) = row.checked.map_or((0, 0), |(head, _)| (head.entries.size.get(), head.events.size.get()));
    let applied = row.applied_event_seq.get();
    if applied == event_seq {
        return Ok(0);
    }
    let (size, event_seq) = (to_bigint("size", size)?, to_bigint("event", event_seq)?);
    // The cursor moves first, as when rows are written: its row lock keeps every other writer out until the end.
    let moved = sqlx::query!(
        "update cursor set event_seq = $3, size = $4
         where ledger = $1 and event_seq = $2 and checked_event_seq = $3 and checked_size = $4",
        row.key,
        to_bigint("event", applied)?,
        event_seq,
        size,
    )
    .execute(&mut *connection)
    .await?;
    if moved.rows_affected() != 1 {
        return Err(StoreError::CursorMoved { ledger, expected: applied });
    }
    sqlx::query!(
        "delete from tile where ledger = $1
         and (index + 1) << (8 * (level + 1)) > case log when 0 then $2::bigint else $3::bigint end",
        row.key,
        size,
        event_seq,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("delete from subtree where ledger = $1 and event_seq >= $2", row.key, event_seq)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("delete from entry where ledger = $1 and index >= $2", row.key, size)
        .execute(&mut *connection)
        .await?;
    let events = sqlx::query!("delete from event where ledger = $1 and seq >= $2", row.key, event_seq)
        .execute(connection)
        .await?;
    Ok(events.rows_affected())
}
