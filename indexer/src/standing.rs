//! Which server is asked first: the one that has not been caught with falsehoods and that answers.

use std::sync::atomic::{AtomicU32, Ordering};

/// What each server has done so far, in the order in which they were given.
#[derive(Debug, Default)]
pub struct Standing {
    servers: Vec<Record>,
}

#[derive(Debug, Default)]
struct Record {
    /// Events that did not follow, and histories that a quorum refuted; never forgiven while this process lives.
    falsehoods: AtomicU32,
    /// Attempts in a row that led nowhere.
    failures: AtomicU32,
}

impl Standing {
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

    /// The server was caught.
    pub fn lied(&self, server: usize) {
        self.servers[server].falsehoods.fetch_add(1, Ordering::Relaxed);
    }

    /// The server led nowhere.
    pub fn failed(&self, server: usize) {
        self.servers[server].failures.fetch_add(1, Ordering::Relaxed);
    }

    /// The server led on.
    pub fn succeeded(&self, server: usize) {
        self.servers[server].failures.store(0, Ordering::Relaxed);
    }
}
