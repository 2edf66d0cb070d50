//! The receipts that all implementations read, `docs/vectors/receipt.json`: true ones, each field altered, and how
//! earlier heads stand to an account. Expected is what is written here, not what this crate answers.
//!
//! `UPDATE=1 cargo test -p counterfoil-core vectors` writes the file again; without it, one that differs is a failure.

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use counterfoil_core::receipt::{Receipt, ReceiptError, TransactionSignature};
use counterfoil_core::relate::{LogKind, Relation, relate};
use counterfoil_core::{Event, EventBody};
use merkle_log::Root;
use serde_json::{Value, json};

use super::history::{History, encode_leaf, path, root};
use super::receipt::{Form, by_subtrees, covering, receipt};
use super::receipt_json::{read, with};
use super::relate::{head, long};

/// The reason why an alteration is refused; `None` where only the chain can tell.
type Expected = Option<&'static str>;
/// A member, its value instead of or in addition to the others, what it is refused for.
type Alteration = (Vec<&'static str>, Value, Expected);

const UNREADABLE: Expected = Some("unreadable");
/// The altered receipts' entry; the last of its append, after a grant.
const INDEX: usize = 9;

fn verdict(receipt: &Value) -> Expected {
    let Ok(receipt) = read(receipt) else { return UNREADABLE };
    receipt.verify().err().map(|error| match error {
        ReceiptError::Statement { .. } => "statement",
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
        ReceiptError::Bridge(_) => "bridge",
    })
}

#[test]
fn of_receipts() {
    let history = History::sample();
    let events = history.events.len();
    let mut receipts = Vec::new();
    for form in [Form::V1, Form::Bare, Form::Bridged] {
        // The second's heads are those that its event wrote; the third's entry was appended by the hash of its subtree.
        receipts.push((form, receipt(form, &history, INDEX, events)));
        receipts.push((form, receipt(form, &history, 0, 2)));
        receipts.push((form, receipt(form, &by_subtrees(), 6, 4)));
    }
    let json: Vec<Value> = receipts.iter().map(|(_, receipt)| serde_json::to_value(receipt).expect("JSON")).collect();
    assert!(json.iter().all(|receipt| verdict(receipt).is_none()));
    let mut alterations = Vec::new();
    for (of, (form, altered)) in receipts.iter().enumerate() {
        let cases = match of % 3 {
            0 => of_the_first(*form, &history, altered, &json[of]),
            1 => of_the_newest_event(*form, altered),
            _ => of_the_subtrees(*form, altered),
        };
        for (path, value, expected) in cases {
            let found = verdict(&with(&json[of], &path, value.clone()));
            assert_eq!(found, expected, "{form:?} {path:?} = {value}");
            alterations.push(json!({"of": of, "path": path, "value": value, "refused": expected}));
        }
    }
    alterations.extend(of_the_other_version(&json));
    let unreadable: Vec<String> = json.iter().step_by(3).flat_map(unreadable).collect();
    expect_committed(
        "receipt",
        &json!({
            "receipts": json, "alterations": alterations, "unreadable": unreadable, "relations": relations(),
        }),
    );
}

/// The reason why a receipt of this form is refused.
fn by_form(form: Form, v1: Expected, bare: Expected, bridged: Expected) -> Expected {
    match form {
        Form::V1 => v1,
        Form::Bare => bare,
        Form::Bridged => bridged,
    }
}

fn of_the_first(form: Form, history: &History, receipt: &Receipt, json: &Value) -> Vec<Alteration> {
    let of_the_form = match form {
        Form::V1 => of_heads(&["head"], &["event_head"], ["entry", "event"], json),
        Form::Bare => Vec::new(),
        Form::Bridged => of_the_bridge(json),
    };
    let of_version_2 = if form == Form::V1 { Vec::new() } else { of_the_optional_members(json) };
    [whole_members(json), of_the_entry(receipt), of_the_event(form, history, receipt), of_the_form, of_version_2]
        .concat()
}

/// The event that wrote the very head: it has to say the head's root.
fn of_the_newest_event(form: Form, receipt: &Receipt) -> Vec<Alteration> {
    let mut leaf = receipt.event.leaf.clone();
    leaf[120] ^= 1;
    vec![(vec!["event", "leaf"], base64(&leaf), by_form(form, Some("head_mismatch"), Some("entry"), Some("entry")))]
}

/// The event's body is a count and that number of hashes, to its end.
fn of_the_subtrees(form: Form, receipt: &Receipt) -> Vec<Alteration> {
    let leaf = &receipt.event.leaf;
    let flip = |at: usize| {
        let mut leaf = leaf.clone();
        leaf[at] ^= 1;
        base64(&leaf)
    };
    vec![
        (vec!["event", "leaf"], flip(152), Some("unreadable_event")),
        (vec!["event", "leaf"], flip(156), by_form(form, Some("event"), None, Some("event"))),
        (vec!["event", "leaf"], base64(&leaf[..152]), Some("unreadable_event")),
        (vec!["event", "leaf"], base64(&leaf[..leaf.len() - 1]), Some("unreadable_event")),
        (vec!["event", "leaf"], base64(&[leaf.as_slice(), &[0; 32]].concat()), Some("unreadable_event")),
    ]
}

/// Another value of the right form in each member that is no part of entry or event, and what has no right form.
fn whole_members(receipt: &Value) -> Vec<Alteration> {
    let key = receipt["ledger"].as_str().expect("a key");
    let hash = receipt["entry"]["proof"][0].as_str().expect("a hash");
    let entry = &receipt["entry"];
    let mut all: Vec<Alteration> = vec![
        (vec![], json!([]), UNREADABLE),
        (vec![], json!([receipt]), UNREADABLE),
        (vec!["format"], json!("counterfoil receipt v3"), UNREADABLE),
        (vec!["format"], json!(1), UNREADABLE),
        (vec!["genesis_hash"], json!(key), None),
        (vec!["program"], json!(key), None),
        (vec!["ledger"], json!("1".repeat(32)), Some("wrong_ledger")),
        (vec!["ledger"], json!(format!("1{key}")), UNREADABLE),
        (vec!["ledger"], json!(key.replacen(&key[..1], "0", 1)), UNREADABLE),
        (vec!["entry"], json!(null), UNREADABLE),
        (vec!["entry"], json!([entry["index"], entry["payload"], entry["proof"]]), UNREADABLE),
        (vec!["entry", "note"], json!(""), UNREADABLE),
        (vec!["event"], json!([]), UNREADABLE),
        (vec!["event"], json!([receipt["event"]["seq"], receipt["event"]["leaf"]]), UNREADABLE),
        (vec!["event", "proof"], json!(null), UNREADABLE),
        (vec!["entry", "proof"], json!(hash), UNREADABLE),
        (vec!["entry", "proof"], json!([hash, hash.to_uppercase()]), UNREADABLE),
        (vec!["entry", "proof"], json!([hash, hash[2..]]), UNREADABLE),
        (vec!["entry", "proof"], json!([hash, format!("{hash} ")]), UNREADABLE),
        (vec!["note"], json!(""), UNREADABLE),
    ];
    for text in ["", "09", "+9", "-9", " 9", "9.0", "9e0", "0x9", "\u{669}", "18446744073709551616"] {
        all.push((vec!["entry", "index"], json!(text), UNREADABLE));
    }
    all.push((vec!["entry", "index"], json!(9), UNREADABLE));
    for text in ["AQ", "AQ=", "AR==", "_w==", "AQ==\n", "A", "===="] {
        all.push((vec!["entry", "payload"], json!(text), UNREADABLE));
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
        (vec!["entry", "index"], json!("8"), Some("entry")),
        (vec!["entry", "index"], json!("10"), Some("not_covered")),
        (vec!["entry", "index"], json!("281474976710655"), Some("out_of_range")),
        (vec!["entry", "index"], json!("18446744073709551615"), Some("out_of_range")),
        (vec!["entry", "payload"], base64(&payload), Some("entry")),
        (vec!["entry", "payload"], json!(""), Some("entry_length")),
        (vec!["entry", "proof"], hexes(&flipped), Some("entry")),
        (vec!["entry", "proof"], hexes(&swapped), Some("entry")),
        (vec!["entry", "proof"], hexes(&proof[1..]), Some("entry")),
        (vec!["entry", "proof"], hexes(&[proof.as_slice(), &proof[..1]].concat()), Some("entry")),
        (vec!["entry", "proof"], json!([]), Some("entry")),
    ]
}

/// Each field of the event's leaf, and other events. Of a receipt without a proof of the event, only the chain can tell
/// that its slot, time, signer and count are true.
fn of_the_event(form: Form, history: &History, receipt: &Receipt) -> Vec<Alteration> {
    let leaf = &receipt.event.leaf;
    let flip = |at: usize| {
        let mut leaf = leaf.clone();
        leaf[at] ^= 1;
        base64(&leaf)
    };
    let other = |is_wanted: fn(&EventBody) -> bool| {
        let is_other = |event: &Event| is_wanted(&event.body) && event.header.event_seq.get() != receipt.event.seq;
        let seq = history.events.iter().position(is_other).expect("such an event");
        let mut event = json!({ "seq": seq.to_string(), "leaf": base64(&encode_leaf(&history.events[seq])) });
        if form == Form::V1 {
            event["proof"] = hexes(&path(seq, &history.event_leaves(history.events.len())));
        }
        event
    };
    assert_eq!(receipt.event.seq as usize, covering(history, INDEX));
    let event = by_form(form, Some("event"), None, Some("event"));
    vec![
        (vec!["event", "seq"], json!("2"), Some("wrong_sequence")),
        (vec!["event", "seq"], json!("281474976710655"), Some("out_of_range")),
        (vec!["event", "leaf"], flip(0), Some("unreadable_event")),
        (vec!["event", "leaf"], flip(8), Some("wrong_ledger")),
        (vec!["event", "leaf"], flip(40), Some("wrong_sequence")),
        (vec!["event", "leaf"], flip(48), event),
        (vec!["event", "leaf"], flip(56), event),
        (vec!["event", "leaf"], flip(64), event),
        (vec!["event", "leaf"], flip(96 + 4), Some("not_covered")),
        (vec!["event", "leaf"], flip(96 + 7), Some("unreadable_event")),
        (vec!["event", "leaf"], flip(104 + 7), event),
        (vec!["event", "leaf"], flip(112 + 4), by_form(form, Some("head_mismatch"), Some("entry"), Some("entry"))),
        (vec!["event", "leaf"], flip(112 + 7), Some("unreadable_event")),
        (vec!["event", "leaf"], flip(120), by_form(form, Some("event"), Some("entry"), Some("entry"))),
        (vec!["event", "leaf"], base64(&[leaf.as_slice(), &[0]].concat()), Some("unreadable_event")),
        (vec!["event", "leaf"], base64(&leaf[..151]), Some("unreadable_event")),
        (vec!["event", "leaf"], json!(""), Some("unreadable_event")),
        (vec!["event"], other(|body| matches!(body, EventBody::EntriesAppended { .. })), Some("not_covered")),
        (vec!["event"], other(|body| matches!(body, EventBody::WriterGranted { .. })), Some("wrong_event")),
    ]
}

/// The two heads at these paths, what is refused when the proof to each does not hold, and the proof to the second.
fn of_heads(
    of_entries: &[&'static str],
    of_events: &[&'static str],
    [entries, events]: [&'static str; 2],
    receipt: &Value,
) -> Vec<Alteration> {
    let mut all = Vec::new();
    for (at, code) in [(of_entries, entries), (of_events, events)] {
        let to = |name: &'static str| [at, &[name]].concat();
        let head = at.iter().fold(receipt, |value, name| &value[name]);
        let root = head["root"].as_str().expect("a root");
        let flipped = format!("{}{}", if root.starts_with('0') { "1" } else { "0" }, &root[1..]);
        all.extend([
            (to("size"), json!("1"), Some(code)),
            (to("size"), json!("0"), Some(code)),
            (to("size"), json!("281474976710655"), Some(code)),
            (to("size"), json!("281474976710656"), Some("out_of_range")),
            (to("size"), json!(9), UNREADABLE),
            (to("root"), json!(flipped), Some(code)),
            (to("root"), json!(root.to_uppercase()), UNREADABLE),
            (to("root"), json!(root[2..]), UNREADABLE),
            (to("note"), json!(""), UNREADABLE),
            (at.to_vec(), json!([head["size"], root]), UNREADABLE),
            (at.to_vec(), json!(null), UNREADABLE),
        ]);
    }
    let is_v1 = of_events.len() == 1;
    let proof: &[&'static str] = if is_v1 { &["event", "proof"] } else { &["bridge", "event_proof"] };
    all.extend(of_a_proof(proof, events, receipt));
    all
}

fn of_a_proof(at: &[&'static str], code: &'static str, receipt: &Value) -> Vec<Alteration> {
    let proof = at.iter().fold(receipt, |value, name| &value[name]).as_array().expect("hashes");
    let (first, rest) = proof.split_first().expect("more than one");
    vec![
        (at.to_vec(), json!(rest), Some(code)),
        (at.to_vec(), json!([proof.as_slice(), std::slice::from_ref(first)].concat()), Some(code)),
        (at.to_vec(), json!([rest, std::slice::from_ref(first)].concat()), Some(code)),
        (at.to_vec(), json!([]), Some(code)),
        (at.to_vec(), first.clone(), UNREADABLE),
        (at.to_vec(), json!([first.as_str().expect("hex").to_uppercase()]), UNREADABLE),
    ]
}

fn of_the_bridge(receipt: &Value) -> Vec<Alteration> {
    let bridge = &receipt["bridge"];
    let exchanged = json!({
        "head": bridge["event_head"], "consistency": bridge["consistency"],
        "event_head": bridge["head"], "event_proof": bridge["event_proof"],
    });
    let members = json!([bridge["head"], bridge["consistency"], bridge["event_head"], bridge["event_proof"]]);
    let mut all = vec![
        (vec!["bridge"], exchanged, Some("bridge")),
        (vec!["bridge"], members, UNREADABLE),
        (vec!["bridge"], json!({}), UNREADABLE),
        (vec!["bridge", "note"], json!(""), UNREADABLE),
    ];
    all.extend(of_heads(&["bridge", "head"], &["bridge", "event_head"], ["bridge", "event"], receipt));
    all.extend(of_a_proof(&["bridge", "consistency"], "bridge", receipt));
    all
}

fn of_the_optional_members(receipt: &Value) -> Vec<Alteration> {
    let signature = |byte: u8| TransactionSignature([byte; 64]).to_string();
    let mut all = vec![
        (vec!["transaction"], json!(signature(0)), None),
        (vec!["transaction"], json!(signature(0xff)), None),
        (vec!["transaction"], json!(format!("1{}", signature(7))), UNREADABLE),
        (vec!["transaction"], json!(format!("{} ", signature(7))), UNREADABLE),
        (vec!["transaction"], json!("1".repeat(63)), UNREADABLE),
        (vec!["transaction"], json!("z".repeat(88)), UNREADABLE),
        (vec!["transaction"], json!(""), UNREADABLE),
        (vec!["transaction"], json!([]), UNREADABLE),
        (vec!["transaction"], json!(null), UNREADABLE),
        (vec!["bridge"], json!(null), UNREADABLE),
        (vec!["bridge"], json!([]), UNREADABLE),
    ];
    for member in ["statement", "content", "salt"] {
        all.push((vec![member], json!("00"), Some("statement")));
        all.push((vec![member], json!({ "any": [1.5, true] }), Some("statement")));
        all.push((vec![member], json!(null), UNREADABLE));
    }
    // A contradiction is said first.
    let stated = with(receipt, &["statement"], json!("00"));
    all.push((vec![], with(&stated, &["entry", "proof"], json!([])), Some("entry")));
    all.push((vec![], with(&stated, &["ledger"], json!("1".repeat(32))), Some("wrong_ledger")));
    all
}

/// Members of one version in the other.
fn of_the_other_version(receipts: &[Value]) -> Vec<Value> {
    let (v1, bare, bridged) = (&receipts[0], &receipts[3], &receipts[6]);
    let cases: [(usize, &[&str], &Value); 12] = [
        (0, &["format"], &bare["format"]),
        (0, &["transaction"], &bridged["transaction"]),
        (0, &["bridge"], &bridged["bridge"]),
        (0, &["statement"], &json!("00")),
        (3, &["format"], &v1["format"]),
        (3, &["event", "proof"], &v1["event"]["proof"]),
        (3, &["event", "proof"], &json!([])),
        (3, &["head"], &v1["head"]),
        (3, &["event_head"], &v1["event_head"]),
        (6, &["format"], &v1["format"]),
        (6, &["event", "proof"], &v1["event"]["proof"]),
        (6, &["head"], &v1["head"]),
    ];
    let all = cases.into_iter().map(|(of, path, value)| {
        assert_eq!(verdict(&with(&receipts[of], path, value.clone())), UNREADABLE, "{of} {path:?}");
        json!({ "of": of, "path": path, "value": value, "refused": "unreadable" })
    });
    all.collect()
}

/// Texts that no alteration of one value makes.
fn unreadable(receipt: &Value) -> Vec<String> {
    let text = receipt.to_string();
    let doubled = |member: &str| {
        let value = &receipt[member];
        text.replacen('{', &format!("{{\"{member}\":{value},"), 1)
    };
    let mut texts = vec![
        String::new(),
        "[]".to_owned(),
        "null".to_owned(),
        format!("\u{feff}{text}"),
        text[..text.len() - 1].to_owned(),
        format!("{text}{text}"),
        text.replacen('{', r#"{"note":"","#, 1),
        text.replacen('{', r#"{"ledger":"11111111111111111111111111111111","#, 1),
        text.replacen(r#""entry":{"#, r#""entry":{"index":"0","#, 1),
        text.replacen(r#""event":{"#, r#""event":{"\u0073eq":"0","#, 1),
        text.replacen(r#""ledger""#, r#""Ledger""#, 1),
        text.replacen('}', ",}", 1),
        text.replacen('{', "{/**/", 1),
        text.replace('"', "'"),
        doubled("format"),
    ];
    if receipt["bridge"].is_object() {
        texts.push(doubled("transaction"));
        texts.push(doubled("bridge"));
        texts.push(text.replacen(r#""bridge":{"#, r#""bridge":{"consistency":[],"#, 1));
        let (before, bridge) = text.split_once(r#""bridge":"#).expect("a bridge");
        texts.push(format!("{before}\"bridge\":{}", bridge.replacen(r#""root":"#, r#""root":"","root":"#, 1)));
    }
    for text in &texts {
        serde_json::from_str::<Receipt>(text).expect_err(text);
    }
    texts
}

/// An account after twenty appends of two entries, and earlier heads with it.
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

/// Compares the file of this name with what the test gives, or writes it.
pub fn expect_committed(name: &str, vectors: &Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/vectors/{name}.json"));
    let text = serde_json::to_string_pretty(vectors).expect("JSON") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).expect("a file");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/vectors/{name}.json is not what this test gives: run with UPDATE=1 and look at the change"
    );
}
