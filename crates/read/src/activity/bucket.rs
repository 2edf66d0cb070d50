//! Activity, and its buckets.

use std::ops::Range;

use counterfoil_core::certificate::Certificate;
use counterfoil_core::{LedgerHead, Wallet};
use counterfoil_forecast::{Forecast, ForecastError, Judged};
use merkle_log::LeafIndex;

use super::span::Step;

/// A writer that was never seen before, and the event that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewWriter {
    /// Whose signature allowed the entries.
    pub wallet: Wallet,
    /// Its first event, which was verified.
    pub event_seq: LeafIndex,
}

/// An hour or a day.
#[derive(Clone, Debug)]
pub struct ActivityBucket {
    /// Where it begins: seconds since 1970.
    pub start: i64,
    /// How many entries were appended. Of a whole ledger it follows from two verified events; of a writer it is the database's word.
    pub count: u64,
    /// How many bytes they have together, but for those that are missing from the index: the database's word.
    pub payload_bytes: u64,
    /// How many of the entries are missing from the index.
    pub missing: u64,
    /// All entries of the ledger in this time.
    pub entries: Range<u64>,
    /// All events of the ledger in this time.
    pub events: Range<u64>,
    /// That a list is all of the ledger's entries in `entries`, also of missing ones that a reader has; none where there are none, and
    /// where the index does not have a hash that it needs.
    pub certificate: Option<Certificate>,
    /// That a list is all of the ledger's events in `events` with the one before and the one after, whose times show that there are
    /// no others in this time.
    pub event_certificate: Option<Certificate>,
    /// Whether it stands out.
    pub judged: Judged,
    /// The writers that were never seen before; where one writer is asked for, none.
    pub new_writers: Vec<NewWriter>,
}

/// The activity of a ledger, or of one of its writers.
#[derive(Clone, Debug)]
pub struct Activity {
    /// The checked heads up to which was counted.
    pub head: LedgerHead,
    /// The slot at which they were compared with the chain.
    pub slot: u64,
    /// The length of a bucket.
    pub step: Step,
    /// Buckets that follow each other.
    pub buckets: Vec<ActivityBucket>,
    /// From which event on writers were looked for: a writer that is new wrote nothing from there on; 0 for never. None where they
    /// were not looked for.
    pub writers_since: Option<u64>,
    /// The buckets after the last one.
    pub forecast: Result<Forecast, ForecastError>,
}
