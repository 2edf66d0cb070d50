//! Sessions in a user's database, and the names of its tables.

use sqlx::postgres::PgRow;
use sqlx::postgres::types::Oid;
use sqlx::{Connection, Executor, PgConnection, Row};

use crate::OutboxError;

/// Connects to a user's database for one session, in which no function or operator is called but the system's and `counterfoil`'s: under the
/// role's own search path, those who may create some in one of its schemas would have them run with this role's rights.
///
/// # Errors
/// [`OutboxError::Database`].
pub async fn connect(url: &str) -> Result<PgConnection, OutboxError> {
    let mut connection = PgConnection::connect(url).await?;
    // The role's schemas are kept, for a table without a schema is found in them: see `resolve`.
    connection
        .execute("select pg_catalog.set_config('counterfoil.schemas', pg_catalog.current_schemas(false)::text, false)")
        .await?;
    connection.execute("set search_path = pg_catalog").await?;
    Ok(connection)
}

/// A table's name with its schema, quoted, by the name that SQL has for it.
///
/// # Errors
/// [`OutboxError::NotATable`], [`OutboxError::Database`].
pub async fn load_name(connection: &mut PgConnection, table: &str) -> Result<String, OutboxError> {
    Ok(resolve(connection, table).await?.quoted())
}

/// A relation's place in the catalog.
pub(crate) struct Relation {
    pub(crate) oid: Oid,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) kind: String,
}

impl Relation {
    /// Schema and name, as SQL quotes them.
    pub(crate) fn quoted(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }
}

/// Finds a relation by the name that SQL has for it: without a schema, in those of the role's search path, in one of them alone.
pub(crate) async fn resolve(connection: &mut PgConnection, table: &str) -> Result<Relation, OutboxError> {
    let not_a_table = |why: String| OutboxError::NotATable { table: table.to_owned(), why };
    let parts = sqlx::query_scalar("select parse_ident($1)").bind(table).fetch_one(&mut *connection).await;
    let parts: Vec<String> = match parts {
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code == "22023") => {
            return Err(not_a_table(format!("it is no name: {}", error.message())));
        }
        parts => parts?,
    };
    let (schema, name) = match parts.as_slice() {
        [name] => (None, name),
        [schema, name] => (Some(schema), name),
        _ => return Err(not_a_table("a name is schema.table, or table".to_owned())),
    };
    let rows = sqlx::query(
        "select c.oid, n.nspname::text, c.relname::text, c.relkind::text
         from unnest(case when $1::text is null then current_setting('counterfoil.schemas')::text[] else array[$1::text] end) with ordinality as wanted (schema, place)
         join pg_namespace as n on n.nspname = wanted.schema join pg_class as c on c.relnamespace = n.oid
         where c.relname = $2 and c.relkind <> 'i' order by wanted.place",
    );
    let rows = rows.bind(schema).bind(name).fetch_all(&mut *connection).await?;
    if let [first, second, ..] = rows.as_slice() {
        let schema = |row: &PgRow| row.try_get::<String, _>(1);
        let (first, second) = (schema(first)?, schema(second)?);
        return Err(not_a_table(format!(
            "schemas {first} and {second} of the search path have one of this name: name the schema"
        )));
    }
    let row = rows.first().ok_or_else(|| not_a_table("there is none of this name".to_owned()))?;
    Ok(Relation { oid: row.try_get(0)?, schema: row.try_get(1)?, name: row.try_get(2)?, kind: row.try_get(3)? })
}

/// A name as SQL quotes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
