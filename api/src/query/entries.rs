//! Entries by page.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use counterfoil_core::{EventBody, LedgerId};
use counterfoil_store::{EntryRow, Log, PgPool, load_entries};
use merkle_log::{LeafHash, LeafIndex, hash_leaf};

use super::error::{Difference, Place, QueryError};
use super::events::{CheckedEvent, load_checked_events};
use super::moment::Moment;
use super::{Page, Window};

/// An entry whose bytes hash to its leaf hash, with the event that says that it appended it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its index in the log.
    pub index: LeafIndex,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// Recomputed from the bytes.
    pub leaf: LeafHash,
    /// The event that appended it; neighbours share it.
    pub event: Arc<CheckedEvent>,
}

/// Answers a page of entries, up to the checked size.
///
/// # Errors
/// [`QueryError`].
pub async fn entries(pool: &PgPool, ledger: LedgerId, window: Window) -> Result<Page<Entry>, QueryError> {
    let mut moment = Moment::open(pool, ledger).await?;
    let size = moment.head.entries.size;
    let range = window.range(Log::Entries, size)?;
    let entries = load_checked_entries(&mut moment, range.clone()).await?;
    Ok(Page::new(moment.head, size, range, entries))
}

/// Reads the entries of a range that lies below the checked size.
pub(crate) async fn load_checked_entries(moment: &mut Moment, range: Range<u64>) -> Result<Vec<Entry>, QueryError> {
    if range.is_empty() {
        return Ok(Vec::new());
    }
    let ledger = moment.ledger();
    let wanted = range.end - range.start;
    let limit = u32::try_from(wanted).map_err(|_| QueryError::PageTooLarge { asked: wanted })?;
    let (connection, row) = moment.parts();
    let rows = load_entries(connection, row, range.start, limit);
    let rows = rows.await.map_err(Place::Log(ledger, Log::Entries).store_error())?;

    let mut rows = rows.into_iter().peekable();
    let mut found = Vec::new();
    for index in range {
        let place = Place::Leaf(ledger, Log::Entries, index);
        let row = rows.next_if(|row| row.index.get() == index).ok_or_else(|| place.corrupt(Difference::Missing))?;
        let leaf = hash_leaf(&row.payload);
        if leaf != row.leaf {
            return Err(place.corrupt(Difference::LeafHash { computed: leaf, stored: row.leaf }));
        }
        let size = moment.head.events.size;
        if row.event_seq.get() >= size.get() {
            return Err(place.corrupt(Difference::UncheckedEvent { seq: row.event_seq.get(), size }));
        }
        found.push((row, leaf));
    }
    let seqs: Vec<LeafIndex> = found.iter().map(|(row, _)| row.event_seq).collect();
    let events = load_checked_events(moment, seqs).await?;
    found.into_iter().map(|(row, leaf)| join(ledger, row, leaf, &events)).collect()
}

/// Reads one entry that lies below the checked size.
pub(crate) async fn load_checked_entry(moment: &mut Moment, index: LeafIndex) -> Result<Entry, QueryError> {
    let found = load_checked_entries(moment, index.get()..index.smallest_size().get()).await?.pop();
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
    if !is_covered || !matches!(event.event.body, EventBody::EntriesAppended { .. }) {
        let (seq, name) = (row.event_seq.get(), event.event.body.name());
        return Err(place.corrupt(Difference::NotCovered { seq, name, first, count }));
    }
    Ok(Entry { index: row.index, payload: row.payload, leaf, event: Arc::clone(event) })
}
