//! The tails that wait for changes of ledgers, woken one ledger at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_core::LedgerId;
use tokio::sync::watch;

use crate::cache::Cache;

/// The tails to wake.
#[derive(Clone)]
pub(super) struct Ears {
    cache: Arc<Cache>,
    waiting: Arc<Waiting>,
}

type Waiting = Mutex<HashMap<LedgerId, watch::Sender<()>>>;

impl Ears {
    pub(super) fn new(cache: Arc<Cache>) -> Self {
        Self { cache, waiting: Arc::default() }
    }

    /// Changes of a ledger from now on; several between two looks are one.
    pub(super) fn changes(&self, ledger: LedgerId) -> watch::Receiver<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, changed| changed.receiver_count() > 0);
        waiting.entry(ledger).or_insert_with(|| watch::Sender::new(())).subscribe()
    }

    /// From now on changes are heard of.
    pub(super) fn start_hearing(&self) {
        self.cache.rows.forget_all(true);
    }

    /// From now on changes are not heard of.
    pub(super) fn stop_hearing(&self) {
        self.cache.rows.forget_all(false);
    }

    /// The ledgers that are waited for.
    pub(super) fn waited_for(&self) -> Vec<LedgerId> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.iter().filter(|(_, changed)| changed.receiver_count() > 0).map(|(ledger, _)| *ledger).collect()
    }

    pub(super) fn is_waited_for(&self, ledger: LedgerId) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.get(&ledger).is_some_and(|changed| changed.receiver_count() > 0)
    }

    /// Invalidates before it wakes: woken followers read at once.
    pub(super) fn tell(&self, ledger: LedgerId) {
        self.cache.rows.forget(ledger);
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(changed) = waiting.get(&ledger) {
            changed.send_replace(());
        }
    }

    pub(super) fn tell_all(&self) {
        self.cache.rows.forget_all(true);
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.values().for_each(|changed| {
            changed.send_replace(());
        });
    }
}
