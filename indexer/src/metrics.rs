//! Metrics for Prometheus.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use counterfoil_client::Health;
use counterfoil_core::{LedgerId, VerifiedAppend};
use counterfoil_nats::Outcome;
use counterfoil_store::CommittedIn;
use prometheus::core::Collector;
use prometheus::{
    Encoder, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// The indexer's metrics. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    shared: Arc<Shared>,
}

struct Shared {
    registry: Registry,
    passes: IntCounter,
    events: IntCounter,
    entries: IntCounter,
    entry_bytes: IntCounter,
    batch_events: Histogram,
    commit_seconds: Histogram,
    retries: IntCounterVec,
    halts: IntCounter,
    falsehoods: IntCounterVec,
    dropped: IntCounter,
    pending: IntCounter,
    feed: IntCounterVec,
    lag_seconds: IntGauge,
    lag_slots: IntGauge,
    newest_slot: IntGauge,
    newest_slot_age: IntGauge,
    ledgers_ahead: IntGauge,
    server_slot: IntGaugeVec,
    server_answers: IntCounterVec,
    server_failures: IntCounterVec,
    server_score: GaugeVec,
    server_latency: GaugeVec,
    /// The slots of the last events written, by ledger.
    last_slots: Mutex<BTreeMap<LedgerId, u64>>,
    ledger_events: IntGaugeVec,
    ledger_condition: IntGaugeVec,
    nats_published: IntCounter,
    nats_dropped: IntCounter,
}

const VALID: &str = "names and labels are valid constants, each registered once";

fn register<C: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<C>) -> C {
    let metric = metric.expect(VALID);
    registry.register(Box::new(metric.clone())).expect(VALID);
    metric
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    ///
    /// # Panics
    /// Never: the metrics' names are constants of the right form.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let counter = |name: &str, help: &str| register(&registry, IntCounter::new(name, help));
        let counters =
            |name, help, labels: &[&str]| register(&registry, IntCounterVec::new(Opts::new(name, help), labels));
        let gauge = |name: &str, help: &str| register(&registry, IntGauge::new(name, help));
        let gauges = |name, help, labels: &[&str]| register(&registry, IntGaugeVec::new(Opts::new(name, help), labels));
        let float_gauges =
            |name, help, labels: &[&str]| register(&registry, GaugeVec::new(Opts::new(name, help), labels));
        let histogram = |name, help, buckets: prometheus::Result<Vec<f64>>| {
            register(&registry, Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.expect(VALID))))
        };
        let shared = Shared {
            passes: counter("counterfoil_passes_total", "Looks at the ledgers"),
            events: counter("counterfoil_events_written_total", "Events verified and written"),
            entries: counter("counterfoil_entries_written_total", "Entries verified and written"),
            entry_bytes: counter("counterfoil_entry_bytes_written_total", "Bytes of the entries written"),
            batch_events: histogram(
                "counterfoil_batch_events",
                "Events written in one SQL transaction",
                prometheus::exponential_buckets(1.0, 4.0, 7),
            ),
            commit_seconds: histogram(
                "counterfoil_commit_seconds",
                "Time to write a batch and commit it",
                prometheus::exponential_buckets(0.001, 2.0, 14),
            ),
            retries: counters("counterfoil_retries_total", "Looks at a ledger that led to an error", &["cause"]),
            halts: counter("counterfoil_halts_total", "Times that a ledger was halted"),
            falsehoods: counters(
                "counterfoil_falsehoods_total",
                "False events, histories and accounts delivered",
                &["server"],
            ),
            dropped: counter("counterfoil_events_dropped_total", "Events applied, never checked, and taken back"),
            pending: counter("counterfoil_pending_events_total", "Confirmed events shown before they were finalized"),
            feed: counters("counterfoil_feed_events_total", "Events that a feed delivered", &["feed"]),
            lag_seconds: gauge(
                "counterfoil_lag_seconds",
                "How long ledgers, or a look at them, have been behind, most of all",
            ),
            lag_slots: gauge(
                "counterfoil_lag_slots",
                "Slots between the last event applied and what the servers have finalized, of the ledger furthest behind",
            ),
            newest_slot: gauge("counterfoil_newest_slot", "The newest slot that a quorum of servers has reported"),
            newest_slot_age: gauge(
                "counterfoil_newest_slot_age_seconds",
                "For how long servers were asked in vain for a newer one",
            ),
            ledgers_ahead: gauge(
                "counterfoil_ledgers_ahead",
                "Ledgers of which the index has more events than a quorum's accounts",
            ),
            server_slot: gauges("counterfoil_server_slot", "The slot that a server reported last", &["server"]),
            server_answers: counters(
                "counterfoil_server_answers_total",
                "Requests that a server answered",
                &["server"],
            ),
            server_failures: counters(
                "counterfoil_server_failures_total",
                "Requests that a server did not answer as it should",
                &["server", "cause"],
            ),
            server_score: float_gauges(
                "counterfoil_server_score",
                "How well a server has answered lately: 0 failing, 1 at once",
                &["server"],
            ),
            server_latency: float_gauges(
                "counterfoil_server_latency_seconds",
                "How long a server's recent answers took",
                &["server"],
            ),
            last_slots: Mutex::default(),
            ledger_events: gauges(
                "counterfoil_ledger_events",
                "Events of a ledger: in its account, applied, checked",
                &["ledger", "stage"],
            ),
            ledger_condition: gauges("counterfoil_ledger_condition", "0 following, 1 retrying, 2 halted", &["ledger"]),
            nats_published: counter("counterfoil_nats_published_total", "Hints that NATS has taken"),
            nats_dropped: counter(
                "counterfoil_nats_dropped_total",
                "Hints dropped for newer ones while NATS did not take them",
            ),
            registry,
        };
        Self { shared: Arc::new(shared) }
    }

    /// A batch was committed.
    pub fn committed(&self, batch: &[(CommittedIn, VerifiedAppend)], elapsed: Duration) {
        let shared = &*self.shared;
        let entries = || batch.iter().flat_map(|(_, append)| append.entries());
        shared.events.inc_by(batch.len() as u64);
        shared.entries.inc_by(entries().count() as u64);
        shared.entry_bytes.inc_by(entries().map(|entry| entry.bytes.len() as u64).sum());
        shared.batch_events.observe(batch.len() as f64);
        shared.commit_seconds.observe(elapsed.as_secs_f64());
        if let Some((_, append)) = batch.last() {
            let header = &append.event().header;
            shared.last_slots.lock().unwrap_or_else(PoisonError::into_inner).insert(header.ledger, header.slot);
        }
    }

    /// The slot of the last event of a ledger that was written since the start.
    #[must_use]
    pub fn last_slot(&self, ledger: LedgerId) -> Option<u64> {
        self.shared.last_slots.lock().unwrap_or_else(PoisonError::into_inner).get(&ledger).copied()
    }

    /// How many slots the ledger that is furthest behind is; 0 when all are level.
    pub fn lag_slots(&self, slots: u64) {
        self.shared.lag_slots.set(i64::try_from(slots).unwrap_or(i64::MAX));
    }

    /// The newest slot of a quorum, and how long ago it rose to that.
    pub fn newest_slot(&self, slot: u64, age: Duration) {
        self.shared.newest_slot.set(i64::try_from(slot).unwrap_or(i64::MAX));
        self.shared.newest_slot_age.set(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    }

    /// The slot that a server reported.
    pub fn server_slot(&self, server: &str, slot: u64) {
        self.shared.server_slot.with_label_values(&[server]).set(i64::try_from(slot).unwrap_or(i64::MAX));
    }

    /// How many ledgers have more events in the index than in a quorum's accounts.
    pub fn ledgers_ahead(&self, ledgers: usize) {
        self.shared.ledgers_ahead.set(i64::try_from(ledgers).unwrap_or(i64::MAX));
    }

    /// Takes back what is true of ledgers and servers only while they are looked at.
    pub fn stands_by(&self) {
        let shared = &*self.shared;
        shared.ledger_events.reset();
        shared.ledger_condition.reset();
        for gauge in [&shared.lag_seconds, &shared.lag_slots, &shared.newest_slot_age, &shared.ledgers_ahead] {
            gauge.set(0);
        }
    }

    /// How a server does.
    pub fn server(&self, name: &str, health: &Health) {
        let shared = &*self.shared;
        shared.server_score.with_label_values(&[name]).set(health.score);
        shared.server_latency.with_label_values(&[name]).set(health.latency.as_secs_f64());
        // The client counts from its start, as these do.
        let answers = shared.server_answers.with_label_values(&[name]);
        answers.inc_by(health.answered.saturating_sub(answers.get()));
        let failures = &health.failures;
        let causes = [
            ("rate_limited", failures.rate_limited),
            ("timeout", failures.timeout),
            ("connection", failures.connection),
            ("http", failures.http),
            ("rpc", failures.rpc),
            ("malformed", failures.malformed),
        ];
        for (cause, count) in causes {
            let failures = shared.server_failures.with_label_values(&[name, cause]);
            failures.inc_by(count.saturating_sub(failures.get()));
        }
    }

    /// A pass has ended.
    pub fn passed(&self) {
        self.shared.passes.inc();
    }

    /// How many passes have ended.
    #[must_use]
    pub fn passes(&self) -> u64 {
        self.shared.passes.get()
    }

    /// How many events and entries were written since the start.
    #[must_use]
    pub fn written(&self) -> (u64, u64) {
        (self.shared.events.get(), self.shared.entries.get())
    }

    /// A look at a ledger ended in an error of this kind.
    pub fn retried(&self, cause: &str) {
        self.shared.retries.with_label_values(&[cause]).inc();
    }

    /// A ledger was halted.
    pub fn halted(&self) {
        self.shared.halts.inc();
    }

    /// A server delivered what is false.
    pub fn lied(&self, server: &str) {
        self.shared.falsehoods.with_label_values(&[server]).inc();
    }

    /// Events were taken back.
    pub fn dropped(&self, events: u64) {
        self.shared.dropped.inc_by(events);
    }

    /// Confirmed events were shown.
    pub fn pending(&self, events: u64) {
        self.shared.pending.inc_by(events);
    }

    /// A hint was published, or dropped.
    pub fn hinted(&self, outcome: Outcome) {
        match outcome {
            Outcome::Published => self.shared.nats_published.inc(),
            Outcome::Dropped => self.shared.nats_dropped.inc(),
        }
    }

    /// A feed delivered events.
    pub fn fed(&self, feed: &str, events: u64) {
        self.shared.feed.with_label_values(&[feed]).inc_by(events);
    }

    /// For how long the ledger that is furthest behind has been.
    pub fn lag(&self, time: Duration) {
        self.shared.lag_seconds.set(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    }

    /// How a ledger is: 0 following, 1 retrying, 2 halted.
    pub fn condition(&self, ledger: LedgerId, condition: i64) {
        self.shared.ledger_condition.with_label_values(&[ledger.to_string()]).set(condition);
    }

    /// How far a ledger is at a stage.
    pub fn ledger_events(&self, ledger: LedgerId, stage: &str, events: u64) {
        let events = i64::try_from(events).unwrap_or(i64::MAX);
        self.shared.ledger_events.with_label_values(&[ledger.to_string().as_str(), stage]).set(events);
    }

    /// All of it as Prometheus reads it.
    ///
    /// # Errors
    /// [`prometheus::Error`] when it cannot be written as text.
    pub fn text(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.shared.registry.gather(), &mut text)?;
        Ok(text)
    }
}
