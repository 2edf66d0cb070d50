//! Accepting: requests and their records, many requests in one transaction.

use std::collections::{HashMap, HashSet};

use counterfoil_core::LedgerId;
use sqlx::types::Uuid;
use sqlx::{Error as SqlError, PgConnection};

use super::request::{ACCEPT_LOCK, NewRequest};
use super::rows::write_records;
use super::terms::Terms;
use super::usage::{OverQuota, find_over_quota};
use crate::StoreError;
use crate::access::Quota;
use crate::convert::{bytes, to_bigint};

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is accepted once the transaction is committed.
    New,
    /// A request of the same caller and ledger has this name already, and was accepted with that id.
    Before {
        /// The id of that request.
        request: [u8; 16],
        /// Whether both are the same request.
        is_same: bool,
    },
    /// It is not accepted: its key would use more than it may.
    OverQuota(OverQuota),
}

/// Writes requests with their records; what became of each, in their order. Commit after it.
///
/// Of two requests of one caller and ledger with one name the first is accepted, also where they come in one call. Records get their
/// numbers in the order of the commits: one transaction at a time writes them, and others wait for its end.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::UnknownLedger`]; nothing must be committed then.
pub async fn accept(
    connection: &mut PgConnection,
    keys: &HashMap<LedgerId, i32>,
    requests: &[NewRequest],
) -> Result<Vec<Accepted>, StoreError> {
    let key = |ledger: &LedgerId| keys.get(ledger).copied().ok_or(StoreError::UnknownLedger(*ledger));
    let ids: Vec<Uuid> = requests.iter().map(|request| Uuid::from_bytes(request.id)).collect();
    let ledgers = requests.iter().map(|request| key(&request.ledger)).collect::<Result<Vec<_>, _>>()?;
    let api_keys: Vec<Vec<u8>> = requests.iter().map(|request| request.api_key.clone()).collect();
    let names: Vec<Option<String>> = requests.iter().map(|request| request.idempotency_key.clone()).collect();
    let fingerprints: Vec<Vec<u8>> = requests.iter().map(|request| request.fingerprint.to_vec()).collect();
    let counts: Vec<i32> =
        requests.iter().map(|request| i32::try_from(request.records.len()).unwrap_or(i32::MAX)).collect();
    let sizes = requests.iter().map(|request| to_bigint("bytes", request.bytes()));
    let sizes = sizes.collect::<Result<Vec<_>, _>>()?;
    let terms = |of: fn(&Terms) -> Result<i64, StoreError>| {
        requests.iter().map(|request| request.terms.as_ref().map(of).transpose()).collect::<Result<Vec<_>, _>>()
    };
    let from = terms(|terms| to_bigint("size", terms.from))?;
    let deadlines = terms(|terms| Ok(terms.deadline))?;
    let roots: Vec<Option<Vec<u8>>> =
        requests.iter().map(|request| request.terms.map(|terms| terms.root.0.to_vec())).collect();
    let copies: Vec<Option<i16>> = requests
        .iter()
        .map(|request| request.terms.map(|terms| i16::try_from(terms.copies).unwrap_or(i16::MAX)))
        .collect();
    // The rest of a quota is exact under the lock alone. Else the records take it, later, so that it is held for less time.
    if requests.iter().any(|request| request.quota != Quota::default()) {
        sqlx::query_scalar!("select pg_advisory_xact_lock($1)", ACCEPT_LOCK).fetch_one(&mut *connection).await?;
    }
    let inserted = sqlx::query_scalar!(
        "insert into gateway.request (id, ledger, api_key, idempotency_key, fingerprint, records, bytes,
                                      promise_from, promise_deadline, promise_root, promise_copies)
         select * from unnest($1::uuid[], $2::integer[], $3::bytea[], $4::text[], $5::bytea[], $6::integer[], $7::bigint[],
                              $8::bigint[], $9::bigint[], $10::bytea[], $11::smallint[])
         on conflict (ledger, api_key, idempotency_key) where idempotency_key is not null do nothing
         returning id",
        &ids,
        &ledgers,
        &api_keys,
        &names as &[Option<String>],
        &fingerprints,
        &counts,
        &sizes,
        &from as &[Option<i64>],
        &deadlines as &[Option<i64>],
        &roots as &[Option<Vec<u8>>],
        &copies as &[Option<i16>],
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut is_new: HashSet<Uuid> = inserted.into_iter().collect();
    let over = find_over_quota(&mut *connection, requests, &is_new).await?;
    if !over.is_empty() {
        let refused: Vec<Uuid> = over.keys().copied().collect();
        sqlx::query!("delete from gateway.request where id = any($1)", &refused).execute(&mut *connection).await?;
        is_new.retain(|id| !over.contains_key(id));
    }
    let new: Vec<(&NewRequest, i32)> = requests
        .iter()
        .zip(&ledgers)
        .filter(|(request, _)| is_new.contains(&Uuid::from_bytes(request.id)))
        .map(|(request, ledger)| (request, *ledger))
        .collect();
    write_records(&mut *connection, &new).await?;
    let mut outcomes = Vec::with_capacity(requests.len());
    for (request, ledger) in requests.iter().zip(&ledgers) {
        let id = Uuid::from_bytes(request.id);
        outcomes.push(if is_new.contains(&id) {
            Accepted::New
        } else if let Some(over) = over.get(&id) {
            Accepted::OverQuota(*over)
        } else if let Some((_, api_key, name)) = request.name()
            && let Some(before) = load_named(&mut *connection, *ledger, api_key, name, &request.fingerprint).await?
        {
            let (request, is_same) = before;
            Accepted::Before { request, is_same }
        } else {
            // Of its name is another request of this call, which was over its quota: so is this one.
            let same = requests.iter().filter(|other| other.name() == request.name());
            let twin = same.filter_map(|other| over.get(&Uuid::from_bytes(other.id))).next();
            Accepted::OverQuota(*twin.ok_or(SqlError::RowNotFound)?)
        });
    }
    Ok(outcomes)
}

/// The request that a caller's name was given to before, and whether it is the same; none where it was given to none.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_named(
    connection: &mut PgConnection,
    key: i32,
    api_key: &[u8],
    name: &str,
    fingerprint: &[u8; 32],
) -> Result<Option<([u8; 16], bool)>, StoreError> {
    let before = sqlx::query!(
        "select id, fingerprint from gateway.request where ledger = $1 and api_key = $2 and idempotency_key = $3",
        key,
        api_key,
        name,
    );
    let Some(before) = before.fetch_optional(connection).await? else { return Ok(None) };
    let found: [u8; 32] = bytes("gateway.request", before.id, &before.fingerprint)?;
    Ok(Some((before.id.into_bytes(), found == *fingerprint)))
}

/// Forgets callers' names of requests that are older than `days`; how many.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn forget_idempotency_keys(connection: &mut PgConnection, days: u32) -> Result<u64, StoreError> {
    let forgotten = sqlx::query!(
        "update gateway.request set idempotency_key = null
         where idempotency_key is not null and accepted_at < now() - make_interval(days => $1)",
        i32::try_from(days).unwrap_or(i32::MAX),
    );
    Ok(forgotten.execute(connection).await?.rows_affected())
}
