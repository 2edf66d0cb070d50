//! Why there is no forecast.

use crate::limits::{MAX_COUNT, MAX_HORIZON, MAX_POINTS};

/// Why there is no forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForecastError {
    /// A series of nothing.
    #[error("the series has no bucket")]
    Empty,
    /// A series that is longer than any answer.
    #[error("the series has over {MAX_POINTS} buckets")]
    TooLong,
    /// A bucket is missing, twice there, or out of order.
    #[error("bucket {found} follows bucket {before}: buckets follow each other without a gap")]
    Gap {
        /// The bucket before.
        before: i64,
        /// The bucket found.
        found: i64,
    },
    /// A count that no computation here takes exactly.
    #[error("bucket {bucket} has {count} records, more than {MAX_COUNT}")]
    CountTooLarge {
        /// The bucket.
        bucket: i64,
        /// Its count.
        count: u64,
    },
    /// A forecast of nothing, or of more than an answer holds.
    #[error("a forecast of {asked} buckets: it has 1 to {MAX_HORIZON}")]
    Horizon {
        /// How many.
        asked: usize,
    },
    /// The history is too short: nothing can be told.
    #[error("a history of {found} buckets tells nothing of the next: {least} are needed")]
    TooShort {
        /// How many there are.
        found: usize,
        /// The fewest from which a forecast is made.
        least: usize,
    },
    /// No bucket has a record: nothing can be told.
    #[error("a history without a record tells nothing of the next")]
    NothingAppended,
}

impl ForecastError {
    /// Whether the series is a good one that tells nothing; else what was asked for is wrong.
    #[must_use]
    pub const fn cannot_tell(&self) -> bool {
        matches!(self, Self::TooShort { .. } | Self::NothingAppended)
    }
}
