//! The use of ledgers by keys, by the hour, and the bounds of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use counterfoil_core::LedgerId;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::request::NewRequest;
use crate::StoreError;
use crate::convert::{bytes, from_bigint, to_bigint};

/// A bound that a request would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverQuota {
    /// The bounded quantity.
    pub what: Used,
    /// The bound.
    pub bound: u64,
    /// How much of it was used in the last 24 hours.
    pub used: u64,
}

/// A bounded quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// Records.
    Records,
    /// Bytes of records.
    Bytes,
    /// Lamports.
    Lamports,
}

/// A key's use of a ledger in the last 24 hours, whole hours of the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The key; empty for callers without one.
    pub api_key: Vec<u8>,
    /// The ledger.
    pub ledger: LedgerId,
    /// Records.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Its share of what the transactions that carried them cost.
    pub lamports: u64,
}

/// Those of the new requests, by their ids, that their keys may not make any more. Each counts those before it.
pub(super) async fn find_over_quota(
    connection: &mut PgConnection,
    requests: &[NewRequest],
    is_new: &HashSet<Uuid>,
) -> Result<HashMap<Uuid, OverQuota>, StoreError> {
    let bounded = || {
        requests.iter().filter(|request| {
            let quota = request.quota;
            let is_bounded = quota.records.is_some() || quota.bytes.is_some() || quota.lamports.is_some();
            is_bounded && is_new.contains(&Uuid::from_bytes(request.id))
        })
    };
    let mut over = HashMap::new();
    let keys: Vec<Vec<u8>> = bounded().map(|request| request.api_key.clone()).collect();
    if keys.is_empty() {
        return Ok(over);
    }
    let rows = sqlx::query!(
        r#"select api_key, sum(records)::bigint as "records!", sum(bytes)::bigint as "bytes!", sum(lamports)::bigint as "lamports!"
           from gateway.usage where api_key = any($1) and hour > now() - interval '24 hours' group by api_key"#,
        &keys,
    );
    let mut used: HashMap<Vec<u8>, [u64; 3]> = HashMap::new();
    for row in rows.fetch_all(connection).await? {
        let counts = [row.records, row.bytes, row.lamports];
        let counts = counts.map(|count| from_bigint("gateway.usage", "sum", count));
        let [records, bytes, lamports] = counts;
        used.insert(row.api_key, [records?, bytes?, lamports?]);
    }
    for request in bounded() {
        let used = used.entry(request.api_key.clone()).or_default();
        let adds = [request.records.len() as u64, request.bytes(), 0];
        let bounds = [request.quota.records, request.quota.bytes, request.quota.lamports];
        let whats = [Used::Records, Used::Bytes, Used::Lamports];
        let exceeded =
            whats.into_iter().zip(bounds).zip(used.iter().zip(adds)).find_map(|((what, bound), (used, adds))| {
                let bound = bound?;
                // The cost of transactions is known after them: a key whose share is used up gets nothing more.
                let is_over = if what == Used::Lamports { *used >= bound } else { used.saturating_add(adds) > bound };
                is_over.then_some(OverQuota { what, bound, used: *used })
            });
        match exceeded {
            Some(exceeded) => drop(over.insert(Uuid::from_bytes(request.id), exceeded)),
            None => {
                for (used, adds) in used.iter_mut().zip(adds) {
                    *used = used.saturating_add(adds);
                }
            }
        }
    }
    Ok(over)
}

/// The sums of what requests use, by key and ledger, as columns.
pub(super) struct Sums {
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) ledgers: Vec<i32>,
    pub(super) records: Vec<i64>,
    pub(super) bytes: Vec<i64>,
}

impl Sums {
    /// Of these requests, with the numbers of their ledgers.
    pub(super) fn of(requests: &[(&NewRequest, i32)]) -> Result<Self, StoreError> {
        let mut sums: BTreeMap<(&[u8], i32), (u64, u64)> = BTreeMap::new();
        for (request, ledger) in requests {
            let sum = sums.entry((&request.api_key, *ledger)).or_default();
            sum.0 = sum.0.saturating_add(request.records.len() as u64);
            sum.1 = sum.1.saturating_add(request.bytes());
        }
        let mut columns = Self { keys: Vec::new(), ledgers: Vec::new(), records: Vec::new(), bytes: Vec::new() };
        for ((key, ledger), (count, size)) in sums {
            columns.keys.push(key.to_vec());
            columns.ledgers.push(ledger);
            columns.records.push(to_bigint("records", count)?);
            columns.bytes.push(to_bigint("bytes", size)?);
        }
        Ok(columns)
    }

    /// Adds them.
    pub(super) async fn add(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into gateway.usage as used (api_key, ledger, hour, records, bytes)
             select added.api_key, added.ledger, date_trunc('hour', now()), added.records, added.bytes
             from unnest($1::bytea[], $2::integer[], $3::bigint[], $4::bigint[]) as added (api_key, ledger, records, bytes)
             on conflict (api_key, ledger, hour) do update
             set records = used.records + excluded.records, bytes = used.bytes + excluded.bytes",
            &self.keys,
            &self.ledgers,
            &self.records,
            &self.bytes,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Divides what the newest transaction of a plan costs among the keys whose records it carries; what it costs.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn charge(connection: &mut PgConnection, plan: i64) -> Result<u64, StoreError> {
    // Where one key alone has written to the ledger, its records need no look.
    let only = sqlx::query_scalar!(
        r#"with carried as (
               select ledger, (select lamports from gateway.attempt where plan = $1 order by number desc limit 1) as lamports
               from gateway.plan where id = $1
           ), keys as (
               select used.api_key from gateway.usage as used, carried where used.ledger = carried.ledger group by used.api_key
           )
           insert into gateway.usage as used (api_key, ledger, hour, records, bytes, lamports)
           select keys.api_key, carried.ledger, date_trunc('hour', now()), 0, 0, coalesce(carried.lamports, 0)
           from keys, carried where (select count(*) from keys) = 1
           on conflict (api_key, ledger, hour) do update set lamports = used.lamports + excluded.lamports
           returning (select coalesce(lamports, 0) from carried) as "lamports!""#,
        plan
    );
    if let Some(lamports) = only.fetch_optional(&mut *connection).await? {
        return from_bigint("gateway.attempt", plan, lamports);
    }
    let lamports = sqlx::query_scalar!(
        r#"with carried as (
               select ledger, first_ordinal, records,
                      (select lamports from gateway.attempt where plan = $1 order by number desc limit 1) as lamports
               from gateway.plan where id = $1
           ), shares as (
               select request.api_key, count(*) as records
               from carried
               join gateway.sealed on sealed.ledger = carried.ledger and sealed.ordinal >= carried.first_ordinal
                   and sealed.ordinal < carried.first_ordinal + carried.records
               join gateway.record on record.id = sealed.record
               join gateway.request on request.id = record.request
               group by request.api_key
           ), charged as (
               insert into gateway.usage as used (api_key, ledger, hour, records, bytes, lamports)
               select shares.api_key, carried.ledger, date_trunc('hour', now()), 0, 0,
                      ceil(carried.lamports::numeric * shares.records / carried.records)::bigint
               from shares, carried order by api_key
               on conflict (api_key, ledger, hour) do update set lamports = used.lamports + excluded.lamports
           )
           select coalesce(lamports, 0) as "lamports!" from carried"#,
        plan
    );
    from_bigint("gateway.attempt", plan, lamports.fetch_one(connection).await?)
}

/// Reads what each key used of each ledger in the last 24 hours.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_usage(connection: &mut PgConnection) -> Result<Vec<Usage>, StoreError> {
    let rows = sqlx::query!(
        r#"select api_key, address, sum(records)::bigint as "records!", sum(bytes)::bigint as "bytes!",
                  sum(lamports)::bigint as "lamports!"
           from gateway.usage join gateway.ledger on ledger.id = usage.ledger
           where hour > now() - interval '24 hours' group by api_key, address order by api_key, address"#
    );
    let rows = rows.fetch_all(connection).await?;
    rows.into_iter()
        .map(|row| {
            let name = "usage";
            Ok(Usage {
                ledger: LedgerId(bytes("gateway.ledger", name, &row.address)?),
                records: from_bigint("gateway.usage", name, row.records)?,
                bytes: from_bigint("gateway.usage", name, row.bytes)?,
                lamports: from_bigint("gateway.usage", name, row.lamports)?,
                api_key: row.api_key,
            })
        })
        .collect()
}

/// Forgets what was used more than a month ago.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn forget_usage(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!("delete from gateway.usage where hour < now() - interval '31 days'").execute(connection).await?;
    Ok(())
}
