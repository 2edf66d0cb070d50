//! Plans: runs of sealed records that are to go on the chain at a stated size, and the transactions that carry them.

use std::fmt::Display;
use std::time::Duration;

use counterfoil_core::LedgerId;
use merkle_log::{Hash, Root};
use sqlx::PgConnection;

use super::seal::Sequencer;
use crate::StoreError;
use crate::convert::{bytes, from_bigint, hashes, to_bigint};

/// A plan that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPlan {
    /// The ordinal of its first record.
    pub first_ordinal: u64,
    /// How many records.
    pub records: u64,
    /// The size of the ledger that it expects: the index of its first record.
    pub first_index: u64,
    /// The hashes of the subtrees of its leaves; none where the transaction carries the entries themselves.
    pub subtrees: Option<Vec<Hash>>,
    /// The root over its leaves alone, as a log of their own: what names its content.
    pub root: Root,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its number.
    pub id: i64,
    /// Its content.
    pub content: NewPlan,
    /// The slot in which one of its transactions was confirmed.
    pub confirmed_slot: Option<u64>,
    /// For how long that has been known.
    pub confirmed_for: Option<Duration>,
    /// Its outcome; none while that is open.
    pub outcome: Option<Outcome>,
}

/// The outcome of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the ledger, by this event.
    Landed {
        /// The event's number.
        event_seq: u64,
    },
    /// It is not in the ledger and never will be.
    Dead,
}

impl Outcome {
    pub(super) fn read(
        row: impl Display,
        outcome: Option<i16>,
        event_seq: Option<i64>,
    ) -> Result<Option<Self>, StoreError> {
        match (outcome, event_seq) {
            (None, _) => Ok(None),
            (Some(1), Some(event_seq)) => {
                Ok(Some(Self::Landed { event_seq: from_bigint("gateway.plan", row, event_seq)? }))
            }
            (Some(2), _) => Ok(Some(Self::Dead)),
            (Some(outcome), _) => {
                Err(StoreError::corrupt("gateway.plan", row, format!("there is no outcome {outcome}")))
            }
        }
    }
}

/// A signed transaction of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its signature, which names it.
    pub signature: [u8; 64],
    /// As it is on the wire.
    pub transaction: Vec<u8>,
    /// The height of the last block that can have it.
    pub last_valid_height: u64,
    /// The wallet that pays; none for those from before it was kept, which the appender pays.
    pub payer: Option<[u8; 32]>,
    /// Its cost, in lamports.
    pub lamports: u64,
}

/// Keeps a plan; its number. Commit before anything of it is sent.
///
/// # Errors
/// [`StoreError::LeaseLost`] when another one has taken the lease; [`StoreError::Database`], also when one of its records is in
/// another plan that may land.
pub async fn add_plan(connection: &mut PgConnection, sequencer: &Sequencer, plan: &NewPlan) -> Result<i64, StoreError> {
    let subtrees = plan.subtrees.as_ref().map(|hashes| hashes.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>());
    let id = sqlx::query_scalar!(
        "insert into gateway.plan (ledger, first_ordinal, records, first_index, subtrees, root, epoch)
         select $1, $3, $4, $5, $6, $7, $2 from gateway.sequencer where ledger = $1 and epoch = $2
         returning id",
        sequencer.key,
        sequencer.epoch,
        to_bigint("ordinal", plan.first_ordinal)?,
        to_bigint("records", plan.records)?,
        to_bigint("index", plan.first_index)?,
        subtrees,
        &plan.root.0[..],
    );
    id.fetch_optional(connection).await?.ok_or(StoreError::LeaseLost)
}

/// Keeps a signed transaction of a plan that is open, which no one can give up until the commit. Commit before it is sent.
///
/// # Errors
/// [`StoreError::LeaseLost`], also when the plan is not open any more; [`StoreError::Database`].
pub async fn add_attempt(
    connection: &mut PgConnection,
    sequencer: &Sequencer,
    plan: i64,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    lock_open(&mut *connection, plan).await?;
    let added = sqlx::query!(
        "insert into gateway.attempt (plan, number, signature, transaction, last_valid_height, payer, lamports)
         select $3, (select count(*) from gateway.attempt where plan = $3)::integer, $4, $5, $6, $7, $8
         from gateway.sequencer where ledger = $1 and epoch = $2",
        sequencer.key,
        sequencer.epoch,
        plan,
        &attempt.signature[..],
        attempt.transaction,
        to_bigint("height", attempt.last_valid_height)?,
        attempt.payer.as_ref().map(|payer| &payer[..]),
        to_bigint("lamports", attempt.lamports)?,
    );
    match added.execute(connection).await?.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::LeaseLost),
    }
}

/// Locks a plan that is open until the end of the transaction.
async fn lock_open(connection: &mut PgConnection, plan: i64) -> Result<(), StoreError> {
    let open = sqlx::query_scalar!("select id from gateway.plan where id = $1 and outcome is null for update", plan);
    open.fetch_optional(connection).await?.map(|_| ()).ok_or(StoreError::LeaseLost)
}

/// Gives an open plan up which has these `attempts` and no more: each has expired, and none is in the ledger. In a transaction.
///
/// # Errors
/// [`StoreError::LeaseLost`] when another one has taken the lease, decided the plan or added a transaction to it;
/// [`StoreError::Database`].
pub async fn give_up(
    connection: &mut PgConnection,
    sequencer: &Sequencer,
    plan: i64,
    attempts: usize,
) -> Result<(), StoreError> {
    lock_open(&mut *connection, plan).await?;
    // After the lock: a transaction that was added meanwhile is seen.
    let there = sqlx::query_scalar!(r#"select count(*) as "count!" from gateway.attempt where plan = $1"#, plan);
    if u64::try_from(there.fetch_one(&mut *connection).await?).ok() != Some(attempts as u64) {
        return Err(StoreError::LeaseLost);
    }
    decide(connection, sequencer, plan, Outcome::Dead).await
}

/// Reads the signed transactions of a plan, the oldest first.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_attempts(connection: &mut PgConnection, plan: i64) -> Result<Vec<Attempt>, StoreError> {
    let rows = sqlx::query!(
        "select signature, transaction, last_valid_height, payer, lamports from gateway.attempt where plan = $1 order by number",
        plan
    );
    let rows = rows.fetch_all(connection).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Attempt {
                signature: bytes("gateway.attempt", plan, &row.signature)?,
                last_valid_height: from_bigint("gateway.attempt", plan, row.last_valid_height)?,
                payer: row.payer.map(|payer| bytes("gateway.attempt", plan, &payer)).transpose()?,
                lamports: from_bigint("gateway.attempt", plan, row.lamports)?,
                transaction: row.transaction,
            })
        })
        .collect()
}

/// Whether the gateway has a plan for these subtrees at this index of a ledger, one that may land or has.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn has_plan(
    connection: &mut PgConnection,
    ledger: LedgerId,
    first_index: u64,
    subtrees: &[Hash],
) -> Result<bool, StoreError> {
    let subtrees: Vec<u8> = subtrees.iter().flat_map(|hash| hash.0).collect();
    let has = sqlx::query_scalar!(
        r#"select exists (
               select from gateway.plan join gateway.ledger on ledger.id = plan.ledger
               where address = $1 and first_index = $2 and subtrees = $3 and (outcome is null or outcome = 1)
           ) as "has!""#,
        &ledger.0[..],
        to_bigint("index", first_index)?,
        subtrees,
    );
    Ok(has.fetch_one(connection).await?)
}

/// Whether one of these entries is a record whose bytes go on the chain, while no plan that may land or has begins at this index with
/// the root of all of them.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn has_raw_record(
    connection: &mut PgConnection,
    ledger: LedgerId,
    first_index: u64,
    root: &Root,
    entries: &[Vec<u8>],
) -> Result<bool, StoreError> {
    let has = sqlx::query_scalar!(
        r#"select not exists (
               select from gateway.plan join gateway.ledger on ledger.id = plan.ledger
               where address = $1 and first_index = $2 and subtrees is null and root = $3
                   and (outcome is null or outcome = 1)
           ) and exists (
               select from gateway.record join gateway.ledger on ledger.id = record.ledger
               where address = $1 and form = 1 and content = any($4)
           ) as "has!""#,
        &ledger.0[..],
        to_bigint("index", first_index)?,
        &root.0[..],
        entries,
    );
    Ok(has.fetch_one(connection).await?)
}

/// Reads the plans of which something is left to do, in the order of the log.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_undone_plans(connection: &mut PgConnection, key: i32) -> Result<Vec<Plan>, StoreError> {
    let rows = sqlx::query!(
        "select id, first_ordinal, records, first_index, subtrees, root, confirmed_slot,
                extract(epoch from now() - confirmed_at)::double precision as confirmed_for, outcome, event_seq
         from gateway.plan where ledger = $1 and not is_done order by first_index, id",
        key
    );
    let rows = rows.fetch_all(connection).await?;
    let table = "gateway.plan";
    rows.into_iter()
        .map(|row| {
            Ok(Plan {
                id: row.id,
                content: NewPlan {
                    first_ordinal: from_bigint(table, row.id, row.first_ordinal)?,
                    records: from_bigint(table, row.id, row.records)?,
                    first_index: from_bigint(table, row.id, row.first_index)?,
                    subtrees: row.subtrees.map(|subtrees| hashes(table, row.id, &subtrees)).transpose()?,
                    root: Root(bytes(table, row.id, &row.root)?),
                },
                confirmed_slot: row.confirmed_slot.map(|slot| from_bigint(table, row.id, slot)).transpose()?,
                confirmed_for: row.confirmed_for.map(|seconds| Duration::from_secs_f64(seconds.clamp(0.0, 1e9))),
                outcome: Outcome::read(row.id, row.outcome, row.event_seq)?,
            })
        })
        .collect()
}

/// The first sealed record that no plan has which landed or may land, and how many follow it without a break; none where all
/// are planned.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_first_unplanned(
    connection: &mut PgConnection,
    sequencer: &Sequencer,
) -> Result<Option<(u64, u64)>, StoreError> {
    // Live plans do not overlap, and those before `landed_ordinal` leave no hole. From there and from the end of each: is there one
    // that begins there? The first end without is the answer.
    let first = sqlx::query_scalar!(
        r#"with live as (
               select first_ordinal, first_ordinal + records as end from gateway.plan
               where ledger = $1 and (outcome is null or outcome = 1) and first_ordinal >= $2
           )
           select coalesce(min(at), 0) as "first!" from (select $2::bigint as at union all select "end" from live) as ends
           where not exists (select from live where live.first_ordinal = ends.at)"#,
        sequencer.key,
        to_bigint("ordinal", sequencer.landed_ordinal)?,
    );
    let first = first.fetch_one(&mut *connection).await?;
    let next = sqlx::query_scalar!(
        "select min(first_ordinal) from gateway.plan
         where ledger = $1 and (outcome is null or outcome = 1) and first_ordinal > $2",
        sequencer.key,
        first
    );
    let next = next.fetch_one(connection).await?;
    let first = from_bigint("gateway.plan", sequencer.key, first)?;
    let end = next.map(|next| from_bigint("gateway.plan", sequencer.key, next)).transpose()?;
    let end = end.unwrap_or(sequencer.next_ordinal).min(sequencer.next_ordinal);
    Ok(Some((first, end.saturating_sub(first))).filter(|(_, records)| *records > 0))
}

/// How many records no plan has which landed or may land, up to `limit`.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn count_unplanned(
    connection: &mut PgConnection,
    sequencer: &Sequencer,
    limit: u32,
) -> Result<u64, StoreError> {
    let unsealed = sqlx::query_scalar!(
        r#"select count(*) as "records!" from (
               select from gateway.record where ledger = $1 and number > $2 limit $3
           ) as unsealed"#,
        sequencer.key,
        sequencer.sealed_number,
        i64::from(limit),
    );
    let unsealed = from_bigint("gateway.record", sequencer.key, unsealed.fetch_one(&mut *connection).await?)?;
    let sealed = load_first_unplanned(connection, sequencer).await?.map_or(0, |(_, records)| records);
    Ok(sealed.saturating_add(unsealed).min(limit.into()))
}

/// Notes that a transaction of a plan was confirmed in this slot.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn mark_confirmed(connection: &mut PgConnection, plan: i64, slot: u64) -> Result<(), StoreError> {
    sqlx::query!(
        "update gateway.plan set confirmed_slot = $2, confirmed_at = now() where id = $1",
        plan,
        to_bigint("slot", slot)?
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes what became of a plan. Only one that is open can change.
///
/// # Errors
/// [`StoreError::LeaseLost`], [`StoreError::Database`].
pub async fn decide(
    connection: &mut PgConnection,
    sequencer: &Sequencer,
    plan: i64,
    outcome: Outcome,
) -> Result<(), StoreError> {
    let (number, event_seq) = match outcome {
        Outcome::Landed { event_seq } => (1_i16, Some(to_bigint("event", event_seq)?)),
        Outcome::Dead => (2, None),
    };
    let decided = sqlx::query!(
        "update gateway.plan set outcome = $4::smallint, event_seq = $5, is_done = ($4::smallint = 2)
         where id = $3 and outcome is null and exists (select from gateway.sequencer where ledger = $1 and epoch = $2)",
        sequencer.key,
        sequencer.epoch,
        plan,
        number,
        event_seq,
    );
    if decided.execute(&mut *connection).await?.rows_affected() != 1 {
        return Err(StoreError::LeaseLost);
    }
    if number == 1 {
        // Another wallet's append may have made room for a later plan first: the run goes as far as plans have landed by now.
        sqlx::query!(
            "with recursive run as (
                 select landed_ordinal as at from gateway.sequencer where ledger = $1
                 union all
                 select plan.first_ordinal + plan.records from run
                 join gateway.plan on plan.ledger = $1 and plan.outcome = 1 and plan.first_ordinal = run.at
             )
             update gateway.sequencer set landed_ordinal = (select max(at) from run) where ledger = $1",
            sequencer.key
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// Notes that the index has the entries of a plan that landed.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn mark_done(connection: &mut PgConnection, plan: i64) -> Result<(), StoreError> {
    sqlx::query!("update gateway.plan set is_done = true where id = $1 and outcome = 1", plan)
        .execute(connection)
        .await?;
    Ok(())
}
