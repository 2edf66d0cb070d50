//! Metrics of the gateway's own, for Prometheus.

use std::time::Duration;

use counterfoil_core::LedgerId;
use counterfoil_http::RequestMetrics;
use prometheus::{Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};

use crate::payers::PayerState;

/// Upper bounds of a commit's time, in seconds.
const SECONDS: [f64; 8] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];
/// Upper bounds of its records.
const RECORDS: [f64; 7] = [1.0, 8.0, 32.0, 128.0, 512.0, 2_048.0, 10_000.0];

/// The metrics. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    accepted: IntCounter,
    commit_seconds: Histogram,
    commit_records: Histogram,
    transactions: IntCounterVec,
    lamports: IntCounter,
    year_sol: Gauge,
    promise_seconds: IntGauge,
    chain_reachable: IntGauge,
    backlog: IntGaugeVec,
    oldest: GaugeVec,
    blocked: IntGaugeVec,
    overdue: IntGaugeVec,
    grant: IntGaugeVec,
    archived: IntGaugeVec,
    payer_lamports: IntGaugeVec,
    payer_hours: GaugeVec,
    relay_reading: IntGaugeVec,
    relay_rows: IntCounterVec,
    relay_age: GaugeVec,
    relay_waiting: IntGaugeVec,
}

impl Metrics {
    pub(crate) fn new(to: &RequestMetrics) -> Self {
        let name = |name: &str| format!("counterfoil_gateway_{name}");
        let of_ledger = |of: &str, help: &str| to.add(IntGaugeVec::new(Opts::new(name(of), help), &["ledger"]));
        let of_outbox = |of: &str, help: &str| to.add(IntGaugeVec::new(Opts::new(name(of), help), &["outbox"]));
        let histogram = |of: &str, help: &str, bounds: &[f64]| {
            to.add(Histogram::with_opts(HistogramOpts::new(name(of), help).buckets(bounds.to_vec())))
        };
        Self {
            accepted: to.add(IntCounter::new(name("records_accepted_total"), "Records that were accepted.")),
            commit_seconds: histogram("commit_seconds", "Time of a group commit.", &SECONDS),
            commit_records: histogram("commit_records", "Records of a group commit.", &RECORDS),
            transactions: to.add(IntCounterVec::new(
                Opts::new(name("transactions_total"), "Transactions that were sent, by what the cluster said."),
                &["outcome"],
            )),
            lamports: to.add(IntCounter::new(name("lamports_total"), "Lamports that confirmed transactions cost.")),
            year_sol: to.add(Gauge::new(
                name("year_sol"),
                "SOL that a year costs, as in the last hour; the most for a busy ledger until that is known.",
            )),
            promise_seconds: to.add(IntGauge::new(name("promise_seconds"), "How far ahead promises reach.")),
            chain_reachable: to.add(IntGauge::new(name("chain_reachable"), "1 where a server of the chain answers.")),
            backlog: of_ledger("ledger_backlog_records", "Accepted records that are not in the ledger."),
            oldest: to.add(GaugeVec::new(
                Opts::new(
                    name("ledger_oldest_seconds"),
                    "Age of the oldest accepted record that is not in the ledger.",
                ),
                &["ledger"],
            )),
            blocked: of_ledger("ledger_blocked", "1 where the ledger's records cannot go on now; the log says why."),
            overdue: of_ledger(
                "ledger_overdue_promises",
                "Records that were promised for a time that is over, of the oldest thousand.",
            ),
            grant: of_ledger("ledger_grant_seconds", "Seconds until the gateway's grant ends; absent without an end."),
            archived: of_ledger("ledger_archived_entries", "Entries of the ledger in the archive; absent without one."),
            payer_lamports: to.add(IntGaugeVec::new(
                Opts::new(name("payer_lamports"), "Lamports of a wallet that pays."),
                &["payer"],
            )),
            payer_hours: to.add(GaugeVec::new(
                Opts::new(
                    name("payer_hours"),
                    "For how many hours they last, as in the last one; absent where nothing is spent.",
                ),
                &["payer"],
            )),
            relay_reading: of_outbox("relay_reading", "1 where this gateway reads the outbox."),
            relay_rows: to.add(IntCounterVec::new(
                Opts::new(name("relay_rows_total"), "Rows of the outbox that were read."),
                &["outbox"],
            )),
            relay_age: to.add(GaugeVec::new(
                Opts::new(name("relay_age_seconds"), "Age of the newest row of the outbox when it was read."),
                &["outbox"],
            )),
            relay_waiting: of_outbox(
                "relay_waiting_rows",
                "Rows that were read and wait for a ledger that takes none.",
            ),
        }
    }

    pub(crate) fn committed(&self, records: usize, took: Duration) {
        self.accepted.inc_by(records as u64);
        #[expect(clippy::cast_precision_loss, reason = "a commit has few records")]
        self.commit_records.observe(records as f64);
        self.commit_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn confirmed(&self, lamports: u64) {
        self.transactions.with_label_values(&["confirmed"]).inc();
        self.lamports.inc_by(lamports);
    }

    pub(crate) fn failed(&self) {
        self.transactions.with_label_values(&["failed"]).inc();
    }

    pub(crate) fn set_promise(&self, ahead: Duration) {
        self.promise_seconds.set(i64::try_from(ahead.as_secs()).unwrap_or(i64::MAX));
    }

    pub(crate) fn set_year(&self, sol: f64) {
        self.year_sol.set(sol);
    }

    /// All that confirmed transactions cost so far.
    pub(crate) fn spent(&self) -> u64 {
        self.lamports.get()
    }

    pub(crate) fn set_chain(&self, is_reachable: bool) {
        self.chain_reachable.set(is_reachable.into());
    }

    pub(crate) fn set_backlog(&self, ledger: LedgerId, records: u64, oldest: Option<Duration>, overdue: u64) {
        let name = ledger.to_string();
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.backlog.with_label_values(&[&name]).set(gauge(records));
        self.oldest.with_label_values(&[&name]).set(oldest.unwrap_or_default().as_secs_f64());
        self.overdue.with_label_values(&[&name]).set(gauge(overdue));
    }

    pub(crate) fn set_blocked(&self, ledger: LedgerId, is_blocked: bool) {
        self.blocked.with_label_values(&[&ledger.to_string()]).set(is_blocked.into());
    }

    pub(crate) fn set_grant(&self, ledger: LedgerId, seconds: Option<i64>) {
        let name = ledger.to_string();
        match seconds {
            Some(seconds) => self.grant.with_label_values(&[&name]).set(seconds),
            // There is none where none was set.
            None => drop(self.grant.remove_label_values(&[&name])),
        }
    }

    pub(crate) fn set_archived(&self, ledger: LedgerId, size: u64) {
        self.archived.with_label_values(&[&ledger.to_string()]).set(i64::try_from(size).unwrap_or(i64::MAX));
    }

    pub(crate) fn set_payer(&self, state: &PayerState) {
        let name = state.wallet.to_string();
        if let Some(lamports) = state.lamports {
            self.payer_lamports.with_label_values(&[&name]).set(i64::try_from(lamports).unwrap_or(i64::MAX));
        }
        match state.hours {
            Some(hours) => self.payer_hours.with_label_values(&[&name]).set(hours),
            None => drop(self.payer_hours.remove_label_values(&[&name])),
        }
    }

    pub(crate) fn set_relay(&self, outbox: &str, is_reading: bool) {
        self.relay_reading.with_label_values(&[outbox]).set(is_reading.into());
    }

    pub(crate) fn relayed(&self, outbox: &str, rows: usize, newest: Duration) {
        self.relay_rows.with_label_values(&[outbox]).inc_by(rows as u64);
        self.relay_age.with_label_values(&[outbox]).set(newest.as_secs_f64());
    }

    pub(crate) fn set_relay_waiting(&self, outbox: &str, rows: u64) {
        self.relay_waiting.with_label_values(&[outbox]).set(i64::try_from(rows).unwrap_or(i64::MAX));
    }
}
