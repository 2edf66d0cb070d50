//! Entries by page.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use counterfoil_core::{EventBody, LedgerId};
use counterfoil_store::{EntryRow, Log, MissingSubtree, load_entries, load_page_end};
use merkle_log::{Hash, LeafHash, LeafIndex, hash_leaf};

use super::certificate::certify;
use super::error::{Difference, MAX_PAGE, Place, QueryError};
use super::events::{CheckedEvent, load_checked_events};
use super::missing::{load_overlapping, missing_or_corrupt, verify_missing};
use super::moment::{Moment, answer};
use super::tree::verify_leaves;
use super::view::View;
use super::{Page, Window};

/// An entry whose bytes hash to its leaf hash, with the event that says that it appended it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its index in the log.
    pub index: LeafIndex,
    /// Its bytes.
    pub payload: Arc<[u8]>,
    /// Recomputed from the bytes.
    pub leaf: LeafHash,
    /// The event that appended it; neighbours share it.
    pub event: Arc<CheckedEvent>,
}

/// Answers a page of entries, up to the checked size.
///
/// # Errors
/// [`QueryError`].
pub async fn entries(view: &View, ledger: LedgerId, window: Window) -> Result<Page<Entry>, QueryError> {
    answer(view, ledger, |moment| load_page(moment, window)).await
}

async fn load_page(mut moment: Moment, window: Window) -> Result<Page<Entry>, QueryError> {
    let size = moment.head.entries.size;
    let (range, missing) = plan_page(&mut moment, window).await?;
    let recalled = recall(&moment, range.clone()).filter(|_| missing.is_empty());
    let (entries, proof) = match recalled {
        Some(entries) => {
            let proof = verify_entries(&mut moment, &entries, Some(&range)).await?;
            (entries, proof)
        }
        None => Box::pin(load_verified_entries(&mut moment, &range, &missing)).await?,
    };
    let certificate = certify(&mut moment, Log::Entries, &range, proof).await?;
    Ok(Page::new(moment.head, size, range, entries, missing, certificate))
}

/// Which indexes a page covers, and what is missing there. It is as long as its entries, and its missing subtrees, are
/// not more than a page holds.
async fn plan_page(moment: &mut Moment, window: Window) -> Result<(Range<u64>, Vec<MissingSubtree>), QueryError> {
    let size = moment.head.entries.size;
    let mut range = window.range(Log::Entries, size)?;
    if moment.row().missing == 0 {
        return Ok((range, Vec::new()));
    }
    if let Some(forward) = window.forward(size)? {
        let place = Place::Log(moment.ledger(), Log::Entries);
        let (connection, row) = moment.parts().await?;
        let most = range.start..forward.end.max(range.start);
        range.end = load_page_end(connection, row, most, forward.limit).await.map_err(place.store_error())?;
    }
    let mut missing = load_overlapping(moment, range.clone(), MAX_PAGE.saturating_add(1), true).await?;
    if let Some(next) = missing.get(MAX_PAGE as usize) {
        range.end = next.first_index();
        missing.truncate(MAX_PAGE as usize);
    }
    verify_missing(moment, &missing).await?;
    Ok((range, missing))
}

/// Verifies that entries and their events are in the checked trees; and that they are all of a range, of which the proof is
/// given back.
pub(crate) async fn verify_entries(
    moment: &mut Moment,
    entries: &[Entry],
    whole: Option<&Range<u64>>,
) -> Result<Option<Vec<Hash>>, QueryError> {
    let leaves: Vec<_> = entries.iter().map(|entry| (entry.index, entry.leaf)).collect();
    let events: BTreeMap<_, _> = entries.iter().map(|entry| (entry.event.seq, entry.event.leaf)).collect();
    verify_leaves(moment, &leaves, &Vec::from_iter(events), whole.map(|range| (Log::Entries, range))).await
}

/// The entries of a range, if all are in memory and that may be asked. They are not in the tree yet for all that is known:
/// prove or verify them.
fn recall(moment: &Moment, range: Range<u64>) -> Option<Vec<Entry>> {
    if moment.is_anew() { None } else { moment.memory().entries(moment.ledger(), range) }
}

/// Reads the entries of a range that lies below the checked size, but for the missing ones, with their events, and verifies
/// that they are in the checked tree; and, where none is missing, that they are all, of which the proof is given back.
async fn load_verified_entries(
    moment: &mut Moment,
    range: &Range<u64>,
    missing: &[MissingSubtree],
) -> Result<(Vec<Entry>, Option<Vec<Hash>>), QueryError> {
    let entries = load_checked_entries(moment, range.clone(), missing).await?;
    let whole = Some(range).filter(|_| missing.is_empty());
    let proof = verify_entries(moment, &entries, whole).await?;
    moment.memory().keep_entries(&moment.head, &entries);
    Ok((entries, proof))
}

/// Reads the entries of a range that lies below the checked size, but for the missing ones, with their events. They are
/// not in the tree yet for all that is known: prove or verify them.
async fn load_checked_entries(
    moment: &mut Moment,
    range: Range<u64>,
    missing: &[MissingSubtree],
) -> Result<Vec<Entry>, QueryError> {
    let found = load_hashed_rows(moment, range, missing).await?;
    join_events(moment, found).await
}

/// Joins entries, with the leaf hashes of their bytes, with the events that say that they appended them.
pub(super) async fn join_events(
    moment: &mut Moment,
    found: Vec<(EntryRow, LeafHash)>,
) -> Result<Vec<Entry>, QueryError> {
    let (ledger, size) = (moment.ledger(), moment.head.events.size);
    for (row, _) in &found {
        let seq = row.event_seq.get();
        if seq >= size.get() {
            let place = Place::Leaf(ledger, Log::Entries, row.index.get());
            return Err(place.corrupt(Difference::UncheckedEvent { seq, size }));
        }
    }
    let events = load_checked_events(moment, found.iter().map(|(row, _)| row.event_seq)).await?;
    found.into_iter().map(|(row, leaf)| join(ledger, row, leaf, &events)).collect()
}

/// Reads the rows of a range, of which none may be missing but those said to be, with the leaf hashes of their bytes.
async fn load_hashed_rows(
    moment: &mut Moment,
    range: Range<u64>,
    missing: &[MissingSubtree],
) -> Result<Vec<(EntryRow, LeafHash)>, QueryError> {
    let ledger = moment.ledger();
    let present = runs_between(range.clone(), missing);
    let wanted: u64 = present.iter().map(|run| run.end.saturating_sub(run.start)).sum();
    // A row that is missing where none may be is found at the first one.
    let limit = u32::try_from(wanted).unwrap_or(MAX_PAGE).min(MAX_PAGE);
    let (connection, row) = moment.parts().await?;
    let rows = Box::pin(load_entries(connection, row, range.start, limit));
    let mut rows = rows.await.map_err(Place::Log(ledger, Log::Entries).store_error())?.into_iter().peekable();
    let mut hashed = Vec::new();
    for index in present.into_iter().flatten() {
        let Some(row) = rows.next_if(|row| row.index.get() == index) else {
            return Err(missing_or_corrupt(moment, index).await);
        };
        hashed.push(hash_row(ledger, row)?);
    }
    Ok(hashed)
}

/// Hashes the bytes of an entry, which must lead to the leaf hash beside them.
pub(super) fn hash_row(ledger: LedgerId, row: EntryRow) -> Result<(EntryRow, LeafHash), QueryError> {
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
    moment: &mut Moment,
    range: Range<u64>,
) -> Result<Vec<(LeafIndex, LeafHash, Vec<u8>)>, QueryError> {
    let found = load_hashed_rows(moment, range, &[]).await?;
    Ok(found.into_iter().map(|(row, leaf)| (row.index, leaf, row.payload)).collect())
}

/// Gives one entry that lies below the checked size. It is not in the tree yet for all that is known: prove or verify it, and
/// then it may be kept.
pub(crate) async fn load_checked_entry(moment: &mut Moment, index: LeafIndex) -> Result<Entry, QueryError> {
    let range = index.get()..index.smallest_size().get();
    let found = match recall(moment, range.clone()) {
        Some(entries) => entries,
        None => Box::pin(load_checked_entries(moment, range, &[])).await?,
    };
    let found = found.into_iter().next();
    found.ok_or_else(|| Place::Leaf(moment.ledger(), Log::Entries, index.get()).corrupt(Difference::Missing))
}

fn join(
    ledger: LedgerId,
    row: EntryRow,
    leaf: LeafHash,
    events: &BTreeMap<LeafIndex, Arc<CheckedEvent>>,
) -> Result<Entry, QueryError> {
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
