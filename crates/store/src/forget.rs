//! Taking a ledger out of the index.

use counterfoil_core::LedgerId;
use sqlx::PgConnection;

use crate::notify::notify;
use crate::{StoreError, load_ledger};

/// Deletes all that the index holds of a ledger, what servers said of it included. Answers how many events were deleted.
/// Its readers stay: they belong to its address.
///
/// The caller owns the SQL transaction: all of it is committed or none.
///
/// # Errors
/// [`StoreError::UnknownLedger`], [`StoreError::Database`]. Roll back then.
pub async fn forget_ledger(connection: &mut PgConnection, ledger: LedgerId) -> Result<u64, StoreError> {
    let row = load_ledger(&mut *connection, ledger).await?;
    // The cursor first, as when rows are written: its row lock keeps every writer out until the end.
    sqlx::query!("delete from cursor where ledger = $1", row.key).execute(&mut *connection).await?;
    sqlx::query!("delete from halt where ledger = $1", row.key).execute(&mut *connection).await?;
    sqlx::query!("delete from pending where ledger = $1", row.key).execute(&mut *connection).await?;
    sqlx::query!("delete from evidence where ledger = $1", row.key).execute(&mut *connection).await?;
    sqlx::query!("delete from tile where ledger = $1", row.key).execute(&mut *connection).await?;
    sqlx::query!("delete from subtree where ledger = $1", row.key).execute(&mut *connection).await?;
    sqlx::query!("delete from entry where ledger = $1", row.key).execute(&mut *connection).await?;
    let events = sqlx::query!("delete from event where ledger = $1", row.key).execute(&mut *connection).await?;
    sqlx::query!("delete from ledger where id = $1", row.key).execute(&mut *connection).await?;
    notify(connection, ledger).await?;
    Ok(events.rows_affected())
}
