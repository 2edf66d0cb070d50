//! Rebuilding the index in a second schema, and swapping it in atomically.
//!
//! The new tables stand in a schema of their own, [`REBUILD_SCHEMA`], until one SQL transaction moves them to where the
//! old ones are. A statement finds the old table or the new one, never none, and no transaction sees both: the
//! swap waits for all readers of the old tables.
//!
//! Statements here name two schemas or are put together from the catalogue, which `query!` cannot check.

use std::time::Duration;

use counterfoil_core::LedgerId;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction};

use crate::admin::schema::connect_in;
use crate::convert::to_bigint;
use crate::notify::notify_all;
use crate::{LedgerRow, StoreError, begin};

/// Where the new index is made.
pub const REBUILD_SCHEMA: &str = "counterfoil_rebuild";
/// Where the old index is kept, when it is.
pub const BEFORE_SCHEMA: &str = "counterfoil_before";

/// The tables that do not follow from the chain and are taken over as they are.
const KEPT: [&str; 4] = ["api_key", "private_ledger", "reader", "lease"];

/// How long the swap waits for readers before it lets them pass and tries again. Less than a second, after which
/// PostgreSQL looks for deadlocks and might end a reader's transaction.
const LOCK_PATIENCE: &str = "set local statement_timeout = '400ms'";
/// PostgreSQL's code for a statement that took too long.
const QUERY_CANCELED: &str = "57014";

/// The obstacles to a swap, if there are any: an index that an earlier rebuild kept, and views and tables of
/// others that refer to its tables and would go on referring to the old ones.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_obstacles(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    let obstacles = sqlx::query_scalar(
        "with ours as (
             select oid from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')
                 and relname = any('{cluster,ledger,event,entry,tile,subtree,cursor,halt,pending,api_key,private_ledger,reader,evidence,lease}')
         )
         select 'schema ' || nspname || ' holds the index before an earlier rebuild: drop it' from pg_namespace
         where nspname = $1
         union
         select 'view ' || ev_class::regclass || ' reads the index''s tables: drop it and create it again afterwards'
         from pg_rewrite join pg_depend on classid = 'pg_rewrite'::regclass and objid = pg_rewrite.oid
         where refobjid in (select oid from ours) and ev_class <> refobjid
         union
         select 'constraint ' || conname || ' of table ' || conrelid::regclass
             || ' refers to the index''s tables: drop it and create it again afterwards'
         from pg_constraint
         where confrelid in (select oid from ours) and connamespace <> current_schema()::regnamespace
         order by 1",
    );
    Ok(obstacles.bind(BEFORE_SCHEMA).fetch_all(connection).await?)
}

/// Makes the schema for the new index, empty, whatever an interrupted rebuild has left in it.
///
/// # Errors
/// [`StoreError::Database`], also when the role may not make schemas.
pub async fn begin_rebuild(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::raw_sql("drop schema if exists counterfoil_rebuild cascade; create schema counterfoil_rebuild")
        .execute(connection)
        .await?;
    Ok(())
}

/// Opens the new index, as [`crate::connect`] opens the one in use.
///
/// # Errors
/// As [`crate::connect`].
pub async fn connect_to_rebuild(
    url: &str,
    connections: u32,
    statement_timeout: Duration,
) -> Result<PgPool, StoreError> {
    connect_in(url, connections, statement_timeout, Some(REBUILD_SCHEMA)).await
}

/// Lets PostgreSQL count the new rows, so that the first readers do not get plans for empty tables.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn analyze(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::raw_sql("analyze ledger, cursor, event, entry, tile, subtree").execute(connection).await?;
    Ok(())
}

/// A row in which two indexes differ.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ledger {ledger}, table {table}, {row}: {how}")]
pub struct Difference {
    /// The ledger.
    pub ledger: LedgerId,
    /// The table.
    pub table: &'static str,
    /// The row's key.
    pub row: String,
    /// Whether the row differs, or which index does not have it.
    pub how: String,
}

/// For each table the two, full-joined: the rows of `$1` in the one in use as `old`, and those of `$2` in the new one as
/// `new`, at or below the watermark.
const COMPARISONS: [(&str, &str); 4] = [
    (
        "event",
        "select seq::text, old is null, new is null
         from (select seq, signature, leaf_hash, leaf from event where ledger = $1 and seq < $3) as old
         full join (
             select seq, signature, leaf_hash, leaf from counterfoil_rebuild.event where ledger = $2 and seq < $3
         ) as new using (seq)
         where (old.signature, old.leaf_hash, old.leaf) is distinct from (new.signature, new.leaf_hash, new.leaf)
             and $4::bigint >= 0
         order by seq limit 1",
    ),
    (
        "entry",
        "select index::text, old is null, new is null
         from (select index, event_seq, leaf_hash, payload from entry where ledger = $1 and index < $4) as old
         full join (
             select index, event_seq, leaf_hash, payload from counterfoil_rebuild.entry
             where ledger = $2 and index < $4
         ) as new using (index)
         where (old.event_seq, old.leaf_hash, old.payload)
                 is distinct from (new.event_seq, new.leaf_hash, new.payload)
             and $3::bigint >= 0
         order by index limit 1",
    ),
    (
        "tile",
        "select concat_ws('/', case log when 0 then 'entries' else 'events' end, level, index),
                old is null, new is null
         from (
             select log, level, index, root, hashes from tile where ledger = $1
                 and (index + 1) << (8 * (level + 1)) <= case log when 0 then $4::bigint else $3::bigint end
         ) as old
         full join (
             select log, level, index, root, hashes from counterfoil_rebuild.tile where ledger = $2
                 and (index + 1) << (8 * (level + 1)) <= case log when 0 then $4::bigint else $3::bigint end
         ) as new using (log, level, index)
         where (old.root, old.hashes) is distinct from (new.root, new.hashes)
         order by log, level, index limit 1",
    ),
    (
        "subtree",
        "select concat_ws('/', level, index), old is null, new is null
         from (select level, index, root, event_seq, is_tile from subtree where ledger = $1 and event_seq < $3) as old
         full join (
             select level, index, root, event_seq, is_tile from counterfoil_rebuild.subtree
             where ledger = $2 and event_seq < $3
         ) as new using (level, index)
         where (old.root, old.event_seq, old.is_tile) is distinct from (new.root, new.event_seq, new.is_tile)
             and $4::bigint >= 0
         order by level, index limit 1",
    ),
];

/// For each table the first row in which the two indexes differ, at or below the checked watermark of the one in use.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_differences(
    connection: &mut PgConnection,
    old: &LedgerRow,
    new: &LedgerRow,
) -> Result<Vec<Difference>, StoreError> {
    let Some((old_head, _)) = old.checked else { return Ok(Vec::new()) };
    let ledger = old.ledger;
    let (events, size) = (old_head.events.size, old_head.entries.size);
    let mut differences = Vec::new();
    for (table, comparison) in COMPARISONS {
        let found: Option<(String, bool, bool)> = sqlx::query_as(comparison)
            .bind(old.key)
            .bind(new.key)
            .bind(to_bigint("event", events.get())?)
            .bind(to_bigint("size", size.get())?)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some((row, is_new, is_gone)) = found {
            let how = match (is_new, is_gone) {
                (true, _) => "it was missing",
                (_, true) => "it should not be there",
                _ => "it was not what follows from the events",
            };
            differences.push(Difference { ledger, table, row, how: how.to_owned() });
        }
    }
    if let Some((new_head, _)) = new.checked.filter(|(head, _)| head.events.size == events && *head != old_head) {
        let how = format!("checked was {old_head:?}, it is {new_head:?}");
        differences.push(Difference { ledger, table: "cursor", row: "the one".to_owned(), how });
    }
    Ok(differences)
}

/// The swap, in a transaction that keeps everybody else away from both indexes.
#[derive(Debug)]
pub struct Swap<'a> {
    transaction: Transaction<'a, Postgres>,
    /// The schema of the one in use, quoted.
    home: String,
    /// The tables' names, quoted.
    tables: Vec<String>,
}

impl<'a> Swap<'a> {
    /// Waits a moment for those who use the one in use and keeps new ones waiting; none when the moment was not enough,
    /// so that they can go on: try again.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin(connection: &'a mut PgConnection) -> Result<Option<Self>, StoreError> {
        let mut transaction = begin(connection).await?;
        let home: String =
            sqlx::query_scalar("select quote_ident(current_schema())").fetch_one(&mut *transaction).await?;
        // Readers begin with `ledger`: locked first, it keeps new ones waiting and lets those under way read the rest.
        let tables: Vec<String> = sqlx::query_scalar(
            "select quote_ident(relname) from pg_class
             where relnamespace = $1::regnamespace and relkind in ('r', 'p')
             order by relname <> 'ledger', relname",
        )
        .bind(REBUILD_SCHEMA)
        .fetch_all(&mut *transaction)
        .await?;
        let all: Vec<String> = tables.iter().map(|table| format!("{home}.{table}")).collect();
        sqlx::raw_sql(LOCK_PATIENCE).execute(&mut *transaction).await?;
        let lock = format!("lock table {} in access exclusive mode", all.join(", "));
        match sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut *transaction).await {
            Ok(_) => {}
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(QUERY_CANCELED) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        sqlx::raw_sql("set local statement_timeout = 0").execute(&mut *transaction).await?;
        Ok(Some(Self { transaction, home, tables }))
    }

    /// For reading the one in use a last time.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Puts the new index in the place of the old one, with the old one's owners and rights, and drops the old one or
    /// keeps it in [`BEFORE_SCHEMA`].
    ///
    /// # Errors
    /// [`StoreError::Database`]. Nothing has changed then, unless the connection broke as the transaction was committed.
    pub async fn finish(mut self, keep_old: bool) -> Result<(), StoreError> {
        let mut statements = self.rights().await?;
        let (home, tables) = (&self.home, &self.tables);
        statements
            .extend(KEPT.map(|table| format!("insert into {REBUILD_SCHEMA}.{table} select * from {home}.{table}")));
        // Evidence follows from no event: it is taken over, together with the evidence of the meantime.
        statements.push(format!(
            "insert into {REBUILD_SCHEMA}.evidence
             select new.id, server, agrees, place, number, slot, event_seq, size, root, event_root, since, observed_at
             from {home}.evidence join {home}.ledger as old on old.id = evidence.ledger
             join {REBUILD_SCHEMA}.ledger as new using (address)
             on conflict (ledger, server, agrees, place) do update
             set number = excluded.number, slot = excluded.slot, event_seq = excluded.event_seq, size = excluded.size,
                 root = excluded.root, event_root = excluded.event_root, since = excluded.since,
                 observed_at = excluded.observed_at"
        ));
        if keep_old {
            statements.push(format!("create schema {BEFORE_SCHEMA}"));
            statements
                .extend(tables.iter().map(|table| format!("alter table {home}.{table} set schema {BEFORE_SCHEMA}")));
        } else {
            let all: Vec<String> = tables.iter().map(|table| format!("{home}.{table}")).collect();
            statements.push(format!("drop table {}", all.join(", ")));
        }
        statements.extend(tables.iter().map(|table| format!("alter table {REBUILD_SCHEMA}.{table} set schema {home}")));
        statements.push(format!("drop function {REBUILD_SCHEMA}.entry_json"));
        statements.push(format!("drop schema {REBUILD_SCHEMA}"));
        sqlx::raw_sql(AssertSqlSafe(statements.join(";\n"))).execute(&mut *self.transaction).await?;
        notify_all(&mut self.transaction).await?;
        Ok(self.transaction.commit().await?)
    }

    /// The statements that give the new tables the old ones' owners and rights.
    async fn rights(&mut self) -> Result<Vec<String>, StoreError> {
        let rights = sqlx::query_scalar(
            "with pair as (
                 select old.oid, old.relname, old.relowner, old.relacl, new.relowner as new_owner,
                        format('%I.%I', $1::text, old.relname) as name
                 from pg_class as old
                 join pg_class as new on new.relname = old.relname and new.relnamespace = $1::regnamespace
                 where old.relnamespace = current_schema()::regnamespace and old.relkind in ('r', 'p')
             ),
             granted as (
                 select name, relowner, acl.*, '' as columns from pair, aclexplode(relacl) as acl
                 union all
                 select name, relowner, acl.*, format('(%I)', attname)
                 from pair join pg_attribute on attrelid = pair.oid, aclexplode(attacl) as acl
             )
             select format('alter table %s owner to %s', name, relowner::regrole) from pair where relowner <> new_owner
             union all
             select format('grant %s %s on %s to %s%s', privilege_type, columns, name,
                           case grantee when 0 then 'public' else grantee::regrole::text end,
                           case when is_grantable then ' with grant option' else '' end)
             from granted where grantee <> relowner",
        );
        Ok(rights.bind(REBUILD_SCHEMA).fetch_all(&mut *self.transaction).await?)
    }
}
