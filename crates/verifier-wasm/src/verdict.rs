//! The verdict, as it stands in JSON.

use counterfoil_core::json::{Plain, ReadError, bytes};
use counterfoil_core::relate::LogKind;
use counterfoil_core::{GenesisHash, LedgerId, ProgramId, Wallet};
use merkle_log::{LeafHash, TreeHead};

use crate::write::{Members, Writer};

/// The answer's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Receipt,
    Certificate,
    Evidence,
    Consistency,
}

/// Two values that were compared.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) what: &'static str,
    pub(crate) found: String,
    pub(crate) expected: String,
    /// Whose word the expected value is: `pin`, or `document`, where a document is compared with itself.
    pub(crate) by: &'static str,
    pub(crate) equal: bool,
}

/// The names that a document gives itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) genesis_hash: GenesisHash,
    pub(crate) program: ProgramId,
    pub(crate) ledger: LedgerId,
}

/// The statements of a document that a verdict leaves unproven; never there with a refusal.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(crate) origin: Option<Origin>,
    pub(crate) heads: Vec<(LogKind, TreeHead)>,
}

/// The statements of a document that were shown; there with `verified` alone.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) index: Option<u64>,
    pub(crate) leaf_hash: Option<LeafHash>,
    pub(crate) payload: Vec<u8>,
    pub(crate) log: Option<LogKind>,
    pub(crate) from: Option<u64>,
    pub(crate) to: Option<u64>,
    pub(crate) event: Option<EventFacts>,
}

/// The signer and the time.
#[derive(Debug)]
pub(crate) struct EventFacts {
    pub(crate) seq: u64,
    pub(crate) signer: Wallet,
    pub(crate) slot: u64,
    /// By the chain's clock, in seconds since 1970.
    pub(crate) unix_time: i64,
}

/// A verdict with what it rests on.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) verdict: Verdict,
    pub(crate) kind: Option<Kind>,
    pub(crate) reason: String,
    pub(crate) place: Option<String>,
    pub(crate) compared: Vec<Comparison>,
    pub(crate) checked: Vec<String>,
    pub(crate) not_checked: Vec<String>,
    pub(crate) claims: Option<Claims>,
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
            reason: Plain(&fault.reason).to_string(),
            place: fault.place.as_deref().map(|place| Plain(place).to_string()),
            compared,
            checked: Vec::new(),
            not_checked: Vec::new(),
            claims: None,
            facts: None,
        }
    }

    /// Writes it as JSON.
    pub(crate) fn write(&self, json: &mut Writer) {
        json.object(|report| {
            report.member("verdict").text(self.verdict.name());
            report.shown("kind", self.kind.map(Kind::name).as_ref().map(|name| name as _));
            report.member("reason").text(&self.reason);
            report.shown("where", self.place.as_ref().map(|place| place as _));
            report.member("compared").list(&self.compared, |json, comparison| comparison.write(json));
            report.member("checked").texts(&self.checked);
            report.member("not_checked").texts(&self.not_checked);
            if let Some(claims) = &self.claims {
                report.member("claims").object(|json| claims.write(json));
            }
            if let Some(facts) = &self.facts {
                report.member("facts").object(|json| facts.write(json));
            }
        });
    }
}

impl Verdict {
    const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Refused => "refused",
            Self::CannotTell => "cannot_tell",
            Self::Consistent => "consistent",
        }
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Certificate => "certificate",
            Self::Evidence => "evidence",
            Self::Consistency => "consistency",
        }
    }
}

impl Comparison {
    fn write(&self, json: &mut Writer) {
        json.object(|comparison| {
            comparison.member("what").text(self.what);
            comparison.member("found").text(&self.found);
            comparison.member("expected").text(&self.expected);
            comparison.member("by").text(self.by);
            comparison.member("equal").bool(self.equal);
        });
    }
}

impl Claims {
    fn write(&self, claims: &mut Members<'_>) {
        if let Some(Origin { genesis_hash, program, ledger }) = &self.origin {
            claims.member("genesis_hash").shown(genesis_hash);
            claims.member("program").shown(program);
            claims.member("ledger").shown(ledger);
        }
        claims.member("heads").list(&self.heads, |json, (log, TreeHead { size, root })| {
            json.object(|head| {
                head.member("log").text(log.name());
                head.member("size").shown(size);
                head.member("root").shown(root);
            });
        });
    }
}

impl Facts {
    fn write(&self, facts: &mut Members<'_>) {
        facts.shown("index", self.index.as_ref().map(|index| index as _));
        facts.shown("leaf_hash", self.leaf_hash.as_ref().map(|hash| hash as _));
        if !self.payload.is_empty() {
            facts.member("payload").text(&bytes::to_text(&self.payload));
        }
        facts.shown("log", self.log.map(LogKind::name).as_ref().map(|name| name as _));
        facts.shown("from", self.from.as_ref().map(|from| from as _));
        facts.shown("to", self.to.as_ref().map(|to| to as _));
        if let Some(EventFacts { seq, signer, slot, unix_time }) = &self.event {
            facts.member("event").object(|event| {
                event.member("seq").shown(seq);
                event.member("signer").shown(signer);
                event.member("slot").shown(slot);
                event.member("unix_time").shown(unix_time);
            });
        }
    }
}

/// The refusal of JSON that cannot be read as what it should be.
pub(crate) fn unreadable(what: &str, error: &ReadError) -> Fault {
    let fault = Fault::refused(format_args!("{what}: {}", error.problem()));
    match error.place() {
        Some(place) => fault.at(place),
        None => fault,
    }
}
