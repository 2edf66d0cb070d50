//! Whether a promise was kept: each verdict with the comparison that it rests on, and a twin without that comparison, which
//! must give another verdict. The twin is a second judge, written from the table of docs/protocol.md, section 10.

use counterfoil_core::evidence::{EvidenceError, Header, Line};
use counterfoil_core::receipt::Receipt;
use counterfoil_core::{Event, GenesisHash, LedgerId, ProgramId};
use counterfoil_statement::{
    EvidenceJudge, Findings, Found, Missing, Promise, PromiseBody, SignedStatement, Statement, Verdict, VerifiedPromise,
};

use super::history::History;
use super::ledger::{entry, evidence, ledger, receipt, statement};
use super::promise::pinned;
use super::sample::{DEADLINE, gateway, promise, record, second};

/// The receipt or evidence that a promise is judged by.
#[derive(Clone)]
pub enum Shown {
    Nothing,
    Receipt(Receipt),
    Evidence(Header, Vec<Line>),
}

/// A comparison of the table: the twin of a case is without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    None,
    Id,
    Commitment,
    StatementIsForHere,
    ProofIsOfHere,
    InTime,
    Content,
    BeginsInTime,
    Reaches,
    TimesNeverFall,
    EndsAfterTheDeadline,
    NothingFound,
    ClockIsShown,
    ClockIsNotAfterTheDeadline,
    EventsAreNotAfterTheDeadline,
}

/// A case: its name, what is shown, the chain's time that servers show, the verdict, and what that rests on.
pub type Case = (&'static str, Promise, Shown, Option<i64>, &'static str, Comparison);

/// Entries 0 to 7 before the promise, 8 and 9 soon after it, 10 and 11 at the time given, 12 after the deadline. The record of
/// the promise is in the entry given, or in none.
fn history(time: i64, at: Option<usize>) -> History {
    let mut entries: Vec<Vec<u8>> = (0..13).map(|number| format!("raw {number}").into_bytes()).collect();
    entries[9] = entry(9);
    if let Some(at) = at {
        entries[at] = entry(2);
    }
    with_entries(time, &entries)
}

fn with_entries(time: i64, entries: &[Vec<u8>]) -> History {
    let appends = [
        (DEADLINE - 500, entries[..8].to_vec()),
        (DEADLINE - 400, entries[8..10].to_vec()),
        (time, entries[10..12].to_vec()),
        (DEADLINE + 10, entries[12..].to_vec()),
    ];
    ledger(DEADLINE - 600, &appends)
}

fn whole(history: &History) -> Shown {
    of_range(history, 8, 13)
}

fn of_range(history: &History, from: usize, to: usize) -> Shown {
    let (header, lines) = evidence(history, from, to, true);
    Shown::Evidence(header, lines)
}

fn by_hashes(history: &History) -> Shown {
    let (header, lines) = evidence(history, 8, 13, false);
    Shown::Evidence(header, lines)
}

fn signed(alter: fn(&mut PromiseBody)) -> Promise {
    let shown = promise(3, Some(1));
    let mut body = shown.body.clone();
    alter(&mut body);
    Promise { record: shown.record, ..Promise::sign(body, &gateway()) }
}

/// The ledger without the record, but with an altered statement of it.
fn with_altered(alter: fn(&mut Statement)) -> Shown {
    let mut altered = statement(2);
    alter(&mut altered);
    let mut entries: Vec<Vec<u8>> = (0..13).map(|number| vec![number]).collect();
    entries[10] = altered.encode_entry(None);
    whole(&with_entries(DEADLINE - 100, &entries))
}

pub fn cases() -> Vec<Case> {
    let true_one = || promise(3, Some(1));
    let soon = DEADLINE - 100;
    let mut falling = ledger(DEADLINE - 600, &[]);
    for (time, entries) in [(DEADLINE - 500, 8), (DEADLINE + 20, 1), (DEADLINE - 1, 1), (DEADLINE + 20, 1)] {
        let entries = (0..entries).map(|number| vec![number]).collect();
        falling = appended(falling, time, entries);
    }
    let mut foreign = receipt(&history(soon, Some(10)), 10);
    foreign.genesis_hash = GenesisHash([1; 32]);
    let other_receipt = Shown::Receipt(foreign);
    let of = |history: &History, index| Shown::Receipt(receipt(history, index));
    use Comparison as Rests;
    vec![
        ("a receipt in time", true_one(), of(&history(soon, Some(10)), 10), None, "kept", Rests::None),
        ("a receipt at the deadline", true_one(), of(&history(DEADLINE, Some(10)), 10), None, "kept", Rests::None),
        ("a late receipt", true_one(), of(&history(DEADLINE + 1, Some(10)), 10), None, "cannot_tell", Rests::InTime),
        ("a receipt of another record", true_one(), of(&history(soon, Some(10)), 9), None, "cannot_tell", Rests::Id),
        ("another ledger's receipt", true_one(), other_receipt, None, "cannot_tell", Rests::ProofIsOfHere),
        ("evidence with it", true_one(), whole(&history(soon, Some(11))), None, "kept", Rests::None),
        ("evidence with it in part", true_one(), of_range(&history(soon, Some(11)), 11, 12), None, "kept", Rests::None),
        ("evidence without it", true_one(), whole(&history(soon, None)), None, "broken", Rests::None),
        ("evidence with it late", true_one(), whole(&history(soon, Some(12))), None, "broken", Rests::InTime),
        (
            "evidence with it late in part",
            true_one(),
            of_range(&history(soon, Some(12)), 9, 13),
            None,
            "cannot_tell",
            Rests::InTime,
        ),
        (
            "another commitment",
            true_one(),
            with_altered(|statement| statement.commitment.0[0] ^= 1),
            None,
            "broken",
            Rests::Commitment,
        ),
        (
            "another id",
            true_one(),
            with_altered(|statement| statement.record_id = second().record_id.max(record(3).id)),
            None,
            "broken",
            Rests::Id,
        ),
        (
            "a statement for another ledger",
            true_one(),
            with_altered(|statement| statement.ledger = LedgerId([1; 32])),
            None,
            "broken",
            Rests::StatementIsForHere,
        ),
        (
            "a statement for another program",
            true_one(),
            with_altered(|statement| statement.program = ProgramId([1; 32])),
            None,
            "broken",
            Rests::StatementIsForHere,
        ),
        (
            "a statement for another cluster",
            true_one(),
            with_altered(|statement| statement.genesis_hash = GenesisHash([1; 32])),
            None,
            "broken",
            Rests::StatementIsForHere,
        ),
        (
            "a promise for another ledger",
            signed(|body| body.ledger = LedgerId([1; 32])),
            whole(&history(soon, None)),
            None,
            "cannot_tell",
            Rests::ProofIsOfHere,
        ),
        ("leaves by their hashes", true_one(), by_hashes(&history(soon, None)), None, "cannot_tell", Rests::Content),
        (
            "evidence that begins too late",
            true_one(),
            of_range(&history(soon, None), 9, 13),
            None,
            "cannot_tell",
            Rests::BeginsInTime,
        ),
        (
            "evidence that does not reach the first entry",
            signed(|body| body.from = 13),
            whole(&history(soon, None)),
            None,
            "cannot_tell",
            Rests::Reaches,
        ),
        ("times that fall", true_one(), whole_of(&falling, 11), None, "cannot_tell", Rests::TimesNeverFall),
        (
            "evidence that ends before the deadline",
            true_one(),
            of_range(&history(soon, None), 8, 12),
            None,
            "cannot_tell",
            Rests::EndsAfterTheDeadline,
        ),
        (
            "evidence that ends at the deadline",
            true_one(),
            of_range(&history(DEADLINE, None), 8, 12),
            None,
            "cannot_tell",
            Rests::EndsAfterTheDeadline,
        ),
        ("nothing", true_one(), Shown::Nothing, None, "cannot_tell", Rests::ClockIsShown),
        ("nothing yet", true_one(), Shown::Nothing, Some(DEADLINE), "due", Rests::None),
        (
            "nothing after the deadline",
            true_one(),
            Shown::Nothing,
            Some(DEADLINE + 1),
            "cannot_tell",
            Rests::ClockIsNotAfterTheDeadline,
        ),
        ("evidence so far", true_one(), of_range(&history(soon, None), 8, 12), Some(DEADLINE - 50), "due", Rests::None),
        (
            "a stale clock",
            true_one(),
            of_range(&history(soon, None), 9, 13),
            Some(DEADLINE - 50),
            "cannot_tell",
            Rests::EventsAreNotAfterTheDeadline,
        ),
        ("kept before it is due", true_one(), whole(&history(soon, Some(8))), Some(soon), "kept", Rests::None),
        (
            "a promise without a record",
            promise(3, None),
            whole(&history(soon, None)),
            None,
            "cannot_tell",
            Rests::NothingFound,
        ),
    ]
}

fn appended(mut history: History, time: i64, entries: Vec<Vec<u8>>) -> History {
    history.push(super::history::AUTHORITY, counterfoil_core::EventBody::EntriesAppended { entries });
    history.events.last_mut().expect("pushed").header.unix_time = time;
    history
}

fn whole_of(history: &History, to: usize) -> Shown {
    of_range(history, 8, to)
}

pub fn verified(promise: &Promise) -> VerifiedPromise {
    promise.verify(&[pinned()]).expect("a true promise")
}

fn judged(promise: &Promise, shown: &Shown, time: Option<i64>) -> Verdict {
    let promise = verified(promise);
    let findings = match shown {
        Shown::Nothing => Findings::of_nothing(&promise),
        Shown::Receipt(receipt) => Findings::of_receipt(&promise, receipt).expect("true").1,
        Shown::Evidence(header, lines) => {
            let mut judge = EvidenceJudge::new(&promise, header).expect("true");
            for (at, line) in lines.iter().enumerate() {
                assert_eq!(judge.push(line), Ok(at + 1 == lines.len()));
            }
            judge.finish().expect("true").1
        }
    };
    findings.verdict(time)
}

pub fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Kept(_) => "kept",
        Verdict::Broken { .. } => "broken",
        Verdict::Due { .. } => "due",
        Verdict::CannotTell(_) => "cannot_tell",
    }
}

/// The second judge: it reads all first, and leaves one comparison out.
fn plainly(promise: &Promise, shown: &Shown, time: Option<i64>, without: Comparison) -> &'static str {
    let holds = |comparison: Comparison, found: bool| found || comparison == without;
    let body = &promise.body;
    let wanted = match &promise.record {
        Some(record) => Some(record.record),
        None if without == Comparison::NothingFound => Some(record(2)),
        None => None,
    };
    let (mut entries, mut times) = (Vec::new(), Vec::new());
    let here = (body.genesis_hash, body.program, body.ledger);
    let (of, range, is_with_content) = match shown {
        Shown::Nothing => (here, None, false),
        Shown::Receipt(receipt) => {
            let event = Event::decode_leaf(&receipt.event.leaf).expect("true");
            times.push(event.header.unix_time);
            entries.push((event.header.unix_time, receipt.entry.payload.clone()));
            ((receipt.genesis_hash, receipt.program, receipt.ledger), None, true)
        }
        Shown::Evidence(header, lines) => {
            for line in lines {
                match line {
                    Line::Event(event) => {
                        times.push(Event::decode_leaf(&event.leaf).expect("true").header.unix_time);
                    }
                    Line::Entry(entry) => entries.push((*times.last().expect("before"), entry.payload.clone())),
                    Line::Leaf(_) | Line::End(_) => {}
                }
            }
            let range = (header.entries.from, header.entries.to);
            ((header.genesis_hash, header.program, header.ledger), Some(range), header.content)
        }
    };
    let is_of_here = holds(Comparison::ProofIsOfHere, of == here);
    let is_record = |payload: &[u8]| {
        let (Ok(Some(SignedStatement { statement, .. })), Some(wanted)) = (SignedStatement::decode(payload), wanted)
        else {
            return false;
        };
        let is_here = (statement.genesis_hash, statement.program, statement.ledger) == here;
        // Another ledger's statement, of a case of another ledger, is for there.
        let is_here = is_here || without == Comparison::ProofIsOfHere;
        holds(Comparison::StatementIsForHere, is_here)
            && holds(Comparison::Id, statement.record_id == wanted.id)
            && holds(
                // Without the id, the commitment of another record is not compared either.
                if without == Comparison::Id { Comparison::Id } else { Comparison::Commitment },
                statement.commitment == wanted.commitment,
            )
    };
    let is_in_time = |at: i64| holds(Comparison::InTime, at <= body.deadline);
    if is_of_here && entries.iter().any(|(at, payload)| is_in_time(*at) && is_record(payload)) {
        return "kept";
    }
    let is_whole = |(from, to)| {
        let last = *times.last().expect("an event");
        wanted.is_some()
            && is_of_here
            && holds(Comparison::Content, is_with_content)
            && holds(Comparison::BeginsInTime, from <= body.from)
            && holds(Comparison::Reaches, body.from < to)
            && holds(Comparison::TimesNeverFall, times.is_sorted())
            && holds(Comparison::EndsAfterTheDeadline, last > body.deadline)
    };
    if range.is_some_and(is_whole) {
        return "broken";
    }
    let clock = if without == Comparison::ClockIsShown { time.or(Some(body.deadline)) } else { time };
    let is_due = clock.is_some_and(|clock| {
        holds(Comparison::ClockIsNotAfterTheDeadline, clock <= body.deadline)
            && (!is_of_here
                || holds(Comparison::EventsAreNotAfterTheDeadline, times.iter().all(|time| *time <= body.deadline)))
    });
    if is_due { "due" } else { "cannot_tell" }
}

#[test]
fn each_verdict_rests_on_its_comparison_and_its_twin_without_it_gives_another() {
    for (name, promise, shown, time, expected, rests_on) in cases() {
        assert_eq!(word(&judged(&promise, &shown, time)), expected, "{name}");
        assert_eq!(plainly(&promise, &shown, time, Comparison::None), expected, "{name}, plainly");
        if rests_on != Comparison::None {
            assert_ne!(plainly(&promise, &shown, time, rests_on), expected, "{name}, without {rests_on:?}");
        }
    }
}

#[test]
fn a_verdict_names_the_entry_that_it_rests_on_or_the_part_that_is_missing() {
    let found = |index, seq, unix_time| Found { index, seq, slot: 500_000_000 + seq, unix_time };
    let of = |name: &str| {
        let (_, promise, shown, time, ..) = cases().into_iter().find(|case| case.0 == name).expect("a case");
        judged(&promise, &shown, time)
    };
    let soon = DEADLINE - 100;
    assert_eq!(of("a receipt in time"), Verdict::Kept(found(10, 3, soon)));
    assert_eq!(of("evidence with it"), Verdict::Kept(found(11, 3, soon)));
    let Verdict::Broken { read, late } = of("evidence with it late") else { panic!("broken") };
    assert_eq!((read.from, read.to, read.last_time), (8, 13, DEADLINE + 10));
    assert_eq!(late, Some(found(12, 4, DEADLINE + 10)));
    assert_eq!(of("evidence so far"), Verdict::Due { newest: DEADLINE - 50 });
    for (name, missing) in [
        ("a late receipt", Missing::EarlierEntries(found(10, 3, DEADLINE + 1))),
        ("a receipt of another record", Missing::OtherEntry),
        ("another ledger's receipt", Missing::OtherLedger),
        ("evidence with it late in part", Missing::EarlierEntries(found(12, 4, DEADLINE + 10))),
        ("leaves by their hashes", Missing::Content),
        ("evidence that begins too late", Missing::Beginning { from: 9 }),
        ("evidence that does not reach the first entry", Missing::Reach { to: 13 }),
        ("times that fall", Missing::Order),
        ("evidence that ends before the deadline", Missing::End { last_time: soon }),
        ("nothing", Missing::Proof),
        ("nothing after the deadline", Missing::Proof),
        ("a promise without a record", Missing::Record),
    ] {
        assert_eq!(of(name), Verdict::CannotTell(missing), "{name}");
    }
}

/// Each line of the evidence dropped: no verdict without all of them.
#[test]
fn evidence_that_does_not_hold_together_gives_no_verdict() {
    let promise = verified(&promise(3, Some(1)));
    let (header, lines) = evidence(&history(DEADLINE - 100, None), 8, 13, true);
    for dropped in 0..lines.len() {
        let read = || -> Result<(), EvidenceError> {
            let mut judge = EvidenceJudge::new(&promise, &header)?;
            for (at, line) in lines.iter().enumerate() {
                if at != dropped && judge.push(line)? {
                    return judge.finish().map(drop);
                }
            }
            Err(EvidenceError::WrongCount)
        };
        read().expect_err("a line is missing");
    }
}

#[test]
fn the_same_id_with_another_commitment_is_named_and_no_other_id_is() {
    let promise = verified(&promise(3, Some(1)));
    let named = |alter: fn(&mut Statement)| {
        let Shown::Evidence(header, lines) = with_altered(alter) else { panic!("evidence") };
        let mut judge = EvidenceJudge::new(&promise, &header).expect("true");
        for line in &lines {
            judge.push(line).expect("true");
        }
        let (_, findings) = judge.finish().expect("true");
        findings.other_commitment().map(|found| found.index)
    };
    assert_eq!(named(|statement| statement.commitment.0[0] ^= 1), Some(10));
    assert_eq!(named(|statement| (statement.record_id, statement.commitment.0[0]) = (record(3).id, 0)), None);
}
