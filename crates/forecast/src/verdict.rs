//! Verdicts on buckets.

use crate::series::{Seasons, Series};
use crate::usual::{Shift, Usual};

/// Standard deviations above the mean up to which a count is usual.
const DEVIATIONS: f64 = 4.0;
/// How many times the mean a burst is at least.
const TIMES: f64 = 2.0;
/// The chance of a silence, as its negative logarithm: less than one in 160,000.
const UNLIKELY: f64 = 12.0;

/// The history that a verdict needs.
const LEAST_HOURS: usize = 14 * 24;
const LEAST_DAYS: usize = 28;

/// A verdict on a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The history before it is too short.
    CannotTell,
    /// As usual, or not far from it.
    Usual,
    /// Far more records than usual.
    Burst,
    /// No record, as in the buckets just before it that have this verdict, where some are usual.
    Silence,
}

/// A judged bucket. Its numbers explain the verdict, and are finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// The mean count of the same hours, or days, before; 0 without a history.
    pub expected: f64,
    /// The largest count that is usual; 0 without a history.
    pub most: f64,
}

/// Judges each bucket by those before it, and by none after it: a verdict stays what it is as the series grows.
#[must_use]
pub fn judge(series: &Series) -> Vec<Judged> {
    let usual = Usual::new(series);
    let least = if series.seasons() == Seasons::HOURLY { LEAST_HOURS } else { LEAST_DAYS };
    let mut run = Run::default();
    let judged = series.counts().iter().enumerate().map(|(bucket, count)| {
        let means = usual.mean(bucket, Shift::None).zip(usual.around(bucket));
        let Some((expected, (largest, around))) = means.filter(|_| bucket >= least) else {
            return Judged { verdict: Verdict::CannotTell, expected: 0.0, most: 0.0 };
        };
        let variation = usual.variation(bucket);
        let most = limit(around, variation).max(TIMES * largest) * usual.growth(bucket);
        let is_silent = run.takes(&usual, bucket, *count, variation);
        let verdict = match () {
            () if is_silent => Verdict::Silence,
            () if *count > most => Verdict::Burst,
            () => Verdict::Usual,
        };
        Judged { verdict, expected, most }
    });
    judged.collect()
}

/// The largest usual count of a mean, of counts that come by chance and vary besides.
fn limit(mean: f64, variation: f64) -> f64 {
    let variance = mean.max(1.0) + variation * mean * mean;
    mean + DEVIATIONS * variance.sqrt()
}

/// The run of empty buckets that the last one ends. Its chance is that of the course which makes it most likely; its first and last
/// buckets, where two courses may meet, each have the most likely one of their own.
#[derive(Default)]
struct Run {
    /// The share of the usual records that came before it.
    decline: Option<f64>,
    /// The negative logarithm of the first bucket's chance.
    first: f64,
    /// Those of the buckets between the first and the last, by each course.
    inner: [f64; 3],
    /// Those of the last one, unless it is the first.
    last: [f64; 3],
}

impl Run {
    /// Takes the next bucket, and tells whether the run that it ends is a silence.
    fn takes(&mut self, usual: &Usual<'_>, bucket: usize, count: f64, variation: f64) -> bool {
        if count > 0.0 {
            *self = Self::default();
            return false;
        }
        let is_first = self.decline.is_none();
        let decline = *self.decline.get_or_insert_with(|| usual.decline(bucket));
        let chances = Shift::ALL.map(|shift| {
            let mean = usual.mean(bucket, shift).unwrap_or_default() * decline;
            unlikely(mean, variation)
        });
        if is_first {
            self.first = least(chances);
            return self.first >= UNLIKELY;
        }
        self.inner.iter_mut().zip(self.last).for_each(|(sum, last)| *sum += last);
        self.last = chances;
        self.first + least(self.inner) + least(chances) >= UNLIKELY
    }
}

fn least(chances: [f64; 3]) -> f64 {
    chances.into_iter().fold(f64::INFINITY, f64::min)
}

/// The negative logarithm of the chance of no record, where they come by a negative binomial distribution.
fn unlikely(mean: f64, variation: f64) -> f64 {
    if variation * mean < 1e-9 { mean } else { (variation * mean).ln_1p() / variation }
}
