//! Counts by bucket.

use crate::error::ForecastError;
use crate::limits::{MAX_COUNT, MAX_POINTS};

/// After how many buckets a series repeats itself, roughly; the shortest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seasons(&'static [usize]);

impl Seasons {
    /// Of hours: the day and the week.
    pub const HOURLY: Self = Self(&[24, 168]);
    /// Of days: the week.
    pub const DAILY: Self = Self(&[7]);
    /// Of months: the year.
    pub const MONTHLY: Self = Self(&[12]);
    /// Of quarters: the year.
    pub const QUARTERLY: Self = Self(&[4]);

    /// Those of which a series of this many buckets has two and one bucket more.
    pub(crate) fn within(self, buckets: usize) -> &'static [usize] {
        let fitting = self.0.partition_point(|season| season.saturating_mul(2) < buckets);
        self.0.get(..fitting).unwrap_or_default()
    }

    /// The shortest series that is forecast: two of the shortest season, and one bucket.
    pub(crate) fn least(self) -> usize {
        self.0.first().map_or(1, |season| season.saturating_mul(2).saturating_add(1))
    }

    /// The longest.
    pub(crate) fn longest(self) -> usize {
        self.0.last().copied().unwrap_or(1)
    }
}

/// The counts of buckets that follow each other, the earliest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    counts: Vec<f64>,
    seasons: Seasons,
}

impl Series {
    /// Takes the number of each bucket, in units of its length, and its count.
    ///
    /// # Errors
    /// [`ForecastError::Empty`], [`ForecastError::TooLong`], [`ForecastError::Gap`], [`ForecastError::CountTooLarge`].
    pub fn new(buckets: impl IntoIterator<Item = (i64, u64)>, seasons: Seasons) -> Result<Self, ForecastError> {
        let mut counts = Vec::new();
        let mut before: Option<i64> = None;
        for (bucket, count) in buckets {
            if let Some(before) = before.filter(|before| before.checked_add(1) != Some(bucket)) {
                return Err(ForecastError::Gap { before, found: bucket });
            }
            if count > MAX_COUNT {
                return Err(ForecastError::CountTooLarge { bucket, count });
            }
            if counts.len() == MAX_POINTS {
                return Err(ForecastError::TooLong);
            }
            before = Some(bucket);
            counts.push(count as f64);
        }
        if counts.is_empty() { Err(ForecastError::Empty) } else { Ok(Self { counts, seasons }) }
    }

    pub(crate) fn counts(&self) -> &[f64] {
        &self.counts
    }

    pub(crate) const fn seasons(&self) -> Seasons {
        self.seasons
    }
}
