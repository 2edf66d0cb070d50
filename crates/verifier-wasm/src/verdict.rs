//! The verdict, as it stands in JSON.

use counterfoil_core::receipt::Head;
use counterfoil_core::relate::LogKind;
use counterfoil_core::{GenesisHash, LedgerId, ProgramId, Wallet, json};
use merkle_log::LeafHash;
use serde::Serialize;

use crate::text::plain;

/// The answer's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It holds, by a head that the verifier pinned.
    Verified,
    /// Something contradicts it.
    Refused,
    /// Something that it takes is not there: a head, a list, a version that reads it.
    CannotTell,
    /// It holds together with a pinned head, and says something newer that anybody could have made.
    Consistent,
}

/// The kind of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Receipt,
    Certificate,
    Evidence,
    Consistency,
}

/// Two values that were compared.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) what: &'static str,
    pub(crate) found: String,
    pub(crate) expected: String,
    /// Whose word the expected value is: `pin`, or `document`, where a document is compared with itself.
    pub(crate) by: &'static str,
    pub(crate) equal: bool,
}

/// A head of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LogHead {
    pub(crate) log: LogKind,
    #[serde(flatten)]
    pub(crate) head: Head,
}

/// The names that a document gives itself.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Origin {
    #[serde(with = "json::text")]
    pub(crate) genesis_hash: GenesisHash,
    #[serde(with = "json::text")]
    pub(crate) program: ProgramId,
    #[serde(with = "json::text")]
    pub(crate) ledger: LedgerId,
}

/// The statements of a document that a verdict leaves unproven; never there with a refusal.
#[derive(Debug, Serialize)]
pub(crate) struct Claims {
    #[serde(flatten)]
    pub(crate) origin: Option<Origin>,
    pub(crate) heads: Vec<LogHead>,
}

/// The statements of a document that were shown; there with `verified` alone.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Facts {
    #[serde(skip_serializing_if = "Option::is_none", with = "json::optional::text")]
    pub(crate) index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", with = "json::optional::text")]
    pub(crate) leaf_hash: Option<LeafHash>,
    #[serde(skip_serializing_if = "Vec::is_empty", with = "json::bytes")]
    pub(crate) payload: Vec<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<LogKind>,
    #[serde(skip_serializing_if = "Option::is_none", with = "json::optional::text")]
    pub(crate) from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", with = "json::optional::text")]
    pub(crate) to: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<EventFacts>,
}

/// The signer and the time.
#[derive(Debug, Serialize)]
pub(crate) struct EventFacts {
    #[serde(with = "json::text")]
    pub(crate) seq: u64,
    #[serde(with = "json::text")]
    pub(crate) signer: Wallet,
    #[serde(with = "json::text")]
    pub(crate) slot: u64,
    /// By the chain's clock, in seconds since 1970.
    #[serde(with = "json::text")]
    pub(crate) unix_time: i64,
}

/// A verdict with what it rests on.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<Kind>,
    pub(crate) reason: String,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    pub(crate) compared: Vec<Comparison>,
    pub(crate) checked: Vec<String>,
    pub(crate) not_checked: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) claims: Option<Claims>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) facts: Option<Facts>,
}

/// Why there is no better verdict.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    pub(crate) place: Option<String>,
}

impl Fault {
    /// Something contradicts the document.
    pub(crate) fn refused(reason: impl ToString) -> Self {
        Self { verdict: Verdict::Refused, reason: reason.to_string(), place: None }
    }

    /// Something is missing.
    pub(crate) fn cannot_tell(reason: impl ToString) -> Self {
        Self { verdict: Verdict::CannotTell, ..Self::refused(reason) }
    }

    /// The same, at a place of the document.
    pub(crate) fn at(self, place: impl ToString) -> Self {
        Self { place: Some(place.to_string()), ..self }
    }
}

impl Report {
    /// A report whose verdict is a fault's. Texts of the document's are shown with all escaped that is not plain.
    pub(crate) fn of_fault(kind: Option<Kind>, fault: Fault, compared: Vec<Comparison>) -> Self {
        Self {
            verdict: fault.verdict,
            kind,
            reason: plain(&fault.reason),
            place: fault.place.as_deref().map(plain),
            compared,
            checked: Vec::new(),
            not_checked: Vec::new(),
            claims: None,
            facts: None,
        }
    }
}
