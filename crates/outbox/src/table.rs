//! The check's reads of a protected table: its rows as they stand, its columns, and the changes that wait in the outbox.
//!
//! All of it is read in one repeatable-read transaction, with no function, view or rule of the database: columns by their types' output,
//! under settings that are fixed here.

use futures_util::{Stream, StreamExt, TryStreamExt};
use sqlx::postgres::{PgRow, PgValueRef};
use sqlx::types::Uuid;
use sqlx::{Connection, Executor, PgConnection, Row, ValueRef};

use crate::OutboxError;
use crate::source::{COLUMNS, OutboxRow, big, outbox_row};

/// The settings that the text of values depends on, and those that have the rows read from the table itself, not from an index that may
/// be made to lack some.
const SETTINGS: &str =
    "set local search_path = pg_catalog; set local timezone = 'UTC'; set local datestyle = 'ISO, YMD';
    set local intervalstyle = 'postgres'; set local extra_float_digits = 3; set local bytea_output = 'hex';
    set local xmlbinary = 'base64'; set local row_security = off; set local statement_timeout = 0;
    set local quote_all_identifiers = off; set local enable_seqscan = on; set local enable_indexscan = off;
    set local enable_indexonlyscan = off; set local enable_bitmapscan = off";

/// A column of a table, as the catalog has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Its type, as `format_type` writes it.
    pub type_name: String,
    /// Its number.
    pub attnum: i16,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// The labels of an enumerated type, in their order.
    pub labels: Option<Vec<String>>,
    /// The category of its type.
    pub category: char,
}

/// A table that is read in one snapshot.
pub struct TableReader {
    connection: PgConnection,
    /// Schema and name.
    pub name: String,
    quoted: String,
    /// Its columns, in their order.
    pub columns: Vec<TableColumn>,
    /// Whether an outbox is there.
    has_outbox: bool,
}

impl TableReader {
    /// Connects, takes the snapshot, and finds the table by the name that SQL has for it. A standby will do.
    ///
    /// # Errors
    /// [`OutboxError::NotATable`], [`OutboxError::Database`].
    pub async fn open(url: &str, table: &str) -> Result<Self, OutboxError> {
        let mut connection = PgConnection::connect(url).await?;
        connection.execute("begin isolation level repeatable read read only").await?;
        let found = sqlx::query(
            "select c.oid, n.nspname::text, c.relname::text, c.relkind::text from pg_catalog.pg_class as c
             join pg_catalog.pg_namespace as n on n.oid = c.relnamespace where c.oid = pg_catalog.to_regclass($1)",
        );
        let found = found.bind(table).fetch_optional(&mut connection).await?;
        let not_a_table = |why: &str| OutboxError::NotATable { table: table.to_owned(), why: why.to_owned() };
        let found = found.ok_or_else(|| not_a_table("there is none of this name"))?;
        let oid: sqlx::postgres::types::Oid = found.try_get(0)?;
        let (schema, name, kind): (String, String, String) = (found.try_get(1)?, found.try_get(2)?, found.try_get(3)?);
        if kind != "r" && kind != "p" {
            return Err(not_a_table(match kind.as_str() {
                "v" | "m" => "it is a view, whose rows are what its query makes of other tables",
                "f" => "it is a foreign table, whose rows another server has",
                _ => "it is a relation of another kind",
            }));
        }
        connection.execute(SETTINGS).await?;
        let is_rewritten = sqlx::query_scalar(
            "select exists (select from pg_rewrite where ev_type = '1' and ev_class in
                 (select $1 union select relid from pg_partition_tree($1)))",
        );
        if is_rewritten.bind(oid).fetch_one(&mut connection).await? {
            return Err(not_a_table("a rule for SELECT makes its rows of something else"));
        }
        let columns = load_columns(&mut connection, oid).await?;
        let has_outbox = sqlx::query_scalar(
            "select to_regclass('counterfoil.outbox') is not null
                                             and to_regclass('counterfoil.receipt') is not null",
        );
        let has_outbox = has_outbox.fetch_one(&mut connection).await?;
        let quoted = format!("{}.{}", quoted(&schema), quoted(&name));
        Ok(Self { connection, name: format!("{schema}.{name}"), quoted, columns, has_outbox })
    }

    /// The ledger that the database says the table is protected in: a hint.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn load_ledger(&mut self) -> Result<Option<String>, OutboxError> {
        if !self.has_outbox {
            return Ok(None);
        }
        let ledger = sqlx::query_scalar(
            "select ledger from counterfoil.protection where schema_name || '.' || table_name = $1 order by protected_at desc limit 1",
        );
        Ok(ledger.bind(&self.name).fetch_optional(&mut self.connection).await?)
    }

    /// The ids of the outbox's rows of this table for this ledger that have no receipt for an index below `size`. Which of them the ledger
    /// has, the ledger says. A row that the relay could not take is none.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn load_unsent_ids(&mut self, ledger: &str, size: u64) -> Result<Vec<[u8; 16]>, OutboxError> {
        if !self.has_outbox {
            return Ok(Vec::new());
        }
        let rows = sqlx::query_scalar::<_, Uuid>(
            "select o.id from counterfoil.outbox as o join counterfoil.protection as p on p.id = o.protection
             left join counterfoil.receipt as r on r.id = o.id and r.ledger = $3
             where p.schema_name || '.' || p.table_name = $1 and (r.id is null or r.index >= $2) and o.ledger = $3
                 and pg_visible_in_snapshot(o.xid, pg_current_snapshot()) order by o.position",
        );
        let rows = rows.bind(&self.name).bind(big(size)).bind(ledger).fetch(&mut self.connection);
        Ok(rows.map_ok(Uuid::into_bytes).try_collect().await?)
    }

    /// These rows of the outbox, in its order.
    pub fn load_unsent(&mut self, ids: &[[u8; 16]]) -> impl Stream<Item = Result<OutboxRow, OutboxError>> {
        let ids: Vec<Uuid> = ids.iter().map(|id| Uuid::from_bytes(*id)).collect();
        let rows = format!("select {COLUMNS} from counterfoil.outbox as o where o.id = any($1) order by o.position");
        let rows = sqlx::query(sqlx::AssertSqlSafe(rows));
        rows.bind(ids).fetch(&mut self.connection).map(|row| outbox_row(&row?))
    }

    /// The table's rows, each column as its type's output function writes it; with a condition, those that it names.
    pub fn rows(&mut self, condition: Option<&str>) -> impl Stream<Item = Result<TableRow, OutboxError>> {
        let names: Vec<String> = self.columns.iter().map(|column| quoted(&column.name)).collect();
        let filter = condition.map_or_else(String::new, |condition| format!(" where {condition}"));
        // The simple protocol answers in text. Nothing of the table is cast or called.
        let query = format!("select {} from {}{filter}", names.join(", "), self.quoted);
        sqlx::raw_sql(sqlx::AssertSqlSafe(query)).fetch(&mut self.connection).map(|row| Ok(TableRow(row?)))
    }
}

/// A row of a table.
pub struct TableRow(PgRow);

impl TableRow {
    /// The texts of its columns, none for NULL.
    ///
    /// # Errors
    /// [`OutboxError::Database`] where a text is not UTF-8.
    pub fn texts(&self) -> Result<Vec<Option<&str>>, OutboxError> {
        let text = |at| -> Result<Option<&str>, OutboxError> {
            let value: PgValueRef<'_> = self.0.try_get_raw(at)?;
            if value.is_null() {
                return Ok(None);
            }
            let text = value.as_str().map_err(sqlx::Error::Decode)?;
            Ok(Some(text))
        };
        (0..self.0.len()).map(text).collect()
    }
}

async fn load_columns(
    connection: &mut PgConnection,
    table: sqlx::postgres::types::Oid,
) -> Result<Vec<TableColumn>, OutboxError> {
    let rows = sqlx::query(
        "select attname::text, format_type(atttypid, atttypmod), attnum, attnotnull, typcategory::text, (
                    with recursive base (oid) as (
                        select atttypid
                        union all
                        select case when b.typtype = 'd' then b.typbasetype else b.typelem end
                        from base join pg_type as b on b.oid = base.oid
                        where b.typtype = 'd' or (b.typcategory = 'A' and b.typelem <> 0)
                    )
                    select array_agg(enumlabel::text order by enumsortorder) from base join pg_enum on enumtypid = base.oid
                )
         from pg_attribute join pg_type as t on t.oid = atttypid
         where attrelid = $1 and attnum > 0 and not attisdropped order by attnum",
    );
    let rows = rows.bind(table).fetch_all(connection).await?;
    let column = |row: &PgRow| -> Result<TableColumn, sqlx::Error> {
        let category: String = row.try_get(4)?;
        Ok(TableColumn {
            name: row.try_get(0)?,
            type_name: row.try_get(1)?,
            attnum: row.try_get(2)?,
            not_null: row.try_get(3)?,
            category: category.chars().next().unwrap_or('X'),
            labels: row.try_get(5)?,
        })
    };
    Ok(rows.iter().map(column).collect::<Result<_, _>>()?)
}

/// A name as SQL quotes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
