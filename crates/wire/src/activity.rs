//! Activity: what was appended hour by hour or day by day, which of it stands out, and what comes next.

#![allow(missing_docs, reason = "a field whose name says all needs no line")]

#[cfg(feature = "graphql")]
use async_graphql::{Enum, SimpleObject};
use counterfoil_core::certificate::Certificate;
use serde::{Deserialize, Serialize};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

#[cfg(feature = "openapi")]
use crate::form::CertificateForm;
use crate::head::Head;
use crate::value::{Key, Time, U64};

/// The length of a bucket, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(Enum))]
#[serde(rename_all = "snake_case")]
pub enum ActivityStep {
    Hour,
    Day,
}

/// A verdict on a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(Enum), graphql(name = "ActivityVerdict"))]
#[serde(rename_all = "snake_case")]
pub enum ActivityVerdict {
    /// There are less than two weeks of hours, or four weeks of days, before it.
    CannotTell,
    /// As usual, or not far from it.
    Usual,
    /// Far more entries than usual: at least twice, and beyond four standard deviations.
    Burst,
    /// No entry, as in the buckets just before it that have this verdict, where some are usual: a chance of less than one in 160,000.
    Silence,
}

/// How a forecast was made: what erred least on the end of the same series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(Enum))]
#[serde(rename_all = "snake_case")]
pub enum ForecastMethod {
    /// The last week, or day, once more: the baseline.
    SeasonalNaive,
    /// Seasons and trend, added.
    Added,
    /// Seasons and trend of square roots.
    OfRoots,
    /// Seasons and trend, multiplied.
    Multiplied,
}

/// A writer that was never seen before, and its first event.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct NewWriter {
    pub wallet: Key,
    /// Its first event in the ledger's event log, which was verified.
    pub event_seq: U64,
}

/// An hour or a day of a ledger, or of one of its writers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ActivityBucket {
    /// Where it begins, by the chain's clock.
    pub time: Time,
    /// How many entries were appended. Of a whole ledger it follows from the verified events on both sides of the bucket. Of a writer it
    /// is the database's word, until all events of the bucket are read.
    pub count: U64,
    /// How many bytes they have together, without the missing ones: the database's word, until the entries are read.
    pub payload_bytes: U64,
    /// How many of them the index does not have.
    pub missing: U64,
    /// The ledger's first entry in this time.
    pub first_index: U64,
    /// The entry that follows the ledger's last one in this time.
    pub end_index: U64,
    /// The ledger's first event in this time.
    pub first_seq: U64,
    /// The event that follows the ledger's last one in this time.
    pub end_seq: U64,
    pub verdict: ActivityVerdict,
    /// The mean count of the same hour, or day, of the weeks before; 0 without a history.
    pub expected: f64,
    /// The largest count that is usual; 0 without a history.
    pub most: f64,
    /// The writers that were never seen before; none where one writer is asked for.
    pub new_writers: Vec<NewWriter>,
    /// That a list is all of the ledger's entries of this time, also of missing ones that a reader has; null where there are none, and
    /// where the index does not have a hash that it needs.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<CertificateForm>))]
    pub certificate: Option<Certificate>,
    /// That a list is all of the ledger's events of this time with the one before and the one after, whose times show that there are no
    /// others; null where there is no event at all.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<CertificateForm>))]
    pub event_certificate: Option<Certificate>,
}

/// A bucket that is forecast. Counts, as averages are: no whole numbers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct ForecastPoint {
    pub time: Time,
    pub expected: f64,
    /// Four of five counts should lie from here on …
    pub low_80: f64,
    /// … up to here.
    pub high_80: f64,
    /// 19 of 20 counts should lie from here on …
    pub low_95: f64,
    /// … up to here.
    pub high_95: f64,
}

/// A forecast: no one's word and no proof, but what usually comes of such a history.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct Forecast {
    pub method: ForecastMethod,
    /// How far the method erred, on average, on the end of the same series, in entries a bucket; null where that is too short to try.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub error: Option<f64>,
    /// How far the baseline erred there.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub naive_error: Option<f64>,
    /// The buckets after the last one.
    pub points: Vec<ForecastPoint>,
}

/// The activity of a ledger, or of one of its writers, up to what is checked.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Activity {
    /// The checked head up to which was counted.
    pub head: Head,
    /// The checked head of the event log up to which was counted.
    pub event_head: Head,
    /// The slot at which these were compared with the chain: nothing after it is counted, and a silence up to now is one as of this slot.
    pub slot: U64,
    pub step: ActivityStep,
    /// Buckets that follow each other.
    pub buckets: Vec<ActivityBucket>,
    /// From which event on writers were looked for: a new one wrote nothing from there to its first event; 0 says that it never did. Null
    /// where one writer is asked for.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub writers_since: Option<U64>,
    #[cfg_attr(feature = "openapi", schema(required))]
    pub forecast: Option<Forecast>,
    /// Why there is no forecast.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub no_forecast: Option<String>,
}
