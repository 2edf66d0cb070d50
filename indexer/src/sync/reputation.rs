//! The reputation of servers, which orders them: those without falsehoods first, then those that answer.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long nothing more is told of a server that says what is false, however often and of however many ledgers.
const QUIET: Duration = Duration::from_secs(60);

/// The record of each server, in the order in which they were given.
#[derive(Debug, Default)]
pub struct Reputation {
    servers: Vec<Record>,
}

#[derive(Debug, Default)]
struct Record {
    /// Events that did not follow, histories that a quorum refuted, and accounts other than a quorum's; never forgiven
    /// while this process lives.
    falsehoods: AtomicU32,
    told_at: Mutex<Option<Instant>>,
    /// Attempts in a row that failed.
    failures: AtomicU32,
}

impl Reputation {
    /// Nothing is known of `servers` servers.
    #[must_use]
    pub fn new(servers: usize) -> Self {
        Self { servers: (0..servers).map(|_| Record::default()).collect() }
    }

    /// The servers, those to be asked first in front; equal ones in the order in which they were given.
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.servers.len()).collect();
        order.sort_by_key(|server| {
            let record = &self.servers[*server];
            (record.falsehoods.load(Ordering::Relaxed), record.failures.load(Ordering::Relaxed))
        });
        order
    }

    /// Records that the server served provably false data.
    pub fn lied(&self, server: usize) {
        self.servers[server].falsehoods.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the operator should be told of what a server said: once in a while, for it can be said at each look and of
    /// each ledger.
    #[must_use]
    pub fn should_be_told(&self, server: usize, now: Instant) -> bool {
        let mut told_at = self.servers[server].told_at.lock().unwrap_or_else(PoisonError::into_inner);
        let should = told_at.is_none_or(|told_at| now.saturating_duration_since(told_at) >= QUIET);
        if should {
            *told_at = Some(now);
        }
        should
    }

    /// Records a failure.
    pub fn failed(&self, server: usize) {
        self.servers[server].failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Records a success.
    pub fn succeeded(&self, server: usize) {
        self.servers[server].failures.store(0, Ordering::Relaxed);
    }
}
