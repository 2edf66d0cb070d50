//! Evidence: what it proves, what it refuses. Compared with proofs made plainly, by the definition of RFC 6962.

use counterfoil_core::evidence::{
    EndLine, EntryLine, EventLine, EvidenceError, EvidenceVerifier, FORMAT, Growth, Header, LeafLine, Line, Range,
    VerifiedEvidence,
};
use counterfoil_core::receipt::Head;
use counterfoil_core::{EventBody, GenesisHash, LedgerId, ProgramId};
use merkle_log::{Hash, Root};

use super::history::{AUTHORITY, Bytes32, History, LEDGER, consistency, encode_leaf, leaf, root};
use super::receipt::{by_subtrees, covering};

/// The longest line, with its end.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// The largest subtrees outside leaves `from` to `to`, from left to right.
fn beside(leaves: &[Bytes32], start: usize, from: usize, to: usize) -> Vec<Hash> {
    let end = start + leaves.len();
    if end <= from || to <= start {
        return vec![Hash(root(leaves))];
    }
    if leaves.len() == 1 {
        return Vec::new();
    }
    let middle = 1 << (leaves.len() - 1).ilog2();
    let (left, right) = leaves.split_at(middle);
    [beside(left, start, from, to), beside(right, start + middle, from, to)].concat()
}

pub fn range(leaves: &[Bytes32], from: usize, to: usize) -> Range {
    Range {
        from: from as u64,
        to: to as u64,
        head: Head { size: leaves.len() as u64, root: Root(root(leaves)) },
        proof: beside(leaves, 0, from, to),
    }
}

/// The evidence of a history's entries, as of all of its events.
pub fn evidence(history: &History, from: usize, to: usize, content: bool) -> (Header, Vec<Line>) {
    let (first, last) = (covering(history, from), covering(history, to - 1));
    let stated = history.size_after(last + 1);
    let (all, events) = (history.leaves(history.entries.len()), history.event_leaves(history.events.len()));
    let header = Header {
        format: FORMAT.to_owned(),
        genesis_hash: GenesisHash([0x6e; 32]),
        program: ProgramId([0x50; 32]),
        ledger: history.ledger,
        entries: range(&history.leaves(stated), from, to),
        events: range(&events, first, last + 1),
        content,
        transaction: None,
        bridge: Some(Growth {
            head: Head { size: all.len() as u64, root: Root(root(&all)) },
            consistency: consistency(stated, &all),
        }),
    };
    let (mut lines, mut next) = (Vec::new(), from);
    for seq in first..=last {
        let event = &history.events[seq];
        lines.push(Line::Event(EventLine { seq: seq as u64, leaf: encode_leaf(event) }));
        let end = (event.header.size.get() as usize).min(to);
        for index in next..end {
            let payload = history.entries[index].clone();
            let index = index as u64;
            lines.push(match content {
                true => Line::Entry(EntryLine { index, payload }),
                false => Line::Leaf(LeafLine { index, hash: Hash(leaf(&payload)) }),
            });
        }
        next = end.max(next);
    }
    lines.push(Line::End(EndLine { entries: (to - from) as u64, events: (last + 1 - first) as u64 }));
    (header, lines)
}

fn verify(header: &Header, lines: &[Line]) -> Result<VerifiedEvidence, EvidenceError> {
    let mut verifier = EvidenceVerifier::new(header)?;
    let mut is_over = false;
    for line in lines {
        assert!(!is_over, "nothing is read after the end");
        is_over = verifier.push(line)?;
    }
    // The end of a file as its reader sees it.
    if is_over { verifier.finish() } else { Err(EvidenceError::WrongLine { expected: "more" }) }
}

/// The range that a file is evidence of, line by line as `counterfoil verify` reads it; `None` where it is refused.
pub fn read(file: &[u8]) -> Option<(Header, VerifiedEvidence)> {
    let mut lines = file.split_inclusive(|byte| *byte == b'\n');
    let mut next = || lines.next().filter(|line| line.len() <= MAX_LINE_BYTES);
    let header: Header = serde_json::from_slice(next()?).ok()?;
    let mut verifier = EvidenceVerifier::new(&header).ok()?;
    while !verifier.push(&serde_json::from_slice(next()?).ok()?).ok()? {}
    let verified = verifier.finish().ok()?;
    lines.next().is_none().then_some((header, verified))
}

#[test]
fn evidence_of_every_range_verifies_and_says_what_it_proves() {
    for history in [History::sample(), by_subtrees()] {
        let count = history.entries.len();
        for from in 0..count {
            for to in from + 1..=count {
                for content in [true, false] {
                    let (header, lines) = evidence(&history, from, to, content);
                    let verified = verify(&header, &lines).unwrap_or_else(|error| panic!("{from}..{to}: {error}"));
                    let last = &history.events[covering(&history, to - 1)];
                    assert_eq!(verified.last_event.header, last.header);
                    assert_eq!(Head::from(verified.stated), header.entries.head);
                    assert_eq!(verified.later.entries.size.get(), count as u64);
                }
            }
        }
    }
}

#[test]
fn lines_dropped_doubled_swapped_or_altered_are_refused() {
    let history = History::sample();
    for content in [true, false] {
        let (header, lines) = evidence(&history, 2, history.entries.len() - 1, content);
        for at in 0..lines.len() {
            let mut without = lines.clone();
            without.remove(at);
            verify(&header, &without).expect_err("dropped");
            if at + 1 < lines.len() {
                let mut doubled = lines.clone();
                doubled.insert(at, lines[at].clone());
                verify(&header, &doubled).expect_err("doubled");
                let mut swapped = lines.clone();
                swapped.swap(at, at + 1);
                verify(&header, &swapped).expect_err("swapped");
            }
            let mut altered = lines.clone();
            match &mut altered[at] {
                Line::Event(line) => line.leaf[130] ^= 1,
                Line::Entry(line) => line.payload[0] ^= 1,
                Line::Leaf(line) => line.hash.0[31] ^= 1,
                Line::End(line) => line.entries += 1,
            }
            verify(&header, &altered).expect_err("altered");
        }
    }
}

#[test]
fn an_altered_header_is_refused() {
    let history = History::sample();
    let (header, lines) = evidence(&history, 2, history.entries.len() - 1, true);
    verify(&header, &lines).expect("true evidence");
    let alterations: [fn(&mut Header); 16] = [
        |header| header.format.push('0'),
        |header| header.ledger = LedgerId([1; 32]),
        |header| header.entries.from += 1,
        |header| header.entries.from -= 1,
        |header| header.entries.to += 1,
        |header| header.entries.to -= 1,
        |header| header.entries.head.size += 1,
        |header| header.entries.head.root.0[0] ^= 1,
        |header| header.entries.proof[0].0[0] ^= 1,
        |header| header.events.from += 1,
        |header| header.events.to += 1,
        |header| header.events.head.root.0[0] ^= 1,
        |header| header.events.proof.push(Hash([0; 32])),
        |header| header.content = false,
        |header| header.bridge.as_mut().unwrap().head.root.0[0] ^= 1,
        |header| header.bridge.as_mut().unwrap().consistency.push(Hash([0; 32])),
    ];
    for (number, alter) in alterations.into_iter().enumerate() {
        let mut altered = header.clone();
        alter(&mut altered);
        assert!(verify(&altered, &lines).is_err(), "alteration {number}");
    }
}

/// True events and entries, and a head of the log that no event states.
#[test]
fn a_head_that_the_last_event_does_not_state_is_refused() {
    let history = History::sample();
    let to = history.entries.len() - 1;
    let (mut header, lines) = evidence(&history, 0, to, true);
    header.entries = range(&history.leaves(to), 0, to);
    header.bridge = None;
    assert_eq!(verify(&header, &lines), Err(EvidenceError::HeadMismatch));
}

/// True events and entries of the first appends, and events after them: the last states a head of the entries, too.
pub fn late(history: &History, to: usize, last: usize) -> (Header, Vec<Line>) {
    let (mut header, mut lines) = evidence(history, 0, to, true);
    header.entries = range(&history.leaves(history.size_after(last + 1)), 0, to);
    header.bridge = None;
    lines.pop();
    for seq in header.events.to as usize..=last {
        lines.push(Line::Event(EventLine { seq: seq as u64, leaf: encode_leaf(&history.events[seq]) }));
    }
    header.events = range(&history.event_leaves(history.events.len()), 1, last + 1);
    lines.push(Line::End(EndLine { entries: to as u64, events: last as u64 }));
    (header, lines)
}

#[test]
fn a_last_event_that_appended_no_entry_of_the_range_is_refused() {
    let history = History::sample();
    let to = history.size_after(2);
    let (header, lines) = late(&history, to, 1);
    verify(&header, &lines).expect("the one that appended them");
    for last in 2..history.events.len() {
        let (header, lines) = late(&history, to, last);
        let refused = verify(&header, &lines).expect_err("a later one");
        assert!(matches!(refused, EvidenceError::WrongLine { .. }), "{last}: {refused}");
    }
    // A grant right after states the very head of the append.
    let seq = (0..history.events.len()).find(|&seq| seq > 1 && history.events[seq].header.count == 0).expect("a grant");
    let (header, lines) = late(&history, history.size_after(seq), seq);
    let refused = verify(&header, &lines).expect_err("no append");
    assert!(matches!(refused, EvidenceError::WrongLine { .. }), "{refused}");
}

#[test]
fn the_json_is_as_documented_and_reads_back() {
    let mut history = History::new(LEDGER);
    history.push(AUTHORITY, EventBody::LedgerCreated { id: [0; 32], flags: 0 });
    history.push(AUTHORITY, EventBody::EntriesAppended { entries: vec![vec![1], vec![2]] });
    let (header, lines) = evidence(&history, 1, 2, true);
    let text = serde_json::to_string(&header).expect("JSON");
    assert_eq!(serde_json::from_str::<Header>(&text).expect("a header"), header);
    assert!(text.starts_with("{\"format\":\"counterfoil evidence v1\",\"genesis_hash\":"), "{text}");
    for line in &lines {
        let text = serde_json::to_string(line).expect("JSON");
        assert_eq!(&serde_json::from_str::<Line>(&text).expect("a line"), line);
    }
    let texts: Vec<String> = lines.iter().map(|line| serde_json::to_string(line).expect("JSON")).collect();
    assert_eq!(texts[1], r#"{"entry":{"index":"1","payload":"Ag=="}}"#);
    assert_eq!(texts[2], r#"{"end":{"entries":"1","events":"1"}}"#);
    for wrong in [
        r#"{"entry":["1","Ag=="]}"#,
        r#"{"entry":{"index":1,"payload":"Ag=="}}"#,
        r#"{"entry":{"index":"1","payload":"Ag==","note":1}}"#,
        r#"{"entry":{"index":"1","payload":"Ag=="},"end":{"entries":"1","events":"1"}}"#,
        r#"{"note":{}}"#,
        "[]",
    ] {
        serde_json::from_str::<Line>(wrong).expect_err(wrong);
    }
}
