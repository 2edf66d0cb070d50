//! The claims of a document whose parts belong together: heads, and what they prove.

use counterfoil_core::relate::LogKind;
use merkle_log::TreeHead;

use crate::verdict::{Comparison, EventFacts, Facts, Kind, Origin};

/// A head to which a document leads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClaimedHead {
    pub(crate) log: LogKind,
    pub(crate) head: TreeHead,
    /// The member of the document in which it stands.
    pub(crate) place: &'static str,
    /// The parts that are shown when the verifier trusts this head.
    pub(crate) shows: Shows,
}

/// The parts that a trusted head shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// The leaves that the document is of.
    Leaves,
    /// The event, and with it who appended the leaves and when.
    Event,
    /// Both: the event states the head under which the leaves are.
    Both,
    /// Nothing of the document but that it goes on from there.
    Start,
}

/// A document whose parts belong together.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) kind: Kind,
    /// Its names; a consistency proof has none.
    pub(crate) origin: Option<Origin>,
    /// As a sentence's subject: "entry 9 of ledger …".
    pub(crate) what: String,
    pub(crate) heads: Vec<ClaimedHead>,
    /// The comparisons within the document.
    pub(crate) compared: Vec<Comparison>,
    pub(crate) facts: Facts,
    /// Shown with the event alone.
    pub(crate) event: Option<EventFacts>,
    /// The parts that verifying does not show even then.
    pub(crate) not_checked: Vec<String>,
}

/// A comparison of the root that leaves and a proof lead to with the one that the document says.
pub(crate) fn root_compared(what: &'static str, head: &TreeHead) -> Comparison {
    let root = head.root.to_string();
    Comparison { what, found: root.clone(), expected: root, by: "document", equal: true }
}
