//! Methods that compete for a forecast.

use augurs_core::{Fit, Predict};
use augurs_mstl::MSTLModel;

use crate::trend::Smoothing;

/// How a forecast was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The last season once more: the baseline.
    SeasonalNaive,
    /// Seasons and trend, added.
    Added,
    /// Seasons and trend of square roots, whose noise is even for counts by chance.
    OfRoots,
    /// Seasons and trend of logarithms, so that they multiply.
    Multiplied,
}

impl Method {
    /// All, the baseline first: what errs as much as one before it is not taken.
    pub(crate) const ALL: [Self; 4] = [Self::SeasonalNaive, Self::Added, Self::OfRoots, Self::Multiplied];

    /// The next counts, as the method expects them on its own scale; none where the series is not for it.
    pub(crate) fn predict(self, counts: &[f64], seasons: &[usize], horizon: usize) -> Option<Vec<f64>> {
        let scaled: Vec<f64> = counts.iter().map(|count| self.scale(*count)).collect();
        let predicted = match self {
            Self::SeasonalNaive => repeat(&scaled, *seasons.last()?, horizon)?,
            Self::Added | Self::OfRoots | Self::Multiplied => decompose(&scaled, seasons, horizon)?,
        };
        predicted.iter().all(|value| value.is_finite()).then_some(predicted)
    }

    /// A count on the scale on which the method adds.
    pub(crate) fn scale(self, count: f64) -> f64 {
        match self {
            Self::SeasonalNaive | Self::Added => count,
            Self::OfRoots => count.sqrt(),
            Self::Multiplied => count.ln_1p(),
        }
    }

    /// The count that a value on that scale stands for.
    pub(crate) fn count(self, value: f64) -> f64 {
        let value = value.max(0.0);
        match self {
            Self::SeasonalNaive | Self::Added => value,
            Self::OfRoots => value * value,
            Self::Multiplied => value.exp_m1(),
        }
    }
}

fn repeat(values: &[f64], season: usize, horizon: usize) -> Option<Vec<f64>> {
    let last = values.get(values.len().checked_sub(season)?..)?;
    Some(last.iter().copied().cycle().take(horizon).collect())
}

fn decompose(values: &[f64], seasons: &[usize], horizon: usize) -> Option<Vec<f64>> {
    let fitted = MSTLModel::new(seasons.to_vec(), Smoothing).fit(values).ok()?;
    Some(fitted.predict(horizon, None).ok()?.point)
}
