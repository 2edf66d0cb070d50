//! Relays: how far each outbox of a user's database is read, and which of its records are in their ledgers.

use std::collections::{HashMap, HashSet};

use counterfoil_core::LedgerId;
use merkle_log::{LeafHash, hash_leaf};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::accept::{Accepted, accept};
use super::request::NewRequest;
use crate::StoreError;
use crate::convert::{bytes, from_bigint, to_bigint};

/// How far an outbox is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayCursor {
    /// The number of the outbox in the gateway's tables.
    pub key: i32,
    /// Its database's server, as it named itself.
    pub server: String,
    /// How often the outbox was taken over to another server.
    pub adoptions: u64,
    /// The snapshot of which all rows are read, in PostgreSQL's text form.
    pub seen: String,
    /// The snapshot that is being read, and the position of the last row of it that was.
    pub reading: Option<(String, u64)>,
    /// The position and the id of the newest row that was read.
    pub newest: Option<(u64, [u8; 16])>,
}

/// A record of an outbox that is in its ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LandedRecord {
    /// Its id.
    pub id: [u8; 16],
    /// Its index.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: LeafHash,
    /// The event that appended it.
    pub event_seq: u64,
}

/// Reads how far an outbox is read; none where it is unknown.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_relay(
    connection: &mut PgConnection,
    installation: [u8; 16],
) -> Result<Option<RelayCursor>, StoreError> {
    let row = sqlx::query!(
        "select id, server, adoptions, seen, reading, position, newest_position, newest_record
         from gateway.relay where installation = $1",
        Uuid::from_bytes(installation)
    );
    let Some(row) = row.fetch_optional(connection).await? else { return Ok(None) };
    let number = |value| from_bigint("gateway.relay", row.id, value);
    let position = number(row.position)?;
    let newest = match (row.newest_position, row.newest_record) {
        (Some(position), Some(id)) => Some((number(position)?, id.into_bytes())),
        _ => None,
    };
    Ok(Some(RelayCursor {
        key: row.id,
        server: row.server,
        adoptions: number(row.adoptions)?,
        seen: row.seen,
        reading: row.reading.map(|reading| (reading, position)),
        newest,
    }))
}

/// Begins with an outbox, of which nothing is read: no row is visible in the snapshot `seen`.
///
/// # Errors
/// [`StoreError::Database`]; another gateway may have begun with it.
pub async fn add_relay(
    connection: &mut PgConnection,
    installation: [u8; 16],
    server: &str,
    adoptions: u64,
    seen: &str,
) -> Result<(), StoreError> {
    let added = sqlx::query!(
        "insert into gateway.relay (installation, server, adoptions, seen) values ($1, $2, $3, $4)
         on conflict on constraint relay_installation_unique do nothing",
        Uuid::from_bytes(installation),
        server,
        to_bigint("adoptions", adoptions)?,
        seen
    );
    added.execute(connection).await?;
    Ok(())
}

/// Moves an outbox on from one place to the next, and accepts the records that were read between. Commit after it.
///
/// # Errors
/// [`StoreError::LeaseLost`] where another gateway has moved it meanwhile, [`StoreError::Database`],
/// [`StoreError::UnknownLedger`]; nothing must be committed then.
pub async fn accept_relayed(
    connection: &mut PgConnection,
    before: &RelayCursor,
    after: &RelayCursor,
    keys: &HashMap<LedgerId, i32>,
    requests: &[NewRequest],
) -> Result<(), StoreError> {
    let position =
        |reading: &Option<(String, u64)>| to_bigint("position", reading.as_ref().map_or(0, |(_, position)| *position));
    let moved = sqlx::query!(
        "update gateway.relay set server = $2, adoptions = $3, seen = $4, reading = $5, position = $6,
                newest_position = $7, newest_record = $8, moved_at = now()
         where id = $1 and seen = $9 and reading is not distinct from $10 and position = $11 and adoptions = $12",
        before.key,
        after.server,
        to_bigint("adoptions", after.adoptions)?,
        after.seen,
        after.reading.as_ref().map(|(snapshot, _)| snapshot.as_str()),
        position(&after.reading)?,
        after.newest.map(|(position, _)| to_bigint("position", position)).transpose()?,
        after.newest.map(|(_, id)| Uuid::from_bytes(id)),
        before.seen,
        before.reading.as_ref().map(|(snapshot, _)| snapshot.as_str()),
        position(&before.reading)?,
        to_bigint("adoptions", before.adoptions)?,
    );
    if moved.execute(&mut *connection).await?.rows_affected() != 1 {
        return Err(StoreError::LeaseLost);
    }
    if requests.is_empty() {
        return Ok(());
    }
    let outcomes = accept(&mut *connection, keys, requests).await?;
    debug_assert!(outcomes.iter().all(|outcome| *outcome == Accepted::New), "they have neither names nor quotas");
    let ids: Vec<Uuid> = requests.iter().map(|request| Uuid::from_bytes(request.id)).collect();
    sqlx::query!("update gateway.request set relay = $1 where id = any($2)", before.key, &ids)
        .execute(&mut *connection)
        .await?;
    let ledgers: HashSet<i32> = requests.iter().filter_map(|request| keys.get(&request.ledger).copied()).collect();
    sqlx::query!(
        "insert into gateway.relay_receipts (relay, ledger, ordinal)
         select $1, sequencer.ledger, landed_ordinal from gateway.sequencer where sequencer.ledger = any($2)
         on conflict on constraint relay_receipts_key do nothing",
        before.key,
        &ledgers.into_iter().collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Which of these records are accepted already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn load_accepted(connection: &mut PgConnection, ids: &[[u8; 16]]) -> Result<HashSet<[u8; 16]>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| Uuid::from_bytes(*id)).collect();
    let found = sqlx::query_scalar!("select id from gateway.record where id = any($1)", &ids);
    Ok(found.fetch_all(connection).await?.into_iter().map(Uuid::into_bytes).collect())
}

/// The ledgers of an outbox's records, by their numbers, with the ordinal from which on its records have no receipts.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_receipt_ordinals(
    connection: &mut PgConnection,
    relay: i32,
) -> Result<Vec<(LedgerId, i32, u64)>, StoreError> {
    let rows = sqlx::query!(
        "select ledger.id, address, ordinal from gateway.relay_receipts
         join gateway.ledger on ledger.id = relay_receipts.ledger
         join gateway.sequencer on sequencer.ledger = ledger.id
         where relay = $1 and ordinal < landed_ordinal",
        relay
    );
    let rows = rows.fetch_all(connection).await?.into_iter().map(|row| {
        let ledger = LedgerId(bytes("gateway.ledger", row.id, &row.address)?);
        Ok((ledger, row.id, from_bigint("gateway.relay_receipts", row.id, row.ordinal)?))
    });
    rows.collect()
}

/// The records of an outbox among at most `limit` that are in the ledger, from ordinal `first` on, and the ordinal after the last one
/// that was looked at.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_landed(
    connection: &mut PgConnection,
    relay: i32,
    key: i32,
    first: u64,
    limit: u32,
) -> Result<(Vec<LandedRecord>, u64), StoreError> {
    let table = "gateway.sealed";
    let rows = sqlx::query!(
        r#"select sealed.ordinal, sealed.record, sealed.entry, plan.first_index + (sealed.ordinal - plan.first_ordinal) as "index!",
                  plan.event_seq as "event_seq!", request.relay is not distinct from $1 as "is_own!"
           from gateway.sequencer
           join gateway.sealed on sealed.ledger = sequencer.ledger and sealed.ordinal >= $3
               and sealed.ordinal < least(landed_ordinal, $3 + $4)
           join lateral (
               select * from gateway.plan where plan.ledger = $2 and outcome = 1 and first_ordinal <= sealed.ordinal
               order by first_ordinal desc limit 1
           ) as plan on first_ordinal + plan.records > sealed.ordinal
           join gateway.record on record.id = sealed.record
           join gateway.request on request.id = record.request
           where sequencer.ledger = $2 order by sealed.ordinal"#,
        relay,
        key,
        to_bigint("ordinal", first)?,
        i64::from(limit),
    );
    let rows = rows.fetch_all(connection).await?;
    let next =
        rows.last().map_or(Ok(first), |row| from_bigint(table, key, row.ordinal).map(|ordinal: u64| ordinal + 1))?;
    let landed = rows.into_iter().filter(|row| row.is_own).map(|row| {
        Ok(LandedRecord {
            id: row.record.into_bytes(),
            index: from_bigint(table, row.ordinal, row.index)?,
            leaf: hash_leaf(&row.entry),
            event_seq: from_bigint(table, row.ordinal, row.event_seq)?,
        })
    });
    Ok((landed.collect::<Result<_, StoreError>>()?, next))
}

/// Says that all records of an outbox below an ordinal have their receipts.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_receipts(
    connection: &mut PgConnection,
    relay: i32,
    key: i32,
    ordinal: u64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update gateway.relay_receipts set ordinal = greatest(ordinal, $3) where relay = $1 and ledger = $2",
        relay,
        key,
        to_bigint("ordinal", ordinal)?
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A record's content with what its statement commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordContent {
    /// The record.
    pub id: [u8; 16],
    /// The key of the request's caller; empty without one.
    pub api_key: Vec<u8>,
    /// Whether it came from an outbox.
    pub is_relayed: bool,
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
    /// The salt of its commitment.
    pub salt: [u8; 32],
}

/// Reads the contents of these records, those that are there.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_contents(connection: &mut PgConnection, ids: &[[u8; 16]]) -> Result<Vec<RecordContent>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| Uuid::from_bytes(*id)).collect();
    let rows = sqlx::query!(
        r#"select record.id, api_key, relay is not null as "is_relayed!", content_type, content, salt from gateway.record
           join gateway.request on request.id = record.request where record.id = any($1)"#,
        &ids
    );
    let rows = rows.fetch_all(connection).await?.into_iter().map(|row| {
        let salt = bytes("gateway.record", row.id, &row.salt)?;
        Ok(RecordContent {
            id: row.id.into_bytes(),
            api_key: row.api_key,
            is_relayed: row.is_relayed,
            content_type: row.content_type,
            content: row.content,
            salt,
        })
    });
    rows.collect()
}
