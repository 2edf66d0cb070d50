//! Entries by page.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use counterfoil_core::{EventBody, LedgerId};
use counterfoil_store::{EntryRow, Log, MissingSubtree, load_entries, load_page_end};
use merkle_log::{Hash, LeafHash, LeafIndex, hash_leaf};

use crate::certificate::certify;
use crate::error::{Difference, MAX_PAGE, Place, ReadError};
use crate::events::load_checked_events;
use crate::leaf::{CheckedEvent, Entry};
use crate::missing::{load_overlapping, missing_or_corrupt, verify_missing};
use crate::page::{Page, Window};
use crate::reader::Reader;
use crate::snapshot::{LedgerSnapshot, answer};
use crate::tree::verify_leaves;

/// Answers a page of entries, up to the checked size.
///
/// # Errors
/// [`ReadError`].
pub async fn entries(reader: &Reader, ledger: LedgerId, window: Window) -> Result<Page<Entry>, ReadError> {
    answer(reader, ledger, |snapshot| load_page(snapshot, window)).await
}

async fn load_page(mut snapshot: LedgerSnapshot, window: Window) -> Result<Page<Entry>, ReadError> {
    let size = snapshot.head.entries.size;
    let (range, missing) = plan_page(&mut snapshot, window).await?;
    let recalled = recall(&snapshot, range.clone()).filter(|_| missing.is_empty());
    let (entries, proof) = match recalled {
        Some(entries) => {
            let proof = verify_entries(&mut snapshot, &entries, Some(&range)).await?;
            (entries, proof)
        }
        None => Box::pin(load_verified_entries(&mut snapshot, &range, &missing)).await?,
    };
    let certificate = certify(&mut snapshot, Log::Entries, &range, proof).await?;
    Ok(Page::new(snapshot.head, size, range, entries, missing, certificate))
}

/// Which indexes a page covers, and what is missing there. It is as long as its entries, and its missing subtrees, are
/// not more than a page holds.
async fn plan_page(
    snapshot: &mut LedgerSnapshot,
    window: Window,
) -> Result<(Range<u64>, Vec<MissingSubtree>), ReadError> {
    let size = snapshot.head.entries.size;
    let mut range = window.range(Log::Entries, size)?;
    if snapshot.row().missing == 0 {
        return Ok((range, Vec::new()));
    }
    if let Some(forward) = window.forward(size)? {
        let place = Place::Log(snapshot.ledger(), Log::Entries);
        let (connection, row) = snapshot.parts().await?;
        let most = range.start..forward.end.max(range.start);
        range.end = load_page_end(connection, row, most, forward.limit).await.map_err(place.store_error())?;
    }
    let mut missing = load_overlapping(snapshot, range.clone(), MAX_PAGE.saturating_add(1), true).await?;
    if let Some(next) = missing.get(MAX_PAGE as usize) {
        range.end = next.first_index();
        missing.truncate(MAX_PAGE as usize);
    }
    verify_missing(snapshot, &missing).await?;
    Ok((range, missing))
}

/// Verifies that entries and their events are in the checked trees; and that they are all of a range, of which the proof is
/// given back.
pub(crate) async fn verify_entries(
    snapshot: &mut LedgerSnapshot,
    entries: &[Entry],
    whole: Option<&Range<u64>>,
) -> Result<Option<Vec<Hash>>, ReadError> {
    let leaves: Vec<_> = entries.iter().map(|entry| (entry.index, entry.leaf)).collect();
    let events: BTreeMap<_, _> = entries.iter().map(|entry| (entry.event.seq, entry.event.leaf)).collect();
    verify_leaves(snapshot, &leaves, &Vec::from_iter(events), whole.map(|range| (Log::Entries, range))).await
}

/// The entries of a range, if all are in memory and that may be asked. They are not in the tree yet for all that is known:
/// prove or verify them.
fn recall(snapshot: &LedgerSnapshot, range: Range<u64>) -> Option<Vec<Entry>> {
    if snapshot.is_anew() { None } else { snapshot.cache().entries(snapshot.ledger(), range) }
}

/// Reads the entries of a range that lies below the checked size, but for the missing ones, with their events, and verifies
/// that they are in the checked tree; and, where none is missing, that they are all, of which the proof is given back.
async fn load_verified_entries(
    snapshot: &mut LedgerSnapshot,
    range: &Range<u64>,
    missing: &[MissingSubtree],
) -> Result<(Vec<Entry>, Option<Vec<Hash>>), ReadError> {
    let entries = load_checked_entries(snapshot, range.clone(), missing).await?;
    let whole = Some(range).filter(|_| missing.is_empty());
    let proof = verify_entries(snapshot, &entries, whole).await?;
    snapshot.cache().keep_entries(&snapshot.head, &entries);
    Ok((entries, proof))
}

/// Reads the entries of a range that lies below the checked size, but for the missing ones, with their events. They are
/// not in the tree yet for all that is known: prove or verify them.
async fn load_checked_entries(
    snapshot: &mut LedgerSnapshot,
    range: Range<u64>,
    missing: &[MissingSubtree],
) -> Result<Vec<Entry>, ReadError> {
    let found = load_hashed_rows(snapshot, range, missing).await?;
    join_events(snapshot, found).await
}

/// Joins entries, with the leaf hashes of their bytes, with the events that say that they appended them.
pub(crate) async fn join_events(
    snapshot: &mut LedgerSnapshot,
    found: Vec<(EntryRow, LeafHash)>,
) -> Result<Vec<Entry>, ReadError> {
    let (ledger, size) = (snapshot.ledger(), snapshot.head.events.size);
    for (row, _) in &found {
        let seq = row.event_seq.get();
        if seq >= size.get() {
            let place = Place::Leaf(ledger, Log::Entries, row.index.get());
            return Err(place.corrupt(Difference::UncheckedEvent { seq, size }));
        }
    }
    let events = load_checked_events(snapshot, found.iter().map(|(row, _)| row.event_seq)).await?;
    found.into_iter().map(|(row, leaf)| join(ledger, row, leaf, &events)).collect()
}

/// Reads the rows of a range, of which none may be missing but those said to be, with the leaf hashes of their bytes.
async fn load_hashed_rows(
    snapshot: &mut LedgerSnapshot,
    range: Range<u64>,
    missing: &[MissingSubtree],
) -> Result<Vec<(EntryRow, LeafHash)>, ReadError> {
    let ledger = snapshot.ledger();
    let present = runs_between(range.clone(), missing);
    let wanted: u64 = present.iter().map(|run| run.end.saturating_sub(run.start)).sum();
    // A row that is missing where none may be is found at the first one.
    let limit = u32::try_from(wanted).unwrap_or(MAX_PAGE).min(MAX_PAGE);
    let (connection, row) = snapshot.parts().await?;
    let rows = Box::pin(load_entries(connection, row, range.start, limit));
    let mut rows = rows.await.map_err(Place::Log(ledger, Log::Entries).store_error())?.into_iter().peekable();
    let mut hashed = Vec::new();
    for index in present.into_iter().flatten() {
        let Some(row) = rows.next_if(|row| row.index.get() == index) else {
            return Err(missing_or_corrupt(snapshot, index).await);
        };
        hashed.push(hash_row(ledger, row)?);
    }
    Ok(hashed)
}

/// Hashes the bytes of an entry, which must lead to the leaf hash in the same row.
pub(crate) fn hash_row(ledger: LedgerId, row: EntryRow) -> Result<(EntryRow, LeafHash), ReadError> {
    let computed = hash_leaf(&row.payload);
    if computed != row.leaf {
        let place = Place::Leaf(ledger, Log::Entries, row.index.get());
        return Err(place.corrupt(Difference::LeafHash { computed, stored: row.leaf }));
    }
    Ok((row, computed))
}

/// The parts of a range that lie in none of these subtrees, which are in order.
fn runs_between(range: Range<u64>, missing: &[MissingSubtree]) -> Vec<Range<u64>> {
    let mut runs = Vec::new();
    let mut next = range.start;
    for subtree in missing {
        let start = subtree.first_index().min(range.end);
        runs.push(next..start.max(next));
        next = subtree.first_index().saturating_add(subtree.leaves()).clamp(next, range.end.max(next));
    }
    runs.push(next..range.end.max(next));
    runs
}

/// Reads the bytes of a range of entries below the checked size, none of which may be missing, with their leaf hashes.
pub(crate) async fn load_payloads(
    snapshot: &mut LedgerSnapshot,
    range: Range<u64>,
) -> Result<Vec<(LeafIndex, LeafHash, Vec<u8>)>, ReadError> {
    let found = load_hashed_rows(snapshot, range, &[]).await?;
    Ok(found.into_iter().map(|(row, leaf)| (row.index, leaf, row.payload)).collect())
}

/// Gives one entry that lies below the checked size. It is not in the tree yet for all that is known: prove or verify it, and
/// then it may be kept.
pub(crate) async fn load_checked_entry(snapshot: &mut LedgerSnapshot, index: LeafIndex) -> Result<Entry, ReadError> {
    let range = index.get()..index.smallest_size().get();
    let found = match recall(snapshot, range.clone()) {
        Some(entries) => entries,
        None => Box::pin(load_checked_entries(snapshot, range, &[])).await?,
    };
    let found = found.into_iter().next();
    found.ok_or_else(|| Place::Leaf(snapshot.ledger(), Log::Entries, index.get()).corrupt(Difference::Missing))
}

fn join(
    ledger: LedgerId,
    row: EntryRow,
    leaf: LeafHash,
    events: &BTreeMap<LeafIndex, Arc<CheckedEvent>>,
) -> Result<Entry, ReadError> {
    let place = Place::Leaf(ledger, Log::Entries, row.index.get());
    let event = events.get(&row.event_seq).ok_or_else(|| place.corrupt(Difference::Missing))?;
    let header = &event.event.header;
    let (first, count) = (header.first_index.get(), header.count);
    let is_covered = row.index.get().checked_sub(first).is_some_and(|offset| offset < count);
    let is_append = matches!(event.event.body, EventBody::EntriesAppended { .. } | EventBody::SubtreesAppended { .. });
    if !is_covered || !is_append {
        let (seq, name) = (row.event_seq.get(), event.event.body.name());
        return Err(place.corrupt(Difference::NotCovered { seq, name, first, count }));
    }
    Ok(Entry { index: row.index, payload: row.payload.into(), leaf, event: Arc::clone(event) })
}
