//! The records, as a server reads and verifies them.

use std::borrow::Cow;

use counterfoil_core::LedgerId;
use counterfoil_core::receipt::Receipt;
use counterfoil_wire::{Activity, EntryPage, FoundEntries, Head, Key, Ledger, LedgerPage, Standing, U64};
use rmcp::model::Extensions;

use crate::arguments::{ActivityQuery, At, EntryQuery};
use crate::refusal::Refusal;

/// Opens the records for the caller of one request.
pub trait Open: Send + Sync + 'static {
    /// The records as that caller reads them.
    type Records: Records;

    /// Opens them. `extensions` are those of the request, by which an HTTP server knows its caller.
    ///
    /// # Errors
    /// [`Refusal`], when the caller may not read.
    fn open(&self, extensions: &Extensions) -> Result<Self::Records, Refusal>;
}

/// The records of one caller. Each answer says what was verified; a row that does not hold is never answered.
///
/// # Errors
/// Each method: [`Refusal`].
pub trait Records: Send + Sync + 'static {
    /// A page of ledgers, after one.
    fn list_ledgers(&self, after: Option<LedgerId>, limit: u64) -> impl Reading<LedgerPage>;

    /// A ledger.
    fn describe_ledger(&self, ledger: LedgerId) -> impl Reading<Described>;

    /// A page of the entries that satisfy a query.
    fn find_entries(&self, ledger: LedgerId, query: EntryQuery, limit: u64) -> impl Reading<FoundEntries>;

    /// A page of entries from an index on.
    fn load_entries(&self, ledger: LedgerId, first: u64, limit: u64) -> impl Reading<EntryPage>;

    /// An entry's receipt.
    fn load_receipt(&self, ledger: LedgerId, index: u64) -> impl Reading<Receipt>;

    /// Judges a receipt, which somebody else may have made; one that does not hold together is refused.
    fn verify_receipt(&self, receipt: Receipt) -> impl Reading<Judged>;

    /// A ledger's activity by hour or day.
    fn activity(&self, ledger: LedgerId, query: ActivityQuery) -> impl Reading<Activity>;

    /// A ledger as it was.
    fn standing(&self, ledger: LedgerId, at: At) -> impl Reading<Standing>;
}

/// The future of a reading.
pub trait Reading<T>: Future<Output = Result<Read<T>, Refusal>> + Send {}

impl<T, F: Future<Output = Result<Read<T>, Refusal>> + Send> Reading<T> for F {}

/// A reading: a body, and the statement of how it was verified.
#[derive(Clone, Debug)]
pub struct Read<T> {
    /// The body.
    pub body: T,
    /// The statement of the verification.
    pub verified: Statement,
}

/// A ledger, with its account where that was read from the chain.
#[derive(Clone, Debug)]
pub struct Described {
    /// As the index has it.
    pub ledger: Ledger,
    /// The wallet that may grant, revoke, pass on and seal; none where the chain was not asked.
    pub authority: Option<Key>,
    /// Whether the ledger is sealed; none where the chain was not asked.
    pub is_sealed: Option<bool>,
    /// Whether everybody may append; none where the chain was not asked.
    pub is_open: Option<bool>,
}

/// A judgement of a receipt.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// The reason, in the server's own words.
    pub reason: String,
}

/// A verdict, as `counterfoil verify` gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds, and so does the ledger: the user's trust file names it.
    Verified,
    /// It holds. That the ledger is the right one is for the user to say: everybody can make one.
    Consistent,
    /// Something contradicts it.
    Refused,
    /// The evidence is incomplete.
    CannotTell,
}

impl Verdict {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Consistent => "consistent",
            Self::Refused => "refused",
            Self::CannotTell => "cannot_tell",
        }
    }
}

/// How far an answer was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// By recomputing, against heads that Solana servers of the user's choice have.
    Chain,
    /// By recomputing, against a head that the answering server says it has compared with the chain.
    CheckedHead,
    /// Not at all: it is the index's word.
    Index,
}

impl Level {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::CheckedHead => "checked_head",
            Self::Index => "index",
        }
    }
}

/// A statement of what was verified, by whom, against which head, and what was not. All texts are the server's own.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The level.
    pub level: Level,
    /// The verifier.
    pub by: &'static str,
    /// The head of the entries that proofs lead to.
    pub head: Option<Head>,
    /// The head of the event log, likewise.
    pub event_head: Option<Head>,
    /// The slot at which the chain was read.
    pub slot: Option<U64>,
    /// How many Solana servers confirmed it.
    pub servers: Option<usize>,
    /// The claims that were verified.
    pub verified: Vec<Cow<'static, str>>,
    /// The claims that were not.
    pub not_verified: Vec<Cow<'static, str>>,
    /// The command by which a person verifies it.
    pub check: String,
}
