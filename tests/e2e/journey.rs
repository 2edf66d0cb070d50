//! The main job: append, index, prove, and a stranger verifies.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::naive::{from_hex, leaf_hash, root, root_of_path};
use crate::stack::{expect_success, expect_verdict, index, stack, text};

fn hashes(list: &Value) -> Vec<[u8; 32]> {
    list.as_array().unwrap().iter().map(|hash| from_hex(hash.as_str().unwrap())).collect()
}

fn number(value: &Value) -> usize {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn every_entry_appended_is_proven_to_an_independent_verifier() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    // More than a tile of 256, so that stored tiles and the derived edge both take part.
    let lines: Vec<String> = (0..300).map(|n| format!("{{\"record\":{n}}}")).collect();
    stack.append_lines(&ledger, &lines);
    index.wait_for(&ledger, 300);

    let leaves: Vec<[u8; 32]> = lines.iter().map(|line| leaf_hash(line.as_bytes())).collect();
    for at in [0, 1, 127, 128, 255, 256, 257, 299] {
        let (status, entry) = index.get(&format!("/v1/ledgers/{ledger}/entries/{at}"));
        assert_eq!(status, 200, "{entry}");
        assert_eq!(STANDARD.decode(entry["payload"].as_str().unwrap()).unwrap(), lines[at].as_bytes());
        assert_eq!(from_hex(entry["head"]["root"].as_str().unwrap()), root(&leaves));
        let proven = root_of_path(at, 300, leaves[at], &hashes(&entry["proof"]));
        assert_eq!(proven, Some(root(&leaves)), "entry {at}");

        let event = &entry["event"];
        let event_leaf = leaf_hash(&STANDARD.decode(event["leaf"].as_str().unwrap()).unwrap());
        let (seq, size) = (number(&event["seq"]), number(&entry["event_head"]["size"]));
        let proven = root_of_path(seq, size, event_leaf, &hashes(&event["proof"]));
        assert_eq!(proven, Some(from_hex(entry["event_head"]["root"].as_str().unwrap())), "event of entry {at}");
    }
}

#[test]
fn proofs_for_every_earlier_size_hold() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    let lines: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    stack.append_lines(&ledger, &lines);
    index.wait_for(&ledger, 20);
    let leaves: Vec<[u8; 32]> = lines.iter().map(|line| leaf_hash(line.as_bytes())).collect();
    for size in 1..=20 {
        let (status, answer) =
            index.get(&format!("/v1/ledgers/{ledger}/inclusion?log=entries&index={}&size={size}", size / 2));
        assert_eq!(status, 200, "{answer}");
        let proven = root_of_path(size / 2, size, leaves[size / 2], &hashes(&answer["proof"]));
        assert_eq!(proven, Some(root(&leaves[..size])), "size {size}");
    }
}

#[test]
fn a_receipt_is_verified_and_stays_so_while_the_ledger_grows() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &["\"first\"".to_owned()]);
    index.wait_for(&ledger, 1);
    let file = stack.folder.path().join("growing.receipt.json");
    let file = file.to_str().unwrap();
    expect_success(&stack.cli(&["receipt", &ledger, "0", "--out", file]));
    let verify = || stack.cli(&["verify", file, "--ledger", &ledger]);
    expect_success(&verify());

    // One append: the account's ring still has the receipt's head. Twenty: only a proof leads there.
    let mut size = 1;
    for round in [1, 20] {
        for n in 0..round {
            expect_success(&stack.cli(&["append", &ledger, &format!("more {n}")]));
        }
        size += round;
        index.wait_for(&ledger, size);
        expect_verdict(&verify(), "VERIFIED", "entry 0");
    }
    expect_success(&stack.cli(&["receipt", "refresh", file]));
    let refreshed: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(number(&refreshed["bridge"]["head"]["size"]), 22);
    expect_success(&verify());
}

#[test]
fn an_audit_passes_and_says_what_it_compared() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &(0..30).map(|n| n.to_string()).collect::<Vec<_>>());
    index.wait_for(&ledger, 30);
    let output = stack.cli(&["audit", &ledger]);
    expect_verdict(&output, "VERIFIED", &ledger);
    assert!(text(&output.stdout).contains("30 entries"), "{}", text(&output.stdout));
}
