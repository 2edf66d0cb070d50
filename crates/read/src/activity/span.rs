//! Spans of time, in whole buckets.

use counterfoil_forecast::{MAX_HORIZON, Seasons};
use counterfoil_store::Log;
use merkle_log::LeafIndex;

use crate::error::{Difference, MAX_PAGE, Place, ReadError};
use crate::events::load_checked_events;
use crate::snapshot::LedgerSnapshot;

/// The length of a bucket. Buckets begin where an hour or a day does in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An hour.
    Hour,
    /// A day.
    Day,
}

/// A span of time: the buckets that lie in it as a whole, the newest [`crate::MAX_PAGE`] of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The length of a bucket.
    pub step: Step,
    /// The first second; four weeks of hours, or 52 weeks of days, before `to` when absent. No bucket is before the ledger's first
    /// event.
    pub from: Option<i64>,
    /// The second before which it ends; when absent, where the bucket of the last checked event begins, which is not over yet. After
    /// that event there are no records that are checked.
    pub to: Option<i64>,
}

impl Step {
    /// Seconds.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    pub(super) const fn seasons(self) -> Seasons {
        match self {
            Self::Hour => Seasons::HOURLY,
            Self::Day => Seasons::DAILY,
        }
    }

    /// The default length of a span, in buckets.
    const fn usual_buckets(self) -> i64 {
        match self {
            Self::Hour => 28 * 24,
            Self::Day => 52 * 7,
        }
    }

    /// How many buckets are forecast.
    pub(super) fn horizon(self, asked: Option<u64>) -> Result<usize, ReadError> {
        let usual = match self {
            Self::Hour => 48,
            Self::Day => 14,
        };
        let Some(asked) = asked else { return Ok(usual) };
        let horizon = usize::try_from(asked).ok().filter(|horizon| (1..=MAX_HORIZON).contains(horizon));
        horizon.ok_or(ReadError::HorizonOutOfRange { asked, most: MAX_HORIZON })
    }
}

impl Span {
    /// Where its buckets begin, and last where the last one ends.
    pub(super) async fn starts(self, snapshot: &mut LedgerSnapshot) -> Result<Vec<i64>, ReadError> {
        let step = self.step.seconds();
        let (first, last) = load_times(snapshot).await?;
        let to = self.to.unwrap_or(last).div_euclid(step);
        let from = match self.from {
            // The first bucket that begins in the span.
            Some(from) => from.div_euclid(step).saturating_add(i64::from(from.rem_euclid(step) > 0)),
            None => to.saturating_sub(self.step.usual_buckets()),
        };
        let from = from.max(first.div_euclid(step)).max(to.saturating_sub(MAX_PAGE.into()));
        if from >= to {
            return Ok(Vec::new());
        }
        Ok((from..=to).map(|bucket| bucket.saturating_mul(step)).collect())
    }
}

/// The times of the first and of the last checked event, which [`super::bounds`] verifies as all that it reads.
async fn load_times(snapshot: &mut LedgerSnapshot) -> Result<(i64, i64), ReadError> {
    let size = snapshot.head.events.size.get();
    let seqs = [0, size.saturating_sub(1)].map(|seq| LeafIndex::new(seq).unwrap_or_default());
    let events = load_checked_events(snapshot, seqs).await?;
    let times = seqs.map(|seq| events.get(&seq).map(|event| event.event.header.unix_time));
    match times {
        [Some(first), Some(last)] => Ok((first, last)),
        // A checked head has an event.
        _ => Err(Place::Log(snapshot.ledger(), Log::Events).corrupt(Difference::Missing)),
    }
}
