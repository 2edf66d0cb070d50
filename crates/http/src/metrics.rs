//! Counters of requests, as Prometheus reads them. Served on an address of the operator's own, never on a public route.

use std::time::Duration;

use axum::http::StatusCode;
use prometheus::core::Collector;
use prometheus::{Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

/// Upper bounds, in seconds.
const BUCKETS: [f64; 7] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0];

const VALID: &str = "names and labels are valid constants, each registered once";

/// The number and duration of requests, with further gauges of the service. A stream counts until it begins.
#[derive(Debug)]
pub struct RequestMetrics {
    prefix: &'static str,
    registry: Registry,
    by_status: IntCounterVec,
    /// The counter of status 200, looked up once: nearly all requests use it.
    ok: IntCounter,
    seconds: Histogram,
    connections: IntGauge,
}

impl RequestMetrics {
    /// Metrics whose names begin with `prefix`, as `counterfoil_api`.
    ///
    /// # Panics
    /// When `prefix` is no name of Prometheus' form.
    #[must_use]
    pub fn new(prefix: &'static str) -> Self {
        let registry = Registry::new();
        let requests = Opts::new(format!("{prefix}_requests_total"), "Requests, by the status of their responses.");
        let seconds = HistogramOpts::new(
            format!("{prefix}_request_seconds"),
            "Time until the response, for a stream until it began.",
        );
        let by_status = register(&registry, IntCounterVec::new(requests, &["status"]));
        Self {
            ok: by_status.with_label_values(&[StatusCode::OK.as_str()]),
            by_status,
            seconds: register(&registry, Histogram::with_opts(seconds.buckets(BUCKETS.to_vec()))),
            connections: gauge(&registry, prefix, "connections", "Connections of clients."),
            registry,
            prefix,
        }
    }

    /// A gauge of the service's own.
    ///
    /// # Panics
    /// When the name is taken or not of Prometheus' form.
    #[must_use]
    pub fn gauge(&self, name: &str, help: &str) -> IntGauge {
        gauge(&self.registry, self.prefix, name, help)
    }

    /// A metric of the service's own; its name begins with the service's.
    ///
    /// # Panics
    /// When the metric was not made, or its name is taken.
    #[must_use]
    pub fn add<C: Collector + Clone + 'static>(&self, metric: prometheus::Result<C>) -> C {
        register(&self.registry, metric)
    }

    /// Counts a response.
    pub(crate) fn count(&self, status: StatusCode, took: Duration) {
        match status {
            StatusCode::OK => self.ok.inc(),
            status => self.by_status.with_label_values(&[status.as_str()]).inc(),
        }
        self.seconds.observe(took.as_secs_f64());
    }

    /// All metrics in Prometheus' text format.
    ///
    /// # Errors
    /// When they cannot be written as text.
    pub fn text(&self, connections: usize) -> prometheus::Result<Vec<u8>> {
        self.connections.set(i64::try_from(connections).unwrap_or(i64::MAX));
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

fn gauge(registry: &Registry, prefix: &str, name: &str, help: &str) -> IntGauge {
    register(registry, IntGauge::new(format!("{prefix}_{name}"), help))
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<C>) -> C {
    let metric = metric.expect(VALID);
    registry.register(Box::new(metric.clone())).expect(VALID);
    metric
}
