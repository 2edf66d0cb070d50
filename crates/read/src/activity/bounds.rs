//! Where moments lie in a ledger's logs.

use std::collections::BTreeMap;
use std::sync::Arc;

use counterfoil_store::{Log, count_events_before};
use merkle_log::LeafIndex;

use crate::error::{Difference, Place, ReadError};
use crate::events::{leaves_of, load_checked_events};
use crate::leaf::CheckedEvent;
use crate::search::expensive;
use crate::snapshot::LedgerSnapshot;
use crate::tree::verify_leaves;

/// How many events and entries there were before a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) events: u64,
    pub(super) entries: u64,
}

/// Finds the bounds of moments, which are in order, and verifies the events on both sides of each.
pub(super) async fn load_bounds(snapshot: &mut LedgerSnapshot, moments: &[i64]) -> Result<Vec<Bound>, ReadError> {
    let size = snapshot.head.events.size.get();
    let place = Place::Log(snapshot.ledger(), Log::Events);
    let (connection, row) = snapshot.parts().await?;
    let counts = count_events_before(connection, row, size, moments).await.map_err(expensive(place))?;
    let sides = counts.iter().flat_map(|count| [count.checked_sub(1), Some(*count)]).flatten();
    let sides: Vec<_> = sides.filter(|seq| *seq < size).filter_map(|seq| LeafIndex::new(seq).ok()).collect();
    let events = load_checked_events(snapshot, sides).await?;
    verify_leaves(snapshot, &[], &leaves_of(&events), None).await?;
    let bounds = moments.iter().zip(counts).map(|(moment, count)| bound(snapshot, &events, *moment, count));
    bounds.collect()
}

fn bound(
    snapshot: &LedgerSnapshot,
    events: &BTreeMap<LeafIndex, Arc<CheckedEvent>>,
    moment: i64,
    count: u64,
) -> Result<Bound, ReadError> {
    let event = |seq: u64| LeafIndex::new(seq).ok().and_then(|seq| events.get(&seq));
    let (before, after) = (count.checked_sub(1).and_then(event), event(count));
    let refuse = |seq| Place::Leaf(snapshot.ledger(), Log::Events, seq).corrupt(Difference::OtherSide { moment });
    if before.is_some_and(|event| event.event.header.unix_time >= moment) {
        return Err(refuse(count.saturating_sub(1)));
    }
    if after.is_some_and(|event| event.event.header.unix_time < moment) {
        return Err(refuse(count));
    }
    Ok(Bound { events: count, entries: before.map_or(0, |event| event.event.header.size.get()) })
}
