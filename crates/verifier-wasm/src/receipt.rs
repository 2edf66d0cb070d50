//! Receipts.

use counterfoil_core::Event;
use counterfoil_core::json::{FromJson, Value};
use counterfoil_core::receipt::{Receipt, ReceiptError, VerifiedReceipt, Version};
use counterfoil_core::relate::LogKind;

use crate::claim::{Claim, ClaimedHead, Shows, root_compared};
use crate::pin::Pin;
use crate::verdict::{Comparison, EventFacts, Facts, Fault, Kind, Origin, unreadable};

/// Verifies that a receipt's parts belong together.
pub(crate) fn verify(document: &Value<'_>, pin: &Pin, compared: &mut Vec<Comparison>) -> Result<Claim, Fault> {
    let receipt = Receipt::from_json(document).map_err(|error| unreadable("it is not a receipt", &error))?;
    let origin = Origin { genesis_hash: receipt.genesis_hash, program: receipt.program, ledger: receipt.ledger };
    pin.expect(&origin, compared)?;
    let verified = receipt.verify().map_err(|error| fault(&receipt, &error))?;
    let head = |log, head, place, shows| ClaimedHead { log, head, place, shows };
    let (stated, later) = (verified.stated_head(), verified.later_heads());
    let is_v1 = matches!(receipt.version, Version::V1 { .. });
    let (entries_place, events_place) =
        if is_v1 { ("head", "event_head") } else { ("bridge.head", "bridge.event_head") };
    // Of version 1 the stated head is the one in `head`.
    let mut heads = Vec::new();
    if let Some(stated) = stated.filter(|_| !is_v1) {
        heads.push(head(LogKind::Entries, *stated, "event", Shows::Leaves));
    }
    if let Some(later) = later {
        let by_event = if stated.is_some() { Shows::Both } else { Shows::Event };
        heads.push(head(LogKind::Entries, later.entries, entries_place, Shows::Leaves));
        heads.push(head(LogKind::Events, later.events, events_place, by_event));
    }
    Ok(Claim {
        kind: Kind::Receipt,
        origin: Some(origin),
        what: format!("entry {} of ledger {}", verified.index(), receipt.ledger),
        compared: inner(&verified),
        heads,
        facts: Facts {
            index: Some(receipt.entry.index),
            leaf_hash: Some(*verified.leaf()),
            payload: receipt.entry.payload.clone(),
            ..Facts::default()
        },
        event: Some(event_facts(verified.event())),
        not_checked: Vec::new(),
    })
}

pub(crate) fn event_facts(event: &Event) -> EventFacts {
    let header = &event.header;
    EventFacts { seq: header.event_seq.get(), signer: header.signer, slot: header.slot, unix_time: header.unix_time }
}

fn inner(verified: &VerifiedReceipt) -> Vec<Comparison> {
    let mut compared = Vec::new();
    if let Some(head) = verified.stated_head() {
        compared.push(root_compared("root over the entries that the event states", head));
    }
    if let Some(later) = verified.later_heads() {
        compared.push(root_compared("root over the entries of the later head", &later.entries));
        compared.push(root_compared("root over the events", &later.events));
    }
    compared
}

fn fault(receipt: &Receipt, error: &ReceiptError) -> Fault {
    let is_v1 = matches!(receipt.version, Version::V1 { .. });
    let place = match error {
        // It may be true: what it carries is for another version to read.
        ReceiptError::Statement { member } => return Fault::cannot_tell(error).at(member),
        ReceiptError::OutOfRange(_) => "entry.index, event.seq or a head",
        ReceiptError::EntryLength { .. } => "entry.payload",
        ReceiptError::Entry(_) => "entry",
        ReceiptError::UnreadableEvent(_) | ReceiptError::WrongEvent { .. } | ReceiptError::WrongLedger { .. } => {
            "event.leaf"
        }
        ReceiptError::WrongSequence { .. } => "event.seq",
        ReceiptError::NotCovered { .. } => "entry.index",
        ReceiptError::HeadMismatch => "head",
        ReceiptError::Event(_) if is_v1 => "event.proof",
        ReceiptError::Event(_) => "bridge.event_proof",
        ReceiptError::Bridge(_) => "bridge.consistency",
    };
    Fault::refused(format_args!("the receipt does not hold together: {error}")).at(place)
}
