//! Missing entries: their leaves were appended by the hashes of their subtrees, and they have not been filled
//! in.

use std::ops::Range;

use counterfoil_core::limits::MAX_SUBTREE_LEVEL;
use counterfoil_core::{EventBody, LedgerHead, LedgerId};
use counterfoil_store::{Log, MissingSubtree, load_missing, load_missing_at};
use merkle_log::{Hash, LeafIndex, Position, subtrees};

use crate::error::{Difference, Place, ReadError};
use crate::events::{leaves_of, load_checked_events};
use crate::leaf::CheckedEvent;
use crate::page::page_limit;
use crate::reader::Reader;
use crate::snapshot::LedgerSnapshot;
use crate::tree::verify_leaves;

/// Subtrees whose entries are missing from the index, in the order of the log.
#[derive(Clone, Debug)]
pub struct Missing {
    /// The checked heads at which they were read.
    pub head: LedgerHead,
    /// The number of missing entries in all.
    pub leaves: u64,
    /// The subtrees. An event of the ledger appended each by its root, and was verified to be in the checked tree.
    pub subtrees: Vec<MissingSubtree>,
    /// The index at which the next page begins; none when there are no more.
    pub next: Option<u64>,
}

/// Answers a page of the subtrees whose entries are missing from the index: those that begin at leaf `first` or after it.
///
/// # Errors
/// [`ReadError`].
pub async fn missing(reader: &Reader, ledger: LedgerId, first: u64, limit: Option<u64>) -> Result<Missing, ReadError> {
    let limit = page_limit(limit)?;
    // How many there are falls when they are filled in, which says nothing of the head.
    let mut snapshot = LedgerSnapshot::open_anew(reader, ledger).await?;
    let size = snapshot.head.entries.size;
    if first > size.get() {
        return Err(ReadError::IndexOutOfRange { log: Log::Entries, index: first, size });
    }
    // One more than wanted shows whether there is a next page.
    let mut subtrees = load_overlapping(&mut snapshot, first..size.get(), limit.saturating_add(1), false).await?;
    let next = subtrees.get(limit as usize).map(MissingSubtree::first_index);
    subtrees.truncate(limit as usize);
    verify_missing(&mut snapshot, &subtrees).await?;
    Ok(Missing { head: snapshot.head, leaves: snapshot.row().missing, subtrees, next })
}

/// Reads at most `limit` subtrees whose entries are missing and that begin in a range; with `around`, also one that
/// begins before it and reaches into it.
pub(crate) async fn load_overlapping(
    snapshot: &mut LedgerSnapshot,
    range: Range<u64>,
    limit: u32,
    around: bool,
) -> Result<Vec<MissingSubtree>, ReadError> {
    let place = Place::Log(snapshot.ledger(), Log::Entries);
    if snapshot.row().missing == 0 || range.is_empty() {
        return Ok(Vec::new());
    }
    let (connection, row) = snapshot.parts().await?;
    let mut subtrees = Vec::new();
    if around {
        let reaching = load_missing_at(&mut *connection, row, range.start).await.map_err(place.store_error())?;
        subtrees.extend(reaching.filter(|subtree| subtree.first_index() < range.start));
    }
    let inside = load_missing(connection, row, range.start, limit).await.map_err(place.store_error())?;
    subtrees.extend(inside.into_iter().filter(|subtree| subtree.first_index() < range.end));
    subtrees.truncate(limit as usize);
    Ok(subtrees)
}

/// Verifies that events of the checked tree appended these subtrees.
pub(crate) async fn verify_missing(
    snapshot: &mut LedgerSnapshot,
    subtrees: &[MissingSubtree],
) -> Result<(), ReadError> {
    let (ledger, size) = (snapshot.ledger(), snapshot.head.events.size);
    if let Some(subtree) = subtrees.iter().find(|subtree| subtree.event_seq.get() >= size.get()) {
        let place = Place::Leaf(ledger, Log::Entries, subtree.first_index());
        return Err(place.corrupt(Difference::UncheckedEvent { seq: subtree.event_seq.get(), size }));
    }
    let events = load_checked_events(snapshot, subtrees.iter().map(|subtree| subtree.event_seq)).await?;
    verify_leaves(snapshot, &[], &leaves_of(&events), None).await?;
    for subtree in subtrees {
        let appended = events.get(&subtree.event_seq).and_then(|event| root_appended(event, subtree.position));
        if appended != Some(subtree.root) {
            let place = Place::Leaf(ledger, Log::Entries, subtree.first_index());
            return Err(place.corrupt(Difference::NotAppended { seq: subtree.event_seq.get() }));
        }
    }
    Ok(())
}

/// Why an entry has no row: it is missing, or the row is.
pub(crate) async fn missing_or_corrupt(snapshot: &mut LedgerSnapshot, index: u64) -> ReadError {
    match load_verified_around(snapshot, index).await {
        Ok(Some(subtree)) => ReadError::MissingEntry { ledger: snapshot.ledger(), index, subtree },
        Ok(None) => Place::Leaf(snapshot.ledger(), Log::Entries, index).corrupt(Difference::Missing),
        Err(error) => error,
    }
}

async fn load_verified_around(snapshot: &mut LedgerSnapshot, index: u64) -> Result<Option<MissingSubtree>, ReadError> {
    let end = LeafIndex::new(index).map_or(index, |index| index.smallest_size().get());
    let around = load_overlapping(snapshot, index..end, 1, true).await?;
    verify_missing(snapshot, &around).await?;
    Ok(around.first().copied())
}

/// The root by which an event appended a subtree, if it did.
fn root_appended(event: &CheckedEvent, position: Position) -> Option<Hash> {
    let EventBody::SubtreesAppended { hashes } = &event.event.body else { return None };
    let header = &event.event.header;
    let placed = subtrees(header.first_index, header.size, MAX_SUBTREE_LEVEL);
    hashes.iter().zip(placed).find_map(|(hash, placed)| (placed == position).then_some(*hash))
}
