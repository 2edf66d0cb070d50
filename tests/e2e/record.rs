//! Recordings: the file has what the chain has, once, and is never replaced.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::stack::{expect_refusal, stack, text, wait_until};

#[test]
fn a_recording_holds_each_transaction_of_its_ledgers_and_their_accounts() {
    let stack = stack();
    let ledgers = [stack.new_ledger(&[]), stack.new_ledger(&[])];
    for (ledger, count) in ledgers.iter().zip([120, 3]) {
        stack.append_lines(ledger, &(0..count).map(|n| format!("{{\"record\":{n}}}")).collect::<Vec<_>>());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.recording");
    let out = path.to_str().unwrap();
    let arguments = ["record", "--out", out, "--ledger", &ledgers[0], "--ledger", &ledgers[1]];
    // Recorded transactions are finalized, which takes a validator 31 slots.
    let lines = wait_until("all appends are recorded", || {
        let _ = fs::remove_file(&path);
        let output = stack.cli(&arguments);
        output.status.success().then_some(())?;
        let lines: Vec<Value> = zstd::decode_all(fs::File::open(&path).unwrap())
            .map(|bytes| text(&bytes).lines().map(|line| serde_json::from_str(line).unwrap()).collect())
            .unwrap();
        // Of the first ledger its creation and several appends of 120 entries, of the other its creation and one append.
        let transactions = |ledger: &String| lines.iter().filter(|line| names(line, ledger)).count();
        (transactions(&ledgers[0]) >= 3 && transactions(&ledgers[1]) >= 2).then_some(lines)
    });
    assert_eq!(lines[0]["recording"], 1);
    let transactions: Vec<&Value> = lines.iter().filter(|line| line["signature"].is_string()).collect();
    let signatures: BTreeSet<&str> = transactions.iter().map(|line| line["signature"].as_str().unwrap()).collect();
    assert_eq!(signatures.len(), transactions.len(), "each is there once");
    for ledger in &ledgers {
        let of_ledger = transactions.iter().filter(|line| names(line, ledger));
        let slots: Vec<u64> = of_ledger.map(|line| line["slot"].as_u64().unwrap()).collect();
        assert!(slots.len() >= 2 && slots.is_sorted(), "{slots:?}");
        assert_eq!(lines.iter().filter(|line| line["account"] == ledger.as_str()).count(), 1);
    }
    assert_eq!(lines.last().unwrap()["end"], transactions.len());

    let before = fs::read(&path).unwrap();
    expect_refusal(&stack.cli(&arguments), "is there already");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
}

/// Whether a line is a transaction that names the ledger.
fn names(line: &Value, ledger: &str) -> bool {
    line["accounts"].as_array().is_some_and(|accounts| accounts.contains(&Value::from(ledger)))
}

#[test]
fn a_recording_of_what_is_no_ledger_leaves_no_file() {
    let stack = stack();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.recording");
    let nobody = bs58::encode([9; 32]).into_string();
    let output = stack.cli(&["record", "--out", path.to_str().unwrap(), "--ledger", &nobody]);
    expect_refusal(&output, "no ledger");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_half_written_recording_of_another_run_is_not_touched() {
    let stack = stack();
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("a.recording.part");
    fs::write(&part, "half").unwrap();
    let output = stack.cli(&["record", "--out", folder.path().join("a.recording").to_str().unwrap()]);
    expect_refusal(&output, "another record");
    assert_eq!(fs::read(&part).unwrap(), b"half");
}
