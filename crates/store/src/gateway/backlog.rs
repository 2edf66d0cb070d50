//! The backlog: accepted records that are not in their ledger yet.

use std::time::Duration;

use sqlx::PgConnection;

use super::seal::Sequencer;
use crate::StoreError;
use crate::convert::{from_bigint, to_bigint};

/// The backlog of one ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many records are not in the ledger, a hundred thousand at most among those that are not sealed.
    pub records: u64,
    /// The age of the oldest of them.
    pub oldest: Option<Duration>,
    /// The number of plans that may still land.
    pub open_plans: u64,
}

/// Reads the backlog of a ledger.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_backlog(connection: &mut PgConnection, key: i32) -> Result<Backlog, StoreError> {
    let row = sqlx::query!(
        r#"select sequencer.next_ordinal - sequencer.landed_ordinal + (
                   select count(*) from (
                       select from gateway.record where record.ledger = $1 and number > sequencer.sealed_number limit 100000
                   ) as unsealed
               ) as "records!",
               (select count(*) from gateway.plan where plan.ledger = $1 and not is_done and outcome is null) as "plans!",
               extract(epoch from now() - (
                   select accepted_at from gateway.request where id = coalesce(
                       (select record.request from gateway.sealed join gateway.record on record.id = sealed.record
                        where sealed.ledger = $1 and ordinal = sequencer.landed_ordinal),
                       (select request from gateway.record where record.ledger = $1 and number > sequencer.sealed_number
                        order by number limit 1)
                   )
               ))::double precision as oldest
           from gateway.sequencer where sequencer.ledger = $1"#,
        key
    );
    let row = row.fetch_one(connection).await?;
    Ok(Backlog {
        records: from_bigint("gateway.sequencer", key, row.records)?,
        oldest: row.oldest.map(|seconds| Duration::from_secs_f64(seconds.clamp(0.0, 1e9))),
        open_plans: from_bigint("gateway.plan", key, row.plans)?,
    })
}

/// How many of the thousand oldest records that no transaction has brought to the ledger were promised for a time that is over, and
/// the newest of those times, in seconds since 1970.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_overdue(connection: &mut PgConnection, key: i32, now: i64) -> Result<(u64, Option<i64>), StoreError> {
    let row = sqlx::query!(
        r#"with sealed as (
               select record.request, record.form from gateway.sequencer
               join gateway.sealed on sealed.ledger = sequencer.ledger and sealed.ordinal >= sequencer.landed_ordinal
               join gateway.record on record.id = sealed.record
               where sequencer.ledger = $1 and not exists (
                   select from gateway.plan where plan.ledger = $1
                       and (outcome = 1 or outcome is null and confirmed_slot is not null)
                       and sealed.ordinal >= plan.first_ordinal and sealed.ordinal < plan.first_ordinal + plan.records)
               order by sealed.ordinal limit 1000
           ), unsealed as (
               select record.request, record.form from gateway.sequencer
               join gateway.record on record.ledger = sequencer.ledger and record.number > sequencer.sealed_number
               where sequencer.ledger = $1 order by record.number limit 1000
           )
           select count(*) as "records!", max(promise_deadline) as deadline
           from (select * from sealed union all select * from unsealed) as late
           join gateway.request on request.id = late.request
           where promise_deadline < $2 and late.form = 0"#,
        key,
        now
    );
    let row = row.fetch_one(connection).await?;
    Ok((from_bigint("gateway.request", key, row.records)?, row.deadline))
}

/// How many of the first thousand records of a plan were promised for a time before this one, in seconds since 1970, and the earliest
/// of those times.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_late(
    connection: &mut PgConnection,
    plan: i64,
    landed_at: i64,
) -> Result<(u64, Option<i64>), StoreError> {
    let row = sqlx::query!(
        r#"select count(*) as "records!", min(promise_deadline) as deadline
           from gateway.plan
           join gateway.sealed on sealed.ledger = plan.ledger and ordinal >= first_ordinal
               and ordinal < first_ordinal + least(plan.records, 1000)
           join gateway.record on record.id = sealed.record
           join gateway.request on request.id = record.request
           where plan.id = $1 and form = 0 and promise_deadline < $2"#,
        plan,
        landed_at
    );
    let row = row.fetch_one(connection).await?;
    Ok((from_bigint("gateway.plan", plan, row.records)?, row.deadline))
}

/// The age of the first record that no plan has: the sealed one of this ordinal, or else the first that is not sealed.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn load_oldest_unplanned(
    connection: &mut PgConnection,
    sequencer: &Sequencer,
    first: Option<u64>,
) -> Result<Option<Duration>, StoreError> {
    let age = sqlx::query_scalar!(
        "select extract(epoch from now() - accepted_at)::double precision from gateway.request where id = coalesce(
             (select record.request from gateway.sealed join gateway.record on record.id = sealed.record
              where sealed.ledger = $1 and ordinal = $2),
             (select request from gateway.record where record.ledger = $1 and number > $3 order by number limit 1))",
        sequencer.key,
        first.map(|first| to_bigint("ordinal", first)).transpose()?,
        sequencer.sealed_number
    );
    let age = age.fetch_optional(connection).await?.flatten();
    Ok(age.map(|seconds| Duration::from_secs_f64(seconds.clamp(0.0, 1e9))))
}
