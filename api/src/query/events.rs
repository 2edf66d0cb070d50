//! Events by page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use counterfoil_core::{Event, LedgerHead, LedgerId};
use counterfoil_store::{EventRow, Log, load_events};
use jiff::Timestamp;
use merkle_log::{LeafHash, LeafIndex, hash_leaf};

use super::certificate::certify;
use super::error::{Difference, Place, QueryError};
use super::moment::{Moment, answer};
use super::tree::{Reading, verify_leaves};
use super::view::View;
use super::{Page, Window};

/// An event whose bytes hash to its leaf hash, and which says that it is this ledger's event of this number.
#[derive(Clone, Debug)]
pub struct CheckedEvent {
    /// Its number.
    pub seq: LeafIndex,
    /// What it says.
    pub event: Event,
    /// When: the chain's clock in its slot.
    pub time: Timestamp,
    /// Kind, header and body: what the leaf hash covers.
    pub leaf_bytes: Vec<u8>,
    /// Recomputed from the bytes.
    pub leaf: LeafHash,
    /// The signature of the transaction that it came in, as stored. It is a hint where to look: nothing proves it.
    pub signature: [u8; 64],
}

impl CheckedEvent {
    fn check(ledger: LedgerId, seq: LeafIndex, row: EventRow) -> Result<Self, QueryError> {
        let place = Place::Leaf(ledger, Log::Events, seq.get());
        let leaf = hash_leaf(&row.leaf_bytes);
        if leaf != row.leaf {
            return Err(place.corrupt(Difference::LeafHash { computed: leaf, stored: row.leaf }));
        }
        let header = &row.event.header;
        if header.ledger != ledger || header.event_seq != seq {
            let found = header.event_seq.get();
            return Err(place.corrupt(Difference::OtherEvent { ledger: header.ledger, found }));
        }
        let unix_time = header.unix_time;
        let time = Timestamp::from_second(unix_time).map_err(|_| place.corrupt(Difference::Time { unix_time }))?;
        Ok(Self { seq, event: row.event, time, leaf_bytes: row.leaf_bytes, leaf, signature: row.signature })
    }
}

/// Answers a page of events, up to the checked size of the event log.
///
/// # Errors
/// [`QueryError`].
pub async fn events(view: &View, ledger: LedgerId, window: Window) -> Result<Page<Arc<CheckedEvent>>, QueryError> {
    answer(view, ledger, |moment| load_page(moment, window)).await
}

async fn load_page(mut moment: Moment, window: Window) -> Result<Page<Arc<CheckedEvent>>, QueryError> {
    let size = moment.head.events.size;
    let range = window.range(Log::Events, size)?;
    let reading = Reading::new(&moment.head, Log::Events);
    let seqs = range.clone().map(|seq| reading.index(seq)).collect::<Result<Vec<_>, _>>()?;
    let events = load_checked_events(&mut moment, seqs).await?;
    let proof = verify_leaves(&mut moment, &[], &leaves_of(&events), Some((Log::Events, &range))).await?;
    let certificate = certify(&mut moment, Log::Events, &range, proof).await?;
    Ok(Page::new(moment.head, size, range, events.into_values().collect(), Vec::new(), certificate))
}

/// Answers one event, with the checked heads at which it was read.
///
/// # Errors
/// [`QueryError`].
pub async fn event(view: &View, ledger: LedgerId, seq: u64) -> Result<(LedgerHead, Arc<CheckedEvent>), QueryError> {
    answer(view, ledger, |mut moment| async move {
        let seq = Reading::new(&moment.head, Log::Events).index(seq)?;
        let event = load_checked_event(&mut moment, seq).await?;
        verify_leaves(&mut moment, &[], &[(seq, event.leaf)], None).await?;
        Ok((moment.head, event))
    })
    .await
}

/// Reads one event that lies below the checked size.
pub(crate) async fn load_checked_event(moment: &mut Moment, seq: LeafIndex) -> Result<Arc<CheckedEvent>, QueryError> {
    let event = load_checked_events(moment, [seq]).await?.remove(&seq);
    event.ok_or_else(|| Place::Leaf(moment.ledger(), Log::Events, seq.get()).corrupt(Difference::Missing))
}

/// Reads events, by number, that lie below the checked size. They are not in the tree yet for all that is known: prove
/// or verify them.
pub(crate) async fn load_checked_events(
    moment: &mut Moment,
    seqs: impl IntoIterator<Item = LeafIndex>,
) -> Result<BTreeMap<LeafIndex, Arc<CheckedEvent>>, QueryError> {
    let seqs: Vec<LeafIndex> = BTreeSet::from_iter(seqs).into_iter().collect();
    if seqs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ledger = moment.ledger();
    let place = Place::Log(ledger, Log::Events);
    let (connection, row) = moment.parts().await?;
    let rows = Box::pin(load_events(connection, row, &seqs)).await.map_err(place.store_error())?;
    // The store gives one row for each number, in order, or an error.
    let rows = seqs.iter().zip(rows);
    rows.map(|(seq, row)| Ok((*seq, Arc::new(CheckedEvent::check(ledger, *seq, row)?)))).collect()
}

pub(crate) fn leaves_of(events: &BTreeMap<LeafIndex, Arc<CheckedEvent>>) -> Vec<(LeafIndex, LeafHash)> {
    events.iter().map(|(seq, event)| (*seq, event.leaf)).collect()
}
