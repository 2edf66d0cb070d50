//! The receipts that all implementations read, `docs/vectors/receipt.json`: true ones, each field altered, and how
//! earlier heads stand to an account. Expected is what is written here, not what this crate answers.
//!
//! `UPDATE=1 cargo test -p counterfoil-core vectors` writes the file anew; without it, one that differs is a failure.

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use counterfoil_core::receipt::{EventProof, LogKind, Receipt, ReceiptError, Relation, relate};
use counterfoil_core::{Event, EventBody};
use merkle_log::Root;
use serde_json::{Value, json};

use super::history::{History, encode_leaf, path, root};
use super::receipt::{by_subtrees, covering, head, long, read, receipt, with};

/// What an alteration is refused for; `None` where only the chain can tell.
type Expected = Option<&'static str>;
/// A field, its value instead, what it is refused for.
type Alteration = (&'static [&'static str], Value, Expected);

const UNREADABLE: Expected = Some("unreadable");
/// The altered receipt's entry; the last of its append, after a grant.
const INDEX: usize = 9;

fn verdict(receipt: &Value) -> Expected {
    let Ok(receipt) = read(receipt) else { return UNREADABLE };
    receipt.verify().err().map(|error| match error {
        ReceiptError::UnknownFormat => "unknown_format",
        ReceiptError::OutOfRange(_) => "out_of_range",
        ReceiptError::EntryLength { .. } => "entry_length",
        ReceiptError::Entry(_) => "entry",
        ReceiptError::UnreadableEvent(_) => "unreadable_event",
        ReceiptError::WrongEvent { .. } => "wrong_event",
        ReceiptError::WrongLedger { .. } => "wrong_ledger",
        ReceiptError::WrongSequence { .. } => "wrong_sequence",
        ReceiptError::NotCovered { .. } => "not_covered",
        ReceiptError::HeadMismatch => "head_mismatch",
        ReceiptError::Event(_) => "event",
    })
}

#[test]
fn of_receipts() {
    let history = History::sample();
    let events = history.events.len();
    // The last one's entry was appended by the hash of its subtree.
    let receipts = [
        receipt(&history, 0, 2),
        receipt(&history, 3, 5),
        receipt(&history, INDEX, events),
        receipt(&by_subtrees(), 6, 4),
    ];
    let altered = &receipts[2];
    let json: Vec<Value> = receipts.iter().map(|receipt| serde_json::to_value(receipt).expect("JSON")).collect();
    assert!(json.iter().all(|receipt| verdict(receipt).is_none()));
    let base = &json[2];
    let of_the_last =
        [whole_fields(base), of_the_entry(altered), of_the_event(&history, altered), of_the_heads(altered)].concat();
    let mut alterations = Vec::new();
    for (of, cases) in [(0, of_the_newest_event(&receipts[0])), (2, of_the_last)] {
        for (path, value, expected) in cases {
            let found = verdict(&with(&json[of], path, value.clone()));
            assert_eq!(found, expected, "{path:?} = {value}");
            alterations.push(json!({"of": of, "path": path, "value": value, "refused": expected}));
        }
    }
    let vectors = json!({
        "receipts": json, "alterations": alterations, "unreadable": unreadable(base), "relations": relations(),
    });
    expect_committed(&vectors);
}

/// The event that wrote the very head: it has to say the head's root.
fn of_the_newest_event(receipt: &Receipt) -> Vec<Alteration> {
    let mut leaf = receipt.event.leaf.clone();
    leaf[120] ^= 1;
    vec![(&["event", "leaf"], base64(&leaf), Some("head_mismatch"))]
}

/// Another value of the right form in each field that is no part of entry, event or head, and what has no right form.
fn whole_fields(receipt: &Value) -> Vec<Alteration> {
    let key = receipt["ledger"].as_str().expect("a key");
    let root = receipt["head"]["root"].as_str().expect("a root");
    let mut all: Vec<Alteration> = vec![
        (&["format"], json!("counterfoil receipt v2"), Some("unknown_format")),
        (&["format"], json!(1), UNREADABLE),
        (&["genesis_hash"], json!(key), None),
        (&["program"], json!(key), None),
        (&["ledger"], json!("1".repeat(32)), Some("wrong_ledger")),
        (&["ledger"], json!(format!("1{key}")), UNREADABLE),
        (&["ledger"], json!(key.replacen(&key[..1], "0", 1)), UNREADABLE),
        (&["entry"], json!(null), UNREADABLE),
        (&["event"], json!([]), UNREADABLE),
        (&["head", "root"], json!(root.to_uppercase()), UNREADABLE),
        (&["head", "root"], json!(root[2..]), UNREADABLE),
        (&["entry", "proof"], json!(root), UNREADABLE),
        (&["entry", "proof"], json!([root, format!("{root} ")]), UNREADABLE),
    ];
    for text in ["", "09", "+9", "-9", " 9", "9.0", "9e0", "0x9", "\u{669}", "18446744073709551616"] {
        all.push((&["entry", "index"], json!(text), UNREADABLE));
    }
    all.push((&["event_head", "size"], json!(9), UNREADABLE));
    for text in ["AQ", "AQ=", "AR==", "_w==", "AQ==\n", "A", "===="] {
        all.push((&["entry", "payload"], json!(text), UNREADABLE));
    }
    all
}

fn of_the_entry(receipt: &Receipt) -> Vec<Alteration> {
    let proof = &receipt.entry.proof;
    let mut flipped = proof.clone();
    flipped[0].0[31] ^= 1;
    let mut swapped = proof.clone();
    swapped.swap(0, 1);
    let mut payload = receipt.entry.payload.clone();
    payload[0] ^= 1;
    vec![
        (&["entry", "index"], json!("8"), Some("entry")),
        (&["entry", "index"], json!(receipt.head.size.to_string()), Some("entry")),
        (&["entry", "index"], json!("281474976710655"), Some("out_of_range")),
        (&["entry", "index"], json!("18446744073709551615"), Some("out_of_range")),
        (&["entry", "payload"], base64(&payload), Some("entry")),
        (&["entry", "payload"], json!(""), Some("entry_length")),
        (&["entry", "proof"], hexes(&flipped), Some("entry")),
        (&["entry", "proof"], hexes(&swapped), Some("entry")),
        (&["entry", "proof"], hexes(&proof[1..]), Some("entry")),
        (&["entry", "proof"], hexes(&[proof.as_slice(), &proof[..1]].concat()), Some("entry")),
        (&["entry", "proof"], json!([]), Some("entry")),
    ]
}

/// Each field of the event's leaf, and other events with their true proofs.
fn of_the_event(history: &History, receipt: &Receipt) -> Vec<Alteration> {
    let leaf = &receipt.event.leaf;
    let flip = |at: usize| {
        let mut leaf = leaf.clone();
        leaf[at] ^= 1;
        base64(&leaf)
    };
    let proof = &receipt.event.proof;
    let other = |is_wanted: fn(&EventBody) -> bool| {
        let is_other = |event: &Event| is_wanted(&event.body) && event.header.event_seq.get() != receipt.event.seq;
        let seq = history.events.iter().position(is_other).expect("such an event");
        let all = history.event_leaves(history.events.len());
        let event = EventProof { seq: seq as u64, leaf: encode_leaf(&history.events[seq]), proof: path(seq, &all) };
        serde_json::to_value(event).expect("JSON")
    };
    assert_eq!(receipt.event.seq as usize, covering(history, INDEX));
    vec![
        (&["event", "seq"], json!("2"), Some("wrong_sequence")),
        (&["event", "seq"], json!("281474976710655"), Some("out_of_range")),
        (&["event", "leaf"], flip(0), Some("unreadable_event")),
        (&["event", "leaf"], flip(8), Some("wrong_ledger")),
        (&["event", "leaf"], flip(40), Some("wrong_sequence")),
        (&["event", "leaf"], flip(48), Some("event")),
        (&["event", "leaf"], flip(56), Some("event")),
        (&["event", "leaf"], flip(64), Some("event")),
        (&["event", "leaf"], flip(96 + 4), Some("not_covered")),
        (&["event", "leaf"], flip(96 + 7), Some("unreadable_event")),
        (&["event", "leaf"], flip(104 + 7), Some("event")),
        (&["event", "leaf"], flip(112 + 4), Some("head_mismatch")),
        (&["event", "leaf"], flip(120), Some("event")),
        (&["event", "leaf"], base64(&[leaf.as_slice(), &[0]].concat()), Some("unreadable_event")),
        (&["event", "leaf"], base64(&leaf[..151]), Some("unreadable_event")),
        (&["event", "leaf"], json!(""), Some("unreadable_event")),
        (&["event", "proof"], hexes(&proof[1..]), Some("event")),
        (&["event", "proof"], hexes(&[proof.as_slice(), &proof[..1]].concat()), Some("event")),
        (&["event"], other(|body| matches!(body, EventBody::EntriesAppended { .. })), Some("not_covered")),
        (&["event"], other(|body| matches!(body, EventBody::WriterGranted { .. })), Some("wrong_event")),
    ]
}

fn of_the_heads(receipt: &Receipt) -> Vec<Alteration> {
    let flipped = |root: Root| {
        let Root(mut bytes) = root;
        bytes[0] ^= 1;
        json!(Root(bytes).to_string())
    };
    vec![
        (&["head", "size"], json!("0"), Some("entry")),
        (&["head", "size"], json!("281474976710655"), Some("entry")),
        (&["head", "size"], json!("281474976710656"), Some("out_of_range")),
        (&["head", "root"], flipped(receipt.head.root), Some("entry")),
        (&["event_head", "size"], json!("1"), Some("event")),
        (&["event_head", "size"], json!("281474976710656"), Some("out_of_range")),
        (&["event_head", "root"], flipped(receipt.event_head.root), Some("event")),
    ]
}

/// Texts that no alteration of one value makes.
fn unreadable(receipt: &Value) -> Vec<String> {
    let text = receipt.to_string();
    let texts = vec![
        String::new(),
        "[]".to_owned(),
        "null".to_owned(),
        text[..text.len() - 1].to_owned(),
        format!("{text}{text}"),
        text.replacen('{', r#"{"note":"","#, 1),
        text.replacen('{', r#"{"ledger":"11111111111111111111111111111111","#, 1),
        text.replacen(r#""entry":{"#, r#""entry":{"index":"0","#, 1),
        text.replacen(r#""ledger""#, r#""Ledger""#, 1),
    ];
    for text in &texts {
        serde_json::from_str::<Receipt>(text).expect_err(text);
    }
    texts
}

/// An account after twenty appends of two entries, and earlier heads beside it.
fn relations() -> Value {
    let (history, account) = long();
    let data: String = history.account(history.events.len()).iter().map(|byte| format!("{byte:02x}")).collect();
    let cases = [
        (
            LogKind::Entries,
            "entries",
            vec![
                (40, "same"),
                (41, "stale"),
                (38, "in_ring"),
                (10, "in_ring"),
                (8, "grown"),
                (39, "grown"),
                (0, "grown"),
            ],
        ),
        (LogKind::Events, "events", vec![(21, "same"), (22, "stale"), (20, "grown"), (1, "grown")]),
    ];
    let mut listed = Vec::new();
    for (log, name, sizes) in cases {
        for (size, expected) in sizes {
            let true_root = match log {
                LogKind::Entries => root(&history.leaves(size.min(40))),
                LogKind::Events => root(&history.event_leaves(size.min(21))),
            };
            let of_another = if matches!(expected, "same" | "in_ring") { "contradiction" } else { expected };
            for (root, expected) in [(true_root, expected), ([0xee; 32], of_another)] {
                let found = match relate(log, &head(size, Root(root)), &account) {
                    Relation::Same => "same",
                    Relation::InRing => "in_ring",
                    Relation::Grown(_) => "grown",
                    Relation::Stale(_) => "stale",
                    Relation::Contradiction(_) => "contradiction",
                };
                assert_eq!(found, expected, "{name} {size}");
                let root = Root(root).to_string();
                listed.push(json!({"log": name, "size": size.to_string(), "root": root, "relation": expected}));
            }
        }
    }
    json!({"account": data, "heads": listed})
}

fn base64(bytes: &[u8]) -> Value {
    json!(STANDARD.encode(bytes))
}

fn hexes(hashes: &[merkle_log::Hash]) -> Value {
    hashes.iter().map(ToString::to_string).collect()
}

fn expect_committed(vectors: &Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors/receipt.json");
    let text = serde_json::to_string_pretty(vectors).expect("JSON") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).expect("a file");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/vectors/receipt.json is not what this test gives: run with UPDATE=1 and look at the change"
    );
}
