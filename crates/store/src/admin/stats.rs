//! Statistics of an index, for its operator. Reads only, and also where there is no index yet.

use counterfoil_core::LedgerId;
use sqlx::PgConnection;

use crate::StoreError;
use crate::admin::schema::{INDEXER_LOCK, MIGRATOR};
use crate::convert::bytes;

/// The migrations that this program knows, and the applied ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrations {
    /// The number of the last one that was made; none in a database without an index.
    pub applied: Option<i64>,
    /// The number of the last one that this program knows.
    pub known: i64,
}

/// The connection that makes an indexer the only one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockHolder {
    /// Since when it is connected, RFC 3339 in UTC.
    pub since: String,
    /// From where; none from the same machine without a network.
    pub address: Option<String>,
}

/// How much a table takes, all its partitions and indexes together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSize {
    /// The table.
    pub table: String,
    /// About how many rows it has: PostgreSQL's estimate of its last look.
    pub rows: i64,
    /// How many bytes its rows take.
    pub row_bytes: i64,
    /// How many bytes its indexes take.
    pub index_bytes: i64,
}

/// Reads which migrations were made.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn load_migrations(connection: &mut PgConnection) -> Result<Migrations, StoreError> {
    let known = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0);
    // The table is made by the first migration, so that no query can be checked against it before.
    let is_there: bool =
        sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut *connection).await?;
    let applied = match is_there {
        true => {
            sqlx::query_scalar("select max(version) from _sqlx_migrations where success").fetch_one(connection).await?
        }
        false => None,
    };
    Ok(Migrations { applied, known })
}

/// Reads the holder of the indexer's lock, if there is one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn load_lock_holder(connection: &mut PgConnection) -> Result<Option<LockHolder>, StoreError> {
    let row = sqlx::query!(
        r#"select to_char(backend_start at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since,
                  host(client_addr) as address
           from pg_locks left join pg_stat_activity using (pid)
           where locktype = 'advisory' and granted and objsubid = 1
               and pg_locks.database = (select oid from pg_database where datname = current_database())
               and (classid::bigint << 32) | objid::bigint = $1"#,
        INDEXER_LOCK,
    )
    .fetch_optional(connection)
    .await?;
    let holder = |since: Option<String>, address| LockHolder { since: since.unwrap_or_default(), address };
    Ok(row.map(|row| holder(row.since, row.address)))
}

/// Reads the ledgers without a cursor.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_ledgers_without_cursor(connection: &mut PgConnection) -> Result<Vec<LedgerId>, StoreError> {
    let addresses = sqlx::query_scalar!(
        "select address from ledger where not exists (select from cursor where cursor.ledger = ledger.id) order by id"
    );
    let addresses = addresses.fetch_all(connection).await?;
    addresses.iter().map(|address| Ok(LedgerId(bytes("ledger", "an address", address)?))).collect()
}

/// Reads how much each table takes, the largest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn load_table_sizes(connection: &mut PgConnection) -> Result<Vec<TableSize>, StoreError> {
    let sizes = sqlx::query_as!(
        TableSize,
        r#"select parent.relname::text as "table!",
                  sum(greatest(part.reltuples, 0))::bigint as "rows!",
                  sum(pg_table_size(part.oid))::bigint as "row_bytes!",
                  sum(pg_indexes_size(part.oid))::bigint as "index_bytes!"
           from pg_class as parent
           cross join lateral (
               select relid from pg_partition_tree(parent.oid) where isleaf
               union select parent.oid where parent.relkind = 'r'
           ) as leaf
           join pg_class as part on part.oid = leaf.relid
           where parent.relnamespace = current_schema()::regnamespace and parent.relkind in ('r', 'p')
               and not parent.relispartition
           group by parent.relname
           order by 3 desc, 1"#
    );
    Ok(sizes.fetch_all(connection).await?)
}
