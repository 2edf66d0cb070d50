//! The API's own gauges, next to the counters of requests.

use counterfoil_http::RequestMetrics;
use prometheus::IntGauge;

/// Gauges that are read when Prometheus asks.
#[derive(Debug)]
pub(crate) struct Gauges {
    streams: IntGauge,
    searches: IntGauge,
    database_connections: IntGauge,
    database_connections_idle: IntGauge,
}

/// The values at one moment.
pub(crate) struct Now {
    pub(crate) streams: usize,
    pub(crate) searches: usize,
    pub(crate) database_connections: u32,
    pub(crate) database_connections_idle: usize,
}

impl Gauges {
    pub(crate) fn new(metrics: &RequestMetrics) -> Self {
        Self {
            streams: metrics.gauge("streams", "Streams and exports that are open."),
            searches: metrics.gauge("searches", "Searches under way."),
            database_connections: metrics.gauge("database_connections", "Connections to the database."),
            database_connections_idle: metrics
                .gauge("database_connections_idle", "Connections to the database that are idle."),
        }
    }

    pub(crate) fn set(&self, now: &Now) {
        let Now { streams, searches, database_connections, database_connections_idle } = *now;
        let gauges = [
            (&self.streams, streams),
            (&self.searches, searches),
            (&self.database_connections, usize::try_from(database_connections).unwrap_or(usize::MAX)),
            (&self.database_connections_idle, database_connections_idle),
        ];
        for (gauge, value) in gauges {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }
}
