#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod forecast;
mod limits;
mod method;
mod newcomers;
mod series;
mod trend;
mod usual;
mod verdict;

pub use error::ForecastError;
pub use forecast::{Forecast, Point, forecast};
pub use limits::{MAX_COUNT, MAX_HORIZON, MAX_POINTS};
pub use method::Method;
pub use newcomers::newcomers;
pub use series::{Seasons, Series};
pub use verdict::{Judged, Verdict, judge};
