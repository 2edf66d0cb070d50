//! Evidence and exports: a range of entries as one file, verified without the API that gave it.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stack::{Stack, expect_refusal, expect_success, expect_verdict, index, stack, text};

const NO_API: &str = "http://127.0.0.1:1";

fn new_ledger_of(stack: &Stack, entries: usize) -> String {
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &(0..entries).map(|number| format!("\"entry {number}\"")).collect::<Vec<_>>());
    index().wait_for(&ledger, entries as u64);
    ledger
}

fn evidence_of(stack: &Stack, ledger: &str, name: &str, more: &[&str]) -> PathBuf {
    let file = stack.folder.path().join(name);
    let out = ["--out", file.to_str().unwrap()];
    expect_success(&stack.cli(&[&["evidence", ledger], more, &out].concat()));
    file
}

#[test]
fn evidence_is_verified_whole_and_without_its_vendor() {
    let stack = stack();
    // Of several events.
    let ledger = new_ledger_of(stack, 160);
    for (at, more) in [
        &[][..],
        &["--with-content"],
        &["--from", "7", "--to", "141"],
        &["--from", "159"],
        &["--to", "1", "--with-content"],
    ]
    .into_iter()
    .enumerate()
    {
        let file = evidence_of(stack, &ledger, &format!("evidence-{at}.jsonl"), more);
        let verify = ["verify", file.to_str().unwrap(), "--ledger", &ledger];
        expect_verdict(&stack.cli(&verify), "VERIFIED", "all of them");
        expect_verdict(&stack.cli(&[&["--api", NO_API], &verify[..]].concat()), "VERIFIED", "all of them");
    }
    // After more appends than the ring holds: with an API all is shown, with servers alone the entries are.
    let file = stack.folder.path().join("evidence-0.jsonl");
    let verify = ["verify", file.to_str().unwrap(), "--ledger", &ledger];
    (0..20).for_each(|number| expect_success(&stack.cli(&["append", &ledger, &format!("more {number}")])));
    index().wait_for(&ledger, 180);
    let alone = stack.cli(&[&["--api", NO_API], &verify[..]].concat());
    expect_verdict(&alone, "VERIFIED", "all of them");
    assert!(text(&alone.stdout).contains("not checked: who appended the entries of the"), "{alone:?}");
    let signer = text(&stack.cli(&["wallet", "address"]).stdout).trim().to_owned();
    let signed = [&verify[..], &["--signer", &signer]].concat();
    let alone = stack.cli(&[&["--api", NO_API], &signed[..]].concat());
    expect_verdict(&alone, "CANNOT TELL", "the transaction shows the last event alone");
    expect_verdict(&stack.cli(&signed), "VERIFIED", "all of them");
    let with_api = stack.cli(&verify);
    expect_verdict(&with_api, "VERIFIED", "all of them");
    assert!(!text(&with_api.stdout).contains("not checked: who appended"), "{with_api:?}");
    expect_refusal(&stack.cli(&["evidence", &ledger, "--from", "9", "--to", "9", "--out", "-"]), "is no range");

    let header: Value = serde_json::from_str(fs::read_to_string(&file).unwrap().lines().next().unwrap()).unwrap();
    let head = |range: &Value| {
        format!("{}:{}", range["head"]["size"].as_str().unwrap(), range["head"]["root"].as_str().unwrap())
    };
    let heads = ["--offline", "--head", &head(&header["entries"]), "--event-head", &head(&header["events"])];
    expect_verdict(&stack.cli(&[&verify[..], &heads].concat()), "VERIFIED", "by the heads that you gave");
    let other = ["--offline", "--head", &format!("160:{}", "0".repeat(64)), "--event-head", &head(&header["events"])];
    expect_verdict(&stack.cli(&[&verify[..], &other].concat()), "REFUSED", "you trust");
}

#[test]
fn a_head_that_evidence_does_not_lead_to_is_told_once_and_of_no_receipt() {
    let stack = stack();
    let ledger = new_ledger_of(stack, 2);
    let file = evidence_of(stack, &ledger, "heads.jsonl", &[]);
    for (size, word) in [("1", "CANNOT TELL"), ("2", "REFUSED")] {
        let head = format!("{size}:{}", "0".repeat(64));
        let output = stack.cli(&["verify", file.to_str().unwrap(), "--offline", "--head", &head]);
        expect_verdict(&output, word, "you trust");
        let said = text(&output.stdout);
        assert!(!said.contains("receipt") && !said.contains(" and 2:"), "{said}");
    }
}

#[test]
fn evidence_goes_through_what_is_no_regular_file_and_replaces_one_that_is() {
    let stack = stack();
    let ledger = new_ledger_of(stack, 2);
    let whole = evidence_of(stack, &ledger, "whole.jsonl", &[]);
    let link = stack.folder.path().join("link.jsonl");
    std::os::unix::fs::symlink("whole.jsonl", &link).unwrap();
    let bytes = fs::read(&whole).unwrap();
    fs::write(&whole, "before").unwrap();
    evidence_of(stack, &ledger, "link.jsonl", &[]);
    assert!(link.is_symlink());
    assert_eq!(fs::read(&whole).unwrap().len(), bytes.len());
    let full = stack.cli(&["evidence", &ledger, "--out", "/dev/full"]);
    expect_refusal(&full, "cannot write /dev/full");
    assert!(!fs::metadata("/dev/full").unwrap().is_file());
}

#[test]
fn evidence_that_lacks_has_more_or_is_altered_is_refused() {
    let stack = stack();
    let ledger = new_ledger_of(stack, 30);
    let file = evidence_of(stack, &ledger, "altered.jsonl", &["--with-content"]);
    let lines: Vec<String> = fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect();
    let refuse = |what: &str, lines: &[String]| {
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        let output = stack.cli(&["verify", file.to_str().unwrap(), "--ledger", &ledger]);
        assert!(text(&output.stdout).starts_with("REFUSED"), "{what}: {output:?}");
    };
    for at in 1..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        if at + 1 < lines.len() {
            refuse("a line is missing", &without);
        } else {
            fs::write(&file, without.join("\n") + "\n").unwrap();
            let output = stack.cli(&["verify", file.to_str().unwrap(), "--ledger", &ledger]);
            expect_verdict(&output, "CANNOT TELL", "was cut off");
        }
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at].clone());
        refuse("a line is doubled", &doubled);
        if at + 2 < lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            refuse("lines are swapped", &swapped);
        }
    }
    let mut other = lines.clone();
    let entry = other.iter().position(|line| line.starts_with("{\"entry\"")).unwrap();
    let mut value: Value = serde_json::from_str(&other[entry]).unwrap();
    value["entry"]["payload"] = json!("Zm9yZ2Vk");
    other[entry] = value.to_string();
    refuse("another payload", &other);
    let mut header: Value = serde_json::from_str(&lines[0]).unwrap();
    header["entries"]["head"]["root"] = json!("0".repeat(64));
    refuse("another head", &[&[header.to_string()], &lines[1..]].concat());
    header = serde_json::from_str(&lines[0]).unwrap();
    header["note"] = json!(1);
    refuse("an unknown member", &[&[header.to_string()], &lines[1..]].concat());

    // A forger's ledger, true in itself.
    let forgers = new_ledger_of(stack, 3);
    let file = evidence_of(stack, &forgers, "forgers.jsonl", &[]);
    let path = file.to_str().unwrap();
    expect_verdict(&stack.cli(&["verify", path]), "CONSISTENT", "anybody can make a ledger");
    expect_verdict(&stack.cli(&["verify", path, "--ledger", &ledger]), "REFUSED", "you asked for");
}

#[test]
fn an_export_is_verified_by_the_same_command() {
    let stack = stack();
    let ledger = new_ledger_of(stack, 300);
    for log in ["entries", "events"] {
        let url = format!("{}/v1/ledgers/{ledger}/export?log={log}", index().api.url());
        let lines = reqwest::blocking::get(url).unwrap().text().unwrap();
        let file = stack.folder.path().join(format!("export-{log}.jsonl"));
        let path = file.to_str().unwrap();
        let verify = |text: &str| {
            fs::write(&file, text).unwrap();
            stack.cli(&["verify", path, "--ledger", &ledger])
        };
        expect_verdict(&verify(&lines), "VERIFIED", log);
        let mut altered: Vec<&str> = lines.lines().collect();
        altered.remove(2);
        expect_verdict(&verify(&(altered.join("\n") + "\n")), "REFUSED", "not those that the certificate is of");
        let cut = lines.lines().count() - 1;
        let cut: Vec<&str> = lines.lines().take(cut).collect();
        expect_verdict(&verify(&(cut.join("\n") + "\n")), "CANNOT TELL", "was cut off");
    }
}
