//! The relay's reads of an outbox: what became visible between two snapshots.

use std::collections::HashMap;

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::types::Uuid;
use sqlx::{Connection, Executor, PgConnection, Row};

use crate::OutboxError;

/// A row of an outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its place in the outbox's order.
    pub position: u64,
    /// The record's id: a UUID of version 7.
    pub id: [u8; 16],
    /// The transaction that wrote it.
    pub xid: u64,
    /// The table's protection; none for a free record.
    pub protection: Option<Uuid>,
    /// The operation.
    pub operation: String,
    /// The row before, as JSON.
    pub old: Option<String>,
    /// The row after, as JSON.
    pub new: Option<String>,
    /// When it was written, RFC 3339 in UTC with microseconds.
    pub at: String,
    /// The same in milliseconds since 1970.
    pub at_ms: i64,
    /// The role that logged in.
    pub user: Option<String>,
    /// The role that it had set.
    pub role: Option<String>,
    /// The application's user.
    pub actor: Option<String>,
    /// The ledger's address.
    pub ledger: String,
    /// The content, where it is no change of a row.
    pub content: Option<Vec<u8>>,
    /// Its media type.
    pub content_type: Option<String>,
    /// The name of the stream.
    pub stream: Option<String>,
    /// The name of the subject.
    pub subject: Option<String>,
}

impl OutboxRow {
    /// The bytes of its rows or its content.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let json = |row: &Option<String>| row.as_ref().map_or(0, String::len);
        json(&self.old) + json(&self.new) + self.content.as_ref().map_or(0, Vec::len)
    }
}

/// A protected table, as the relay needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Schema and name.
    pub table: String,
    /// The columns of the key.
    pub key: Vec<String>,
    /// The name of the stream.
    pub stream: Option<String>,
    /// The secret of its subjects.
    pub secret: Vec<u8>,
}

/// A receipt, as the outbox keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The record.
    pub id: [u8; 16],
    /// The ledger's address.
    pub ledger: String,
    /// The index.
    pub index: u64,
    /// The slot.
    pub slot: u64,
    /// The chain's time in that slot, in seconds since 1970.
    pub unix_time: i64,
    /// The leaf hash.
    pub leaf_hash: [u8; 32],
}

/// A connection to an outbox.
pub struct Source(PgConnection);

impl Source {
    /// Connects. Settings of the role or the database that change texts are overridden.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn connect(url: &str) -> Result<Self, OutboxError> {
        let mut connection = PgConnection::connect(url).await?;
        connection
            .execute("set statement_timeout = '60s'; set search_path = pg_catalog; set application_name = 'counterfoil-relay'")
            .await?;
        Ok(Self(connection))
    }

    /// The connection.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.0
    }

    /// Whether this connection is the outbox's only relay now, until it ends.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn take_lock(&mut self) -> Result<bool, OutboxError> {
        // "cfrelay" in ASCII.
        Ok(sqlx::query_scalar("select pg_try_advisory_lock(27977903946951033)").fetch_one(&mut self.0).await?)
    }

    /// The newest snapshot, in text form.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn load_snapshot(&mut self) -> Result<String, OutboxError> {
        Ok(sqlx::query_scalar("select pg_current_snapshot()::text").fetch_one(&mut self.0).await?)
    }

    /// Whether the outbox still has this row, or has removed what is so old.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn has_row(&mut self, position: u64, id: [u8; 16]) -> Result<bool, OutboxError> {
        let found = sqlx::query_scalar(
            "select exists (select from counterfoil.receipt where id = $2)
                 or exists (select from counterfoil.outbox where position = $1 and id = $2)",
        );
        Ok(found.bind(big(position)).bind(Uuid::from_bytes(id)).fetch_one(&mut self.0).await?)
    }

    /// Begins to read what `snapshot` sees and `seen` does not, after a position, in the outbox's order: the order is found once, and
    /// [`Self::fetch`] goes through it. The server's transaction is open until [`Self::end`].
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn begin(&mut self, seen: &str, snapshot: &str, after: u64) -> Result<(), OutboxError> {
        self.0.execute("begin isolation level repeatable read read only").await?;
        const DECLARE: &str = concat!("declare fresh no scroll cursor for ", include_str!("../sql/relay.sql"));
        sqlx::query(DECLARE).bind(seen).bind(snapshot).bind(big(after)).bind(i64::MAX).execute(&mut self.0).await?;
        Ok(())
    }

    /// Reads the next rows, at most `limit`; fewer at the end.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn fetch(&mut self, limit: u32) -> Result<Vec<OutboxRow>, OutboxError> {
        let fetch = format!("fetch {limit} from fresh");
        let rows = sqlx::query(sqlx::AssertSqlSafe(fetch)).persistent(false).fetch_all(&mut self.0).await?;
        rows.iter().map(outbox_row).collect()
    }

    /// These rows, by transaction and position, in this order; those that are gone are left out.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn load_rows(&mut self, keys: &[(u64, u64)]) -> Result<Vec<OutboxRow>, OutboxError> {
        let (xids, positions): (Vec<String>, Vec<i64>) =
            keys.iter().map(|(xid, position)| (xid.to_string(), big(*position))).unzip();
        let rows = format!(
            "select {COLUMNS} from unnest($1::text[]::xid8[], $2::bigint[]) with ordinality as place (xid, position, number)
             join counterfoil.outbox as o on o.xid = place.xid and o.position = place.position order by place.number"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(rows)).bind(xids).bind(positions).fetch_all(&mut self.0).await?;
        rows.iter().map(outbox_row).collect()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn end(&mut self) -> Result<(), OutboxError> {
        self.0.execute("commit").await?;
        Ok(())
    }

    /// The protected tables, those of before too.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn load_protections(&mut self) -> Result<HashMap<Uuid, Protection>, OutboxError> {
        let rows = sqlx::query("select id, schema_name, table_name, key, stream, secret from counterfoil.protection");
        let rows = rows.fetch_all(&mut self.0).await?;
        let mut all = HashMap::with_capacity(rows.len());
        for row in rows {
            let (schema, table): (String, String) = (row.try_get("schema_name")?, row.try_get("table_name")?);
            let protection = Protection {
                table: format!("{schema}.{table}"),
                key: row.try_get("key")?,
                stream: row.try_get("stream")?,
                secret: row.try_get("secret")?,
            };
            all.insert(row.try_get("id")?, protection);
        }
        Ok(all)
    }

    /// The keys of protected tables as events that the outbox still has chose them: each with the position from which on it is the key.
    /// It goes through the whole outbox.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn load_keys(&mut self) -> Result<Vec<(Uuid, u64, Vec<String>)>, OutboxError> {
        let rows = sqlx::query(
            "select protection, position, array(select json_array_elements_text(convert_from(content, 'UTF8')::json -> 'key')) as key
             from counterfoil.outbox where operation in ('protect', 'reprotect') and protection is not null and content is not null
             order by position",
        );
        let rows = rows.fetch_all(&mut self.0).await?;
        let key = |row: &PgRow| -> Result<(Uuid, u64, Vec<String>), sqlx::Error> {
            let position: i64 = row.try_get(1)?;
            Ok((row.try_get(0)?, position.unsigned_abs(), row.try_get(2)?))
        };
        Ok(rows.iter().map(key).collect::<Result<_, _>>()?)
    }

    /// Removes at most ten thousand rows that have a receipt and are older than `hours`. Returns how many it removed.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn forget(&mut self, hours: u32) -> Result<u64, OutboxError> {
        let hours = i32::try_from(hours).unwrap_or(i32::MAX);
        let removed: i64 = sqlx::query_scalar("select counterfoil.forget(make_interval(hours => $1), 10000)")
            .bind(hours)
            .fetch_one(&mut self.0)
            .await?;
        Ok(removed.unsigned_abs())
    }

    /// Writes receipts. Those that are there stay.
    ///
    /// # Errors
    /// [`OutboxError::Database`].
    pub async fn write_receipts(&mut self, receipts: &[Receipt]) -> Result<(), OutboxError> {
        let ids: Vec<Uuid> = receipts.iter().map(|receipt| Uuid::from_bytes(receipt.id)).collect();
        let ledgers: Vec<&str> = receipts.iter().map(|receipt| receipt.ledger.as_str()).collect();
        let indexes: Vec<i64> = receipts.iter().map(|receipt| big(receipt.index)).collect();
        let slots: Vec<i64> = receipts.iter().map(|receipt| big(receipt.slot)).collect();
        let times: Vec<i64> = receipts.iter().map(|receipt| receipt.unix_time).collect();
        let hashes: Vec<&[u8]> = receipts.iter().map(|receipt| &receipt.leaf_hash[..]).collect();
        sqlx::query(
            "insert into counterfoil.receipt (id, ledger, index, slot, at, leaf_hash)
             select id, ledger, index, slot, to_timestamp(time), hash
             from unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[])
                 as receipt (id, ledger, index, slot, time, hash)
             on conflict do nothing",
        )
        .bind(&ids)
        .bind(&ledgers)
        .bind(&indexes)
        .bind(&slots)
        .bind(&times)
        .bind(&hashes)
        .execute(&mut self.0)
        .await?;
        Ok(())
    }
}

/// The columns of a row of `counterfoil.outbox as o`, as [`outbox_row`] takes them.
pub(crate) const COLUMNS: &str = "o.position, o.xid::text as xid, o.id, o.protection, o.operation, o.old::text as old, o.new::text as new,
    to_char(least(greatest(o.at, '0001-01-01 00:00Z'::timestamptz), '9999-12-31 23:59:59.999999Z'::timestamptz) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') as at,
    floor(extract(epoch from least(greatest(o.at, '0001-01-01 00:00Z'::timestamptz), '9999-12-31 23:59:59.999999Z'::timestamptz)) * 1000)::bigint as at_ms,
    o.session_user_name::text as session_user_name, o.role_name::text as role_name, o.actor, o.ledger, o.content, o.content_type,
    o.stream, o.subject";

pub(crate) fn outbox_row(row: &PgRow) -> Result<OutboxRow, OutboxError> {
    let position: i64 = row.try_get("position")?;
    let xid: String = row.try_get("xid")?;
    let fault = |why: String| OutboxError::Row { position, why };
    Ok(OutboxRow {
        position: u64::try_from(position).map_err(|error| fault(error.to_string()))?,
        id: row.try_get::<Uuid, _>("id")?.into_bytes(),
        xid: xid.parse().map_err(|_| fault(format!("{xid:?} is no transaction")))?,
        protection: row.try_get("protection")?,
        operation: row.try_get("operation")?,
        old: row.try_get("old")?,
        new: row.try_get("new")?,
        at: row.try_get("at")?,
        at_ms: row.try_get("at_ms")?,
        user: row.try_get("session_user_name")?,
        role: row.try_get("role_name")?,
        actor: row.try_get("actor")?,
        ledger: row.try_get("ledger")?,
        content: row.try_get("content")?,
        content_type: row.try_get("content_type")?,
        stream: row.try_get("stream")?,
        subject: row.try_get("subject")?,
    })
}

/// Where an outbox is, without what is secret in its URL: host, port and database.
#[must_use]
pub fn outbox_name(url: &str) -> String {
    let parsed = url.parse::<PgConnectOptions>();
    parsed.map_or_else(
        |_| "not a URL".to_owned(),
        |at| format!("{}:{}/{}", at.get_host(), at.get_port(), at.get_database().unwrap_or_else(|| at.get_username())),
    )
}

/// PostgreSQL's numbers of this kind end at 2^63.
pub(crate) fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
