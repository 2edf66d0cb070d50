//! Leaves that were recomputed: entries and events.

use std::sync::Arc;

use counterfoil_core::{Event, LedgerId};
use counterfoil_store::{EventRow, Log};
use jiff::Timestamp;
use merkle_log::{LeafHash, LeafIndex, hash_leaf};

use crate::error::{Difference, Place, ReadError};

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

/// An event whose bytes hash to its leaf hash, and which says that it is this ledger's event of this number.
#[derive(Clone, Debug)]
pub struct CheckedEvent {
    /// Its number.
    pub seq: LeafIndex,
    /// The event itself.
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
    pub(crate) fn check(ledger: LedgerId, seq: LeafIndex, row: EventRow) -> Result<Self, ReadError> {
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
