//! Traces over OTLP.
//!
//! Spans are of level debug. Where nothing is exported and the log does not ask for that level, no span is made.

use anyhow::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;

use crate::MoreLog;

/// Sends traces as long as it lives.
pub struct Telemetry {
    provider: SdkTracerProvider,
}

impl Telemetry {
    /// Sends the spans of the crates `targets`, as those of `service`, to an OTLP/HTTP receiver such as
    /// `http://127.0.0.1:4318`; also gives back the layer by which they come here.
    ///
    /// Trusted: the receiver learns what stands in spans, such as ledgers' addresses and servers' names, and no secrets.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub fn start(url: &str, service: &'static str, targets: &[&'static str]) -> anyhow::Result<(Self, MoreLog)> {
        let endpoint = format!("{}/v1/traces", url.trim_end_matches('/'));
        // The client that sends has a runtime of its own, which must not be made within another.
        let exporter = std::thread::spawn(move || SpanExporter::builder().with_http().with_endpoint(endpoint).build());
        let exporter = match exporter.join() {
            Ok(exporter) => exporter.context("traces cannot be sent: check --otlp")?,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let resource = Resource::builder().with_service_name(service).build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        let ours = Targets::new().with_targets(targets.iter().map(|target| (*target, LevelFilter::DEBUG)));
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(service));
        Ok((Self { provider }, layer.with_filter(ours).boxed()))
    }

    /// Sends what is left. Blocks, for a receiver that does not answer no longer than a second.
    pub fn stop(self) {
        // There is no one left to tell that the last spans did not arrive.
        let _ = self.provider.shutdown_with_timeout(std::time::Duration::from_secs(1));
    }
}
