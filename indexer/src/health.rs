//! What the operator is told: /livez, /readyz, /metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use counterfoil_core::LedgerId;
use serde_json::json;

use crate::follow::Progress;
use crate::metrics::Metrics;

/// After how long without the end of a pass the indexer is not ready.
const LONGEST_PASS: Duration = Duration::from_secs(60);

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

/// What the indexer tells. Clones share it.
#[derive(Clone)]
pub struct Health {
    shared: Arc<Shared>,
}

struct Shared {
    /// What keeps all ledgers from being looked at.
    problem: Mutex<Option<String>>,
    ledgers: Mutex<BTreeMap<LedgerId, LedgerHealth>>,
    /// The servers that answered the last question later than a quorum did, or not.
    late: Mutex<Vec<String>>,
    /// When the last pass ended; before the first, when this began.
    passed_at: Mutex<Instant>,
    /// The longest time that lies between two passes by the settings.
    interval: Mutex<Duration>,
    metrics: Metrics,
}

impl Health {
    /// Nothing known yet.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        let shared = Shared {
            problem: Mutex::default(),
            ledgers: Mutex::default(),
            late: Mutex::default(),
            passed_at: Mutex::new(Instant::now()),
            interval: Mutex::default(),
            metrics,
        };
        Self { shared: Arc::new(shared) }
    }

    /// A pass over all ledgers has ended, but for the problem, if there was one.
    pub fn passed(&self, problem: Option<String>) {
        self.shared.metrics.passed();
        *self.shared.passed_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        *self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    /// So much time lies between two passes at most.
    pub fn expect_passes(&self, interval: Duration) {
        *self.shared.interval.lock().unwrap_or_else(PoisonError::into_inner) = interval;
    }

    /// These servers were not waited for.
    pub fn late(&self, servers: Vec<String>) {
        *self.shared.late.lock().unwrap_or_else(PoisonError::into_inner) = servers;
    }

    /// How far all ledgers together are, as far as it is known.
    #[must_use]
    pub fn extent(&self) -> Extent {
        let ledgers = self.shared.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut extent = Extent { ledgers: ledgers.len(), ..Extent::default() };
        for progress in ledgers.values().filter_map(|health| health.progress) {
            extent.applied = extent.applied.saturating_add(progress.applied);
            extent.account = extent.account.saturating_add(progress.account.max(progress.applied));
        }
        extent
    }

    /// Each ledger's condition and progress.
    #[must_use]
    pub fn ledgers(&self) -> BTreeMap<LedgerId, LedgerHealth> {
        self.shared.ledgers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What kept all ledgers from being looked at last.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// No ledger is looked at.
    pub fn stands_still(&self, reason: String) {
        *self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    /// Keeps how a ledger is.
    pub fn set(&self, ledger: LedgerId, mut health: LedgerHealth) {
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
        let mut ledgers = self.shared.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        health.progress = health.progress.or_else(|| ledgers.get(&ledger)?.progress);
        ledgers.insert(ledger, health);
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
        for (ledger, health) in self.shared.ledgers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let problem = match (&health.condition, &health.progress) {
                (Condition::Halted { reason }, _) => format!("halted: {reason}"),
                (Condition::Retrying { reason }, _) => format!("retrying: {reason}"),
                (Condition::Following, Some(at)) if at.checked < at.account => {
                    format!("{} of {} events are checked", at.checked, at.account)
                }
                (Condition::Following, _) => continue,
            };
            problems.insert(ledger.to_string(), problem);
        }
        if let Some(problem) = &*self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner) {
            problems.insert("indexer".to_owned(), problem.clone());
        }
        let passed_at = *self.shared.passed_at.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now.saturating_duration_since(passed_at);
        let interval = *self.shared.interval.lock().unwrap_or_else(PoisonError::into_inner);
        if age > LONGEST_PASS.saturating_add(interval) {
            let problem = format!("no look at the ledgers has ended for {} s", age.as_secs());
            problems.entry("indexer".to_owned()).or_insert(problem);
        }
        (problems.is_empty() && self.shared.metrics.passes() > 0, problems)
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

async fn readyz(State(health): State<Health>) -> impl IntoResponse {
    let (is_ready, problems) = health.readiness();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let ledgers = health.shared.ledgers.lock().unwrap_or_else(PoisonError::into_inner).len();
    let late = health.shared.late.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (status, Json(json!({ "ready": is_ready, "ledgers": ledgers, "problems": problems, "late_servers": late })))
}

async fn metrics(State(health): State<Health>) -> impl IntoResponse {
    match health.shared.metrics.text() {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string().into_bytes()),
    }
}
