//! Receipts: what they prove, what they refuse, and their one text.

use std::mem::discriminant;

use counterfoil_core::limits::MAX_ENTRY_BYTES;
use counterfoil_core::receipt::{
    EntryProof, EventProof, FORMAT, Head, LogKind, Receipt, ReceiptError, Relation, relate,
};
use counterfoil_core::{Event, EventBody, EventError, GenesisHash, LedgerAccount, LedgerId, ProgramId};
use merkle_log::{Hash, MAX_TREE_SIZE, OutOfRange, ProofError, Root, TreeHead, TreeSize};
use serde_json::{Value, json};

use super::history::{AUTHORITY, History, ID, LEDGER, encode_leaf, leaf, path, root};

/// The receipt of an entry as of the head and the event log's head that a history has after `events` events.
pub fn receipt(history: &History, index: usize, events: usize) -> Receipt {
    receipt_at(history, index, history.size_after(events), events)
}

fn receipt_at(history: &History, index: usize, size: usize, events: usize) -> Receipt {
    let seq = covering(history, index);
    let (leaves, event_leaves) = (history.leaves(size), history.event_leaves(events));
    Receipt {
        format: FORMAT.to_owned(),
        genesis_hash: GenesisHash([0x6e; 32]),
        program: ProgramId([0x50; 32]),
        ledger: history.ledger,
        entry: EntryProof { index: index as u64, payload: history.entries[index].clone(), proof: path(index, &leaves) },
        event: EventProof { seq: seq as u64, leaf: encode_leaf(&history.events[seq]), proof: path(seq, &event_leaves) },
        head: Head { size: size as u64, root: Root(root(&leaves)) },
        event_head: Head { size: events as u64, root: Root(root(&event_leaves)) },
    }
}

/// The event that committed an entry.
pub fn covering(history: &History, index: usize) -> usize {
    let after = |event: &Event| event.header.size.get() as usize > index;
    history.events.iter().position(after).expect("an event that committed it")
}

/// Receipts of every entry as of every head that has it.
fn all(history: &History) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    for index in 0..history.entries.len() {
        for events in covering(history, index) + 1..=history.events.len() {
            receipts.push(receipt(history, index, events));
        }
    }
    receipts
}

#[test]
fn a_true_receipt_verifies_and_says_what_it_proves() {
    let history = History::sample();
    for receipt in all(&history) {
        let verified = receipt.verify().expect("a true receipt");
        assert_eq!(verified.index().get(), receipt.entry.index);
        assert_eq!(verified.leaf().0, leaf(&receipt.entry.payload));
        let event = &history.events[receipt.event.seq as usize];
        assert_eq!(verified.event().header, event.header);
        assert_eq!(verified.event().body, EventBody::EntriesAppended { entries: Vec::new() });
        let head = verified.head();
        assert_eq!(
            (head.ledger, Head::from(head.entries), Head::from(head.events)),
            (LEDGER, receipt.head, receipt.event_head)
        );
    }
}

/// The event then proves who committed to the entry and when, not that the bytes were on the chain.
#[test]
fn an_entry_appended_by_the_hash_of_its_subtree_has_a_receipt() {
    let history = by_subtrees();
    for receipt in all(&history) {
        let verified = receipt.verify().expect("a true receipt");
        let is_by_subtree = (3..12).contains(&receipt.entry.index);
        assert_eq!(matches!(verified.event().body, EventBody::SubtreesAppended { .. }), is_by_subtree);
        for elsewhere in [2, 3, 11, 12].into_iter().filter(|index| *index != receipt.entry.index) {
            let mut altered = receipt.clone();
            altered.entry.index = elsewhere;
            refuse(&altered, "another index");
        }
    }
}

/// Three entries, nine by the hashes of their subtrees, and two more.
pub fn by_subtrees() -> History {
    let mut history = History::new(LEDGER);
    history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 4 });
    history.push(AUTHORITY, EventBody::EntriesAppended { entries: vec![vec![1], vec![2], vec![3]] });
    history.push_subtrees(AUTHORITY, (0..9).map(|number| vec![number; 3]).collect());
    history.push(AUTHORITY, EventBody::EntriesAppended { entries: vec![vec![4], vec![5]] });
    history
}

fn refuse(receipt: &Receipt, what: &str) {
    assert!(receipt.verify().is_err(), "{what}: {receipt:#?}");
}

#[test]
fn a_flipped_bit_is_refused_in_every_byte() {
    let history = History::sample();
    for (number, receipt) in all(&history).into_iter().enumerate() {
        let bit = 1 << (number % 8);
        let alter = |what: &str, change: &dyn Fn(&mut Receipt)| {
            let mut altered = receipt.clone();
            change(&mut altered);
            refuse(&altered, what);
        };
        for byte in 0..receipt.entry.payload.len() {
            alter("payload", &|receipt| receipt.entry.payload[byte] ^= bit);
        }
        for byte in 0..receipt.event.leaf.len() {
            alter("event leaf", &|receipt| receipt.event.leaf[byte] ^= bit);
        }
        for byte in 0..32 {
            for hash in 0..receipt.entry.proof.len() {
                alter("entry proof", &|receipt| receipt.entry.proof[hash].0[byte] ^= bit);
            }
            for hash in 0..receipt.event.proof.len() {
                alter("event proof", &|receipt| receipt.event.proof[hash].0[byte] ^= bit);
            }
            alter("root", &|receipt| receipt.head.root.0[byte] ^= bit);
            alter("event root", &|receipt| receipt.event_head.root.0[byte] ^= bit);
            alter("ledger", &|receipt| receipt.ledger.0[byte] ^= bit);
        }
    }
}

#[test]
fn hashes_dropped_doubled_swapped_or_added_are_refused() {
    for receipt in all(&History::sample()) {
        for of_event in [false, true] {
            let proof =
                |receipt: &Receipt| if of_event { receipt.event.proof.clone() } else { receipt.entry.proof.clone() };
            let check = |what: &str, proof: Vec<Hash>| {
                let mut altered = receipt.clone();
                if of_event {
                    altered.event.proof = proof
                } else {
                    altered.entry.proof = proof
                }
                refuse(&altered, what);
            };
            let hashes = proof(&receipt);
            for at in 0..hashes.len() {
                let mut altered = hashes.clone();
                altered.remove(at);
                check("dropped", altered);
                let mut altered = hashes.clone();
                altered.insert(at, hashes[at]);
                check("doubled", altered);
                for other in at + 1..hashes.len() {
                    let mut altered = hashes.clone();
                    altered.swap(at, other);
                    check("swapped", altered);
                }
            }
            check("added", [hashes.as_slice(), &[Hash::default()]].concat());
        }
    }
}

#[test]
fn another_index_or_sequence_is_refused() {
    for receipt in all(&History::sample()) {
        for other in (0..20).chain([MAX_TREE_SIZE - 1, MAX_TREE_SIZE, u64::MAX]) {
            if other != receipt.entry.index {
                let mut altered = receipt.clone();
                altered.entry.index = other;
                refuse(&altered, "index");
            }
            if other != receipt.event.seq {
                let mut altered = receipt.clone();
                altered.event.seq = other;
                refuse(&altered, "seq");
            }
        }
    }
}

/// An inclusion proof can hold for several sizes; which size the root has is for the account to say.
#[test]
fn another_size_is_refused_by_the_receipt_or_by_the_account() {
    let history = History::sample();
    let account = LedgerAccount::decode(&history.account(history.events.len())).expect("a ledger");
    for receipt in all(&history) {
        for other in (0..30).chain([MAX_TREE_SIZE, MAX_TREE_SIZE + 1, u64::MAX]) {
            for log in [LogKind::Entries, LogKind::Events] {
                let mut altered = receipt.clone();
                let head = if log == LogKind::Entries { &mut altered.head } else { &mut altered.event_head };
                if head.size == other {
                    continue;
                }
                head.size = other;
                let Ok(verified) = altered.verify() else { continue };
                let head = if log == LogKind::Entries { verified.head().entries } else { verified.head().events };
                let relation = relate(log, &head, &account);
                assert!(!matches!(relation, Relation::Same | Relation::InRing), "{altered:#?}: {relation:?}");
            }
        }
    }
}

#[test]
fn another_format_is_refused() {
    let history = History::sample();
    for format in ["", "counterfoil receipt v2", "Counterfoil receipt v1", "counterfoil receipt v1 "] {
        let mut altered = receipt(&history, 0, 2);
        altered.format = format.to_owned();
        assert_eq!(altered.verify(), Err(ReceiptError::UnknownFormat));
    }
}

#[test]
fn numbers_beyond_the_largest_tree_are_refused() {
    let history = History::sample();
    let fields: [fn(&mut Receipt) -> &mut u64; 4] = [
        |receipt| &mut receipt.head.size,
        |receipt| &mut receipt.event_head.size,
        |receipt| &mut receipt.entry.index,
        |receipt| &mut receipt.event.seq,
    ];
    for field in fields {
        let mut altered = receipt(&history, 0, 2);
        *field(&mut altered) = u64::MAX;
        assert_eq!(altered.verify(), Err(ReceiptError::OutOfRange(OutOfRange(u64::MAX))));
    }
}

#[test]
fn an_entry_of_a_wrong_length_is_refused() {
    let history = History::sample();
    for bytes in [0, MAX_ENTRY_BYTES + 1] {
        let mut altered = receipt(&history, 0, 2);
        altered.entry.payload = vec![1; bytes];
        assert_eq!(altered.verify(), Err(ReceiptError::EntryLength { bytes }));
    }
}

/// Every other event of the log, with its true proof, in place of the right one.
#[test]
fn an_event_that_did_not_append_the_entry_is_refused() {
    let history = History::sample();
    let events = history.events.len();
    for index in 0..history.entries.len() {
        for (other, event) in history.events.iter().enumerate().filter(|(other, _)| *other != covering(&history, index))
        {
            let mut altered = receipt(&history, index, events);
            altered.event = EventProof {
                seq: other as u64,
                leaf: encode_leaf(event),
                proof: path(other, &history.event_leaves(events)),
            };
            let expected = match &event.body {
                EventBody::EntriesAppended { .. } => {
                    let header = &event.header;
                    ReceiptError::NotCovered { first: header.first_index.get(), count: header.count }
                }
                _ => ReceiptError::WrongEvent { name: event.body.name() },
            };
            assert_eq!(altered.verify(), Err(expected));
        }
    }
}

#[test]
fn another_ledgers_event_is_refused() {
    let other = LedgerId([0x77; 32]);
    let mut history = History::new(other);
    history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 0 });
    history.push(AUTHORITY, EventBody::EntriesAppended { entries: vec![vec![1]] });
    let mut altered = receipt(&history, 0, 2);
    altered.verify().expect("true for its own ledger");
    altered.ledger = LEDGER;
    assert_eq!(altered.verify(), Err(ReceiptError::WrongLedger { found: other }));
}

#[test]
fn the_event_and_the_receipt_say_one_sequence() {
    let history = History::sample();
    let mut altered = receipt(&history, 0, 4);
    altered.event.seq += 1;
    assert_eq!(altered.verify(), Err(ReceiptError::WrongSequence { found: 1 }));
}

#[test]
fn a_head_that_the_event_contradicts_is_refused() {
    let history = History::sample();
    let events = history.events.len();
    let append = history.events.iter().find(|event| event.header.count == 3).expect("an append of three");
    let (first, size) = (append.header.first_index.get() as usize, append.header.size.get() as usize);
    // A true tree that ends within the append: no head of the ledger.
    let within = receipt_at(&history, first, first + 1, events);
    assert_eq!(within.verify(), Err(ReceiptError::HeadMismatch));

    // An event that is in its log, and says another root for the head's size.
    let mut altered = receipt_at(&history, first, size, events);
    let mut event = append.clone();
    event.header.root.0[0] ^= 1;
    altered.event.leaf = encode_leaf(&event);
    assert_eq!(altered.verify(), Err(ReceiptError::HeadMismatch));
}

#[test]
fn an_event_that_cannot_be_read_is_refused() {
    let history = History::sample();
    let mut altered = receipt(&history, 0, 2);
    altered.event.leaf.push(0);
    assert_eq!(altered.verify(), Err(ReceiptError::UnreadableEvent(EventError::TrailingBytes { count: 1 })));
    altered.event.leaf.truncate(100);
    assert_eq!(altered.verify(), Err(ReceiptError::UnreadableEvent(EventError::Truncated)));
}

#[test]
fn a_proof_that_leads_elsewhere_is_named() {
    let history = History::sample();
    let true_one = receipt(&history, 0, 5);
    let mismatch = ProofError::RootMismatch { computed: Root([0; 32]), expected: Root([0; 32]) };
    type Case = (fn(&mut Receipt), ReceiptError);
    let cases: [Case; 4] = [
        (|receipt| receipt.entry.payload[0] ^= 1, ReceiptError::Entry(mismatch)),
        (|receipt| receipt.entry.proof.truncate(1), ReceiptError::Entry(ProofError::TooShort)),
        (|receipt| receipt.event_head.root.0[0] ^= 1, ReceiptError::Event(mismatch)),
        (|receipt| receipt.event.proof.push(Hash::default()), ReceiptError::Event(ProofError::TooLong)),
    ];
    for (alter, expected) in cases {
        let mut altered = true_one.clone();
        alter(&mut altered);
        match (altered.verify(), expected) {
            (Err(ReceiptError::Entry(found)), ReceiptError::Entry(expected))
            | (Err(ReceiptError::Event(found)), ReceiptError::Event(expected)) => {
                assert_eq!(discriminant(&found), discriminant(&expected));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Twenty appends of two entries each, so that the ring has lost the first four heads.
pub fn long() -> (History, LedgerAccount) {
    let mut history = History::new(LEDGER);
    history.push(AUTHORITY, EventBody::LedgerCreated { id: ID, flags: 0 });
    for number in 0..20 {
        history.push(AUTHORITY, EventBody::EntriesAppended { entries: vec![vec![number], vec![number, 1]] });
    }
    let account = LedgerAccount::decode(&history.account(history.events.len())).expect("a ledger");
    (history, account)
}

pub fn head(size: usize, root: Root) -> TreeHead {
    TreeHead { size: TreeSize::new(size as u64).expect("in range"), root }
}

#[test]
fn an_earlier_head_stands_to_the_account_in_one_of_five_ways() {
    let (history, account) = long();
    let current = account.entries.head();
    let another = |head: &TreeHead| TreeHead { root: Root([0xee; 32]), ..*head };
    for size in 0..=44 {
        let known = size.min(40);
        let earlier = head(size, Root(root(&history.leaves(known))));
        let is_in_ring = size % 2 == 0 && (10..40).contains(&size);
        let (expected, expected_of_another) = match size {
            40 => (Relation::Same, Relation::Contradiction(current)),
            41.. => (Relation::Stale(current), Relation::Stale(current)),
            _ if is_in_ring => (Relation::InRing, Relation::Contradiction(earlier)),
            _ => (Relation::Grown(current), Relation::Grown(current)),
        };
        assert_eq!(relate(LogKind::Entries, &earlier, &account), expected, "size {size}");
        assert_eq!(relate(LogKind::Entries, &another(&earlier), &account), expected_of_another, "size {size}");
    }
}

/// The ring holds heads of the log, none of the event log.
#[test]
fn an_earlier_event_head_is_never_in_the_ring() {
    let (history, account) = long();
    let current = account.events.head();
    for events in 1..=24 {
        let known = events.min(21);
        let earlier = head(events, Root(root(&history.event_leaves(known))));
        let expected = match events {
            21 => Relation::Same,
            22.. => Relation::Stale(current),
            _ => Relation::Grown(current),
        };
        assert_eq!(relate(LogKind::Events, &earlier, &account), expected, "{events} events");
    }
    let another = TreeHead { root: Root([0xee; 32]), ..current };
    assert_eq!(relate(LogKind::Events, &another, &account), Relation::Contradiction(current));
}

/// Replaces the value at a path of fields.
pub fn with(receipt: &Value, path: &[&str], value: Value) -> Value {
    let mut altered = receipt.clone();
    let mut place = &mut altered;
    for field in path {
        place = &mut place[field];
    }
    *place = value;
    altered
}

pub fn read(json: &Value) -> Result<Receipt, serde_json::Error> {
    serde_json::from_str(&json.to_string())
}

#[test]
fn the_json_reads_back() {
    for receipt in all(&History::sample()) {
        let text = serde_json::to_string(&receipt).expect("JSON");
        assert_eq!(serde_json::from_str::<Receipt>(&text).expect("a receipt"), receipt);
    }
}

/// The text is what people keep: field names, hex, base58, base64, numbers as strings.
#[test]
fn the_json_is_as_documented() {
    let hash = |digit: &str| digit.repeat(64);
    let receipt = Receipt {
        format: FORMAT.to_owned(),
        genesis_hash: GenesisHash([0; 32]),
        program: ProgramId([0; 32]),
        ledger: LedgerId([0; 32]),
        entry: EntryProof {
            index: u64::MAX,
            payload: b"any carnal pleas".to_vec(),
            proof: vec![Hash([0x11; 32]), Hash([0xaa; 32])],
        },
        event: EventProof { seq: 0, leaf: vec![0xff], proof: vec![] },
        head: Head { size: 9_007_199_254_740_993, root: Root([0xbb; 32]) },
        event_head: Head { size: 7, root: Root([0xcc; 32]) },
    };
    let expected = json!({
        "format": "counterfoil receipt v1",
        "genesis_hash": "1".repeat(32),
        "program": "1".repeat(32),
        "ledger": "1".repeat(32),
        "entry": {
            "index": "18446744073709551615",
            "payload": "YW55IGNhcm5hbCBwbGVhcw==",
            "proof": [hash("1"), hash("a")],
        },
        "event": {"seq": "0", "leaf": "/w==", "proof": []},
        "head": {"size": "9007199254740993", "root": hash("b")},
        "event_head": {"size": "7", "root": hash("c")},
    });
    assert_eq!(serde_json::to_value(&receipt).expect("JSON"), expected);
    assert_eq!(read(&expected).expect("a receipt"), receipt);
}

#[test]
fn an_unknown_a_missing_or_a_doubled_field_is_refused() {
    let receipt = serde_json::to_value(receipt(&History::sample(), 3, 5)).expect("JSON");
    read(&receipt).expect("a receipt");
    for path in [&[][..], &["entry"], &["event"], &["head"], &["event_head"]] {
        let object = path.iter().fold(&receipt, |object, field| &object[field]).clone();
        let with_another = with(&object, &["note"], json!(""));
        read(&with(&receipt, path, with_another)).expect_err("an unknown field");
        for field in object.as_object().expect("an object").keys() {
            let mut without = object.clone();
            without.as_object_mut().expect("an object").remove(field);
            read(&with(&receipt, path, without)).expect_err("a missing field");
        }
    }
    let doubled = receipt.to_string().replacen('{', r#"{"ledger":"11111111111111111111111111111111","#, 1);
    serde_json::from_str::<Receipt>(&doubled).expect_err("a doubled field");
}

#[test]
fn a_value_has_one_text() {
    let receipt = serde_json::to_value(receipt(&History::sample(), 3, 5)).expect("JSON");
    let key = receipt["ledger"].as_str().expect("a key").to_owned();
    let root = receipt["head"]["root"].as_str().expect("a root").to_owned();
    let refused = |path: &[&str], values: Vec<Value>| {
        for value in values {
            read(&with(&receipt, path, value.clone())).expect_err(&value.to_string());
        }
    };

    for path in [["entry", "index"], ["event", "seq"], ["head", "size"], ["event_head", "size"]] {
        let texts = ["", "03", "+3", "-3", " 3", "3 ", "3.0", "3e0", "0x3", "\u{663}", "18446744073709551616"];
        refused(&path, texts.iter().map(|text| json!(text)).chain([json!(3), json!(null), json!(["3"])]).collect());
    }
    for path in ["genesis_hash", "program", "ledger"] {
        let texts = [
            String::new(),
            format!(" {key}"),
            format!("{key} "),
            key[1..].to_owned(),
            format!("1{key}"),
            key.replacen(&key[..1], "0", 1),
        ];
        refused(&[path], texts.iter().map(|text| json!(text)).collect());
    }
    let texts = [
        String::new(),
        root.to_uppercase(),
        root[1..].to_owned(),
        format!("0x{root}"),
        format!("{root}0"),
        format!("{root} "),
    ];
    for path in [["head", "root"], ["event_head", "root"]] {
        refused(&path, texts.iter().map(|text| json!(text)).collect());
    }
    for path in [["entry", "proof"], ["event", "proof"]] {
        refused(&path, texts.iter().map(|text| json!([root, text])).collect());
    }
    // "AQ==" is one byte: without padding, with bits that mean nothing, of another alphabet, with white space.
    for path in [["entry", "payload"], ["event", "leaf"]] {
        let texts = ["AQ", "AQ=", "AR==", "_w==", "AQ==\n", " AQ==", "AQ=="].map(|text| json!(text));
        read(&with(&receipt, &path, texts[6].clone())).expect("base64");
        refused(&path, texts[..6].to_vec());
        refused(&path, vec![json!([1])]);
    }
}
