//! Forecasts: the method that erred least on the end of the series answers.

use crate::error::ForecastError;
use crate::limits::{MAX_COUNT, MAX_HORIZON};
use crate::method::Method;
use crate::series::Series;

/// How many ends of the series, each as long as the forecast, the methods compete on.
const TRIALS: usize = 2;

/// Standard deviations to both sides of the middle within which 80 % of Student's distribution lie. Of its eight degrees of
/// freedom: errors of neighbours are alike, so that the trials show few.
const OF_80: f64 = 1.397;
/// Likewise 95 %.
const OF_95: f64 = 2.306;

/// The next buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// The method that erred least.
    pub method: Method,
    /// How far it erred, on average, on the end of the series, in records a bucket; none where the series is too short to try.
    pub error: Option<f64>,
    /// How far the baseline erred there.
    pub naive_error: Option<f64>,
    /// The buckets after the last one, in order.
    pub points: Vec<Point>,
}

/// A bucket that is forecast. Counts, as averages are: no whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The expected count.
    pub expected: f64,
    /// Where four of five counts should lie.
    pub interval_80: (f64, f64),
    /// Where 19 of 20 counts should lie.
    pub interval_95: (f64, f64),
}

/// Forecasts the next `horizon` buckets.
///
/// # Errors
/// [`ForecastError::Horizon`]; [`ForecastError::TooShort`] for less than two of the shortest season and one bucket;
/// [`ForecastError::NothingAppended`].
pub fn forecast(series: &Series, horizon: usize) -> Result<Forecast, ForecastError> {
    if !(1..=MAX_HORIZON).contains(&horizon) {
        return Err(ForecastError::Horizon { asked: horizon });
    }
    let (counts, least) = (series.counts(), series.seasons().least());
    if counts.len() < least {
        return Err(ForecastError::TooShort { found: counts.len(), least });
    }
    if counts.iter().all(|count| *count == 0.0) {
        return Err(ForecastError::NothingAppended);
    }
    let trials = Method::ALL.map(|method| Trial::new(method, series, horizon));
    let [naive, ..] = &trials;
    let naive_error = naive.error();
    let tried = trials.iter().filter_map(|trial| trial.error().map(|error| (error, trial)));
    let best = tried.min_by(|(one, _), (other, _)| one.total_cmp(other)).map_or(naive, |(_, best)| best);
    let seasons = series.seasons().within(counts.len());
    // The baseline answers where a decomposition of the whole series fails.
    let whole = |trial: &Trial| trial.method.predict(counts, seasons, horizon);
    let (answering, predicted) = match whole(best) {
        Some(predicted) => (best, predicted),
        None => (naive, whole(naive).ok_or(ForecastError::TooShort { found: counts.len(), least })?),
    };
    let points = predicted.into_iter().map(|value| answering.point(value, counts)).collect();
    Ok(Forecast { method: answering.method, error: answering.error(), naive_error, points })
}

/// A method on the ends of a series.
struct Trial {
    method: Method,
    /// By bucket: the count, the one that was expected, and the difference on the method's scale.
    found: Vec<(f64, f64, f64)>,
}

impl Trial {
    fn new(method: Method, series: &Series, horizon: usize) -> Self {
        let counts = series.counts();
        let seasons = series.seasons().within(counts.len());
        let mut found = Vec::new();
        for trial in 1..=TRIALS {
            let (before, after) = counts.split_at(counts.len().saturating_sub(horizon.saturating_mul(trial)));
            // A history of fewer seasons says nothing of these.
            if series.seasons().within(before.len()) != seasons {
                break;
            }
            // A method that fails on one end competes on none.
            let Some(predicted) = method.predict(before, seasons, horizon) else {
                found.clear();
                break;
            };
            let errors = after.iter().zip(predicted);
            found.extend(errors.map(|(count, value)| (*count, method.count(value), method.scale(*count) - value)));
        }
        Self { method, found }
    }

    /// How far it erred on average.
    fn error(&self) -> Option<f64> {
        let sum: f64 = self.found.iter().map(|(count, expected, _)| (count - expected).abs()).sum();
        (!self.found.is_empty()).then(|| sum / self.found.len() as f64)
    }

    /// A value with its intervals. They are as wide as it erred, which was measured up to as far ahead as is asked for; and no
    /// narrower than chance makes counts.
    fn point(&self, value: f64, counts: &[f64]) -> Point {
        let expected = bounded(self.method.count(value));
        let deviation = self.deviation(counts);
        let interval = |deviations: f64| {
            let chance = deviations * expected.sqrt();
            let (low, high) = (value - deviations * deviation, value + deviations * deviation);
            let low = self.method.count(low).min(expected - chance);
            (low.max(0.0), bounded(self.method.count(high).max(expected + chance)))
        };
        Point { expected, interval_80: interval(OF_80), interval_95: interval(OF_95) }
    }

    /// The standard deviation of its errors on its scale; of the counts themselves where it could not be tried.
    fn deviation(&self, counts: &[f64]) -> f64 {
        let root_mean = |squares: &mut dyn Iterator<Item = f64>, of: usize| (squares.sum::<f64>() / of as f64).sqrt();
        if !self.found.is_empty() {
            return root_mean(&mut self.found.iter().map(|(_, _, error)| error * error), self.found.len());
        }
        let mean = counts.iter().map(|count| self.method.scale(*count)).sum::<f64>() / counts.len() as f64;
        root_mean(&mut counts.iter().map(|count| (self.method.scale(*count) - mean).powi(2)), counts.len())
    }
}

fn bounded(count: f64) -> f64 {
    count.min(MAX_COUNT as f64)
}
