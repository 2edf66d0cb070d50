//! Refused requests and sign-ins, as log lines of the target `audit`.
//!
//! Lines hold names, never secrets: of a key its id, of a session its wallet. Text of clients is cut and escaped.

use std::fmt;

use counterfoil_read::CallerName;
use tracing::info;

use crate::rejection::Rejection;

const TARGET: &str = "audit";
/// Characters of a path; a ledger's longest has some 120.
const MAX_PATH: usize = 200;

/// Logs a request that was refused before its route.
pub(super) fn refused(who: CallerName, method: &str, path: &str, problem: &Rejection) {
    let path: String = path.chars().take(MAX_PATH).flat_map(char::escape_debug).collect();
    let code = problem.code.text();
    info!(target: TARGET, %who, method, path, code, verdict = "refused", "{method} {path}: {code} for {who}");
}

/// Logs a wallet that tried to sign in.
pub(super) fn signed_in(who: CallerName, wallet: &str, refused: Option<&dyn fmt::Display>) {
    let verdict = if refused.is_none() { "signed in" } else { "refused" };
    let reason = refused.map(ToString::to_string).unwrap_or_default();
    info!(target: TARGET, %who, wallet, reason, verdict, "wallet {wallet}: {verdict} from {who}");
}
