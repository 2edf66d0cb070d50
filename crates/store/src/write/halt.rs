//! Table `halt`: ledgers that must not go on until a person has looked.

use counterfoil_core::LedgerId;
use sqlx::PgConnection;

use crate::notify::notify;
use crate::{StoreError, load_ledger};

/// Halts a ledger. A ledger that is halted already keeps its first reason.
///
/// # Errors
/// [`StoreError::UnknownLedger`], [`StoreError::Database`].
pub async fn halt(connection: &mut PgConnection, ledger: LedgerId, reason: &str) -> Result<(), StoreError> {
    let row = load_ledger(&mut *connection, ledger).await?;
    if row.halt.is_none() {
        let halted = sqlx::query!("insert into halt (ledger, reason) values ($1, $2)", row.key, reason);
        halted.execute(&mut *connection).await?;
        notify(connection, ledger).await?;
    }
    Ok(())
}

/// Lets a halted ledger be tried again. Whether it was halted.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn clear_halt(connection: &mut PgConnection, ledger: LedgerId) -> Result<bool, StoreError> {
    let deleted = sqlx::query!(
        "delete from halt using ledger where halt.ledger = ledger.id and ledger.address = $1",
        &ledger.0[..],
    );
    let is_cleared = deleted.execute(&mut *connection).await?.rows_affected() > 0;
    notify(connection, ledger).await?;
    Ok(is_cleared)
}
