//! Events by page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{Log, load_events};
use merkle_log::{LeafHash, LeafIndex};

use crate::certificate::certify;
use crate::error::{Difference, Place, ReadError};
use crate::leaf::CheckedEvent;
use crate::page::{Page, Window};
use crate::reader::Reader;
use crate::snapshot::{LedgerSnapshot, answer};
use crate::tree::{Reading, verify_leaves};

/// Answers a page of events, up to the checked size of the event log.
///
/// # Errors
/// [`ReadError`].
pub async fn events(reader: &Reader, ledger: LedgerId, window: Window) -> Result<Page<Arc<CheckedEvent>>, ReadError> {
    answer(reader, ledger, |snapshot| load_page(snapshot, window)).await
}

async fn load_page(mut snapshot: LedgerSnapshot, window: Window) -> Result<Page<Arc<CheckedEvent>>, ReadError> {
    let size = snapshot.head.events.size;
    let range = window.range(Log::Events, size)?;
    let reading = Reading::new(&snapshot.head, Log::Events);
    let seqs = range.clone().map(|seq| reading.index(seq)).collect::<Result<Vec<_>, _>>()?;
    let events = load_checked_events(&mut snapshot, seqs).await?;
    let proof = verify_leaves(&mut snapshot, &[], &leaves_of(&events), Some((Log::Events, &range))).await?;
    let certificate = certify(&mut snapshot, Log::Events, &range, proof).await?;
    Ok(Page::new(snapshot.head, size, range, events.into_values().collect(), Vec::new(), certificate))
}

/// Answers one event, with the checked heads at which it was read.
///
/// # Errors
/// [`ReadError`].
pub async fn event(reader: &Reader, ledger: LedgerId, seq: u64) -> Result<(LedgerHead, Arc<CheckedEvent>), ReadError> {
    answer(reader, ledger, |mut snapshot| async move {
        let seq = Reading::new(&snapshot.head, Log::Events).index(seq)?;
        let event = load_checked_event(&mut snapshot, seq).await?;
        verify_leaves(&mut snapshot, &[], &[(seq, event.leaf)], None).await?;
        Ok((snapshot.head, event))
    })
    .await
}

/// Reads one event that lies below the checked size.
pub(crate) async fn load_checked_event(
    snapshot: &mut LedgerSnapshot,
    seq: LeafIndex,
) -> Result<Arc<CheckedEvent>, ReadError> {
    let event = load_checked_events(snapshot, [seq]).await?.remove(&seq);
    event.ok_or_else(|| Place::Leaf(snapshot.ledger(), Log::Events, seq.get()).corrupt(Difference::Missing))
}

/// Reads events, by number, that lie below the checked size. They are not in the tree yet for all that is known: prove
/// or verify them.
pub(crate) async fn load_checked_events(
    snapshot: &mut LedgerSnapshot,
    seqs: impl IntoIterator<Item = LeafIndex>,
) -> Result<BTreeMap<LeafIndex, Arc<CheckedEvent>>, ReadError> {
    let seqs: Vec<LeafIndex> = BTreeSet::from_iter(seqs).into_iter().collect();
    if seqs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ledger = snapshot.ledger();
    let place = Place::Log(ledger, Log::Events);
    let (connection, row) = snapshot.parts().await?;
    let rows = Box::pin(load_events(connection, row, &seqs)).await.map_err(place.store_error())?;
    // The store gives one row for each number, in order, or an error.
    let rows = seqs.iter().zip(rows);
    rows.map(|(seq, row)| Ok((*seq, Arc::new(CheckedEvent::check(ledger, *seq, row)?)))).collect()
}

pub(crate) fn leaves_of(events: &BTreeMap<LeafIndex, Arc<CheckedEvent>>) -> Vec<(LeafIndex, LeafHash)> {
    events.iter().map(|(seq, event)| (*seq, event.leaf)).collect()
}
