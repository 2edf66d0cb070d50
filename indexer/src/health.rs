//! The operator's endpoints: /livez, /readyz, /metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use counterfoil_core::LedgerId;
use serde::Deserialize;
use serde_json::json;

use crate::metrics::Metrics;
use crate::sync::follow::Progress;

/// How long something may stand still, in addition to the time between two passes, before the indexer is not ready: a pass or a
/// ledger's work that does not end, a slot that does not rise, accounts that are behind the index.
const LONGEST_STILL: Duration = Duration::from_secs(60);

/// How long a pass or a ledger's work may take before it counts as behind.
const USUAL_PASS: Duration = Duration::from_secs(2);

/// How a ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Up to date, or on the way.
    Following,
    /// Something did not answer, or an event is missing; it is tried again by itself.
    Retrying {
        /// What.
        reason: String,
    },
    /// A person must look.
    Halted {
        /// Why: both heads.
        reason: String,
    },
}

/// How a ledger is, and how far.
#[derive(Clone, Debug)]
pub struct LedgerHealth {
    /// How it is.
    pub condition: Condition,
    /// How far it was after the last good pass; what was known is kept when this is none.
    pub progress: Option<Progress>,
}

/// How far all ledgers together are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// How many ledgers there are.
    pub ledgers: usize,
    /// Events applied.
    pub applied: u64,
    /// Events that a quorum's accounts have.
    pub account: u64,
}

/// The indexer's health. Clones share it.
#[derive(Clone)]
pub struct Health {
    shared: Arc<Shared>,
}

struct Shared {
    ledgers: Mutex<BTreeMap<LedgerId, Known>>,
    whole: Mutex<Whole>,
    metrics: Metrics,
}

/// The health of a ledger.
struct Known {
    health: LedgerHealth,
    /// Since when the accounts of a quorum have had fewer events than the index.
    ahead_since: Option<Instant>,
}

/// The health of all ledgers together.
struct Whole {
    /// The problem that keeps all ledgers from being looked at.
    problem: Option<String>,
    /// Whether another indexer is at work, whose place this one takes when it ends.
    is_standby: bool,
    /// Why no quorum of the servers can be of the index's cluster.
    foreign: Option<String>,
    /// The servers that answered the last question later than a quorum did, or not.
    late: Vec<String>,
    /// When the last pass ended; before the first, when this began.
    passed_at: Instant,
    /// Since when something was behind at the end of the last pass.
    behind_since: Option<Instant>,
    /// The ledgers that are worked on, and since when.
    at_work: BTreeMap<LedgerId, Instant>,
    /// The longest time that lies between two passes by the settings.
    interval: Duration,
    /// The newest slot that a quorum of servers has reported, and when it rose to that.
    newest_slot: Option<(u64, Instant)>,
    /// As of when servers were asked last: one that is not asked reports nothing.
    asked_at: Option<Instant>,
    /// Whether it should rise: a recording's does not.
    expects_slots: bool,
}

impl Whole {
    fn new() -> Self {
        Self {
            problem: None,
            is_standby: false,
            foreign: None,
            late: Vec::new(),
            passed_at: Instant::now(),
            behind_since: None,
            at_work: BTreeMap::new(),
            interval: Duration::ZERO,
            newest_slot: None,
            asked_at: None,
            expects_slots: false,
        }
    }

    /// The newest slot, and for how long servers were asked in vain for a newer one. A standby does not ask, nor does who
    /// waits for the database.
    fn newest_slot(&self) -> Option<(u64, Duration)> {
        let (slot, since) = self.newest_slot?;
        let age = self.asked_at.map_or(Duration::ZERO, |asked_at| asked_at.saturating_duration_since(since));
        Some((slot, if self.expects_slots { age } else { Duration::ZERO }))
    }
}

impl Health {
    /// Nothing known yet.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self { shared: Arc::new(Shared { ledgers: Mutex::default(), whole: Mutex::new(Whole::new()), metrics }) }
    }

    fn whole(&self) -> MutexGuard<'_, Whole> {
        self.shared.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<LedgerId, Known>> {
        self.shared.ledgers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A pass over all ledgers has ended that was made as of `now`, but for the problem, if there was one. Since when any
    /// of them is behind.
    pub fn passed(&self, problem: Option<String>, behind_since: Option<Instant>, now: Instant) {
        self.shared.metrics.passed();
        let mut whole = self.whole();
        (whole.passed_at, whole.problem, whole.behind_since) = (now.max(Instant::now()), problem, behind_since);
        whole.is_standby = false;
    }

    /// So much time lies between two passes at most, and the servers' slots rise from one to the next, if so.
    pub fn expect(&self, interval: Duration, rising_slots: bool) {
        let mut whole = self.whole();
        (whole.interval, whole.expects_slots) = (interval, rising_slots);
    }

    /// So many servers are of another cluster that no quorum is left; or not.
    pub fn of_other_clusters(&self, problem: Option<String>) {
        self.whole().foreign = problem;
    }

    /// These servers were not waited for.
    pub fn late(&self, servers: Vec<String>) {
        self.whole().late = servers;
    }

    /// The servers were asked.
    pub fn asked(&self, now: Instant) {
        self.whole().asked_at = Some(now);
    }

    /// A quorum of servers has reported this slot, or a later one.
    pub fn reported(&self, slot: u64, now: Instant) {
        let mut whole = self.whole();
        if whole.newest_slot.is_none_or(|(newest, _)| slot > newest) {
            whole.newest_slot = Some((slot, now));
        }
    }

    /// Work on a ledger begins.
    pub fn begun(&self, ledger: LedgerId, now: Instant) {
        self.whole().at_work.insert(ledger, now);
    }

    /// Work on a ledger has ended.
    pub fn ended(&self, ledger: LedgerId) {
        self.whole().at_work.remove(&ledger);
    }

    /// How far all ledgers together are, as far as it is known.
    #[must_use]
    pub fn extent(&self) -> Extent {
        let ledgers = self.known();
        let mut extent = Extent { ledgers: ledgers.len(), ..Extent::default() };
        for progress in ledgers.values().filter_map(|known| known.health.progress) {
            extent.applied = extent.applied.saturating_add(progress.applied);
            extent.account = extent.account.saturating_add(progress.account.max(progress.applied));
        }
        extent
    }

    /// Each ledger's condition and progress.
    #[must_use]
    pub fn ledgers(&self) -> BTreeMap<LedgerId, LedgerHealth> {
        self.known().iter().map(|(ledger, known)| (*ledger, known.health.clone())).collect()
    }

    /// The problem that kept all ledgers from being looked at last.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.whole().problem.clone()
    }

    /// No ledger is looked at.
    pub fn stands_still(&self, reason: String) {
        self.whole().problem = Some(reason);
    }

    /// Another indexer is at work on the database: no ledger is behind here, and what was known of them is that one's to
    /// tell.
    pub fn stands_by(&self, reason: String) {
        self.known().clear();
        self.shared.metrics.stands_by();
        let mut whole = self.whole();
        let (interval, expects_slots) = (whole.interval, whole.expects_slots);
        *whole = Whole { problem: Some(reason), is_standby: true, interval, expects_slots, ..Whole::new() };
    }

    /// Keeps how a ledger is.
    pub fn set(&self, ledger: LedgerId, mut health: LedgerHealth, now: Instant) {
        let condition = match health.condition {
            Condition::Following => 0,
            Condition::Retrying { .. } => 1,
            Condition::Halted { .. } => 2,
        };
        self.shared.metrics.condition(ledger, condition);
        if let Some(progress) = health.progress {
            let stages = [("account", progress.account), ("applied", progress.applied), ("checked", progress.checked)];
            for (stage, events) in stages {
                self.shared.metrics.ledger_events(ledger, stage, events);
            }
        }
        let mut ledgers = self.known();
        let before = ledgers.get(&ledger);
        health.progress = health.progress.or_else(|| before?.health.progress);
        let is_ahead = health.progress.is_some_and(|progress| progress.account < progress.applied);
        let ahead_since = before.and_then(|known| known.ahead_since).or(Some(now)).filter(|_| is_ahead);
        ledgers.insert(ledger, Known { health, ahead_since });
    }

    /// Whether the last pass came about, every ledger was looked at, none waits or halts, and what was applied is
    /// checked; and what speaks against it, by ledger.
    #[must_use]
    pub fn readiness(&self) -> (bool, BTreeMap<String, String>) {
        self.readiness_at(Instant::now())
    }

    /// The same as of `now`: what the last pass found says nothing when it is long ago.
    #[must_use]
    pub fn readiness_at(&self, now: Instant) -> (bool, BTreeMap<String, String>) {
        let mut problems = BTreeMap::new();
        let whole = self.whole();
        let longest = LONGEST_STILL.saturating_add(whole.interval);
        let still = |since: Instant| Some(now.saturating_duration_since(since)).filter(|age| *age > longest);
        for (ledger, known) in self.known().iter() {
            let problem = match (&known.health.condition, &known.health.progress) {
                (Condition::Halted { reason }, _) => format!("halted: {reason}"),
                (Condition::Retrying { reason }, _) => format!("retrying: {reason}"),
                (Condition::Following, Some(at)) if at.checked < at.account => {
                    format!("{} of {} events are checked", at.checked, at.account)
                }
                (Condition::Following, Some(at)) if let Some(age) = known.ahead_since.and_then(still) => format!(
                    "the index holds {} events, the servers' accounts have had {} for {} s: the servers are out of date, \
                     the chain was rolled back, or a quorum was false before",
                    at.applied,
                    at.account,
                    age.as_secs()
                ),
                (Condition::Following, _) => continue,
            };
            problems.insert(ledger.to_string(), problem);
        }
        for (ledger, since) in &whole.at_work {
            if let Some(age) = still(*since) {
                let problem = format!("work on it has not ended for {} s", age.as_secs());
                problems.entry(ledger.to_string()).or_insert(problem);
            }
        }
        if let Some(problem) = &whole.problem {
            problems.insert("indexer".to_owned(), problem.clone());
        }
        if let Some(age) = still(whole.passed_at) {
            let problem = format!("no look at the ledgers has ended for {} s", age.as_secs());
            problems.entry("indexer".to_owned()).or_insert(problem);
        }
        if let Some((slot, age)) = whole.newest_slot()
            && age > longest
        {
            let problem = format!(
                "no quorum of servers has reported a slot after {slot} for {} s: they stand still or are out of date, and \
                 what came later is not seen",
                age.as_secs()
            );
            problems.insert("servers".to_owned(), problem);
        }
        if let Some(problem) = &whole.foreign {
            problems.insert("servers".to_owned(), problem.clone());
        }
        (problems.is_empty() && self.shared.metrics.passes() > 0, problems)
    }

    /// Measures what grows by itself, as of `now`.
    fn measure(&self, now: Instant) {
        let age = |since: Instant| now.saturating_duration_since(since);
        let whole = self.whole();
        let behind = whole.behind_since.map_or(Duration::ZERO, age);
        // Work that does not end is behind, whatever the last pass found.
        let late = |since: Instant| age(since).saturating_sub(whole.interval.saturating_add(USUAL_PASS));
        let slowest = whole.at_work.values().copied().map(late).max().unwrap_or_default();
        let metrics = &self.shared.metrics;
        metrics.lag(behind.max(slowest).max(late(whole.passed_at)));
        if let Some((slot, age)) = whole.newest_slot() {
            metrics.newest_slot(slot, age);
        }
        metrics.ledgers_ahead(self.known().values().filter(|known| known.ahead_since.is_some()).count());
    }

    /// The three routes.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/livez", get(async || "ok"))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(self.clone())
    }
}

/// The parameters of /readyz.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Readiness {
    /// `ready` when a standby counts as ready: for orchestrators, which would wait for it for ever.
    standby: Option<Standby>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Standby {
    Ready,
}

async fn readyz(State(health): State<Health>, Query(wanted): Query<Readiness>) -> impl IntoResponse {
    let (is_ready, problems) = health.readiness();
    let is_standby = health.whole().is_standby;
    let is_ready = is_ready || (is_standby && matches!(wanted.standby, Some(Standby::Ready)));
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (ledgers, late) = (health.known().len(), health.whole().late.clone());
    (
        status,
        Json(
            json!({ "ready": is_ready, "standby": is_standby, "ledgers": ledgers, "problems": problems, "late_servers": late }),
        ),
    )
}

async fn metrics(State(health): State<Health>) -> impl IntoResponse {
    health.measure(Instant::now());
    match health.shared.metrics.text() {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string().into_bytes()),
    }
}
