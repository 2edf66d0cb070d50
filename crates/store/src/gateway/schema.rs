//! Connecting to the gateway's database, and migrating it.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::{PgConnection, PgPool};

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

/// How safe a commit of a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durability {
    /// The settings that must be on for a commit to be on disk, and are off.
    pub off: Vec<String>,
    /// Further machines that have a commit before it is acknowledged.
    pub standbys: u32,
    /// The newest version of the gateway's tables there; none where they are not there.
    pub version: Option<i64>,
    /// The newest version that this program knows.
    pub known_version: i64,
}

/// Reads how safe a commit is.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn load_durability(connection: &mut PgConnection) -> Result<Durability, StoreError> {
    let off = sqlx::query_scalar!(
        r#"select name as "name!" from pg_settings
           where name in ('fsync', 'full_page_writes') and setting <> 'on'
              or name = 'synchronous_commit' and setting not in ('on', 'remote_apply') order by name"#
    );
    let off = off.fetch_all(&mut *connection).await?;
    let standbys = sqlx::query_scalar!(
        r#"select count(*) as "standbys!" from pg_stat_replication where sync_state in ('sync', 'quorum')"#
    );
    let standbys = standbys.fetch_one(&mut *connection).await?;
    // The table is made by the first migration, so that no query can be checked against it before.
    let is_there: bool = sqlx::query_scalar("select to_regclass('gateway._sqlx_migrations') is not null")
        .fetch_one(&mut *connection)
        .await?;
    let version = match is_there {
        true => {
            sqlx::query_scalar("select max(version) from gateway._sqlx_migrations where success")
                .fetch_one(connection)
                .await?
        }
        false => None,
    };
    let known_version = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0);
    Ok(Durability { off, standbys: u32::try_from(standbys).unwrap_or(u32::MAX), version, known_version })
}

/// The server of a database, as it names itself: its system identifier, and its timeline where `with_timeline`. A copy that was started
/// elsewhere has another timeline, and so has a standby that took over. None where the role may not ask.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn load_server(connection: &mut PgConnection, with_timeline: bool) -> Result<Option<String>, StoreError> {
    let may_ask = sqlx::query_scalar!(
        r#"select has_function_privilege('pg_control_system()', 'execute')
               and has_function_privilege('pg_control_checkpoint()', 'execute') as "may_ask!""#
    );
    if !may_ask.fetch_one(&mut *connection).await? {
        return Ok(None);
    }
    let server = sqlx::query_scalar!(
        r#"select system_identifier::text || case when $1 then ', timeline ' || timeline_id else '' end as "server!"
           from pg_control_system(), pg_control_checkpoint()"#,
        with_timeline
    );
    Ok(Some(server.fetch_one(connection).await?))
}

/// Reads the server on which the gateway's tables stood last; none where that was not noted.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn load_origin(connection: &mut PgConnection) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar!("select server from gateway.origin").fetch_optional(connection).await?)
}

/// Notes the server on which the gateway's tables stand.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_origin(connection: &mut PgConnection, server: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into gateway.origin (server) values ($1)
         on conflict on constraint origin_one_row do update set server = excluded.server",
        server
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Brings the gateway's tables to this version, in the schema `gateway`.
///
/// # Errors
/// [`StoreError::Migrate`], [`StoreError::Database`].
pub async fn migrate_gateway(pool: &PgPool) -> Result<(), StoreError> {
    Ok(MIGRATOR.run(pool).await?)
}
