//! Activity.

use async_graphql::{Json, SimpleObject};
use counterfoil_core::certificate::Certificate;
use counterfoil_read as read;
use counterfoil_wire::{self as wire, ActivityStep, ActivityVerdict, Forecast, Head, NewWriter, Time, U64};

/// An hour or a day of a ledger, or of one of its writers.
#[derive(SimpleObject)]
struct ActivityBucket {
    /// Where it begins, by the chain's clock.
    time: Time,
    /// How many entries were appended. Of a whole ledger it follows from the verified events on both sides of the bucket. Of a writer it
    /// is the database's word, until all events of the bucket are read.
    count: U64,
    /// How many bytes they have together, without the missing ones: the database's word, until the entries are read.
    payload_bytes: U64,
    /// How many of them the index does not have.
    missing: U64,
    /// The ledger's first entry in this time.
    first_index: U64,
    /// The entry that follows the ledger's last one in this time.
    end_index: U64,
    /// The ledger's first event in this time.
    first_seq: U64,
    /// The event that follows the ledger's last one in this time.
    end_seq: U64,
    verdict: ActivityVerdict,
    /// The mean count of the same hour, or day, of the weeks before; 0 without a history.
    expected: f64,
    /// The largest count that is usual; 0 without a history.
    most: f64,
    /// The writers that were never seen before; none where one writer is asked for.
    new_writers: Vec<NewWriter>,
    /// That a list is all of the ledger's entries of this time, also of missing ones that a reader has, as `counterfoil certificate v1`;
    /// null where there are none, and where the index does not have a hash that it needs.
    certificate: Option<Json<Certificate>>,
    /// That a list is all of the ledger's events of this time with the one before and the one after, whose times show that there are no
    /// others.
    event_certificate: Option<Json<Certificate>>,
}

/// The activity of a ledger, or of one of its writers, up to what is checked.
#[derive(SimpleObject)]
pub(super) struct Activity {
    /// The checked head up to which was counted.
    head: Head,
    /// The checked head of the event log up to which was counted.
    event_head: Head,
    /// The slot at which these were compared with the chain: nothing after it is counted, and a silence up to now is one as of this slot.
    slot: U64,
    step: ActivityStep,
    /// Buckets that follow each other.
    buckets: Vec<ActivityBucket>,
    /// From which event on writers were looked for: a new one wrote nothing from there to its first event; 0 says that it never did. Null
    /// where one writer is asked for.
    writers_since: Option<U64>,
    forecast: Option<Forecast>,
    /// Why there is no forecast.
    no_forecast: Option<String>,
}

impl From<read::Activity> for Activity {
    fn from(found: read::Activity) -> Self {
        let wire::Activity { head, event_head, slot, step, buckets, writers_since, forecast, no_forecast } =
            found.into();
        let buckets = buckets.into_iter().map(ActivityBucket::from).collect();
        Self { head, event_head, slot, step, buckets, writers_since, forecast, no_forecast }
    }
}

impl From<wire::ActivityBucket> for ActivityBucket {
    fn from(bucket: wire::ActivityBucket) -> Self {
        Self {
            time: bucket.time,
            count: bucket.count,
            payload_bytes: bucket.payload_bytes,
            missing: bucket.missing,
            first_index: bucket.first_index,
            end_index: bucket.end_index,
            first_seq: bucket.first_seq,
            end_seq: bucket.end_seq,
            verdict: bucket.verdict,
            expected: bucket.expected,
            most: bucket.most,
            new_writers: bucket.new_writers,
            certificate: bucket.certificate.map(Json),
            event_certificate: bucket.event_certificate.map(Json),
        }
    }
}
