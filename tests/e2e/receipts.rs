//! A receipt altered in any of its fields is refused.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::stack::{expect_refusal, expect_success, expect_verdict, index, stack, text};

/// Every text in a document, as a JSON pointer.
fn texts(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| texts(value, &format!("{at}/{name}"), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(number, value)| texts(value, &format!("{at}/{number}"), found));
        }
        _ => found.push(at.to_owned()),
    }
}

/// Another value of the same form: another number, hash, key, byte string.
fn altered(field: &str, text: &str) -> String {
    if let Ok(number) = text.parse::<u64>() {
        return (number + 1).to_string();
    }
    if field.ends_with("payload") || field.ends_with("leaf") {
        let mut bytes = STANDARD.decode(text).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        return STANDARD.encode(bytes);
    }
    if field == "/format" {
        return text.replace("v2", "v1");
    }
    if text.len() == 64 {
        let flipped = if text.starts_with('0') { "1" } else { "0" };
        return flipped.to_owned() + &text[1..];
    }
    let mut key = bs58::decode(text).into_vec().unwrap();
    key[31] ^= 1;
    bs58::encode(key).into_string()
}

#[test]
fn a_receipt_altered_in_any_field_is_refused() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &(0..6).map(|n| format!("\"entry {n}\"")).collect::<Vec<_>>());
    index.wait_for(&ledger, 6);
    let file = stack.folder.path().join("altered.receipt.json");
    let path = file.to_str().unwrap();
    expect_success(&stack.cli(&["receipt", &ledger, "3", "--out", path]));
    expect_verdict(&stack.cli(&["verify", path, "--ledger", &ledger]), "VERIFIED", "entry 3");
    let receipt: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();

    let mut fields = Vec::new();
    texts(&receipt, "", &mut fields);
    assert!(fields.len() >= 15, "{fields:?}");
    for field in fields {
        let mut forged = receipt.clone();
        let value = forged.pointer_mut(&field).unwrap();
        *value = altered(&field, value.as_str().unwrap()).into();
        fs::write(&file, forged.to_string()).unwrap();
        let verdict = match field.as_str() {
            // Of another cluster: the servers here have nothing to say of it.
            "/genesis_hash" => "CANNOT TELL",
            // A hint, which is not needed here.
            "/transaction" => "VERIFIED",
            _ => "REFUSED",
        };
        expect_verdict(&stack.cli(&["verify", path, "--ledger", &ledger]), verdict, "");
    }

    let mut with_more = receipt.clone();
    with_more["note"] = "trust me".into();
    fs::write(&file, with_more.to_string()).unwrap();
    expect_verdict(&stack.cli(&["verify", path, "--ledger", &ledger]), "REFUSED", "is none that it may have");
}

#[test]
fn offline_only_a_pinned_head_counts() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &["1".to_owned(), "2".to_owned()]);
    index.wait_for(&ledger, 2);
    let file = stack.folder.path().join("offline.receipt.json");
    let path = file.to_str().unwrap();
    expect_success(&stack.cli(&["receipt", &ledger, "1", "--out", path]));
    let receipt: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let head = format!("2:{}", receipt["bridge"]["head"]["root"].as_str().unwrap());
    // No server is asked: the one named here does not exist.
    let offline = |head: &str| stack.cli(&["--rpc", "http://127.0.0.1:1", "verify", path, "--offline", "--head", head]);
    expect_success(&offline(&head));
    expect_refusal(&offline(&format!("2:{}", "0".repeat(64))), "you trust");
    expect_refusal(&stack.cli(&["verify", path, "--offline"]), "--head");

    // The event says who appended it, and its head alone shows the event.
    let given = ["verify", path, "--offline", "--head", &head];
    let facts = |more: &[&str]| -> Value {
        let output = stack.cli(&[&given[..], &["--json"], more].concat());
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["facts"].clone()
    };
    assert!(facts(&[])["index"] == "1" && facts(&[])["signer"].is_null() && facts(&[])["ledger"].is_null());
    let signer = text(&stack.cli(&["wallet", "address"]).stdout).trim().to_owned();
    let refused = stack.cli(&[&given[..], &["--signer", &signer]].concat());
    assert_eq!(refused.status.code(), Some(64), "{refused:?}");
    let events = &receipt["bridge"]["event_head"];
    let event_head = format!("{}:{}", events["size"].as_str().unwrap(), events["root"].as_str().unwrap());
    assert_eq!(facts(&["--event-head", &event_head, "--signer", &signer])["signer"], signer);
}

#[test]
fn a_receipt_that_the_operator_signs_is_written_only_when_it_holds_under_the_key() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &["\"one\"".to_owned(), "\"two\"".to_owned()]);
    index.wait_for(&ledger, 2);
    let key_of = |log: &str| {
        let key = reqwest::blocking::get(format!("{}/tlog/{ledger}/{log}/key", index.api.url())).unwrap();
        key.text().unwrap().trim().to_owned()
    };
    for format in ["tlog-proof", "cose"] {
        let file = stack.folder.path().join(format!("{ledger}.{format}"));
        let receipt = ["receipt", &ledger, "1", "--format", format, "--out", file.to_str().unwrap()];
        expect_refusal(&stack.cli(&receipt), "--operator-key");
        let refused = stack.cli(&[&receipt[..], &["--operator-key", &key_of("events")]].concat());
        expect_refusal(&refused, "does not hold under the operator's key");
        assert!(!file.exists(), "nothing is written");

        expect_success(&stack.cli(&[&receipt[..], &["--operator-key", &key_of("entries")]].concat()));
        let url = format!("{}/v1/ledgers/{ledger}/entries/1/receipt?format={format}", index.api.url());
        assert_eq!(fs::read(&file).unwrap(), reqwest::blocking::get(url).unwrap().bytes().unwrap());
    }
}
