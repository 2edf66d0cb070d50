//! The statements about answers, and refusals. No text of an API or of a server is passed on: agents read it.

use std::borrow::Cow;

use counterfoil_core::LedgerId;
use counterfoil_mcp::{Level, Refusal, Statement};
use counterfoil_service::note;

use crate::api::Api;
use crate::api::problem_of;
use crate::heads::Reading;
use crate::verdict::is_refutation;

pub(super) const BY: &str = "counterfoil mcp on this machine: it recomputed the proofs, and asked Solana servers of the user's choice for \
    the head. The API was not believed";
pub(super) const BY_NONE: &str =
    "nothing: the API was asked, and counterfoil mcp on this machine can verify no list of ledgers";
pub(super) const WHOLE: &str =
    "the page is whole: these are all entries from its first to its last, each as it was appended";
pub(super) const ENTRIES: &str = "each entry: it is in the log whose head the servers confirm";
pub(super) const EVENTS: &str =
    "each event, which says who, when and in which slot: it is in the event log whose head they confirm";
pub(super) const HEADS: &str =
    "both heads are the chain's: the finalized account has them, or extends them by a proof that was verified";
pub(super) const ACCOUNT: &str = "authority, and whether it is sealed or open: from the finalized account";
pub(super) const SERVERS: &str = "that these servers are honest: they were asked, their answers are no proof";
pub(super) const TRUTH: &str = "that what was written is true, or that everything was written";
pub(super) const NONE_LEFT_OUT: &str = "that none is left out: it is the API's word";
pub(super) const WRITERS: &str = "that writers and authority are those that follow from the events, and that no event is left out: the \
    API's word; counterfoil audit recomputes the whole log";
pub(super) const ACTIVITY: &str = "counts, bytes, verdicts and forecast: they are the API's word. get_entries from first_index to end_index \
    shows a bucket's entries";
pub(super) const NO_EVENTS: &str = "who appended these entries, and when: get_receipt and find_entries show it";
pub(super) const WHICH_LEDGER: &str =
    "that this ledger is the one that the user means: anybody can make one; pin it in a trust file";

/// The statement of a verification against these readings of the chain.
pub(super) fn statement(
    readings: &[Reading],
    verified: &[&'static str],
    not_verified: &[&'static str],
    check: String,
) -> Statement {
    let texts = |texts: &[&'static str]| texts.iter().copied().map(Cow::Borrowed).collect::<Vec<_>>();
    Statement {
        level: Level::Chain,
        by: BY,
        head: None,
        event_head: None,
        slot: readings.iter().map(|reading| reading.at.slot).min().map(counterfoil_wire::U64),
        servers: Some(readings.len()),
        verified: texts(verified),
        not_verified: texts(&[not_verified, &[SERVERS, TRUTH]].concat()),
        check,
    }
}

/// The refusal that an error is. The words of an API or a server go to standard error, for the user.
pub(super) fn refusal(error: &anyhow::Error, ledger: Option<LedgerId>) -> Refusal {
    note!("{error:#}");
    let audit =
        ledger.map_or_else(|| "counterfoil audit LEDGER".to_owned(), |ledger| format!("counterfoil audit {ledger}"));
    if let Some(problem) = problem_of(error) {
        let Some(code) = problem.known_code() else {
            return Refusal::cannot_tell("The API refuses, with a code that this version does not know.");
        };
        return match problem.is_corrupt() {
            true => {
                let place = problem.leaf().map_or_else(String::new, |leaf| format!(", at {leaf}"));
                let detail = format!(
                    "The API says that its database was changed or damaged{place}. Do not trust it: run `{audit}` to compare it with \
                     the chain."
                );
                Refusal::new(code, detail)
            }
            false => Refusal::new(
                code,
                format!("The API refuses: {}. Standard error of counterfoil mcp has its words.", code.title()),
            ),
        };
    }
    if is_refutation(error) {
        return Refusal::refused(format!(
            "What the API gave contradicts the chain or itself, so it is not shown. Do not trust that API: run `{audit}`. Standard error \
             of counterfoil mcp says what differs."
        ));
    }
    let why = match Api::is_late(error) {
        true => "The API did not answer in time.",
        false => "The API or too few of the Solana servers answered, or one is behind.",
    };
    Refusal::cannot_tell(format!(
        "It could not be verified, so it is not shown. {why} Standard error of counterfoil mcp says why: check COUNTERFOIL_API and \
         COUNTERFOIL_RPC, and try again."
    ))
}
