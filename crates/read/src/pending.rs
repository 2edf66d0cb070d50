//! Events that are confirmed and not final. Nothing here is proven, and no proof is made from it.

use counterfoil_core::{Event, LedgerId};
use counterfoil_store::{load_ledger, load_pending};
use jiff::Timestamp;

use crate::error::{Difference, Place, ReadError};
use crate::page::page_limit;
use crate::reader::Reader;

/// An event that the cluster has confirmed and not finalized: a fork can still take it back.
#[derive(Clone, Debug)]
pub struct PendingEvent {
    /// The event itself; an append's with its entries.
    pub event: Event,
    /// When: the chain's clock in its slot.
    pub time: Timestamp,
    /// The signature of the transaction that it came in.
    pub signature: [u8; 64],
}

/// Answers the events that follow what is final, in order; none where the indexer has no source of them.
///
/// # Errors
/// [`ReadError`].
pub async fn pending(reader: &Reader, ledger: LedgerId, limit: Option<u64>) -> Result<Vec<PendingEvent>, ReadError> {
    let limit = page_limit(limit)?;
    let place = Place::Ledger(ledger);
    let mut snapshot = reader.snapshot_of(ledger).await?;
    let row = load_ledger(&mut snapshot, ledger).await.map_err(place.store_error())?;
    let pending = load_pending(&mut snapshot, &row, limit).await.map_err(place.store_error())?;
    let read = |pending: counterfoil_store::Pending| {
        let unix_time = pending.event.header.unix_time;
        let time = Timestamp::from_second(unix_time).map_err(|_| place.corrupt(Difference::Time { unix_time }))?;
        Ok(PendingEvent { event: pending.event, time, signature: pending.within.signature })
    };
    pending.into_iter().map(read).collect()
}
