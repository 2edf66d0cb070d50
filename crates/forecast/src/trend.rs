//! The course of a series without its seasons: exponential smoothing of its level, with a slope that dies away where that fits better.

use std::borrow::Cow;
use std::error::Error;

use augurs_core::Forecast;
use augurs_mstl::{FittedTrendModel, TrendModel};

const LEVEL_WEIGHTS: [f64; 8] = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9];
const SLOPE_WEIGHTS: [f64; 4] = [0.01, 0.05, 0.1, 0.2];
const DAMPINGS: [f64; 3] = [0.8, 0.9, 0.98];

/// Damped exponential smoothing, with the best of a few weights. That of augurs draws random numbers and brings a library of
/// linear algebra.
///
/// Source: Gardner and McKenzie 1985. The choice between weights is Akaike's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Smoothing;

#[derive(Clone, Copy, Debug)]
struct Weights {
    level: f64,
    slope: f64,
    damping: f64,
}

#[derive(Clone, Copy, Debug)]
struct Smoothed {
    level: f64,
    slope: f64,
    damping: f64,
    points: usize,
}

impl TrendModel for Smoothing {
    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("damped exponential smoothing")
    }

    fn fit(
        &self,
        values: &[f64],
    ) -> Result<Box<dyn FittedTrendModel + Sync + Send>, Box<dyn Error + Send + Sync + 'static>> {
        let without = LEVEL_WEIGHTS.map(|level| Weights { level, slope: 0.0, damping: 0.0 }).into_iter();
        let with = LEVEL_WEIGHTS.into_iter().flat_map(|level| {
            SLOPE_WEIGHTS.into_iter().flat_map(move |slope| DAMPINGS.map(|damping| Weights { level, slope, damping }))
        });
        let fits = without.chain(with).map(|weights| smooth(values, weights));
        let best = fits.min_by(|(one, _), (other, _)| one.total_cmp(other));
        let (_, best) = best.ok_or("there are no weights")?;
        Ok(Box::new(best))
    }
}

/// Smooths once, with Akaike's criterion.
fn smooth(values: &[f64], weights: Weights) -> (f64, Smoothed) {
    let (mut level, mut slope) = (values.first().copied().unwrap_or_default(), 0.0);
    let mut squares = 0.0;
    for value in values.iter().skip(1) {
        let expected = level + weights.damping * slope;
        let error = value - expected;
        squares += error * error;
        level = expected + weights.level * error;
        slope = weights.damping * slope + weights.level * weights.slope * error;
    }
    let parameters = if weights.slope > 0.0 { 3.0 } else { 1.0 };
    let points = values.len() as f64;
    let criterion = points * (squares / points).max(f64::MIN_POSITIVE).ln() + 2.0 * parameters;
    (criterion, Smoothed { level, slope, damping: weights.damping, points: values.len() })
}

impl FittedTrendModel for Smoothed {
    fn predict_inplace(
        &self,
        horizon: usize,
        _: Option<f64>,
        forecast: &mut Forecast,
    ) -> Result<(), Box<dyn Error + Send + Sync + 'static>> {
        let (mut value, mut step) = (self.level, self.slope);
        forecast.point = std::iter::repeat_with(|| {
            step *= self.damping;
            value += step;
            value
        })
        .take(horizon)
        .collect();
        Ok(())
    }

    fn predict_in_sample_inplace(
        &self,
        _: Option<f64>,
        _: &mut Forecast,
    ) -> Result<(), Box<dyn Error + Send + Sync + 'static>> {
        Err("the past is not forecast".into())
    }

    fn training_data_size(&self) -> Option<usize> {
        Some(self.points)
    }
}
