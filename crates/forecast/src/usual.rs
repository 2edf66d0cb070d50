//! The usual counts of a bucket: those of the same hour, or day, of the weeks before.

use crate::series::{Seasons, Series};

/// How many weeks are looked back.
const WEEKS_OF_HOURS: usize = 4;
const WEEKS_OF_DAYS: usize = 8;

/// The shares of a history's largest deviations that say nothing of its usual ones.
const TRIMMED: usize = 50;

/// The usual counts of each bucket, and how far counts stray from them.
pub(crate) struct Usual<'a> {
    counts: &'a [f64],
    season: usize,
    weeks: usize,
    /// How far a course may be moved: an hour, as where clocks change.
    shift: usize,
}

/// A course moved to before or to after: the bucket in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shift {
    Earlier,
    None,
    Later,
}

impl<'a> Usual<'a> {
    pub(crate) fn new(series: &'a Series) -> Self {
        let is_hourly = series.seasons() == Seasons::HOURLY;
        let (weeks, shift) = if is_hourly { (WEEKS_OF_HOURS, 1) } else { (WEEKS_OF_DAYS, 0) };
        Self { counts: series.counts(), season: series.seasons().longest(), weeks, shift }
    }

    /// The mean count of the weeks before, in this course; none in the first week.
    pub(crate) fn mean(&self, bucket: usize, shift: Shift) -> Option<f64> {
        let place = match shift {
            Shift::Earlier => bucket.checked_sub(self.shift)?,
            Shift::None => bucket,
            Shift::Later => bucket.checked_add(self.shift)?,
        };
        let weeks = (1..=self.weeks).map_while(|week| place.checked_sub(week.checked_mul(self.season)?));
        let (sum, found) = weeks
            .filter_map(|place| self.counts.get(place))
            .fold((0.0, 0.0), |(sum, found), count| (sum + count, found + 1.0));
        (found > 0.0).then(|| sum / found)
    }

    /// The largest mean of the three courses, and the mean of all, in which the unmoved one counts twice: few weeks are few counts,
    /// and neighbours are alike.
    pub(crate) fn around(&self, bucket: usize) -> Option<(f64, f64)> {
        let unmoved = self.mean(bucket, Shift::None)?;
        let [earlier, later] = [Shift::Earlier, Shift::Later].map(|shift| self.mean(bucket, shift).unwrap_or(unmoved));
        Some((unmoved.max(earlier).max(later), (earlier + 2.0 * unmoved + later) / 4.0))
    }

    /// How much more than chance counts vary before this bucket, as the square of a share of their mean: 0 where each record
    /// comes by chance.
    pub(crate) fn variation(&self, bucket: usize) -> f64 {
        let first = bucket.saturating_sub(self.season.saturating_mul(2));
        let squares = (first..bucket).filter_map(|place| {
            let (count, mean) = (*self.counts.get(place)?, self.mean(place, Shift::None)?);
            (mean > 0.0).then(|| ((count - mean).powi(2) - mean) / mean.max(1.0).powi(2))
        });
        let mut squares: Vec<f64> = squares.collect();
        squares.sort_by(f64::total_cmp);
        squares.truncate(squares.len().saturating_sub(squares.len().div_ceil(TRIMMED)));
        if squares.is_empty() {
            return 0.0;
        }
        (squares.iter().sum::<f64>() / squares.len() as f64).max(0.0)
    }

    /// The counts before a bucket, each with its mean, over a day of hours or a week of days.
    fn recent(&self, bucket: usize) -> impl Iterator<Item = (f64, f64)> + '_ {
        let span = if self.shift > 0 { 24 } else { self.season };
        let places = bucket.saturating_sub(span)..bucket;
        places.filter_map(|place| Some((*self.counts.get(place)?, self.mean(place, Shift::None)?)))
    }

    /// How many times as many records came of late as in the weeks before: the middle one, so that growth is no burst.
    pub(crate) fn growth(&self, bucket: usize) -> f64 {
        const LEAST: f64 = 1.5;
        const MOST: f64 = 10.0;
        let mut shares: Vec<f64> =
            self.recent(bucket).filter(|(_, mean)| *mean >= 1.0).map(|(count, mean)| count / mean).collect();
        shares.sort_by(f64::total_cmp);
        let middle = shares.get(shares.len() / 2).copied().unwrap_or(1.0);
        // Less is within what chance makes of a day.
        if middle < LEAST { 1.0 } else { middle.min(MOST) }
    }

    /// The share of the usual records that came of late, at most 1, so that a decline is no silence.
    pub(crate) fn decline(&self, bucket: usize) -> f64 {
        const LEAST: f64 = 0.1;
        let (came, usual) =
            self.recent(bucket).fold((0.0, 0.0), |(came, usual), (count, mean)| (came + count, usual + mean));
        if usual > 0.0 { (came / usual).clamp(LEAST, 1.0) } else { 1.0 }
    }
}

impl Shift {
    pub(crate) const ALL: [Self; 3] = [Self::Earlier, Self::None, Self::Later];
}
