//! Reading what is new in an outbox, and having it accepted.

use std::collections::{BTreeMap, HashMap};

use counterfoil_core::LedgerId;
use counterfoil_outbox::{OutboxRow, Protection, Source, Uuid};
use counterfoil_statement::{Commitment, Record, RecordId};
use counterfoil_store::begin;
use counterfoil_store::gateway::{NewRecord, NewRequest, RelayCursor, accept_relayed, load_accepted};
use sha2::{Digest, Sha256};

use super::fault::Fault;
use super::keys::Keys;
use super::record::new_record;
use crate::state::Gateway;

/// The rows and bytes after which a commit ends.
const ROWS_PER_COMMIT: usize = 4_096;
const BYTES_PER_COMMIT: usize = 8 << 20;
/// The rows of one read: a row may be large.
const ROWS_PER_FETCH: u32 = 128;

/// Rows of a snapshot, in their order.
struct Batch<'a> {
    rows: Vec<OutboxRow>,
    snapshot: &'a str,
    /// Whether there may be more of it.
    has_more: bool,
}

/// Reads what became visible since the last time, and has it accepted. Whether there was anything.
pub(super) async fn read(
    gateway: &Gateway,
    source: &mut Source,
    keys: &mut Keys,
    cursor: &mut RelayCursor,
) -> Result<bool, Fault> {
    let (snapshot, after) = match cursor.reading.clone() {
        Some(reading) => reading,
        None => (source.load_snapshot().await?, 0),
    };
    if snapshot == cursor.seen {
        return Ok(false);
    }
    let protections = source.load_protections().await?;
    source.begin(&cursor.seen, &snapshot, after).await?;
    let mut has_read = false;
    loop {
        let (rows, has_more) = fetch(source).await?;
        has_read |= !rows.is_empty();
        take(gateway, &protections, keys, cursor, Batch { rows, snapshot: &snapshot, has_more }).await?;
        if !has_more {
            break;
        }
    }
    source.end().await?;
    Ok(has_read)
}

/// As many rows as one commit takes, and whether there may be more.
async fn fetch(source: &mut Source) -> Result<(Vec<OutboxRow>, bool), Fault> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while rows.len() < ROWS_PER_COMMIT && bytes < BYTES_PER_COMMIT {
        let page = source.fetch(ROWS_PER_FETCH).await?;
        let is_last = page.len() < ROWS_PER_FETCH as usize;
        bytes += page.iter().map(OutboxRow::bytes).sum::<usize>();
        rows.extend(page);
        if is_last {
            return Ok((rows, false));
        }
    }
    Ok((rows, true))
}

/// Accepts rows and moves the cursor on, in one commit.
async fn take(
    gateway: &Gateway,
    protections: &HashMap<Uuid, Protection>,
    keys: &mut Keys,
    cursor: &mut RelayCursor,
    batch: Batch<'_>,
) -> Result<(), Fault> {
    let Batch { rows, snapshot, has_more } = batch;
    let newest = rows.iter().map(|row| (row.position, row.id)).max().max(cursor.newest);
    let mut after = RelayCursor { newest, ..cursor.clone() };
    match (has_more, rows.last()) {
        (true, Some(last)) => after.reading = Some((snapshot.to_owned(), last.position)),
        _ => (after.seen, after.reading) = (snapshot.to_owned(), None),
    }
    let ids: Vec<[u8; 16]> = rows.iter().map(|row| row.id).collect();
    let mut connection = gateway.pool.acquire().await?;
    let accepted = if ids.is_empty() { Default::default() } else { load_accepted(&mut connection, &ids).await? };
    let mut new: BTreeMap<LedgerId, Vec<NewRecord>> = BTreeMap::new();
    rows.iter().for_each(|row| keys.note(row));
    for row in rows.into_iter().filter(|row| !accepted.contains(&row.id)) {
        let ledger = ledger_of(&row)?;
        let record = new_record(gateway, ledger, protections, keys, row)?;
        new.entry(ledger).or_default().push(record);
    }
    let mut requests = Vec::with_capacity(new.len());
    for (ledger, records) in new {
        requests.push(request(gateway, ledger, records).await?);
    }
    let mut transaction = begin(&mut connection).await?;
    accept_relayed(&mut transaction, cursor, &after, &gateway.ledgers.keys(), &requests).await?;
    transaction.commit().await?;
    requests.iter().for_each(|request| gateway.sequencers.wake(request.ledger));
    *cursor = after;
    Ok(())
}

fn ledger_of(row: &OutboxRow) -> Result<LedgerId, Fault> {
    row.ledger.parse().map_err(|error| {
        Fault::Blocked(format!("row {} of counterfoil.outbox names ledger {:?}: {error}", row.position, row.ledger))
    })
}

/// One request for all rows of a ledger, with a promise that is kept or told as each other one is.
async fn request(gateway: &Gateway, ledger: LedgerId, records: Vec<NewRecord>) -> Result<NewRequest, Fault> {
    let standing = gateway.ledgers.standing(ledger).await;
    let standing = standing.map_err(|problem| Fault::Blocked(format!("ledger {ledger}: {}", problem.detail)))?;
    gateway.ledgers.expect_moving(ledger, &standing).map_err(|problem| Fault::Blocked(problem.detail))?;
    let promised: Result<Vec<Record>, _> = records
        .iter()
        .map(|record| Ok(Record { id: RecordId::new(record.id)?, commitment: Commitment(record.commitment) }))
        .collect();
    let promised = promised.map_err(|error: counterfoil_statement::NotARecordId| Fault::Blocked(error.to_string()))?;
    let mut digest = Sha256::new();
    records.iter().for_each(|record| digest.update(record.id));
    let id = gateway.ids.next().map_err(|error| Fault::Blocked(format!("no random bytes: {error}")))?;
    Ok(NewRequest {
        id: *id.as_bytes(),
        ledger,
        api_key: Vec::new(),
        idempotency_key: None,
        quota: Default::default(),
        fingerprint: digest.finalize().into(),
        terms: standing.checked_size.and_then(|from| gateway.promiser.terms(from, &promised)),
        records,
    })
}
