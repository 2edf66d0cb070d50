//! Connecting to the gateway's database, and migrating it.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::PgPool;

use crate::StoreError;
use crate::admin::schema::connect_in;

/// All changes of the gateway's tables. Their names hold the schema, so that they can stand in an index's database.
static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate::Migrator {
    table_name: Cow::Borrowed("gateway._sqlx_migrations"),
    create_schemas: Cow::Borrowed(&[Cow::Borrowed("gateway")]),
    ..sqlx::migrate!("../../migrations/gateway")
};

/// Opens a pool of at most `connections` connections. Statements run at most `statement_timeout`.
///
/// # Errors
/// [`StoreError::Database`] when the database cannot be reached within ten seconds.
pub async fn connect_to_gateway(
    url: &str,
    connections: u32,
    statement_timeout: Duration,
) -> Result<PgPool, StoreError> {
    connect_in(url, connections, statement_timeout, None).await
}

/// Brings the gateway's tables to this version, in the schema `gateway`.
///
/// # Errors
/// [`StoreError::Migrate`], [`StoreError::Database`].
pub async fn migrate_gateway(pool: &PgPool) -> Result<(), StoreError> {
    Ok(MIGRATOR.run(pool).await?)
}
