//! `docs/verify.py` and this crate take the same evidence, and say the same of it.

use std::io::Write;
use std::process::{Command, Stdio};

use counterfoil_core::EventBody;
use counterfoil_core::event::kind;
use counterfoil_core::evidence::{EndLine, EntryLine, EventLine, Header, Line, VerifiedEvidence};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use super::evidence::{MAX_LINE_BYTES, evidence, range, read};
use super::history::{self, AUTHORITY, Bytes32, History, ID, KINDS, LEDGER, leaf};
use super::python::{Change, any_change, by_python, changed_one, list, root};
use super::receipt::by_subtrees;
use super::receipt_json::with;
use super::seed;

/// The output expected for a file, or `None` where it is refused.
fn by_this_crate(file: &[u8]) -> Option<Vec<String>> {
    read(file).map(|(header, verified)| lines(&header, &verified))
}

fn lines(header: &Header, verified: &VerifiedEvidence) -> Vec<String> {
    let how = if header.content { "" } else { ", by their hashes," };
    let entries = format!("all entries{how} from {} up to {}", header.entries.from, header.entries.to);
    let events = format!("all events from {} up to {}", header.events.from, header.events.to);
    let extended = root("second head, which extends it".to_owned(), &verified.later.entries);
    let extended = header.bridge.as_ref().map(|_| extended);
    [root(entries, &verified.stated)]
        .into_iter()
        .chain(extended)
        .chain([root(events, &verified.later.events)])
        .collect()
}

/// Compares the two, and counts the files that they take and refuse.
fn expect_same(files: &[Vec<u8>]) -> [usize; 2] {
    let mut counts = [0; 2];
    for (file, python) in files.iter().zip(by_python(files)) {
        let expected = by_this_crate(file);
        assert_eq!(python, expected, "{}", String::from_utf8_lossy(&file[..file.len().min(10_000)]));
        counts[usize::from(expected.is_none())] += 1;
    }
    counts
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../docs/vectors/evidence.json")).expect("JSON")
}

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

fn shared() -> Vec<Vec<String>> {
    list(&vectors()["evidence"]).iter().map(texts).collect()
}

fn file(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
}

#[test]
fn of_the_shared_evidence_and_its_alterations() {
    let (vectors, shared) = (vectors(), shared());
    let number = |value: &Value| value.as_u64().expect("a number") as usize;
    let headers = list(&vectors["headers"]).iter().map(|case| {
        let lines = &shared[number(&case["of"])];
        let path = texts(&case["path"]);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let header = with(&serde_json::from_str(&lines[0]).expect("JSON"), &path, case["value"].clone());
        [&[header.to_string()], &lines[1..]].concat()
    });
    let others = list(&vectors["alterations"]).iter().map(|case| {
        let (mut lines, at) = (shared[number(&case["of"])].clone(), number(&case["at"]));
        lines.splice(at..at + number(&case["removed"]), texts(&case["lines"]));
        lines
    });
    let files: Vec<Vec<u8>> = shared.iter().cloned().chain(headers).chain(others).map(|lines| file(&lines)).collect();
    let [taken, refused] = expect_same(&files);
    assert!(taken > shared.len() && refused > 900, "{taken} {refused}");
}

#[test]
fn of_files_that_are_no_text_too_deep_or_ended_otherwise() {
    let lines = &shared()[0];
    let whole = file(lines);
    let text = String::from_utf8(whole.clone()).expect("text");
    let padded = |bytes: usize| lines[1].clone() + &" ".repeat(bytes - lines[1].len());
    let put = |at: usize, line: &str| {
        let mut lines = lines.clone();
        lines[at] = line.to_owned();
        file(&lines)
    };
    let deep = "[".repeat(100_000);
    let taken = [
        whole.clone(),
        text.trim_end().as_bytes().to_vec(),
        text.replace('\n', "\r\n").into_bytes(),
        put(1, &padded(MAX_LINE_BYTES - 1)),
    ];
    let refused = [
        put(1, &padded(MAX_LINE_BYTES)),
        put(0, &(lines[0].clone() + &" ".repeat(MAX_LINE_BYTES))),
        text.replace('\n', " ").into_bytes(),
        text.replace('\n', "\r").into_bytes(),
        text.replace('\n', "\n\n").into_bytes(),
        text.replace('{', "{\n").into_bytes(),
        [b"\n", &whole[..]].concat(),
        [&whole[..], b"\n"].concat(),
        [&whole[..], b" "].concat(),
        [&whole[..], b"\0"].concat(),
        [&whole[..], &whole].concat(),
        [b"\xef\xbb\xbf", &whole[..]].concat(),
        [&whole[..40], b"\xff", &whole[40..]].concat(),
        [&whole[..lines[0].len() + 9], b"\xed\xa0\x80", &whole[lines[0].len() + 9..]].concat(),
        put(0, &lines[0].replacen('{', &format!("{{\"note\":{deep},"), 1)),
        put(1, &deep),
        put(1, &"{\"event\":".repeat(100_000)),
        put(1, &lines[1].replacen("\"event\":", "\"event\":1e999999,\"event\":", 1)),
        put(1, "{\"event\":NaN}"),
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ];
    let files = [&taken[..], &refused].concat();
    assert_eq!(expect_same(&files), [taken.len(), refused.len()]);
}

/// Its events altered, under a head that the forger made for them: words of one, and where one ends and the next begins.
fn forged(history: &History, [from, to]: [usize; 2], content: bool) -> Vec<Vec<u8>> {
    let (header, lines) = evidence(history, from, to, content);
    let at: Vec<usize> = (0..lines.len()).filter(|&at| matches!(lines[at], Line::Event(_))).collect();
    let leaf_of = |line: &Line| match line {
        Line::Event(line) => line.leaf.clone(),
        _ => panic!("an event"),
    };
    let put = |events: &[(usize, Vec<u8>)]| {
        let (mut header, mut lines) = (header.clone(), lines.clone());
        let (first, end) = (header.events.from as usize, header.events.to as usize);
        let mut leaves = history.event_leaves(history.events.len());
        for (event, bytes) in events {
            leaves[first + event] = leaf(bytes);
            let Line::Event(line) = &mut lines[at[*event]] else { panic!("an event") };
            line.leaf.clone_from(bytes);
        }
        header.events = range(&leaves, first, end);
        let texts = lines.iter().map(|line| serde_json::to_string(line).expect("JSON"));
        file(&[serde_json::to_string(&header).expect("JSON")].into_iter().chain(texts).collect::<Vec<_>>())
    };
    let with_word = |mut leaf: Vec<u8>, at: usize, value: u64| {
        leaf[at..at + 8].copy_from_slice(&value.to_le_bytes());
        leaf
    };
    let mut files = Vec::new();
    for event in 0..at.len() {
        let leaf = leaf_of(&lines[at[event]]);
        for value in (0..18).chain([(1 << 48) - 1, 1 << 48, u64::MAX]) {
            for word in [40, 48, 96, 104, 112] {
                files.push(put(&[(event, with_word(leaf.clone(), word, value))]));
            }
            if event + 1 < at.len() {
                let next = with_word(leaf_of(&lines[at[event + 1]]), 96, value);
                files.push(put(&[(event, with_word(leaf.clone(), 112, value)), (event + 1, next)]));
            }
        }
        for kind in KINDS.into_iter().chain([[0; 8]]) {
            for body in [0, 4, 32, 36, 44] {
                files.push(put(&[(event, [&kind, &leaf[8..152], &vec![0; body]].concat())]));
            }
        }
    }
    files
}

#[test]
fn of_events_in_which_all_hashes_fit_and_a_rule_is_broken() {
    let files = [forged(&History::sample(), [5, 12], true), forged(&by_subtrees(), [2, 13], false)].concat();
    let [taken, refused] = expect_same(&files);
    assert!(taken > 100 && refused > 500, "{taken} {refused}");
}

/// A log of the forger's own, with up to four events that state what the bytes say, mostly what they should; all hashes fit.
fn made(bytes: [u8; 24]) -> Vec<u8> {
    let mut bytes = bytes.into_iter();
    let mut next = |below: u8| usize::from(bytes.next().expect("enough") % below);
    let entries: Vec<Vec<u8>> = (0..32).map(|number| vec![number]).collect();
    let leaves: Vec<Bytes32> = entries.iter().map(|entry| leaf(entry)).collect();
    let (mut events, mut size) = (vec![leaf(&[0])], next(3));
    let from = size + next(2);
    let mut lines = Vec::new();
    let (mut index, to) = (from, from + 1 + next(4));
    for seq in 1..=1 + next(4) as u64 {
        let kind = KINDS[[1, 1, 1, 4, 2, 3][next(6)]];
        let is_append = kind == kind::ENTRIES_APPENDED || kind == kind::SUBTREES_APPENDED;
        let first = if next(8) == 0 { next(8) } else { size };
        size = if next(8) == 0 { next(8) } else { first + if is_append { 1 + next(3) } else { 0 } };
        let body = match kind {
            kind::SUBTREES_APPENDED => [&1_u32.to_le_bytes()[..], &[9; 32]].concat(),
            kind::WRITER_GRANTED => vec![0; 44],
            kind::WRITER_REVOKED => vec![0; 32],
            _ => Vec::new(),
        };
        let words = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let stated = words(&[first as u64, size.saturating_sub(first) as u64, size as u64]);
        let root = history::root(&leaves[..size]);
        let bytes = [&kind[..], &LEDGER.0, &words(&[seq, 7, 8]), &[3; 32], &stated, &root, &body].concat();
        events.push(leaf(&bytes));
        lines.push(Line::Event(EventLine { seq, leaf: bytes }));
        while is_append && index < size.min(to) {
            lines.push(Line::Entry(EntryLine { index: index as u64, payload: entries[index].clone() }));
            index += 1;
        }
    }
    lines.push(Line::End(EndLine { entries: (to - from) as u64, events: events.len() as u64 - 1 }));
    let (mut header, _) = evidence(&History::sample(), 0, 1, true);
    header.bridge = None;
    header.entries = range(&leaves[..size], from, to);
    header.events = range(&events, 1, events.len());
    let texts = lines.iter().map(|line| serde_json::to_string(line).expect("JSON"));
    file(&[serde_json::to_string(&header).expect("JSON")].into_iter().chain(texts).collect::<Vec<_>>())
}

#[test]
fn of_random_logs_in_which_all_hashes_fit() {
    let config = seed::cases(3_000);
    let cases = config.cases;
    let mut runner = TestRunner::new(config);
    let files: Vec<Vec<u8>> =
        (0..cases).map(|_| made(any::<[u8; 24]>().new_tree(&mut runner).expect("bytes").current())).collect();
    let [taken, refused] = expect_same(&files);
    println!("{taken} taken, {refused} refused");
    assert!(cases < 1_000 || taken > 100 && refused > 100, "{taken} {refused}");
}

/// Evidence with one line changed as a receipt is, or out of its place.
fn changed(shared: &[Vec<String>], (of, at, to, kind, change): &(Index, Index, Index, u8, Change)) -> Vec<u8> {
    let mut lines = of.get(shared).clone();
    let at = at.index(lines.len());
    match kind {
        0 => {
            let line = lines.remove(at);
            lines.insert(to.index(lines.len() + 1), line);
        }
        1 => lines.insert(to.index(lines.len() + 1), lines[at].clone()),
        2 => {
            let foreign = change.0.get(shared);
            lines[at].clone_from(to.get(foreign));
        }
        3 => lines.truncate(at),
        _ => {
            let values: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            lines[at] = changed_one(&values[at], &values, change);
        }
    }
    file(&lines)
}

#[test]
fn of_random_changes_of_true_evidence() {
    let shared = shared();
    let config = seed::cases(3_000);
    let cases = config.cases;
    let mut runner = TestRunner::new(config);
    let change = (any::<Index>(), any::<Index>(), any::<Index>(), 0..16_u8, any_change());
    let files: Vec<Vec<u8>> =
        (0..cases).map(|_| changed(&shared, &change.new_tree(&mut runner).expect("a change").current())).collect();
    let [taken, refused] = expect_same(&files);
    println!("{taken} taken, {refused} refused");
    assert!(cases < 1_000 || taken > 10 && refused > 100, "{taken} {refused}");
}

/// Longer than any page may be, and than the memory that the script may take.
#[test]
fn evidence_of_any_length_is_read_in_bounded_memory() {
    const LIMITED: &str = "import resource, sys\n\
                           resource.setrlimit(resource.RLIMIT_AS, (100_000_000, 100_000_000))\n\
                           exec(compile(open(sys.argv[1]).read(), sys.argv[1], 'exec'))";
    let mut history = History::new(LEDGER);
    history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 0 });
    history.push(AUTHORITY, EventBody::EntriesAppended { entries: (0..110).map(|number| vec![number]).collect() });
    let (header, lines) = evidence(&history, 0, 110, true);
    let lines = lines.iter().map(|line| serde_json::to_string(line).expect("JSON"));
    let lines: Vec<String> = [serde_json::to_string(&header).expect("JSON")].into_iter().chain(lines).collect();
    let mut python = Command::new("python3")
        .args(["-c", LIMITED, concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/verify.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut stdin = python.stdin.take().expect("piped");
    for line in &lines {
        let longest = line.clone() + &" ".repeat(MAX_LINE_BYTES - 1 - line.len()) + "\n";
        stdin.write_all(longest.as_bytes()).expect("it reads to the end");
    }
    drop(stdin);
    let output = python.wait_with_output().expect("it ends");
    let expected = by_this_crate(&file(&lines)).expect("true evidence").join("\n") + "\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}
