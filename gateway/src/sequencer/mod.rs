//! Sequencers: one a ledger. Each gives accepted records their order, plans them, has plans sent, sees what became of them, and
//! hands their entries to the index.
//!
//! The rules, in the order in which a round keeps them:
//! 1. A plan is decided by the index alone, from the event at the plan's first index: it landed when that event has exactly the
//!    plan's leaves, and never will when another event covers that index.
//! 2. Plans follow one another: each expects the size at which the one before it ends. The signed bytes of a plan are written
//!    before they are sent; the next plan is sent once the one before is confirmed.
//! 3. A record enters a plan at another size only when no plan is open: each was decided, or its transactions have expired
//!    while the ledger did not exceed its size. So two transactions that could both land never carry one record.
//! 4. A plan gets no new transaction while records before its own are in no plan: it expects a size that only other wallets'
//!    appends could bring, and would never end.

mod fill;
mod plan;
mod round;
mod send;
mod transaction;
mod work;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_core::LedgerId;
use tokio::sync::Notify;

use self::work::Work;
pub(crate) use self::work::{Cluster, Pace};
use crate::ledgers::Ledgers;

/// The sequencers of this process.
#[derive(Default)]
pub(crate) struct Sequencers(Mutex<HashMap<LedgerId, Arc<Notify>>>);

impl Sequencers {
    /// Begins to work for a ledger.
    pub(crate) fn begin(&self, ledgers: Arc<Ledgers>, cluster: Cluster, pace: Pace, ledger: LedgerId, key: i32) {
        let wake = Arc::new(Notify::new());
        self.all().insert(ledger, wake.clone());
        let work = Work {
            ledgers,
            cluster,
            pace,
            ledger,
            key,
            wake,
            epoch: None,
            sending: None,
            filling: None,
            last_plan: None,
            here: HashSet::new(),
            caught_up: None,
            told: None,
        };
        tokio::spawn(work.run());
    }

    /// Says that a ledger has records.
    pub(crate) fn wake(&self, ledger: LedgerId) {
        if let Some(wake) = self.all().get(&ledger) {
            wake.notify_one();
        }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<LedgerId, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
