//! What is counted and measured, as Prometheus reads it: served apart from all else, for it is the operator's.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;

/// Upper ends, in milliseconds.
const BUCKETS_MS: [u64; 7] = [1, 5, 25, 100, 500, 2_500, 10_000];
const LEAST_STATUS: u16 = 100;
const STATUSES: usize = 500;

/// Of all requests; of a stream until it begins.
pub(crate) struct Requests {
    by_status: [AtomicU64; STATUSES],
    /// How many took no longer than each.
    within: [AtomicU64; BUCKETS_MS.len()],
    micros: AtomicU64,
}

/// What there is at the moment.
pub(crate) struct Now {
    pub(crate) streams: usize,
    pub(crate) searches: usize,
    pub(crate) database_connections: u32,
    pub(crate) database_connections_idle: usize,
    pub(crate) connections: usize,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            by_status: [const { AtomicU64::new(0) }; STATUSES],
            within: [const { AtomicU64::new(0) }; BUCKETS_MS.len()],
            micros: AtomicU64::new(0),
        }
    }
}

impl Requests {
    pub(crate) fn count(&self, status: StatusCode, took: Duration) {
        let place = status.as_u16().checked_sub(LEAST_STATUS);
        if let Some(count) = place.and_then(|place| self.by_status.get(usize::from(place))) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        for (count, most) in self.within.iter().zip(BUCKETS_MS) {
            if took <= Duration::from_millis(most) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// All in the text format. Source: Prometheus, exposition format 0.0.4.
    pub(crate) fn text(&self, now: &Now) -> String {
        let mut text = String::new();
        begin(&mut text, "counterfoil_api_requests_total", "counter", "Requests, by the status of their answers.");
        let mut total = 0_u64;
        for (place, count) in (LEAST_STATUS..).zip(&self.by_status) {
            let count = count.load(Ordering::Relaxed);
            total = total.saturating_add(count);
            if count > 0 {
                push(&mut text, format_args!("counterfoil_api_requests_total{{status=\"{place}\"}} {count}"));
            }
        }
        let name = "counterfoil_api_request_seconds";
        begin(&mut text, name, "histogram", "How long answers took, of streams until they began.");
        for (count, most) in self.within.iter().zip(BUCKETS_MS) {
            let (count, most) = (count.load(Ordering::Relaxed), Duration::from_millis(most).as_secs_f64());
            push(&mut text, format_args!("{name}_bucket{{le=\"{most}\"}} {count}"));
        }
        let seconds = Duration::from_micros(self.micros.load(Ordering::Relaxed)).as_secs_f64();
        push(&mut text, format_args!("{name}_bucket{{le=\"+Inf\"}} {total}"));
        push(&mut text, format_args!("{name}_sum {seconds}"));
        push(&mut text, format_args!("{name}_count {total}"));
        let database = usize::try_from(now.database_connections).unwrap_or(usize::MAX);
        for (name, help, value) in [
            ("counterfoil_api_connections", "Connections of clients.", now.connections),
            ("counterfoil_api_streams", "Streams and exports that are open.", now.streams),
            ("counterfoil_api_searches", "Searches under way.", now.searches),
            ("counterfoil_api_database_connections", "Connections to the database.", database),
            (
                "counterfoil_api_database_connections_idle",
                "Those of them that nobody uses.",
                now.database_connections_idle,
            ),
        ] {
            begin(&mut text, name, "gauge", help);
            push(&mut text, format_args!("{name} {value}"));
        }
        text
    }
}

fn begin(text: &mut String, name: &str, kind: &str, help: &str) {
    push(text, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes everything");
}
