//! The check's reads of a protected table: its rows as they stand, its columns, and the changes that wait in the outbox.
//!
//! All of it is read in one repeatable-read transaction, with no function, view or rule of the database: columns by their types' output,
//! under settings that are fixed here.

use futures_util::{Stream, StreamExt, TryStreamExt};
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgRow, PgValueRef};
use sqlx::types::Uuid;
use sqlx::{Executor, PgConnection, Row, SqlSafeStr, ValueRef};

use crate::OutboxError;
use crate::names::{connect, quoted, resolve};
use crate::source::{COLUMNS, OutboxRow, outbox_row};

/// The settings that the text of values depends on, and those that have the rows read from the table itself, not from an index that may
/// be made to lack some.
const SETTINGS: &str =
    "set local search_path = pg_catalog; set local timezone = 'UTC'; set local datestyle = 'ISO, YMD';
    set local intervalstyle = 'postgres'; set local extra_float_digits = 3; set local bytea_output = 'hex';
    set local xmlbinary = 'base64'; set local row_security = off; set local statement_timeout = 0;
    set local quote_all_identifiers = off; set local enable_seqscan = on; set local enable_indexscan = off;
    set local enable_indexonlyscan = off; set local enable_bitmapscan = off; set local constraint_exclusion = off";

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
    oid: Oid,
    /// Schema and name.
    pub name: String,
    quoted: String,
    /// Whether it has partitions.
    pub is_partitioned: bool,
    /// Its columns, in their order.
    pub columns: Vec<TableColumn>,
    /// Whether an outbox is there.
    has_outbox: bool,
    /// Of a standby, the transaction up to which it has replayed all that committed or rolled back.
    pub replayed: Option<u64>,
}

impl TableReader {
    /// Connects, takes the snapshot, and finds the table by the name that SQL has for it. A standby will do.
    ///
    /// # Errors
    /// [`OutboxError::NotATable`], [`OutboxError::Database`].
    pub async fn open(url: &str, table: &str) -> Result<Self, OutboxError> {
        let mut connection = connect(url).await?;
        let not_a_table = |why: &str| OutboxError::NotATable { table: table.to_owned(), why: why.to_owned() };
        let at = resolve(&mut connection, table).await?;
        if at.kind != "r" && at.kind != "p" {
            return Err(not_a_table(match at.kind.as_str() {
                "v" | "m" => "it is a view, whose rows are what its query makes of other tables",
                "f" => "it is a foreign table, whose rows another server has",
                _ => "it is a relation of another kind",
            }));
        }
        let quoted = at.quoted();
        connection.execute("begin isolation level repeatable read read only").await?;
        // The lock comes before the snapshot: TRUNCATE and rewrites show each snapshot an empty table, or one without its rows of before.
        connection.execute(sqlx::AssertSqlSafe(format!("lock table {quoted} in access share mode"))).await?;
        connection.execute(SETTINGS).await?;
        let oid = sqlx::query_scalar::<_, Option<Oid>>("select to_regclass($1)::oid");
        if oid.bind(&quoted).fetch_one(&mut connection).await? != Some(at.oid) {
            return Err(not_a_table("another table took its name just now: run the check again"));
        }
        let oid = at.oid;
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
        let xmin = sqlx::query_scalar(
            "select case when pg_is_in_recovery() then pg_snapshot_xmin(pg_current_snapshot())::text end",
        );
        let xmin: Option<String> = xmin.fetch_one(&mut connection).await?;
        Ok(Self {
            connection,
            oid,
            name: format!("{}.{}", at.schema, at.name),
            quoted,
            is_partitioned: at.kind == "p",
            columns,
            has_outbox,
            replayed: xmin.and_then(|xmin| xmin.parse().ok()),
        })
    }

    /// The protection's triggers that are missing, disabled or not `ENABLE ALWAYS` now, in words; none where all stand as `protect` placed them.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn load_trigger_fault(&mut self) -> Result<Option<String>, OutboxError> {
        let fault = sqlx::query_scalar(
            "select string_agg(format('%s on %s', name, c.oid::regclass), ', ' order by c.oid::regclass::text, name)
             from pg_class as c cross join unnest(array['!counterfoil_change', '!counterfoil_truncate']) as name
             where c.oid in (select $1 union select relid from pg_partition_tree($1))
                 and (name = '!counterfoil_change' or c.oid = $1 or c.relkind = 'r')
                 and not exists (select from pg_trigger where tgrelid = c.oid and tgname = name and tgenabled = 'A')",
        );
        Ok(fault.bind(self.oid).fetch_one(&mut self.connection).await?)
    }

    /// Whether partitions were attached or detached since the snapshot: their rows are read by the tree of now.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn has_another_tree(&mut self) -> Result<bool, OutboxError> {
        if !self.is_partitioned {
            return Ok(false);
        }
        let differs = sqlx::query_scalar(
            "with recursive tree (relid) as (
                 select $1 union all select inhrelid from tree join pg_inherits on inhparent = tree.relid
             )
             select exists ((select relid from tree) except (select relid::oid from pg_partition_tree($1)))
                 or exists ((select relid::oid from pg_partition_tree($1)) except (select relid from tree))",
        );
        Ok(differs.bind(self.oid).fetch_one(&mut self.connection).await?)
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

    /// The ids of all rows that the outbox has of this table for this ledger. Which of them the ledger has, the ledger says, and no receipt.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn load_ids(&mut self, ledger: &str) -> Result<Vec<[u8; 16]>, OutboxError> {
        if !self.has_outbox {
            return Ok(Vec::new());
        }
        let rows = sqlx::query_scalar::<_, Uuid>(
            "select o.id from counterfoil.outbox as o join counterfoil.protection as p on p.id = o.protection
             where p.schema_name || '.' || p.table_name = $1 and o.ledger = $2
                 and pg_visible_in_snapshot(o.xid, pg_current_snapshot())",
        );
        let rows = rows.bind(&self.name).bind(ledger).fetch(&mut self.connection);
        Ok(rows.map_ok(Uuid::into_bytes).try_collect().await?)
    }

    /// These rows of the outbox, in its order.
    pub fn load_unsent(&mut self, ids: &[[u8; 16]]) -> impl Stream<Item = Result<OutboxRow, OutboxError>> {
        let ids: Vec<Uuid> = ids.iter().map(|id| Uuid::from_bytes(*id)).collect();
        let rows = format!("select {COLUMNS} from counterfoil.outbox as o where o.id = any($1) order by o.position");
        let rows = sqlx::query(sqlx::AssertSqlSafe(rows));
        rows.bind(ids).fetch(&mut self.connection).map(|row| outbox_row(&row?))
    }

    /// Finds out whether a condition is one, and no end of the statement with others behind it.
    ///
    /// # Errors
    /// [`OutboxError::Database`] with the server's words.
    pub async fn expect_condition(&mut self, condition: &str) -> Result<(), OutboxError> {
        // The server takes one statement in a message of this kind, and does not run it.
        let text = sqlx::AssertSqlSafe(self.query(Some(condition)));
        (&mut self.connection).prepare(text.into_sql_str()).await?;
        Ok(())
    }

    /// The table's rows, each column as its type's output function writes it; with a condition that [`Self::expect_condition`] took, those
    /// that it names.
    pub fn rows(&mut self, condition: Option<&str>) -> impl Stream<Item = Result<TableRow, OutboxError>> {
        // The simple protocol answers in text. Nothing of the table is cast or called.
        let query = self.query(condition);
        sqlx::raw_sql(sqlx::AssertSqlSafe(query)).fetch(&mut self.connection).map(|row| Ok(TableRow(row?)))
    }

    fn query(&self, condition: Option<&str>) -> String {
        let names: Vec<String> = self.columns.iter().map(|column| quoted(&column.name)).collect();
        let filter = condition.map_or_else(String::new, |condition| format!(" where {condition}"));
        format!("select {} from {}{filter}", names.join(", "), self.quoted)
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

async fn load_columns(connection: &mut PgConnection, table: Oid) -> Result<Vec<TableColumn>, OutboxError> {
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
