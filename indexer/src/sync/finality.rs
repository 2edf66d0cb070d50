//! The finality of each ledger, for the pending events.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_core::LedgerId;
use tokio::sync::Notify;

/// How far a ledger is final.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Final {
    /// How many events a quorum's finalized accounts have.
    pub event_seq: u64,
    /// The slot as of which they have no more. An event confirmed up to there that is not among them is dead.
    pub slot: u64,
}

/// How far each ledger is final. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Finality {
    shared: Arc<(Mutex<BTreeMap<LedgerId, Final>>, Notify)>,
}

impl Finality {
    /// A quorum's finalized accounts stand there.
    pub fn reached(&self, ledger: LedgerId, event_seq: u64, slot: u64) {
        let (known, changed) = &*self.shared;
        known.lock().unwrap_or_else(PoisonError::into_inner).insert(ledger, Final { event_seq, slot });
        changed.notify_one();
    }

    /// How far a ledger is; at nothing when it was never looked at.
    #[must_use]
    pub fn of(&self, ledger: LedgerId) -> Final {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).get(&ledger).copied().unwrap_or_default()
    }

    /// The newest slot that a quorum's readings of any ledger have reached.
    #[must_use]
    pub fn newest_slot(&self) -> u64 {
        let known = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().map(|reached| reached.slot).max().unwrap_or(0)
    }

    /// Waits until something was reached.
    pub async fn changed(&self) {
        self.shared.1.notified().await;
    }
}
