//! Evidence, line by line.

use counterfoil_core::evidence::{EvidenceError, EvidenceVerifier, Header, Line, Range};
use counterfoil_core::json::{FromJson, Value};
use counterfoil_core::relate::LogKind;
use merkle_log::TreeHead;

use crate::claim::{Claim, ClaimedHead, Shows, root_compared};
use crate::pin::Pin;
use crate::receipt::event_facts;
use crate::verdict::{Comparison, Facts, Fault, Kind, Origin, unreadable};

/// The longest line, in bytes.
const MAX_LINE_BYTES: usize = 1 << 20;

/// Verifies that evidence holds together.
pub(crate) fn verify(document: &[u8], pin: &Pin, compared: &mut Vec<Comparison>) -> Result<Claim, Fault> {
    let mut lines = document.split_inclusive(|byte| *byte == b'\n').zip(1_u64..);
    let first = lines.next().map_or(&[][..], |(line, _)| line);
    let header: Header = read_line(first, 1)?;
    let origin = Origin { genesis_hash: header.genesis_hash, program: header.program, ledger: header.ledger };
    pin.expect(&origin, compared)?;
    let of_header = |error: EvidenceError| {
        Fault::refused(format_args!("the evidence does not hold together: {error}")).at(place_of(&error))
    };
    let mut verifier = EvidenceVerifier::new(&header).map_err(of_header)?;
    loop {
        let Some((text, number)) = lines.next() else {
            return Err(Fault::cannot_tell("it was cut off: it has no last line. Fetch it again"));
        };
        let line: Line = read_line(text, number)?;
        let is_last = verifier.push(&line).map_err(|error| {
            Fault::refused(format_args!("it does not hold together with the lines before it: {error}"))
                .at(format_args!("line {number}"))
        })?;
        if is_last {
            break;
        }
    }
    if let Some((_, number)) = lines.next() {
        return Err(Fault::refused("it goes on after its last line").at(format_args!("line {number}")));
    }
    let verified = verifier.finish().map_err(of_header)?;
    let Range { from, to, .. } = header.entries;
    let before = header.events.to.saturating_sub(header.events.from).saturating_sub(1);
    let head = |log, head, place, shows| ClaimedHead { log, head, place, shows };
    let mut heads = vec![head(LogKind::Entries, verified.stated, "entries.head", Shows::Leaves)];
    if header.bridge.is_some() {
        heads.push(head(LogKind::Entries, verified.later.entries, "bridge.head", Shows::Leaves));
    }
    heads.push(head(LogKind::Events, verified.later.events, "events.head", Shows::Both));
    let how = if header.content { "with their bytes" } else { "by their hashes" };
    Ok(Claim {
        kind: Kind::Evidence,
        origin: Some(origin),
        what: format!("entries {from} up to {to} of ledger {}, all of them, {how}", header.ledger),
        compared: roots(&verified.stated, &verified.later.events),
        heads,
        facts: Facts { log: Some(LogKind::Entries), from: Some(from), to: Some(to), ..Facts::default() },
        event: Some(event_facts(&verified.last_event)),
        not_checked: if before == 0 {
            Vec::new()
        } else {
            vec![format!("{before} events before the last are in the file, and not shown here")]
        },
    })
}

fn roots(entries: &TreeHead, events: &TreeHead) -> Vec<Comparison> {
    vec![
        root_compared("root that the entries and their proof lead to", entries),
        root_compared("root that the events and their proof lead to", events),
    ]
}

fn read_line<T: FromJson>(line: &[u8], number: u64) -> Result<T, Fault> {
    let place = format!("line {number}");
    if line.len() > MAX_LINE_BYTES {
        return Err(Fault::refused(format_args!("a line has at most {MAX_LINE_BYTES} bytes")).at(place));
    }
    Value::parse(line).and_then(|value| T::from_json(&value)).map_err(|error| {
        let place = error.place().map_or_else(|| place.clone(), |path| format!("{place}, {path}"));
        unreadable("it is no line of evidence", &error).at(place)
    })
}

const fn place_of(error: &EvidenceError) -> &'static str {
    match error {
        EvidenceError::UnknownFormat => "format",
        EvidenceError::OutOfRange(_) => "entries or events",
        EvidenceError::Entries(_) | EvidenceError::HeadMismatch => "entries",
        EvidenceError::Events(_) => "events",
        EvidenceError::Bridge(_) => "bridge",
        _ => "the last line",
    }
}
