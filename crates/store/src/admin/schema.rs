//! Connecting, migrating, and being the only indexer.

use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use crate::StoreError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For so long an idle connection is taken to stand.
const IDLE_TRUST: Duration = Duration::from_secs(1);

/// All changes of the tables.
pub(crate) static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// The advisory lock that an indexer holds: "cfindexr" in ASCII.
pub(crate) const INDEXER_LOCK: i64 = 0x6366_696e_6465_7872;

/// Opens a pool of at most `connections` connections. Statements run at most `statement_timeout`.
///
/// # Errors
/// [`StoreError::Database`] when the database cannot be reached within ten seconds.
pub async fn connect(url: &str, connections: u32, statement_timeout: Duration) -> Result<PgPool, StoreError> {
    connect_in(url, connections, statement_timeout, None).await
}

/// As [`connect`], with the tables in a schema of that name.
pub(crate) async fn connect_in(
    url: &str,
    connections: u32,
    statement_timeout: Duration,
    schema: Option<&str>,
) -> Result<PgPool, StoreError> {
    let options: sqlx::postgres::PgConnectOptions = url.parse()?;
    let timeout_ms = statement_timeout.as_millis().to_string();
    // A client that is gone without a word holds its locks no longer than this.
    let options = options.application_name("counterfoil").options([
        ("statement_timeout", timeout_ms.as_str()),
        ("idle_in_transaction_session_timeout", timeout_ms.as_str()),
        // The statements are written for these, whatever the database or the role is set to; what dates are written like and
        // which zone they are of, sqlx says itself.
        ("standard_conforming_strings", "on"),
        ("bytea_output", "hex"),
        ("intervalstyle", "postgres"),
        ("transform_null_equals", "off"),
        // Compiling a statement takes longer than running it: each reads few rows, whatever a table without statistics promises.
        ("jit", "off"),
        ("default_transaction_isolation", "read committed"),
        ("tcp_keepalives_idle", "5"),
        ("tcp_keepalives_interval", "2"),
        ("tcp_keepalives_count", "3"),
    ]);
    let options = options.options(schema.map(|schema| ("search_path", schema)));
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(CONNECT_TIMEOUT);
    // Whether it still stands is asked of a connection that was idle. Of one just used it would be asked in vain, at the cost
    // of a round trip for each answer.
    let pool = pool.test_before_acquire(false).before_acquire(|connection, idle| {
        Box::pin(async move { Ok(idle.idle_for < IDLE_TRUST || sqlx::Connection::ping(connection).await.is_ok()) })
    });
    Ok(pool.connect_with(options).await?)
}

/// Brings the tables to this version. They stand in the first schema of the connections' `search_path`, which is made when
/// none of them is there.
///
/// # Errors
/// [`StoreError::ForeignTable`] when that schema holds tables and no index; [`StoreError::Migrate`];
/// [`StoreError::Database`].
pub async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    make_schema(&mut *pool.acquire().await?).await?;
    expect_own_tables(&mut *pool.acquire().await?).await?;
    Ok(MIGRATOR.run(pool).await?)
}

// These two ask the catalogue, or put a statement together, which `query!` cannot check.

async fn make_schema(connection: &mut PgConnection) -> Result<(), StoreError> {
    let missing: Option<String> = sqlx::query_scalar(
        r#"select quote_ident(trim(both ' "' from split_part(current_setting('search_path'), ',', 1)))
           where current_schema() is null"#,
    )
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(schema) = missing {
        sqlx::raw_sql(AssertSqlSafe(format!("create schema if not exists {schema}"))).execute(connection).await?;
    }
    Ok(())
}

/// An index is known by two of its tables. One that was interrupted before its first change has none but sqlx's own.
async fn expect_own_tables(connection: &mut PgConnection) -> Result<(), StoreError> {
    let foreign: Option<(String, String)> = sqlx::query_as(
        "with present as (
             select relname::text as name from pg_class
             where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')
                 and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype = 'e')
         )
         select current_schema()::text, name from present
         where name <> '_sqlx_migrations' and 2 > (select count(*) from present where name in ('_sqlx_migrations', 'cluster'))
         order by name limit 1",
    )
    .fetch_optional(connection)
    .await?;
    match foreign {
        Some((schema, table)) => Err(StoreError::ForeignTable { schema, table }),
        None => Ok(()),
    }
}

/// A read-only transaction that sees one moment of the database, whatever is written meanwhile.
pub type Snapshot = sqlx::Transaction<'static, sqlx::Postgres>;

/// Begins a [`Snapshot`]. Drop it to end it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn snapshot(pool: &PgPool) -> Result<Snapshot, StoreError> {
    Ok(pool.begin_with("begin isolation level repeatable read read only").await?)
}

/// A connection of a pool, without a transaction: each statement sees its own moment of the database.
pub type Connection = sqlx::pool::PoolConnection<sqlx::Postgres>;

/// Takes a [`Connection`]. Drop it to give it back.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn acquire(pool: &PgPool) -> Result<Connection, StoreError> {
    Ok(pool.acquire().await?)
}

/// Gives the statements of the rest of a transaction less time than others.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn limit_statements(connection: &mut PgConnection, most: Duration) -> Result<(), StoreError> {
    let most_ms = most.as_millis().to_string();
    sqlx::query_scalar!("select set_config('statement_timeout', $1, true)", most_ms).fetch_one(connection).await?;
    Ok(())
}

/// Begins a transaction; dropped without a commit it is rolled back.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn begin(connection: &mut PgConnection) -> Result<sqlx::Transaction<'_, sqlx::Postgres>, StoreError> {
    Ok(sqlx::Connection::begin(connection).await?)
}

/// Tries to become the database's only indexer, for as long as the connection lives.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn is_only_indexer(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let is_locked = sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "locked!""#, INDEXER_LOCK);
    Ok(is_locked.fetch_one(connection).await?)
}
