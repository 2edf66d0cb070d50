//! A receipt does not need its vendor: which bridges lead from it to the chain, and what each verdict then says.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use merkle_log::{Frontier, hash_leaf};
use serde_json::{Value, json};

use crate::servers::proxy_that;
use crate::stack::{Stack, expect_success, expect_verdict, index, stack, text};

/// No API answers here.
const NO_API: &str = "http://127.0.0.1:1";

/// The receipt of an entry of a new ledger.
fn receipt_of_new_ledger(stack: &Stack, name: &str) -> (String, PathBuf) {
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &["\"zero\"".to_owned(), "\"one\"".to_owned()]);
    index().wait_for(&ledger, 2);
    let file = stack.folder.path().join(name);
    expect_success(&stack.cli(&["receipt", &ledger, "1", "--out", file.to_str().unwrap()]));
    (ledger, file)
}

/// Appends `count` entries, one a transaction, to a ledger of that size, and waits until they are finalized.
fn grow(stack: &Stack, ledger: &str, size: u64, appends: u64) {
    (0..appends).for_each(|number| expect_success(&stack.cli(&["append", ledger, &format!("more {number}")])));
    index().wait_for(ledger, size + appends);
}

/// Verified, and among what was checked stands this.
fn expect_shown(output: &std::process::Output, what: &str) {
    expect_verdict(output, "VERIFIED", "");
    assert!(text(&output.stdout).contains(what), "no {what:?}: {}", text(&output.stdout));
}

fn verify(stack: &Stack, file: &Path, more: &[&str]) -> std::process::Output {
    stack.cli(&[&["--api", NO_API, "verify", file.to_str().unwrap()], more].concat())
}

#[test]
fn a_receipt_is_verified_without_its_vendor_however_far_the_ledger_has_grown() {
    let stack = stack();
    let (ledger, file) = receipt_of_new_ledger(stack, "alone.json");
    let pinned = ["--ledger", &ledger];
    let verified = verify(stack, &file, &pinned);
    expect_shown(&verified, "The entries: its account holds the head. The event: its account holds the head");

    // The ring has the entry's head; of events it has none.
    grow(stack, &ledger, 2, 1);
    let verified = verify(stack, &file, &pinned);
    expect_shown(&verified, "The entries: its account holds the head. The event: it has the transaction");

    // The ring has lost it. By the hint, and without it.
    grow(stack, &ledger, 3, 20);
    let receipt: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let hint = receipt["transaction"].as_str().unwrap();
    let bare = |receipt: &Value| {
        let mut bare = receipt.clone();
        bare.as_object_mut().unwrap().remove("transaction");
        bare.as_object_mut().unwrap().remove("bridge");
        bare
    };
    for shown in [receipt.clone(), bare(&receipt)] {
        fs::write(&file, shown.to_string()).unwrap();
        let verified = verify(stack, &file, &pinned);
        expect_shown(&verified, &format!("The entries: it has the transaction {hint}, finalized"));
        assert!(text(&verified.stdout).contains("not checked: that the account of today extends it"), "{verified:?}");
    }
    // With an API of anybody's, today's account is shown to extend it.
    let with_api = stack.cli(&["verify", file.to_str().unwrap(), "--ledger", &ledger]);
    expect_shown(&with_api, "The entries: a proof of the API at");
    assert!(!text(&with_api.stdout).contains("not checked: that the account of today"), "{with_api:?}");
    let several = format!("{NO_API},{}", index().api.url());
    let with_second = stack.cli(&["--api", &several, "verify", file.to_str().unwrap(), "--ledger", &ledger]);
    expect_shown(&with_second, "The entries: a proof of the API at");
}

/// The transaction is tried when the API has not answered: a vendor cannot prevent a verification by being slow.
#[test]
fn an_api_that_hangs_keeps_no_receipt_from_being_verified() {
    let stack = stack();
    let (ledger, file) = receipt_of_new_ledger(stack, "hanging.json");
    grow(stack, &ledger, 2, 20);
    // It takes connections, and never answers.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let api = format!("http://{}", hanging.local_addr().unwrap());
    let verified = stack.cli(&["--api", &api, "verify", file.to_str().unwrap(), "--ledger", &ledger]);
    expect_shown(&verified, "The entries: it has the transaction");
}

#[test]
fn a_transaction_shows_nothing_at_an_account_that_has_not_got_the_entry() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &["\"zero\"".to_owned()]);
    index().wait_for(&ledger, 1);
    let params = json!([ledger, { "encoding": "base64", "commitment": "finalized" }]);
    let account = json!({ "jsonrpc": "2.0", "id": 1, "method": "getAccountInfo", "params": params });
    let before = stack.call(&account)["result"]["value"].clone();
    stack.append_lines(&ledger, &["\"one\"".to_owned()]);
    index().wait_for(&ledger, 2);
    let file = stack.folder.path().join("rolled-back.json");
    expect_success(&stack.cli(&["receipt", &ledger, "1", "--out", file.to_str().unwrap()]));

    // It says that this is the account of its newest slot.
    let name = ledger.clone();
    let stale = proxy_that(move |request, mut answer| {
        match request["method"].as_str() {
            Some("getAccountInfo") if request["params"][0] == name.as_str() => {
                answer["result"]["value"] = before.clone()
            }
            Some("getMultipleAccounts") if request["params"][0][0] == name.as_str() => {
                answer["result"]["value"][0] = before.clone();
            }
            _ => {}
        }
        answer
    });
    let verified = verify(stack, &file, &["--ledger", &ledger]);
    expect_shown(&verified, "its account holds the head");
    let untold = stack.cli(&["--rpc", &stale, "--api", NO_API, "verify", file.to_str().unwrap(), "--ledger", &ledger]);
    expect_verdict(&untold, "CANNOT TELL", "is stale: it has 1 entries");
}

#[test]
fn a_wrong_hint_does_not_hide_the_transaction() {
    let stack = stack();
    let (ledger, file) = receipt_of_new_ledger(stack, "hint.json");
    grow(stack, &ledger, 2, 20);
    let without = proxy_that(|request, mut answer| {
        if request["method"] == "getTransaction" {
            answer = json!({ "jsonrpc": "2.0", "error": { "code": -32603, "message": "no history of transactions" } });
        }
        answer
    });
    let found = stack.cli(&["--rpc", &without, "--api", NO_API, "verify", file.to_str().unwrap(), "--ledger", &ledger]);
    expect_shown(&found, "The entries: it has the transaction");
}

/// Made up from a true receipt: an event that the chain does not have, which says the root of an entry of the forger's.
#[test]
fn an_event_that_the_chain_does_not_have_is_no_bridge() {
    let stack = stack();
    let (ledger, file) = receipt_of_new_ledger(stack, "forged.json");
    grow(stack, &ledger, 2, 20);
    let receipt: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let mut forged = receipt.clone();
    forge(&mut forged);
    fs::write(&file, forged.to_string()).unwrap();
    let refused = verify(stack, &file, &["--ledger", &ledger]);
    expect_verdict(&refused, "CANNOT TELL", "no transaction of slot");

    // Within the ring's reach it is contradicted.
    let (ledger, file) = receipt_of_new_ledger(stack, "forged-new.json");
    let mut forged: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    forge(&mut forged);
    fs::write(&file, forged.to_string()).unwrap();
    expect_verdict(&verify(stack, &file, &["--ledger", &ledger]), "REFUSED", "one of the two is false");
}

/// Another payload, under a root that the event is made to say.
fn forge(receipt: &mut Value) {
    let mut log = Frontier::new();
    let other = hash_leaf(b"\"zero\"");
    log.append_leaf(&other).unwrap();
    log.append_leaf(&hash_leaf(b"forged")).unwrap();
    let mut leaf = STANDARD.decode(receipt["event"]["leaf"].as_str().unwrap()).unwrap();
    leaf[120..152].copy_from_slice(&log.root().0);
    receipt["event"]["leaf"] = STANDARD.encode(leaf).into();
    receipt["entry"]["payload"] = STANDARD.encode(b"forged").into();
    receipt["entry"]["proof"] = json!([merkle_log::Hash(other.0).to_string()]);
    receipt.as_object_mut().unwrap().remove("bridge");
}

#[test]
fn a_forgers_own_ledger_never_passes_where_one_was_pinned() {
    let stack = stack();
    let (ledger, _) = receipt_of_new_ledger(stack, "true.json");
    let (forgers, file) = receipt_of_new_ledger(stack, "forgers.json");
    let trust = stack.folder.path().join("pinned.toml");
    let trust = trust.to_str().unwrap();
    let source = ["--source", "the contract, page 3"];
    let genesis = stack.call(&json!({ "jsonrpc": "2.0", "id": 1, "method": "getGenesisHash" }))["result"].clone();
    let init = [&["trust", "init", trust, "--ledger", &ledger, "--cluster", genesis.as_str().unwrap()], &source[..]];
    expect_success(&stack.cli(&init.concat()));
    let path = file.to_str().unwrap();

    expect_verdict(&stack.cli(&["verify", path]), "CONSISTENT", "anybody can make a ledger");
    for pins in [["--ledger", ledger.as_str()], ["--trust", trust]] {
        let refused = stack.cli(&[&["verify", path], &pins[..]].concat());
        expect_verdict(&refused, "REFUSED", &format!("it is of ledger {forgers}, you asked for {ledger}"));
    }
    let add = [&["trust", "add", trust, "--ledger", &forgers], &source[..]].concat();
    expect_success(&stack.cli(&add));
    expect_verdict(&stack.cli(&["verify", path, "--trust", trust]), "VERIFIED", &format!("of ledger {forgers}"));

    let elsewhere = stack.folder.path().join("elsewhere.toml");
    let elsewhere = elsewhere.to_str().unwrap();
    let init = ["trust", "init", elsewhere, "--cluster", "mainnet-beta", "--source", "solana.com"];
    expect_success(&stack.cli(&init));
    expect_verdict(&stack.cli(&["verify", path, "--trust", elsewhere]), "REFUSED", "you trust 5eykt4");
    fs::write(elsewhere, "format = \"counterfoil trust v1\"\nledgre = 1\n").unwrap();
    let refused = stack.cli(&["verify", path, "--trust", elsewhere]);
    assert_eq!(refused.status.code(), Some(64), "{refused:?}");
    assert!(text(&refused.stderr).contains("line 2: unknown field `ledgre`"), "{refused:?}");
}

#[test]
fn signer_and_content_are_compared_and_the_content_is_shown() {
    let stack = stack();
    let (ledger, file) = receipt_of_new_ledger(stack, "content.json");
    let path = file.to_str().unwrap();
    let content = stack.folder.path().join("content.txt");
    fs::write(&content, "\"one\"").unwrap();
    let content = content.to_str().unwrap();
    let signer = text(&stack.cli(&["wallet", "address"]).stdout).trim().to_owned();
    let given = ["verify", path, "--ledger", &ledger, "--signer", &signer, "--content", content];
    let verified = stack.cli(&given);
    expect_shown(&verified, "its content, 5 bytes: \"one\"");
    assert!(text(&verified.stdout).contains(&format!("the entry is the bytes of {content}")), "{verified:?}");
    let shown: Value = serde_json::from_slice(&stack.cli(&[&given[..], &["--json"]].concat()).stdout).unwrap();
    assert_eq!(
        (&shown["facts"]["signer"], &shown["facts"]["content"], &shown["facts"]["index"]),
        (&json!(signer), &json!("Im9uZSI="), &json!("1"))
    );
    expect_verdict(
        &stack.cli(&["verify", path, "--ledger", &ledger, "--signer", &ledger]),
        "REFUSED",
        &format!("{signer} appended it, you asked for {ledger}"),
    );
    fs::write(content, "\"two\"").unwrap();
    expect_verdict(&stack.cli(&given), "REFUSED", "the entry is neither the bytes of");
}

/// The program's data account, as the loader has it: kind (4), slot (8), authority (33), then its bytes.
fn is_program_data(answer: &Value) -> bool {
    let data = answer.pointer("/result/value/data/0").and_then(Value::as_str);
    data.is_some_and(|data| data.starts_with("AwAAA"))
}

/// A proxy before the chain that alters the program's data account.
fn proxy_with_program(alter: impl Fn(&mut Vec<u8>) + Send + 'static) -> String {
    proxy_that(move |_, mut answer| {
        if is_program_data(&answer) {
            let place = answer.pointer_mut("/result/value/data/0").unwrap();
            let mut bytes = STANDARD.decode(place.as_str().unwrap()).unwrap();
            alter(&mut bytes);
            *place = STANDARD.encode(bytes).into();
        }
        answer
    })
}

#[test]
fn the_transaction_is_no_bridge_where_the_program_is_newer_or_not_known() {
    let stack = stack();
    let (ledger, file) = receipt_of_new_ledger(stack, "program.json");
    grow(stack, &ledger, 2, 20);
    let pinned = ["--ledger", &ledger];
    expect_verdict(&verify(stack, &file, &pinned), "VERIFIED", "");

    let newer = proxy_with_program(|bytes| bytes[4..12].copy_from_slice(&u64::MAX.to_le_bytes()));
    let at = |server: &str| verify(stack, &file, &[&pinned[..], &["--rpc", server]].concat());
    expect_verdict(&at(&newer), "CANNOT TELL", "what ran then is unknown");

    let other = proxy_with_program(|bytes| bytes[100] ^= 1);
    expect_verdict(&at(&other), "CANNOT TELL", "nor pinned in the trust file");
    // The verifier knows it from elsewhere.
    let doctor: Value = serde_json::from_slice(&stack.cli(&["--rpc", &other, "doctor", "--json"]).stdout).unwrap();
    let reason = doctor["reason"].as_str().unwrap();
    let sha256 = reason.split_once("SHA-256 ").unwrap().1.split(':').next().unwrap();
    let trust = stack.folder.path().join("program.toml");
    let trust = trust.to_str().unwrap();
    let init = ["trust", "init", trust, "--ledger", &ledger, "--program-sha256", sha256, "--source", "own build"];
    expect_success(&stack.cli(&init));
    let known = verify(stack, &file, &["--trust", trust, "--rpc", &other]);
    expect_verdict(&known, "VERIFIED", "");
    assert!(text(&known.stdout).contains("one that the trust file pins"), "{known:?}");
}

#[test]
fn a_server_without_history_cannot_tell_and_another_can() {
    let stack = stack();
    let (ledger, file) = receipt_of_new_ledger(stack, "history.json");
    grow(stack, &ledger, 2, 20);
    let forgetful = proxy_that(|request, answer| match request["method"].as_str() {
        Some("getTransaction") => json!({ "jsonrpc": "2.0", "result": null }),
        Some("getBlocks") => json!({ "jsonrpc": "2.0", "result": [] }),
        Some("getBlock") => json!({ "jsonrpc": "2.0", "error": { "code": -32_009, "message": "missing" } }),
        _ => answer,
    });
    let alone = verify(stack, &file, &["--ledger", &ledger, "--rpc", &forgetful]);
    expect_verdict(&alone, "CANNOT TELL", "a server that keeps the whole history is needed");
    let both = ["--ledger", &ledger, "--rpc", &forgetful, "--rpc", &stack.rpc, "--quorum", "1"];
    expect_verdict(&verify(stack, &file, &both), "VERIFIED", "");
}

/// The account of the ledger with one field altered: whatever the servers' quorum says of it, the address or the ring tells.
#[test]
fn an_account_that_contradicts_itself_is_believed_by_nobody() {
    let stack = stack();
    let (ledger, file) = receipt_of_new_ledger(stack, "account.json");
    // The creator, the newest root of the ring, the root's peak.
    for (at, why) in [
        (48, "an account of another address"),
        (3_280 + 8, "in the account's ring"),
        (208 + 32, "in the account's ring"),
    ] {
        let server = proxy_that(move |_, mut answer| {
            if let Some(place) = answer.pointer_mut("/result/value/data/0")
                && let Ok(mut bytes) = STANDARD.decode(place.as_str().unwrap())
                && bytes.len() == 4_048
            {
                bytes[at] ^= 1;
                *place = STANDARD.encode(bytes).into();
            }
            answer
        });
        let output = verify(stack, &file, &["--ledger", &ledger, "--rpc", &server]);
        expect_verdict(&output, "CANNOT TELL", why);
    }
}
