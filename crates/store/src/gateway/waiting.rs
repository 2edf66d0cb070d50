//! Rows of outboxes that wait for their ledger: one that takes none now holds up its own rows and no other ledger's.

use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::StoreError;
use crate::convert::{from_bigint, to_bigint};

/// A row of an outbox that waits for its ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingRow {
    /// The ledger, as the row names it.
    pub ledger: String,
    /// The transaction that wrote the row.
    pub xid: u64,
    /// Its position; with the transaction the row's key.
    pub position: u64,
    /// The record's id.
    pub record: [u8; 16],
}

/// Notes rows of an outbox that wait, in their order, and returns how many are new. Those that are noted already keep their place in it,
/// and get their new key: `counterfoil.adopt` gives rows another transaction.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn add_waiting(connection: &mut PgConnection, relay: i32, rows: &[WaitingRow]) -> Result<u64, StoreError> {
    if rows.is_empty() {
        return Ok(0);
    }
    let numbers = |of: fn(&WaitingRow) -> u64| -> Result<Vec<i64>, StoreError> {
        rows.iter().map(|row| to_bigint("gateway.relay_waiting", of(row))).collect()
    };
    let are_new = sqlx::query_scalar!(
        r#"insert into gateway.relay_waiting (relay, ledger, xid, position, record)
         select $1, ledger, xid, position, record
         from unnest($2::text[], $3::bigint[], $4::bigint[], $5::uuid[]) with ordinality as row (ledger, xid, position, record, number)
         order by number on conflict on constraint relay_waiting_record_unique
             do update set xid = excluded.xid, position = excluded.position
         returning (xmax = 0) as "is_new!""#,
        relay,
        &rows.iter().map(|row| row.ledger.clone()).collect::<Vec<_>>(),
        &numbers(|row| row.xid)?,
        &numbers(|row| row.position)?,
        &rows.iter().map(|row| Uuid::from_bytes(row.record)).collect::<Vec<_>>(),
    );
    let are_new = are_new.fetch_all(connection).await?;
    Ok(are_new.into_iter().filter(|is_new| *is_new).count() as u64)
}

/// The first rows of an outbox that wait for a ledger, at most `limit`, in their order.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_waiting(
    connection: &mut PgConnection,
    relay: i32,
    ledger: &str,
    limit: u32,
) -> Result<Vec<WaitingRow>, StoreError> {
    let rows = sqlx::query!(
        "select xid, position, record from gateway.relay_waiting where relay = $1 and ledger = $2 order by ordinal limit $3",
        relay,
        ledger,
        i64::from(limit)
    );
    let number = |value| from_bigint("gateway.relay_waiting", relay, value);
    let rows = rows.fetch_all(connection).await?.into_iter().map(|row| {
        Ok(WaitingRow {
            ledger: ledger.to_owned(),
            xid: number(row.xid)?,
            position: number(row.position)?,
            record: row.record.into_bytes(),
        })
    });
    rows.collect()
}

/// Says that these records of an outbox do not wait any more.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn end_waiting(connection: &mut PgConnection, relay: i32, records: &[[u8; 16]]) -> Result<(), StoreError> {
    let records: Vec<Uuid> = records.iter().map(|record| Uuid::from_bytes(*record)).collect();
    sqlx::query!("delete from gateway.relay_waiting where relay = $1 and record = any($2)", relay, &records)
        .execute(connection)
        .await?;
    Ok(())
}

/// The ledgers for which rows of outboxes wait: the outbox's number, the ledger as the rows name it, and how many wait.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_waiting_ledgers(connection: &mut PgConnection) -> Result<Vec<(i32, String, u64)>, StoreError> {
    let rows = sqlx::query!(
        r#"select relay, ledger, count(*) as "rows!" from gateway.relay_waiting group by relay, ledger order by relay, ledger"#
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    rows.map(|row| Ok((row.relay, row.ledger, from_bigint("gateway.relay_waiting", row.relay, row.rows)?))).collect()
}
