//! The rows of an outbox that have a receipt.

use futures_util::{Stream, TryStreamExt};
use sqlx::{PgConnection, Row};

use crate::OutboxError;

/// The place of a row's record, as the relay wrote it: a hint, until its receipt is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The ledger.
    pub ledger: String,
    /// The entry's index.
    pub index: u64,
    /// The entry's leaf hash.
    pub leaf_hash: Vec<u8>,
}

/// The rows of the view `counterfoil.receipts` that have a receipt, and of which an SQL condition holds, in their ledgers' order.
///
/// # Errors
/// [`OutboxError::Database`], also for a condition that is none.
pub fn load_recorded(
    connection: &mut PgConnection,
    condition: Option<String>,
) -> impl Stream<Item = Result<Recorded, OutboxError>> + '_ {
    let condition = condition.unwrap_or_else(|| "true".to_owned());
    let query = format!(
        "select ledger, index, leaf_hash from counterfoil.receipts where state = 'recorded' and (\n{condition}\n) order by ledger, index"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(query)).persistent(false).fetch(connection);
    rows.map_err(OutboxError::from).and_then(|row| async move {
        let index: i64 = row.try_get("index")?;
        Ok(Recorded {
            ledger: row.try_get("ledger")?,
            index: index.unsigned_abs(),
            leaf_hash: row.try_get("leaf_hash")?,
        })
    })
}
