//! The bodies of activity.

use counterfoil_forecast::{Forecast, Method, Point, Verdict};
use counterfoil_wire::{self as wire, Time, U64};
use jiff::Timestamp;

use super::bucket::{Activity, ActivityBucket};
use super::span::Step;

impl From<wire::ActivityStep> for Step {
    fn from(step: wire::ActivityStep) -> Self {
        match step {
            wire::ActivityStep::Hour => Self::Hour,
            wire::ActivityStep::Day => Self::Day,
        }
    }
}

impl From<Activity> for wire::Activity {
    fn from(activity: Activity) -> Self {
        let step = match activity.step {
            Step::Hour => wire::ActivityStep::Hour,
            Step::Day => wire::ActivityStep::Day,
        };
        let seconds = activity.step.seconds();
        let end = activity.buckets.last().map_or(0, |bucket| bucket.start.saturating_add(seconds));
        let (forecast, no_forecast) = match activity.forecast {
            Ok(forecast) => (Some(forecast_body(&forecast, end, seconds)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            head: activity.head.entries.into(),
            event_head: activity.head.events.into(),
            slot: U64(activity.slot),
            step,
            buckets: activity.buckets.into_iter().map(wire::ActivityBucket::from).collect(),
            writers_since: activity.writers_since.map(U64),
            forecast,
            no_forecast,
        }
    }
}

impl From<ActivityBucket> for wire::ActivityBucket {
    fn from(bucket: ActivityBucket) -> Self {
        let new_writers = bucket.new_writers.into_iter();
        Self {
            time: time(bucket.start),
            count: U64(bucket.count),
            payload_bytes: U64(bucket.payload_bytes),
            missing: U64(bucket.missing),
            first_index: U64(bucket.entries.start),
            end_index: U64(bucket.entries.end),
            first_seq: U64(bucket.events.start),
            end_seq: U64(bucket.events.end),
            verdict: match bucket.judged.verdict {
                Verdict::CannotTell => wire::ActivityVerdict::CannotTell,
                Verdict::Usual => wire::ActivityVerdict::Usual,
                Verdict::Burst => wire::ActivityVerdict::Burst,
                Verdict::Silence => wire::ActivityVerdict::Silence,
            },
            expected: bucket.judged.expected,
            most: bucket.judged.most,
            new_writers: new_writers
                .map(|writer| wire::NewWriter { wallet: writer.wallet.into(), event_seq: writer.event_seq.into() })
                .collect(),
            certificate: bucket.certificate,
            event_certificate: bucket.event_certificate,
        }
    }
}

fn forecast_body(forecast: &Forecast, end: i64, seconds: i64) -> wire::Forecast {
    let starts = std::iter::successors(Some(end), |start| start.checked_add(seconds));
    let point = |(point, start): (&Point, i64)| wire::ForecastPoint {
        time: time(start),
        expected: point.expected,
        low_80: point.interval_80.0,
        high_80: point.interval_80.1,
        low_95: point.interval_95.0,
        high_95: point.interval_95.1,
    };
    wire::Forecast {
        method: match forecast.method {
            Method::SeasonalNaive => wire::ForecastMethod::SeasonalNaive,
            Method::Added => wire::ForecastMethod::Added,
            Method::OfRoots => wire::ForecastMethod::OfRoots,
            Method::Multiplied => wire::ForecastMethod::Multiplied,
        },
        error: forecast.error,
        naive_error: forecast.naive_error,
        points: forecast.points.iter().zip(starts).map(point).collect(),
    }
}

/// Times beyond the calendar are refused before they are counted in.
fn time(seconds: i64) -> Time {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX).into()
}
