//! What is counted and measured, as Prometheus reads it: served apart from all else, for it is the operator's.

use std::time::Duration;

use axum::http::StatusCode;
use prometheus::core::Collector;
use prometheus::{Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

/// Upper ends, in seconds.
const BUCKETS: [f64; 7] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0];

const VALID: &str = "names and labels are valid constants, each registered once";

/// Of all requests; of a stream until it begins.
pub(crate) struct Requests {
    registry: Registry,
    by_status: IntCounterVec,
    /// That of nearly all requests, found once.
    ok: IntCounter,
    seconds: Histogram,
    connections: IntGauge,
    streams: IntGauge,
    searches: IntGauge,
    database_connections: IntGauge,
    database_connections_idle: IntGauge,
}

/// What there is at the moment.
pub(crate) struct Now {
    pub(crate) streams: usize,
    pub(crate) searches: usize,
    pub(crate) database_connections: u32,
    pub(crate) database_connections_idle: usize,
    pub(crate) connections: usize,
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<C>) -> C {
    let metric = metric.expect(VALID);
    registry.register(Box::new(metric.clone())).expect(VALID);
    metric
}

impl Default for Requests {
    fn default() -> Self {
        let registry = Registry::new();
        let gauge = |name: &str, help: &str| register(&registry, IntGauge::new(name, help));
        let requests = Opts::new("counterfoil_api_requests_total", "Requests, by the status of their answers.");
        let seconds = HistogramOpts::new(
            "counterfoil_api_request_seconds",
            "How long answers took, of streams until they began.",
        );
        let by_status = register(&registry, IntCounterVec::new(requests, &["status"]));
        Self {
            ok: by_status.with_label_values(&[StatusCode::OK.as_str()]),
            by_status,
            seconds: register(&registry, Histogram::with_opts(seconds.buckets(BUCKETS.to_vec()))),
            connections: gauge("counterfoil_api_connections", "Connections of clients."),
            streams: gauge("counterfoil_api_streams", "Streams and exports that are open."),
            searches: gauge("counterfoil_api_searches", "Searches under way."),
            database_connections: gauge("counterfoil_api_database_connections", "Connections to the database."),
            database_connections_idle: gauge(
                "counterfoil_api_database_connections_idle",
                "Those of them that nobody uses.",
            ),
            registry,
        }
    }
}

impl Requests {
    pub(crate) fn count(&self, status: StatusCode, took: Duration) {
        match status {
            StatusCode::OK => self.ok.inc(),
            status => self.by_status.with_label_values(&[status.as_str()]).inc(),
        }
        self.seconds.observe(took.as_secs_f64());
    }

    /// All in Prometheus' text format.
    pub(crate) fn text(&self, now: &Now) -> prometheus::Result<Vec<u8>> {
        let Now { streams, searches, database_connections, database_connections_idle, connections } = *now;
        let gauges = [
            (&self.connections, connections),
            (&self.streams, streams),
            (&self.searches, searches),
            (&self.database_connections, usize::try_from(database_connections).unwrap_or(usize::MAX)),
            (&self.database_connections_idle, database_connections_idle),
        ];
        for (gauge, value) in gauges {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}
