//! Sealing: a ledger's records get their order and their entries.

use std::collections::HashMap;
use std::time::Duration;

use counterfoil_core::LedgerId;
use merkle_log::LeafHash;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::rows::write_sealed;
use super::terms::Form;
use crate::StoreError;
use crate::convert::{bytes, from_bigint, to_bigint};

/// A ledger's sequencer, as its holder knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequencer {
    /// The number that stands for the ledger in the gateway's tables.
    pub key: i32,
    /// The number of the holder. Only the newest may write.
    pub epoch: i64,
    /// The number of the last record that is sealed.
    pub(super) sealed_number: i64,
    /// The ordinal of the next record.
    pub next_ordinal: u64,
    /// All records below this ordinal are in the ledger.
    pub landed_ordinal: u64,
}

/// A record whose place is not fixed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsealed {
    /// Its id.
    pub id: [u8; 16],
    /// Its form.
    pub form: Form,
    /// Its media type.
    pub content_type: String,
    /// Its bytes, where they are the entry.
    pub raw: Option<Vec<u8>>,
    /// The commitment to its bytes.
    pub commitment: [u8; 32],
    /// Its stream.
    pub stream: [u8; 32],
    /// Its subject.
    pub subject: Option<[u8; 32]>,
    /// The author's time, in milliseconds since 1970.
    pub author_time_ms: u64,
    number: i64,
}

/// A record's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The record.
    pub record: [u8; 16],
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// Its form.
    pub form: Form,
}

/// The last statement of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamEnd {
    /// Its number.
    pub sequence: u64,
    /// Its leaf hash.
    pub leaf: LeafHash,
}

/// A ledger as the gateway knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayLedger {
    /// The number that stands for it in the gateway's tables.
    pub key: i32,
    /// Whether the gateway's wallet appends there by a grant, as a server said last.
    pub by_grant: bool,
    /// The first second, since 1970, in which the grant no longer holds.
    pub grant_expires_at: i64,
}

/// Makes a ledger known to the gateway, or what is known of its right there; its number.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn add_gateway_ledger(
    connection: &mut PgConnection,
    ledger: LedgerId,
    by_grant: bool,
    grant_expires_at: i64,
) -> Result<i32, StoreError> {
    let key = sqlx::query_scalar!(
        "insert into gateway.ledger (address, by_grant, grant_expires_at) values ($1, $2, $3)
         on conflict (address) do update set by_grant = excluded.by_grant, grant_expires_at = excluded.grant_expires_at
         returning id",
        &ledger.0[..],
        by_grant,
        grant_expires_at,
    );
    let key = key.fetch_one(&mut *connection).await?;
    sqlx::query!("insert into gateway.sequencer (ledger) values ($1) on conflict do nothing", key)
        .execute(connection)
        .await?;
    Ok(key)
}

/// Reads the ledgers that the gateway knows.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_gateway_ledgers(
    connection: &mut PgConnection,
) -> Result<HashMap<LedgerId, GatewayLedger>, StoreError> {
    let rows = sqlx::query!("select id, address, by_grant, grant_expires_at from gateway.ledger")
        .fetch_all(connection)
        .await?;
    rows.into_iter()
        .map(|row| {
            let ledger = LedgerId(bytes("gateway.ledger", row.id, &row.address)?);
            let (by_grant, grant_expires_at) = (row.by_grant, row.grant_expires_at);
            Ok((ledger, GatewayLedger { key: row.id, by_grant, grant_expires_at }))
        })
        .collect()
}

/// Up to which event each append of the gateway's wallet to a ledger is one that the database has.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_own_events(connection: &mut PgConnection, ledger: LedgerId) -> Result<u64, StoreError> {
    let events = sqlx::query_scalar!("select own_events from gateway.ledger where address = $1", &ledger.0[..]);
    events.fetch_optional(connection).await?.map_or(Ok(0), |events| from_bigint("gateway.ledger", ledger, events))
}

/// Notes it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_own_events(connection: &mut PgConnection, ledger: LedgerId, events: u64) -> Result<(), StoreError> {
    sqlx::query!(
        "update gateway.ledger set own_events = $2 where address = $1 and own_events < $2",
        &ledger.0[..],
        to_bigint("events", events)?,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Tries to become a ledger's sequencer, or to remain it: renews the lease of `epoch`, or takes one that was not renewed for
/// `patience`. None where another one has it.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn take_sequencer(
    connection: &mut PgConnection,
    key: i32,
    epoch: Option<i64>,
    patience: Duration,
) -> Result<Option<Sequencer>, StoreError> {
    let row = sqlx::query!(
        "update gateway.sequencer
         set epoch = case when epoch = $2 then epoch else epoch + 1 end, renewed_at = now()
         where ledger = $1 and (epoch = $2 or renewed_at < now() - make_interval(secs => $3))
         returning epoch, sealed_number, next_ordinal, landed_ordinal",
        key,
        epoch,
        patience.as_secs_f64(),
    );
    let Some(row) = row.fetch_optional(connection).await? else { return Ok(None) };
    Ok(Some(Sequencer {
        key,
        epoch: row.epoch,
        sealed_number: row.sealed_number,
        next_ordinal: from_bigint("gateway.sequencer", key, row.next_ordinal)?,
        landed_ordinal: from_bigint("gateway.sequencer", key, row.landed_ordinal)?,
    }))
}

/// Reads a ledger's sequencer without becoming it.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_sequencer(connection: &mut PgConnection, key: i32) -> Result<Sequencer, StoreError> {
    let row = sqlx::query!(
        "select epoch, sealed_number, next_ordinal, landed_ordinal from gateway.sequencer where ledger = $1",
        key
    );
    let row = row.fetch_one(connection).await?;
    Ok(Sequencer {
        key,
        epoch: row.epoch,
        sealed_number: row.sealed_number,
        next_ordinal: from_bigint("gateway.sequencer", key, row.next_ordinal)?,
        landed_ordinal: from_bigint("gateway.sequencer", key, row.landed_ordinal)?,
    })
}

/// Reads at most `limit` records that are not sealed yet, in the order in which they are to be sealed: that of the commits which
/// accepted them.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_unsealed(
    connection: &mut PgConnection,
    sequencer: &Sequencer,
    limit: u32,
) -> Result<Vec<Unsealed>, StoreError> {
    let rows = sqlx::query!(
        "select id, number, form, content_type, case when form = 1 then content end as raw, commitment, stream, subject,
                author_time_ms
         from gateway.record
         where ledger = $1 and number > $2 order by number limit $3",
        sequencer.key,
        sequencer.sealed_number,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let table = "gateway.record";
            Ok(Unsealed {
                id: row.id.into_bytes(),
                form: Form::read(row.id, row.form)?,
                commitment: bytes(table, row.id, &row.commitment)?,
                stream: bytes(table, row.id, &row.stream)?,
                subject: row.subject.map(|subject| bytes(table, row.id, &subject)).transpose()?,
                author_time_ms: from_bigint(table, row.id, row.author_time_ms)?,
                content_type: row.content_type,
                raw: row.raw,
                number: row.number,
            })
        })
        .collect()
}

/// Reads the ends of streams; those that have no statement yet are left out.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_streams(
    connection: &mut PgConnection,
    key: i32,
    streams: &[[u8; 32]],
) -> Result<HashMap<[u8; 32], StreamEnd>, StoreError> {
    let wanted: Vec<Vec<u8>> = streams.iter().map(|stream| stream.to_vec()).collect();
    let rows = sqlx::query!(
        "select stream, sequence, leaf_hash from gateway.stream where ledger = $1 and stream = any($2)",
        key,
        &wanted
    );
    let rows = rows.fetch_all(connection).await?;
    rows.into_iter()
        .map(|row| {
            let table = "gateway.stream";
            let end = StreamEnd {
                sequence: from_bigint(table, key, row.sequence)?,
                leaf: LeafHash(bytes(table, key, &row.leaf_hash)?),
            };
            Ok((bytes(table, key, &row.stream)?, end))
        })
        .collect()
}

/// Fixes the order and the entries of records: `entries` are those of `records`, one each, in their order. Gives back the
/// sequencer as it is once the transaction is committed.
///
/// # Errors
/// [`StoreError::LeaseLost`] when another one has sealed or taken the lease; nothing must be committed then.
/// [`StoreError::Database`].
pub async fn seal(
    connection: &mut PgConnection,
    sequencer: &Sequencer,
    records: &[Unsealed],
    entries: &[Vec<u8>],
    streams: &HashMap<[u8; 32], StreamEnd>,
) -> Result<Sequencer, StoreError> {
    let Some(last) = records.last() else { return Ok(*sequencer) };
    let first = to_bigint("ordinal", sequencer.next_ordinal)?;
    let next = sequencer.next_ordinal.saturating_add(records.len() as u64);
    let moved = sqlx::query!(
        "update gateway.sequencer set sealed_number = $4, next_ordinal = $5
         where ledger = $1 and epoch = $2 and next_ordinal = $3",
        sequencer.key,
        sequencer.epoch,
        first,
        last.number,
        to_bigint("ordinal", next)?,
    );
    if moved.execute(&mut *connection).await?.rows_affected() != 1 {
        return Err(StoreError::LeaseLost);
    }
    let ids: Vec<Uuid> = records.iter().map(|record| Uuid::from_bytes(record.id)).collect();
    write_sealed(&mut *connection, sequencer.key, first, &ids, entries).await?;
    let (mut names, mut sequences, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
    for (stream, end) in streams {
        names.push(stream.to_vec());
        sequences.push(to_bigint("sequence", end.sequence)?);
        leaves.push(end.leaf.0.to_vec());
    }
    sqlx::query!(
        "insert into gateway.stream (ledger, stream, sequence, leaf_hash)
         select $1, * from unnest($2::bytea[], $3::bigint[], $4::bytea[])
         on conflict (ledger, stream) do update set sequence = excluded.sequence, leaf_hash = excluded.leaf_hash",
        sequencer.key,
        &names,
        &sequences,
        &leaves,
    )
    .execute(connection)
    .await?;
    Ok(Sequencer { sealed_number: last.number, next_ordinal: next, ..*sequencer })
}

/// Reads the entries of `limit` sealed records from ordinal `first` on, in order.
///
/// # Errors
/// [`StoreError::Database`]; [`StoreError::Corrupt`] when one of them is missing.
pub async fn load_sealed_entries(
    connection: &mut PgConnection,
    key: i32,
    first: u64,
    limit: u64,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let rows = sqlx::query!(
        "select ordinal, entry from gateway.sealed where ledger = $1 and ordinal >= $2 order by ordinal limit $3",
        key,
        to_bigint("ordinal", first)?,
        to_bigint("limit", limit)?,
    );
    let rows = rows.fetch_all(connection).await?;
    let end = first.saturating_add(limit);
    let missing =
        |ordinal: u64| StoreError::corrupt("gateway.sealed", format!("{key}, {ordinal}"), "the row is missing");
    let mut entries = Vec::with_capacity(rows.len());
    for (row, ordinal) in rows.into_iter().zip(first..) {
        if row.ordinal != to_bigint("ordinal", ordinal)? {
            return Err(missing(ordinal));
        }
        entries.push(row.entry);
    }
    let next = first.saturating_add(entries.len() as u64);
    if next < end { Err(missing(next)) } else { Ok(entries) }
}

/// Reads at most `limit` sealed records from ordinal `first` on, in order.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_sealed(
    connection: &mut PgConnection,
    key: i32,
    first: u64,
    limit: u64,
) -> Result<Vec<Sealed>, StoreError> {
    let rows = sqlx::query!(
        "select ordinal, record, entry, form from gateway.sealed join gateway.record on record.id = sealed.record
         where sealed.ledger = $1 and ordinal >= $2 order by ordinal limit $3",
        key,
        to_bigint("ordinal", first)?,
        to_bigint("limit", limit)?,
    )
    .fetch_all(connection)
    .await?;
    let sealed = rows.into_iter().zip(first..).map(|(row, ordinal)| {
        if row.ordinal != to_bigint("ordinal", ordinal)? {
            return Err(StoreError::corrupt("gateway.sealed", format!("{key}, {ordinal}"), "the row is missing"));
        }
        Ok(Sealed { record: row.record.into_bytes(), form: Form::read(row.record, row.form)?, entry: row.entry })
    });
    sealed.collect()
}
