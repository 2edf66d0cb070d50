//! The schema `counterfoil` of a user's database: installing, removing, and which one is there.

use sqlx::types::Uuid;
use sqlx::{Executor, PgConnection, Row};

use crate::OutboxError;

/// The versions of the schema that this program reads.
const VERSIONS: std::ops::RangeInclusive<i32> = 1..=1;

/// An installed outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Drawn at random when it was installed.
    pub id: [u8; 16],
    /// The version of the schema.
    pub version: i32,
    /// How often it was adopted: `counterfoil.adopt`.
    pub adoptions: u64,
    /// The database's name.
    pub database: String,
    /// The database and its server: the server's system identifier, the database's number there, and the timeline; `unknown` in place of what
    /// the role may not ask.
    pub server: String,
}

/// Installs the schema, or brings it to this version. Where it is there already nothing changes.
///
/// # Errors
/// [`OutboxError::Database`] with the server's words.
pub async fn install(connection: &mut PgConnection) -> Result<(), OutboxError> {
    connection.execute(sqlx::raw_sql(include_str!("../sql/install.sql"))).await?;
    Ok(())
}

/// Removes the schema; refused while a table is protected or rows wait, unless `is_forced`.
///
/// # Errors
/// [`OutboxError::Database`] with the server's words.
pub async fn remove(connection: &mut PgConnection, is_forced: bool) -> Result<(), OutboxError> {
    if is_forced {
        connection.execute("set counterfoil.force = 'on'").await?;
    }
    connection.execute(sqlx::raw_sql(include_str!("../sql/remove.sql"))).await?;
    Ok(())
}

/// Reads which outbox is there.
///
/// # Errors
/// [`OutboxError::NotInstalled`], [`OutboxError::OtherVersion`], [`OutboxError::Database`].
pub async fn load_installation(connection: &mut PgConnection) -> Result<Installation, OutboxError> {
    let is_there: bool = sqlx::query_scalar("select to_regclass('counterfoil.installation') is not null")
        .fetch_one(&mut *connection)
        .await?;
    if !is_there {
        return Err(OutboxError::NotInstalled);
    }
    let version: i32 =
        sqlx::query_scalar("select version from counterfoil.installation").fetch_one(&mut *connection).await?;
    if !VERSIONS.contains(&version) {
        return Err(OutboxError::OtherVersion { found: version, oldest: *VERSIONS.start(), newest: *VERSIONS.end() });
    }
    let row = sqlx::query(
        "select id, adoptions, current_database()::text as database,
                case when has_function_privilege('pg_control_system()', 'execute')
                      and has_function_privilege('pg_control_checkpoint()', 'execute')
                then (select system_identifier || '/' || d.oid || ', timeline ' || timeline_id
                      from pg_control_system(), pg_control_checkpoint())
                else 'unknown/' || d.oid end as server
         from counterfoil.installation, pg_database as d where d.datname = current_database()",
    );
    let row = row.fetch_one(connection).await?;
    let adoptions: i64 = row.try_get("adoptions")?;
    Ok(Installation {
        id: row.try_get::<Uuid, _>("id")?.into_bytes(),
        version,
        adoptions: adoptions.unsigned_abs(),
        database: row.try_get("database")?,
        server: row.try_get("server")?,
    })
}
