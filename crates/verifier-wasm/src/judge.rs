//! The verdict on a document: what it claims, compared with what the verifier pinned.

use std::fmt::Write;

use counterfoil_core::json::Plain;
use counterfoil_core::receipt::Head;
use counterfoil_core::relate::LogKind;

use crate::MAX_INPUT_BYTES;
use crate::claim::{Claim, ClaimedHead, Shows};
use crate::document::Document;
use crate::pin::Pin;
use crate::verdict::{Claims, Comparison, Fault, Report, Verdict};
use crate::write::Writer;

/// Verifies a document, compared with a pin; both as JSON, the pin empty for none. Gives the verdict as JSON.
///
/// `{"error"}` stands in place of a verdict when the pin cannot be read: that is its author's fault and says nothing of the
/// document.
#[must_use]
pub fn verify(document: &[u8], pin: &[u8]) -> Vec<u8> {
    let mut json = Writer::default();
    match Pin::read(pin) {
        Ok(pin) => judge(document, &pin).write(&mut json),
        Err(error) => {
            json.object(|misuse| misuse.member("error").shown(&Plain(&format!("the pin cannot be read: {error}"))))
        }
    }
    json.into_bytes()
}

fn judge(document: &[u8], pin: &Pin) -> Report {
    if document.len() > MAX_INPUT_BYTES {
        let fault =
            Fault::cannot_tell(format_args!("it has more than {MAX_INPUT_BYTES} bytes: take `counterfoil verify`"));
        return Report::of_fault(None, fault, Vec::new());
    }
    let document = match Document::of(document) {
        Ok(document) => document,
        Err(fault) => return Report::of_fault(None, fault, Vec::new()),
    };
    let (kind, mut compared) = (document.kind(), Vec::new());
    let result = document.verify(pin, &mut compared).and_then(|mut claim| {
        compared.append(&mut claim.compared);
        let shown = compare_heads(&claim.heads, pin, &mut compared)?;
        Ok((claim, shown))
    });
    match result {
        Ok((claim, shown)) => conclude(claim, &shown, pin, compared),
        Err(fault) => Report::of_fault(Some(kind), fault, compared),
    }
}

/// The claimed heads that are pinned ones.
///
/// Heads of one size with different roots contradict each other, and so do heads of one root with different sizes, for no two
/// trees have one root. Other heads tell nothing.
fn compare_heads(
    claimed: &[ClaimedHead],
    pin: &Pin,
    compared: &mut Vec<Comparison>,
) -> Result<Vec<ClaimedHead>, Fault> {
    let (mut shown, mut fault) = (Vec::new(), None);
    for claim in claimed {
        let head = Head::from(claim.head);
        let meets = |pinned: &Head| pinned.size == head.size || pinned.root == head.root;
        for (_, pinned) in pin.heads().filter(|(log, pinned)| *log == claim.log && meets(pinned)) {
            let equal = pinned == head;
            let what = match claim.log {
                LogKind::Entries => "head of the entries",
                LogKind::Events => "head of the events",
            };
            let [found, expected] = [head, pinned].map(|head| format!("{}:{}", head.size, head.root));
            if equal {
                shown.push(*claim);
            } else if fault.is_none() {
                fault =
                    Some(Fault::refused(format_args!("its {what} is {found}, you pinned {expected}")).at(claim.place));
            }
            compared.push(Comparison { what, found, expected, by: "pin", equal });
        }
    }
    fault.map_or(Ok(shown), Err)
}

fn conclude(claim: Claim, shown: &[ClaimedHead], pin: &Pin, compared: Vec<Comparison>) -> Report {
    let by = |wanted: &[Shows]| shown.iter().find(|head| wanted.contains(&head.shows));
    let event = by(&[Shows::Event, Shows::Both]).is_some();
    let what = &claim.what;
    let (verdict, reason) = if let Some(head) = by(&[Shows::Leaves, Shows::Both]) {
        (Verdict::Verified, format!("{what}, by the head of {} leaves that you pinned", head.head.size))
    } else if let Some(head) = by(&[Shows::Start]) {
        let size = head.head.size;
        (
            Verdict::Consistent,
            format!("{what}, which you pinned ({size} leaves); that the later one is the chain's is not shown"),
        )
    } else if event {
        (
            Verdict::CannotTell,
            format!("the event is in the log that you pinned, and {what} leads to another head than the event states"),
        )
    } else if pin.heads().next().is_none() {
        let whose = if pin.ledger.is_some() && claim.origin.is_some() {
            "it names the ledger that you pinned"
        } else {
            "no ledger was pinned"
        };
        (
            Verdict::CannotTell,
            format!(
                "only inner consistency was checked: {what} holds together, {whose}, and no head was pinned to compare it with. That it is in your ledger is not shown"
            ),
        )
    } else {
        (
            Verdict::CannotTell,
            format!(
                "only inner consistency was checked: {what} leads to {}, and you pinned {}",
                names(claim.heads.iter().map(|head| Head::from(head.head))),
                names(pin.heads().map(|(_, head)| head))
            ),
        )
    };
    let is_shown = verdict == Verdict::Verified;
    let mut report = Report {
        verdict,
        kind: Some(claim.kind),
        reason,
        place: None,
        compared,
        checked: Vec::new(),
        not_checked: not_checked(&claim, pin, event, is_shown),
        claims: Some(Claims {
            origin: claim.origin,
            heads: claim.heads.iter().map(|claimed| (claimed.log, claimed.head)).collect(),
        }),
        facts: None,
    };
    report.checked.push(format!("inner consistency: {}", claim.what));
    if is_shown {
        report.checked.extend(shown.iter().map(|head| {
            format!("it leads to the head of {} leaves that you pinned, in `{}`", head.head.size, head.place)
        }));
        let mut facts = claim.facts;
        facts.event = claim.event.filter(|_| event);
        report.facts = Some(facts);
    }
    report
}

fn names(heads: impl Iterator<Item = Head>) -> String {
    let mut last = None;
    let mut names = String::new();
    for head in heads {
        if last == Some(head) {
            continue;
        }
        if last.is_some() {
            names.push_str(" and ");
        }
        // Writing to a text cannot fail.
        let _ = write!(names, "{}:{}", head.size, head.root);
        last = Some(head);
    }
    names
}

fn not_checked(claim: &Claim, pin: &Pin, event: bool, is_shown: bool) -> Vec<String> {
    let mut lines = claim.not_checked.clone();
    if claim.origin.is_some() && pin.ledger.is_none() {
        lines.push("whose ledger it is: you pinned none, and anybody can make one".to_owned());
    }
    if is_shown && claim.event.is_some() && !event {
        lines.push("who appended it, and when: pin a head of the events for that".to_owned());
    }
    lines.push("the chain: no server was asked, and a head is believed because you pinned it".to_owned());
    lines.push("that what was written is true, or that everything was written".to_owned());
    lines
}
