//! Limits of series and forecasts.

/// The largest count of a bucket, 2^53: up to it each whole number is one of floating point.
pub const MAX_COUNT: u64 = 1 << 53;

/// The most buckets of a series.
pub const MAX_POINTS: usize = 10_000;

/// The most buckets of a forecast.
pub const MAX_HORIZON: usize = 168;
