//! The examples of docs/api.md run as they stand, and docs/verify.py refuses what does not hold.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::stack::{expect_refusal, expect_success, index, program, stack, text};

const API: &str = include_str!("../../docs/api.md");

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn verify(answer: &Value) -> Output {
    let mut python = Command::new("python3")
        .arg(root().join("docs/verify.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(answer.to_string().as_bytes()).unwrap();
    python.wait_with_output().unwrap()
}

/// A ledger of `count` entries.
fn ledger_of(count: u64) -> String {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &(0..count).map(|n| format!("\"entry {n}\"")).collect::<Vec<_>>());
    index.wait_for(&ledger, count);
    ledger
}

#[test]
fn every_example_of_the_api_runs() {
    let ledger = ledger_of(5);
    let examples: Vec<&str> = API.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 6, "the examples were found");
    let bin = program("counterfoil").parent().unwrap().to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    for example in examples {
        let output = stack()
            .in_shell(example)
            .current_dir(root())
            .env("PATH", &path)
            .env("LEDGER", &ledger)
            .env("COUNTERFOIL_API", index().api.url())
            .output()
            .unwrap();
        expect_success(&output);
        let said = text(&output.stdout);
        assert!(!said.trim().is_empty() && !said.contains("\"errors\""), "{example}\n{said}");
    }
}

#[test]
fn a_page_of_python_verifies_each_kind_of_answer_and_refuses_any_change() {
    let ledger = ledger_of(21);
    let answers = [
        ("entries?first=3&limit=7", "/entries/2/payload", json!("Zm9yZ2Vk")),
        ("events", "/certificate/head/root", json!("00".repeat(32))),
        ("entries?first=3&limit=7", "/certificate/to", json!("9")),
        ("inclusion?log=entries&index=20", "/leaf_hash", json!("00".repeat(32))),
        ("inclusion?log=entries&index=4&size=9", "/index", json!("5")),
        ("consistency?log=entries&first=1&second=21", "/second/root", json!("00".repeat(32))),
        ("consistency?log=events&first=1", "/first/root", json!("00".repeat(32))),
        ("entries/7/receipt", "/entry/payload", json!("Zm9yZ2Vk")),
        ("entries/7/receipt", "/entry/index", json!("900")),
        ("entries/7/receipt", "/ledger", json!("11111111111111111111111111111111")),
        ("entries/7/receipt", "/head/size", json!("2")),
    ];
    for (path, field, change) in answers {
        let (status, mut answer) = index().get(&format!("/v1/ledgers/{ledger}/{path}"));
        assert_eq!(status, 200, "{path}: {answer}");
        let output = verify(&answer);
        expect_success(&output);
        let root = answer.pointer("/head/root").or_else(|| answer.pointer("/second/root"));
        let root = root.filter(|_| path != "events").or_else(|| answer.pointer("/event_head/root")).unwrap();
        assert!(text(&output.stdout).contains(root.as_str().unwrap()), "{path}: {}", text(&output.stdout));
        *answer.pointer_mut(field).unwrap() = change;
        expect_refusal(&verify(&answer), "NOT VERIFIED");
    }
    // A row before the first, in a range that begins before it.
    let (_, mut answer) = index().get(&format!("/v1/ledgers/{ledger}/entries?limit=4"));
    let forged = answer["entries"][3].clone();
    answer["entries"].as_array_mut().unwrap().insert(0, forged);
    answer["certificate"]["from"] = json!("-1");
    expect_refusal(&verify(&answer), "NOT VERIFIED");
    expect_refusal(&verify(&json!({ "status": "ok" })), "NOT VERIFIED");
}
