//! `oracle.py`, which is written from the protocol in another language, and this crate say the same.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use counterfoil_statement::{SignedStatement, TAG_BYTES};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::promise::pinned;
use super::promise_vectors::refused;
use super::sample::{author, extreme, first, promise, second};
use super::seed;
use super::vectors::hex;

const ORACLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/statement/oracle.py");
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vectors");

/// The oracle's answer to each question.
fn answers(questions: &[Value]) -> Vec<String> {
    let mut python = Command::new("python3")
        .args([ORACLE, "answer"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut stdin = python.stdin.take().expect("piped");
    let lines: String = questions.iter().map(|question| format!("{question}\n")).collect();
    let writer = thread::spawn(move || stdin.write_all(lines.as_bytes()).expect("it reads to the end"));
    let output = python.wait_with_output().expect("it ends");
    writer.join().expect("it was written");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn of_the_shared_vectors() {
    let output = Command::new("python3")
        .args([ORACLE, "vectors", &format!("{VECTORS}/statement.json"), &format!("{VECTORS}/promise.json")])
        .output()
        .expect("python3 runs");
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told} {said}");
    let counts: Vec<usize> = told.split_whitespace().map(|count| count.parse().expect("a count")).collect();
    assert!(counts.len() == 2 && counts.iter().all(|count| *count > 100), "{counts:?}");
}

fn of_entry(entry: &[u8]) -> &'static str {
    match SignedStatement::decode(entry) {
        Ok(None) => "raw",
        Err(_) => "malformed",
        Ok(Some(signed)) if signed.verify_signature().is_err() => "not_signed",
        Ok(Some(_)) => "statement",
    }
}

#[test]
fn of_random_changes_of_true_statements() {
    let statements = [first(), second(), extreme()];
    let signed = statements.iter().map(|statement| statement.encode_entry(Some(&statement.sign(&author()))));
    let entries: Vec<Vec<u8>> = statements.iter().map(|statement| statement.encode_entry(None)).chain(signed).collect();
    let config = seed::cases(1_500);
    let cases = config.cases;
    let mut runner = TestRunner::new(config);
    let change = (any::<Index>(), any::<Index>(), 0..4_u8, any::<u8>(), any::<Index>());
    let changed: Vec<Vec<u8>> = (0..cases)
        .map(|_| {
            let (of, at, kind, byte, other) = change.new_tree(&mut runner).expect("a change").current();
            let mut entry = of.get(&entries).clone();
            // Most changes fall among the heads and keys of the map.
            let at = TAG_BYTES.len() + at.index(entry.len() - TAG_BYTES.len());
            match kind {
                0 => entry[at] = byte,
                1 => entry[at] ^= 1 << (byte % 8),
                2 => entry.insert(at, byte),
                _ => {
                    let foreign = other.get(&entries);
                    entry.truncate(at);
                    entry.extend(foreign.iter().skip(at));
                }
            }
            entry
        })
        .collect();
    let questions: Vec<Value> = changed.iter().map(|entry| json!({ "entry": hex(entry) })).collect();
    let mut counts = std::collections::BTreeMap::new();
    for (entry, answer) in changed.iter().zip(answers(&questions)) {
        assert_eq!(answer, of_entry(entry), "{}", hex(entry));
        *counts.entry(answer).or_insert(0) += 1;
    }
    println!("{counts:?}");
    assert!(cases < 1_000 || counts.len() == 3, "{counts:?}");
}

#[test]
fn of_random_changes_of_true_promises() {
    const SYMBOLS: &[u8] = b" \t\n\"\\{}[]:,0123456789abcdefxyzABCXYZ+/=-.e";
    let documents = [promise(3, Some(1)), promise(3, None), promise(40, Some(37))]
        .map(|promise| serde_json::to_string(&promise).expect("JSON").into_bytes());
    let config = seed::cases(1_000);
    let cases = config.cases;
    let mut runner = TestRunner::new(config);
    let change = (any::<Index>(), any::<Index>(), any::<Index>(), 0..4_u8);
    let changed: Vec<Vec<u8>> = (0..cases)
        .map(|_| {
            let (of, at, symbol, kind) = change.new_tree(&mut runner).expect("a change").current();
            let mut document = of.get(&documents).clone();
            let at = at.index(document.len());
            match kind {
                0 => document[at] = *symbol.get(SYMBOLS),
                1 => document.insert(at, *symbol.get(SYMBOLS)),
                2 => drop(document.remove(at)),
                _ => document[at] ^= 1 << (symbol.index(8)),
            }
            document
        })
        .collect();
    let key = pinned().to_string();
    let questions: Vec<Value> =
        changed.iter().map(|document| json!({ "promise": base64(document), "pinned": key })).collect();
    let mut counts = std::collections::BTreeMap::new();
    for (document, answer) in changed.iter().zip(answers(&questions)) {
        let read = std::str::from_utf8(document).map(serde_json::from_str);
        let expected = read.map_or("unreadable", refused);
        assert_eq!(answer, expected, "{}", String::from_utf8_lossy(document));
        *counts.entry(answer).or_insert(0) += 1;
    }
    println!("{counts:?}");
    assert!(cases < 1_000 || counts.len() > 2, "{counts:?}");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
