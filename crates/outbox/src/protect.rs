//! Protecting a table: the calls of the schema's functions.

use sqlx::types::Uuid;
use sqlx::{Connection, Executor, PgConnection, Row};

use crate::OutboxError;

/// The wanted protection of a table. None of an option leaves it to `counterfoil.protect`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The table, as SQL names it.
    pub table: String,
    /// The ledger's address.
    pub ledger: String,
    /// The columns; all when absent.
    pub columns: Option<Vec<String>>,
    /// The columns of the key; the primary key's when absent.
    pub key: Option<Vec<String>>,
    /// The name of the stream.
    pub stream: Option<String>,
    /// The setting that names the application's user.
    pub actor: Option<String>,
    /// The operations that are allowed.
    pub allow: Option<Vec<String>>,
}

/// The size of a table, before it is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Its rows.
    pub rows: u64,
    /// The mean length of the first thousand rows as JSON, in bytes.
    pub row_bytes: u64,
}

/// How far a backfill is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The rows that are recorded.
    pub rows: u64,
    /// Whether all are.
    pub is_done: bool,
}

/// Counts a table's rows. The table is named as [`crate::load_name`] gives it, here and in all that follows.
///
/// # Errors
/// [`OutboxError::Database`].
pub async fn load_size(connection: &mut PgConnection, table: &str) -> Result<Size, OutboxError> {
    let query = format!(
        "select (select count(*) from {table}),
                coalesce((select avg(octet_length(row_to_json(\"!row\")::text)) from (select * from {table} limit 1000) as \"!row\"), 0)::bigint"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(query)).fetch_one(connection).await?;
    let (rows, row_bytes): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Size { rows: rows.unsigned_abs(), row_bytes: row_bytes.unsigned_abs() })
}

/// Protects a table. Its lock is waited for `lock_timeout_ms` at most.
///
/// # Errors
/// [`OutboxError::Database`] with the server's words; [`is_lock_timeout`] tells that the lock did not come.
pub async fn protect(
    connection: &mut PgConnection,
    wanted: &Wanted,
    lock_timeout_ms: u32,
) -> Result<Uuid, OutboxError> {
    let mut transaction = connection.begin().await?;
    transaction.execute(sqlx::AssertSqlSafe(format!("set local lock_timeout = '{lock_timeout_ms}ms'"))).await?;
    let id = sqlx::query_scalar(
        "select counterfoil.protect($1::text::regclass, $2, columns => $3, key => $4, stream => $5,
             actor => coalesce($6, 'counterfoil.actor'), allow => coalesce($7, array['insert', 'update', 'delete', 'truncate']))",
    );
    let id = id
        .bind(&wanted.table)
        .bind(&wanted.ledger)
        .bind(&wanted.columns)
        .bind(&wanted.key)
        .bind(&wanted.stream)
        .bind(&wanted.actor)
        .bind(&wanted.allow)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(id)
}

/// The protection of a table that is protected, and its ledger's address.
///
/// # Errors
/// [`OutboxError::Database`].
pub async fn load_protection(
    connection: &mut PgConnection,
    table: &str,
) -> Result<Option<(Uuid, String)>, OutboxError> {
    let row = sqlx::query(
        "select id, ledger from counterfoil.protection where relation = $1::text::regclass and ended_at is null",
    );
    let row = row.bind(table).fetch_optional(connection).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Whether the lock of a table did not come in time.
#[must_use]
pub fn is_lock_timeout(error: &OutboxError) -> bool {
    matches!(error, OutboxError::Database(error)
        if error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "55P03"))
}

/// Records the rows that stand in a protected table, `chunk` rows a transaction, until all are. A call that is broken off goes on where
/// the last one ended.
///
/// # Errors
/// [`OutboxError::Database`] with the server's words.
pub async fn backfill(
    connection: &mut PgConnection,
    table: &str,
    chunk: u32,
    pause_ms: u32,
) -> Result<(), OutboxError> {
    let name = table.replace('\'', "''");
    let call = format!("call counterfoil.backfill('{name}', {chunk}, '{pause_ms}ms')");
    connection.execute(sqlx::AssertSqlSafe(call)).await?;
    Ok(())
}

/// Reads how far a backfill is.
///
/// # Errors
/// [`OutboxError::Database`].
pub async fn load_progress(connection: &mut PgConnection, protection: Uuid) -> Result<Progress, OutboxError> {
    let row = sqlx::query(
        "select coalesce(sum(rows), 0)::bigint, coalesce(bool_and(is_done), false)
         from counterfoil.backfill_progress where protection = $1",
    );
    let row = row.bind(protection).fetch_one(connection).await?;
    let rows: i64 = row.try_get(0)?;
    Ok(Progress { rows: rows.unsigned_abs(), is_done: row.try_get(1)? })
}
