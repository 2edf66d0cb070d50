//! Who was refused, and who read what is private: for the operator, as log lines of the target `audit`.
//!
//! Lines hold names, never secrets: of a key its id, of a session its wallet. What clients write is cut and escaped.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use counterfoil_core::LedgerId;
use tracing::info;

use super::caller::CallerName;
use super::key::key_id_text;
use crate::problem::Problem;

const TARGET: &str = "audit";
/// Of a path; a ledger's longest has some 120.
const MAX_PATH: usize = 200;

/// What was told of one request, stream or socket: of each ledger once, however often it is asked about.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<BTreeSet<LedgerId>>);

impl Told {
    fn is_first(&self, ledger: LedgerId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(ledger)
    }

    /// A private ledger was read, or refused.
    pub(super) fn ledger(&self, who: CallerName, ledger: LedgerId, may_read: bool) {
        if self.is_first(ledger) {
            let verdict = if may_read { "read" } else { "refused" };
            info!(target: TARGET, %who, ledger.id = %ledger, verdict, "private ledger {ledger}: {verdict} for {who}");
        }
    }
}

/// A request was refused before its route.
pub(super) fn refused(who: CallerName, method: &str, path: &str, problem: &Problem) {
    let path: String = path.chars().take(MAX_PATH).flat_map(char::escape_debug).collect();
    let code = problem.code.text();
    info!(target: TARGET, %who, method, path, code, verdict = "refused", "{method} {path}: {code} for {who}");
}

/// A wallet tried to sign in.
pub(super) fn signed_in(who: CallerName, wallet: &str, refused: Option<&dyn fmt::Display>) {
    let verdict = if refused.is_none() { "signed in" } else { "refused" };
    let reason = refused.map(ToString::to_string).unwrap_or_default();
    info!(target: TARGET, %who, wallet, reason, verdict, "wallet {wallet}: {verdict} from {who}");
}

impl fmt::Display for CallerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key {}", key_id_text(*id)),
            Self::Wallet(wallet) => write!(f, "wallet {wallet}"),
            Self::Network(address) => write!(f, "address {address}"),
        }
    }
}
