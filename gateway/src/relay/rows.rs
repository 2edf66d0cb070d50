//! Reading what is new in an outbox, and having it accepted.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use counterfoil_outbox::{OutboxRow, Protection, Source, Uuid};
use counterfoil_store::begin;
use counterfoil_store::gateway::{RelayCursor, WaitingRow, accept_relayed, add_waiting, load_accepted};
use jiff::Timestamp;

use super::fault::Fault;
use super::keys::Keys;
use super::request::request;
use super::waiting::{Waiting, noted};
use crate::state::Gateway;

/// The rows and bytes after which a commit ends.
const ROWS_PER_COMMIT: usize = 4_096;
const BYTES_PER_COMMIT: usize = 8 << 20;
/// The rows of one read: a row may be large.
const ROWS_PER_FETCH: u32 = 128;

/// Rows of a snapshot, in their order.
struct Batch<'a> {
    outbox: &'a str,
    rows: Vec<OutboxRow>,
    snapshot: &'a str,
    /// Whether there may be more of it.
    has_more: bool,
}

/// Reads what became visible since the last time, and has it accepted. Whether there was anything.
pub(super) async fn read(
    gateway: &Gateway,
    outbox: &str,
    source: &mut Source,
    keys: &mut Keys,
    waiting: &mut Waiting,
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
        take(gateway, &protections, keys, waiting, cursor, Batch { outbox, rows, snapshot: &snapshot, has_more })
            .await?;
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
    waiting: &mut Waiting,
    cursor: &mut RelayCursor,
    batch: Batch<'_>,
) -> Result<(), Fault> {
    let Batch { outbox, rows, snapshot, has_more } = batch;
    let (count, newest_ms) = (rows.len(), rows.iter().map(|row| row.at_ms).max());
    let newest = rows.iter().map(|row| (row.position, row.id)).max().max(cursor.newest);
    let mut after = RelayCursor { newest, ..cursor.clone() };
    match (has_more, rows.last()) {
        (true, Some(last)) => after.reading = Some((snapshot.to_owned(), last.position)),
        _ => (after.seen, after.reading) = (snapshot.to_owned(), None),
    }
    let ids: Vec<[u8; 16]> = rows.iter().map(|row| row.id).collect();
    let mut connection = gateway.pool.acquire().await?;
    let accepted = if ids.is_empty() { Default::default() } else { load_accepted(&mut connection, &ids).await? };
    rows.iter().for_each(|row| keys.note(row));
    let mut by_ledger: BTreeMap<String, Vec<OutboxRow>> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| !accepted.contains(&row.id)) {
        by_ledger.entry(row.ledger.clone()).or_default().push(row);
    }
    let (mut requests, mut late) = (Vec::with_capacity(by_ledger.len()), Vec::new());
    for (ledger, rows) in by_ledger {
        let places: Vec<WaitingRow> = rows.iter().map(noted).collect();
        let request = match waiting.has(&ledger) {
            // Behind those that wait already.
            true => None,
            false => waiting.take(&ledger, request(gateway, protections, keys, rows).await)?,
        };
        match request {
            Some(request) => requests.push(request),
            None => late.extend(places),
        }
    }
    let mut transaction = begin(&mut connection).await?;
    accept_relayed(&mut transaction, cursor, &after, &gateway.ledgers.keys(), &requests).await?;
    let noted = add_waiting(&mut transaction, cursor.key, &late).await?;
    transaction.commit().await?;
    requests.iter().for_each(|request| gateway.sequencers.wake(request.ledger));
    if let Some(newest_ms) = newest_ms {
        let age = Timestamp::now().as_millisecond().saturating_sub(newest_ms);
        gateway.ledgers.metrics.relayed(outbox, count, Duration::from_millis(age.max(0).unsigned_abs()));
    }
    waiting.rows += noted;
    *cursor = after;
    Ok(())
}
