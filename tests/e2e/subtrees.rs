//! Leaves appended by the hashes of their subtrees: the index follows, serves what it can, and is filled in.

use std::fs;
use std::process::Command;

use counterfoil_append::{instruction, read_keypair, send, wallet_of};
use counterfoil_client::{Rpc, idl};
use counterfoil_core::{LedgerId, plan_subtrees};
use merkle_log::{Frontier, Hash, Position, TreeSize, hash_leaf};
use serde_json::{Value, json};

use crate::stack::{Index, Stack, expect_refusal, expect_success, program, stack, text};

const BEFORE: u64 = 3;
const BY_SUBTREE: u64 = 1_000;

/// Entry `index`, as JSON text, which is what the CLI appends.
fn entry(index: u64) -> String {
    format!("\"entry {index}\"")
}

/// The hashes go out by the client's own builders, in as many transactions as they need.
fn append_subtrees(stack: &Stack, ledger: &str) {
    let ledger: LedgerId = ledger.parse().unwrap();
    let key = read_keypair(stack.authority()).unwrap();
    let rpc = Rpc::new(&stack.rpc, idl::declared_program());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let size = TreeSize::new(BEFORE).unwrap();
    let plan = plan_subtrees(size, BY_SUBTREE, 4.try_into().unwrap()).unwrap();
    let mut batches = 0;
    for batch in plan {
        let root = |Position { level, offset }| {
            let mut subtree = Frontier::new();
            let leaves = offset << level..(offset + 1) << level;
            leaves.for_each(|index| subtree.append_leaf(&hash_leaf(entry(index).as_bytes())).unwrap());
            Hash(subtree.root().0)
        };
        let hashes: Vec<Hash> = batch.subtrees().map(root).collect();
        let appender = wallet_of(&key);
        let append = instruction::append_subtrees(idl::declared_program(), ledger, appender, false, batch, &hashes);
        runtime.block_on(send(&rpc, &key, append)).unwrap();
        batches += 1;
    }
    assert!(batches > 1);
}

fn fill(index: &Index, ledger: &str, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(program("counterfoil-indexer"));
    command.args(["fill", "--ledger", ledger]).args(arguments).env("DATABASE_URL", &index.database_url);
    command.output().unwrap()
}

fn bundle(entries: impl Iterator<Item = String>) -> Vec<u8> {
    entries.flat_map(|entry| [&(entry.len() as u16).to_be_bytes(), entry.as_bytes()].concat()).collect()
}

#[test]
fn entries_appended_by_hash_are_filled_in_and_get_their_receipts() {
    let stack = stack();
    let index = Index::start(stack);
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    stack.append_lines(&ledger, &(0..BEFORE).map(entry).collect::<Vec<_>>());
    append_subtrees(stack, &ledger);
    let size = BEFORE + BY_SUBTREE + 2;
    stack.append_lines(&ledger, &(size - 2..size).map(entry).collect::<Vec<_>>());

    // The ledger is followed, and says what it does not have.
    let shown = index.wait_for(&ledger, size);
    assert_eq!((&shown["status"], &shown["missing_leaves"]), (&json!("following"), &json!(BY_SUBTREE.to_string())));
    let (status, problem) = index.get(&format!("/v1/ledgers/{ledger}/entries/500"));
    assert_eq!((status, &problem["code"]), (404, &json!("entry_missing")));
    let api = index.api.url();
    let receipt = |at: u64| {
        let path = stack.folder.path().join(format!("subtrees-{at}.receipt.json"));
        let output = stack.cli(&["--api", api, "receipt", &ledger, &at.to_string(), "--out", path.to_str().unwrap()]);
        (path, output)
    };
    for at in [0, BEFORE - 1, size - 1] {
        let (path, output) = receipt(at);
        expect_success(&output);
        expect_success(&stack.cli(&["--api", api, "verify", path.to_str().unwrap(), "--ledger", &ledger]));
    }
    expect_refusal(&receipt(500).1, "500");

    let audit = |said: &str| {
        let output = stack.cli(&["--api", api, "audit", &ledger]);
        expect_success(&output);
        assert!(text(&output.stdout).contains(said), "{}", text(&output.stdout));
    };
    audit("5 entries and");

    // A false file is refused as a whole, a true one fills in.
    let file = stack.folder.path().join("subtrees.bundles");
    let path = file.to_str().unwrap();
    let other = |at: u64| if at == 700 { "\"another\"".to_owned() } else { entry(at) };
    fs::write(&file, bundle((BEFORE..BEFORE + BY_SUBTREE).map(other))).unwrap();
    expect_refusal(&fill(&index, &ledger, &["--file", path, "--first-index", "3"]), "lead to");
    assert_eq!(index.wait_for(&ledger, size)["missing_leaves"], json!(BY_SUBTREE.to_string()));
    fs::write(&file, bundle((0..size).map(entry))).unwrap();
    let output = fill(&index, &ledger, &["--file", path, "--first-index", "0"]);
    expect_success(&output);
    assert!(text(&output.stdout).contains(&format!("{BY_SUBTREE} entries")), "{}", text(&output.stdout));

    assert_eq!(index.wait_for(&ledger, size)["missing_leaves"], json!("0"));
    let (_, page) = index.get(&format!("/v1/ledgers/{ledger}/missing"));
    assert_eq!((&page["subtrees"], &page["leaves"]), (&json!([]), &json!("0")));
    for at in [BEFORE, 500, 700, BEFORE + BY_SUBTREE - 1] {
        let (path, output) = receipt(at);
        expect_success(&output);
        let shown: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(shown["entry"]["index"], at.to_string());
        expect_success(&stack.cli(&["--api", api, "verify", path.to_str().unwrap(), "--ledger", &ledger]));
    }

    audit("1000 entries that are not on the chain");

    // The indexer goes on from the state that it has in memory, through the tile that was filled in meanwhile.
    let more: Vec<String> = (size..size + 30).map(entry).collect();
    stack.append_lines(&ledger, &more);
    index.wait_for(&ledger, size + 30);
    let output = Command::new(program("counterfoil-indexer"))
        .args(["fsck", "--ledger", &ledger])
        .env("DATABASE_URL", &index.database_url)
        .output()
        .unwrap();
    expect_success(&output);
}
