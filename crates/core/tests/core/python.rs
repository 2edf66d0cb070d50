//! `docs/verify.py` and this crate take the same receipts, and say the same of them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use counterfoil_core::event::kind;
use counterfoil_core::limits::MAX_ENTRY_BYTES;
use counterfoil_core::receipt::{EntryProof, EventLeaf, Head, Receipt, VerifiedReceipt, Version};
use counterfoil_core::{GenesisHash, ProgramId};
use merkle_log::{Hash, MAX_TREE_SIZE, Root, TreeHead};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::history::{LEDGER, leaf, sha256};
use super::receipt_json::with;
use super::seed;

/// Runs the script on each document of a line, as a process of its own would, and answers exit code and output.
const DRIVER: &str = r#"
import base64, io, json, sys
script, lines, answers = compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), sys.stdin, sys.stdout
for line in lines:
    sys.stdin, sys.stdout = io.TextIOWrapper(io.BytesIO(base64.b64decode(line))), io.StringIO()
    end = ""
    try:
        exec(script, {"__name__": "__main__"})
    except SystemExit as exit:
        end = exit.code
    except BaseException as error:
        end = "failed: " + repr(error)
    answers.write(json.dumps([end, sys.stdout.getvalue()]) + "\n")
"#;

/// The script's answer to each document: the lines that it prints, or `None` where it refuses.
pub fn by_python(documents: &[Vec<u8>]) -> Vec<Option<Vec<String>>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/verify.py");
    let mut python = Command::new("python3")
        .args(["-c", DRIVER, script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut stdin = python.stdin.take().expect("piped");
    let lines: String = documents.iter().map(|document| STANDARD.encode(document) + "\n").collect();
    let writer = thread::spawn(move || stdin.write_all(lines.as_bytes()).expect("it reads to the end"));
    let answers = BufReader::new(python.stdout.take().expect("piped")).lines();
    let verdicts: Vec<_> = answers
        .zip(documents)
        .map(|(answer, document)| {
            let (end, output): (String, String) = serde_json::from_str(&answer.expect("text")).expect("JSON");
            let shown = String::from_utf8_lossy(document);
            if end.is_empty() {
                return Some(output.lines().map(str::to_owned).collect());
            }
            assert!(end.starts_with("REFUSED: ") && output.is_empty(), "{end} {output}: {shown}");
            None
        })
        .collect();
    writer.join().expect("it was written");
    assert!(python.wait().expect("it ends").success());
    assert_eq!(verdicts.len(), documents.len());
    verdicts
}

/// The output expected for a document, or `None` where it is refused.
fn by_this_crate(document: &[u8]) -> Option<Vec<String>> {
    let receipt: Receipt = serde_json::from_str(std::str::from_utf8(document).ok()?).ok()?;
    Some(lines(&receipt, &receipt.verify().ok()?))
}

pub fn root(what: String, head: &TreeHead) -> String {
    format!("{what}: root {} of {} leaves", head.root, head.size)
}

fn lines(receipt: &Receipt, verified: &VerifiedReceipt) -> Vec<String> {
    let (index, seq) = (verified.index(), verified.event().header.event_seq);
    let later = verified.later_heads();
    let event = match later {
        Some(later) => root(format!("event {seq}"), &later.events),
        None => format!("event {seq}: leaf hash {}, under no head", verified.event().leaf_hash()),
    };
    let entry = match (&receipt.version, later) {
        (Version::V1 { .. }, Some(later)) => vec![root(format!("entry {index}"), &later.entries)],
        (_, later) => {
            let stated = verified.stated_head().expect("of version 2");
            let extended = later.map(|later| root("second head, which extends it".to_owned(), &later.entries));
            [root(format!("entry {index}"), stated)].into_iter().chain(extended).collect()
        }
    };
    [entry, vec![event]].concat()
}

/// Compares the two, and counts the documents that they take and refuse.
fn expect_same(documents: &[Vec<u8>]) -> [usize; 2] {
    let mut counts = [0; 2];
    for (document, python) in documents.iter().zip(by_python(documents)) {
        let expected = by_this_crate(document);
        assert_eq!(python, expected, "{}", String::from_utf8_lossy(document));
        counts[usize::from(expected.is_none())] += 1;
    }
    counts
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../docs/vectors/receipt.json")).expect("JSON")
}

pub fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

#[test]
fn of_the_shared_receipts_their_alterations_and_what_is_unreadable() {
    let vectors = vectors();
    let receipts = list(&vectors["receipts"]);
    let altered = list(&vectors["alterations"]).iter().map(|alteration| {
        let path: Vec<&str> = list(&alteration["path"]).iter().map(|name| name.as_str().expect("a name")).collect();
        let of = alteration["of"].as_u64().expect("a number") as usize;
        with(&receipts[of], &path, alteration["value"].clone()).to_string()
    });
    let unreadable = list(&vectors["unreadable"]).iter().map(|text| text.as_str().expect("a text").to_owned());
    let texts = receipts.iter().map(Value::to_string).chain(altered).chain(unreadable);
    let documents: Vec<Vec<u8>> = texts.map(String::into_bytes).collect();
    let [taken, refused] = expect_same(&documents);
    assert!(taken > receipts.len() && refused > 300, "{taken} {refused}");
}

#[test]
fn of_documents_that_are_no_text_too_deep_or_of_another_size() {
    let receipt = list(&vectors()["receipts"])[3].to_string();
    let within = |value: &str| receipt.replacen('{', &format!("{{\"statement\":{value},"), 1);
    let deep = 100_000;
    let documents = [
        "[".repeat(deep),
        "{\"format\":".repeat(deep),
        within(&("[".repeat(deep) + &"]".repeat(deep))),
        within("1e999999"),
        within("NaN"),
        within("-Infinity"),
        within("\"\\ud800\""),
        within("\"\u{1}\""),
        receipt.replace("\"ledger\"", "\"ledger\\ud800\""),
        receipt.replace(':', " :\n\t\r"),
        receipt.replace("\"seq\"", "\"\\u0073e\\u0071\""),
        receipt.replace('/', "\\/"),
        receipt.replacen('{', "{\u{a0}", 1),
        receipt.replacen('{', "{\u{c}", 1),
        receipt.clone() + "\0",
        receipt.clone() + "\n \t",
    ];
    let mut documents: Vec<Vec<u8>> = documents.map(String::into_bytes).into();
    let bytes = receipt.as_bytes();
    for no_text in [&b"\xff"[..], b"\xed\xa0\x80", b"\xc0\x80", b"\xef\xbb\xbf"] {
        documents.push([no_text, bytes].concat());
        documents.push([&bytes[..20], no_text, &bytes[20..]].concat());
    }
    documents.push(receipt.encode_utf16().flat_map(u16::to_le_bytes).collect());
    let [taken, refused] = expect_same(&documents);
    assert_eq!((taken, refused), (4, documents.len() - 4));
}

/// A log of the forger's own, in which all hashes fit: entry 0 of a tree of `size` leaves, and an event that states one of
/// `stated` leaves.
struct Forgery<'a> {
    is_v1: bool,
    payload: &'a [u8],
    size: u64,
    stated: u64,
    kind: [u8; 8],
    body: &'a [u8],
    is_root_stated: bool,
}

const HONEST: Forgery<'_> = Forgery {
    is_v1: false,
    payload: &[1],
    size: 5,
    stated: 5,
    kind: kind::ENTRIES_APPENDED,
    body: &[],
    is_root_stated: true,
};

fn forged(forgery: &Forgery<'_>) -> Vec<u8> {
    let Forgery { is_v1, payload, size, stated, kind, body, is_root_stated } = *forgery;
    // All siblings of the first leaf stand to its right.
    let siblings: Vec<Hash> =
        (0..u64::BITS - (size - 1).leading_zeros()).map(|level| Hash([level as u8; 32])).collect();
    let root = siblings.iter().fold(leaf(payload), |node, sibling| sha256(&[&[1], &node, &sibling.0]));
    let (head, mut stated_root) = (Head { size, root: Root(root) }, root);
    stated_root[0] ^= u8::from(!is_root_stated);
    let numbers = |numbers: &[u64]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let (before, after) = (numbers(&[0, 7, 8]), numbers(&[0, 1, stated]));
    let event = [&kind[..], &LEDGER.0, &before, &[3; 32], &after, &stated_root, body].concat();
    let event_head = Head { size: 1, root: Root(leaf(&event)) };
    let version = match is_v1 {
        true => Version::V1 { head, event_head, event_proof: Vec::new() },
        false => Version::V2 { transaction: None, bridge: None, statement: Vec::new() },
    };
    let receipt = Receipt {
        genesis_hash: GenesisHash([0; 32]),
        program: ProgramId([0; 32]),
        ledger: LEDGER,
        entry: EntryProof { index: 0, payload: payload.to_vec(), proof: siblings },
        event: EventLeaf { seq: 0, leaf: event },
        version,
    };
    serde_json::to_vec(&receipt).expect("JSON")
}

#[test]
fn of_receipts_in_which_all_hashes_fit_and_one_rule_is_broken() {
    let one_hash = [&1_u32.to_le_bytes()[..], &[9; 32]].concat();
    let (largest, longest) = (vec![1; MAX_ENTRY_BYTES], vec![1; MAX_ENTRY_BYTES + 1]);
    let (size, too_large) = (MAX_TREE_SIZE, MAX_TREE_SIZE + 1);
    let mut cases = vec![
        // A smaller head than the event's, and another root for the same size.
        (Forgery { is_v1: true, stated: 6, ..HONEST }, false),
        (Forgery { is_v1: true, is_root_stated: false, ..HONEST }, false),
        (Forgery { is_v1: true, stated: 4, is_root_stated: false, ..HONEST }, true),
        (Forgery { is_v1: true, size: too_large, ..HONEST }, false),
        (Forgery { is_root_stated: false, ..HONEST }, false),
    ];
    for is_v1 in [false, true] {
        let honest = Forgery { is_v1, ..HONEST };
        cases.extend([
            (Forgery { ..honest }, true),
            (Forgery { payload: &[], ..honest }, false),
            (Forgery { payload: &largest, ..honest }, true),
            (Forgery { payload: &longest, ..honest }, false),
            (Forgery { size, stated: size, ..honest }, true),
            (Forgery { size: too_large, stated: too_large, ..honest }, false),
            (Forgery { kind: kind::SUBTREES_APPENDED, body: &one_hash, ..honest }, true),
            (Forgery { kind: kind::SUBTREES_APPENDED, ..honest }, false),
            (Forgery { kind: kind::LEDGER_CREATED, body: &one_hash, ..honest }, false),
            (Forgery { kind: kind::LEDGER_SEALED, ..honest }, false),
            (Forgery { kind: [0; 8], ..honest }, false),
            (Forgery { body: &one_hash, ..honest }, false),
        ]);
    }
    let documents: Vec<Vec<u8>> = cases.iter().map(|(forgery, _)| forged(forgery)).collect();
    let taken = documents.iter().map(|document| by_this_crate(document).is_some());
    assert!(taken.eq(cases.iter().map(|(_, is_taken)| *is_taken)));
    expect_same(&documents);
}

/// Each number of an event, and the receipt's numbers, at the edges of what a log can have.
#[test]
fn of_numbers_at_their_edges() {
    let vectors = vectors();
    let mut documents = Vec::new();
    for receipt in list(&vectors["receipts"]) {
        let leaf = STANDARD.decode(receipt["event"]["leaf"].as_str().expect("a text")).expect("base64");
        // A leaf without a body ends where the body's count would begin.
        let words = [40, 96, 104, 112, 152].into_iter().filter(|at| at + 8 <= leaf.len());
        for value in [0, 1, 9, MAX_TREE_SIZE - 1, MAX_TREE_SIZE, MAX_TREE_SIZE + 1, u64::MAX] {
            for at in words.clone() {
                let mut leaf = leaf.clone();
                leaf[at..at + 8].copy_from_slice(&value.to_le_bytes());
                let altered = with(receipt, &["event", "leaf"], json!(STANDARD.encode(leaf)));
                for number in [&["event", "seq"][..], &["entry", "index"]] {
                    documents.push(with(&altered, number, json!(value.to_string())).to_string().into_bytes());
                }
                documents.push(altered.to_string().into_bytes());
            }
        }
    }
    let [taken, refused] = expect_same(&documents);
    assert!(taken > 10 && refused > 100, "{taken} {refused}");
}

/// The paths of all values, as JSON pointers.
fn pointers(value: &Value) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(values) => values.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    let inner = inner
        .into_iter()
        .flat_map(|(name, value)| pointers(value).into_iter().map(move |rest| format!("/{name}{rest}")));
    [String::new()].into_iter().chain(inner).collect()
}

const SYMBOLS: &str = " \t\n\"\\{}[]:,0123456789abcdefxyzABCXYZ+/=-.n\u{a0}\u{feff}";
const MEMBERS: [&str; 19] = [
    "format",
    "ledger",
    "entry",
    "event",
    "transaction",
    "bridge",
    "head",
    "event_head",
    "proof",
    "consistency",
    "event_proof",
    "statement",
    "salt",
    "entries",
    "events",
    "content",
    "index",
    "seq",
    "note",
];

/// The parts of a random change: which receipt, which kind of change, and two places.
pub type Change = (Index, u8, Index, Index, u8);

pub fn any_change() -> impl Strategy<Value = Change> {
    (any::<Index>(), 0..11_u8, any::<Index>(), any::<Index>(), any::<u8>())
}

fn changed(receipts: &[Value], change: &Change) -> String {
    changed_one(change.0.get(receipts), receipts, change)
}

/// A changed document, and unchanged ones around it.
pub fn changed_one(receipt: &Value, receipts: &[Value], (_, kind, one, other, byte): &Change) -> String {
    let text = receipt.to_string();
    let symbols: Vec<char> = SYMBOLS.chars().collect();
    let symbol = other.get(&symbols).to_string();
    let (from, paths) = (one.index(text.len()), pointers(receipt));
    let (path, another) = (one.get(&paths), other.get(&paths));
    let mut altered = receipt.clone();
    let place = altered.pointer_mut(path).expect("it is there");
    match kind {
        // The text is ASCII, so each byte is a character.
        0 => return format!("{}{symbol}{}", &text[..from], &text[from + 1..]),
        1 => return format!("{}{symbol}{}", &text[..from], &text[from..]),
        2 => return format!("{}{}", &text[..from], &text[from + 1..]),
        3 => {
            let values = [json!(null), json!([]), json!({}), json!(""), json!("0"), json!("1"), json!(1), json!([[]])];
            *place = other.get(&values).clone();
        }
        4 => *place = receipt.pointer(another).expect("it is there").clone(),
        5 => {
            let foreign = &receipts[usize::from(*byte) % receipts.len()];
            *place = foreign.pointer(path).or(foreign.pointer(another)).unwrap_or(foreign).clone();
        }
        6 => match place {
            Value::Object(members) => {
                let name = other.get(&members.keys().cloned().collect::<Vec<_>>()).clone();
                members.remove(&name);
            }
            Value::Array(values) if !values.is_empty() => drop(values.remove(other.index(values.len()))),
            _ => {}
        },
        7 => match place {
            Value::Object(members) => drop(members.insert((*other.get(&MEMBERS)).to_owned(), json!(byte.to_string()))),
            Value::Array(values) if !values.is_empty() => values.push(values[other.index(values.len())].clone()),
            _ => {}
        },
        8 => {
            if let Value::String(text) = place
                && let Ok(mut bytes) = STANDARD.decode(&*text)
                && !bytes.is_empty()
            {
                let at = other.index(bytes.len());
                bytes[at] ^= 1 << (byte % 8);
                *text = STANDARD.encode(bytes);
            }
        }
        9 => {
            if let Value::String(text) = place
                && !text.is_empty()
            {
                let at = other.index(text.len());
                text.replace_range(at..=at, &symbols[usize::from(*byte) % symbols.len()].to_string());
            }
        }
        // A member that stands there twice.
        _ => {
            let inner = receipt.pointer(path).expect("it is there").to_string();
            let name = other.get(&MEMBERS);
            return text.replacen(&inner, &inner.replacen('{', &format!("{{\"{name}\":\"{byte}\","), 1), 1);
        }
    }
    altered.to_string()
}

#[test]
fn of_random_changes_of_true_receipts() {
    let vectors = vectors();
    let receipts = list(&vectors["receipts"]);
    let config = seed::cases(3_000);
    let cases = config.cases;
    let mut runner = TestRunner::new(config);
    let change = any_change();
    let documents: Vec<Vec<u8>> = (0..cases)
        .map(|_| changed(receipts, &change.new_tree(&mut runner).expect("a change").current()).into_bytes())
        .collect();
    let [taken, refused] = expect_same(&documents);
    println!("{taken} taken, {refused} refused");
    assert!(cases < 1_000 || taken > 10 && refused > 100, "{taken} {refused}");
}
