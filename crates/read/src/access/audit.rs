//! Reads of private ledgers, allowed and refused, as log lines of the target `audit`.
//!
//! Lines hold names, never secrets: of a key its id, of a session its wallet.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use counterfoil_core::LedgerId;
use tracing::info;

use super::who::CallerName;

const TARGET: &str = "audit";

/// The ledgers that one request, stream or socket was logged for: each once, however often it is asked about.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<BTreeSet<LedgerId>>);

impl Told {
    fn is_first(&self, ledger: LedgerId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(ledger)
    }

    /// Logs that a private ledger was read, or refused.
    pub(super) fn ledger(&self, who: CallerName, ledger: LedgerId, may_read: bool) {
        if self.is_first(ledger) {
            let verdict = if may_read { "read" } else { "refused" };
            info!(target: TARGET, %who, ledger.id = %ledger, verdict, "private ledger {ledger}: {verdict} for {who}");
        }
    }
}
