//! How far ledgers are, kept in memory for as long as every change is heard of.
//!
//! The database says when a ledger changed, and what was kept is forgotten before anybody is woken. Between two moments at
//! which nothing was said nothing changed: unless the connection was lost unnoticed, for which nothing is
//! kept longer than [`MAX_AGE`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use counterfoil_core::LedgerId;
use counterfoil_store::{Cluster, LedgerRow};

/// How old an answer may be when the connection that changes are heard on was lost unnoticed.
const MAX_AGE: Duration = Duration::from_secs(1);
/// At this many, those that are too old are thrown away.
const MANY: usize = 10_000;

/// Rows of ledgers, and of the cluster.
pub(crate) struct Rows(Mutex<CachedRows>);

#[derive(Default)]
struct CachedRows {
    is_off: bool,
    is_listening: bool,
    /// How often something was forgotten.
    changes: u64,
    ledgers: HashMap<LedgerId, (Arc<LedgerRow>, Instant)>,
    cluster: Option<(Cluster, Instant)>,
}

/// The snapshot at which a row was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    changes: u64,
    at: Instant,
}

impl Rows {
    /// Keeps rows, or never any.
    pub(crate) fn new(is_on: bool) -> Self {
        Self(Mutex::new(CachedRows { is_off: !is_on, ..CachedRows::default() }))
    }

    pub(crate) fn ledger(&self, ledger: LedgerId) -> Option<Arc<LedgerRow>> {
        let kept = self.lock();
        let (row, since) = kept.ledgers.get(&ledger)?;
        (since.elapsed() < MAX_AGE).then(|| row.clone())
    }

    pub(crate) fn cluster(&self) -> Option<Cluster> {
        let kept = self.lock();
        kept.cluster.filter(|(_, since)| since.elapsed() < MAX_AGE).map(|(cluster, _)| cluster)
    }

    /// Call before reading a row to cache. Returns none while changes are not notified.
    pub(crate) fn ask(&self) -> Option<Asked> {
        let kept = self.lock();
        (kept.is_listening && !kept.is_off).then(|| Asked { changes: kept.changes, at: Instant::now() })
    }

    /// Keeps a row that was read, unless something changed since it was asked for.
    pub(crate) fn keep_ledger(&self, asked: Asked, row: Arc<LedgerRow>) {
        let mut kept = self.lock();
        if kept.changes == asked.changes {
            if kept.ledgers.len() >= MANY {
                kept.ledgers.retain(|_, (_, since)| since.elapsed() < MAX_AGE);
            }
            kept.ledgers.insert(row.ledger, (row, asked.at));
        }
    }

    /// As [`Self::keep_ledger`].
    pub(crate) fn keep_cluster(&self, asked: Asked, cluster: Cluster) {
        let mut kept = self.lock();
        if kept.changes == asked.changes {
            kept.cluster = Some((cluster, asked.at));
        }
    }

    /// This ledger changed.
    pub(crate) fn forget(&self, ledger: LedgerId) {
        let mut kept = self.lock();
        kept.changes = kept.changes.wrapping_add(1);
        kept.ledgers.remove(&ledger);
    }

    /// Anything may have changed; and from now on changes are heard of, or not.
    pub(crate) fn forget_all(&self, is_listening: bool) {
        let mut kept = self.lock();
        let changes = kept.changes.wrapping_add(1);
        *kept = CachedRows { is_off: kept.is_off, is_listening, changes, ..CachedRows::default() };
    }

    fn lock(&self) -> MutexGuard<'_, CachedRows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
