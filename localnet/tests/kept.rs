//! The promises of a node about a chain that it keeps.
//!
//! COUNTERFOIL_LOCALNET names another binary to test, as in `node.rs`.

mod common;

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use common::{Node, RELEASE, base64, bincode, command, program_arg, refused};
use serde_json::{Value, json};
use solana_hash::Hash;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::{Keypair, read_keypair_file};
use solana_message::Message;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::Transaction;
use tempfile::TempDir;

/// A chain in a folder, with a wallet and a program.
struct Kept {
    folder: TempDir,
    program: Pubkey,
}

impl Kept {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), program: Keypair::new().pubkey() }
    }

    fn ledger(&self) -> std::path::PathBuf {
        self.folder.path().join("ledger")
    }

    fn args(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> = ["--slot-ms", "20", "--ledger"].map(OsString::from).to_vec();
        args.push(self.ledger().into());
        args.push("--wallet".into());
        args.push(self.folder.path().join("wallet.json").into());
        args.push("--program".into());
        args.push(program_arg(&self.program, RELEASE).into());
        args
    }

    fn start(&self) -> Node {
        Node::start(self.args())
    }

    fn wallet(&self) -> Keypair {
        read_keypair_file(self.folder.path().join("wallet.json")).expect("a key file")
    }

    /// Sends a transfer to an address, and returns its signature.
    fn transfer(&self, node: &Node, to: Pubkey, lamports: u64) -> Value {
        let from = self.wallet();
        // The system program's third instruction.
        let data = [&2u32.to_le_bytes()[..], &lamports.to_le_bytes()].concat();
        let accounts = vec![AccountMeta::new(from.pubkey(), true), AccountMeta::new(to, false)];
        send(node, &from, Instruction { program_id: Pubkey::default(), accounts, data })
    }
}

fn send(node: &Node, payer: &Keypair, instruction: Instruction) -> Value {
    let latest = node.call("getLatestBlockhash", json!([{"commitment": "confirmed"}]));
    let blockhash: Hash =
        latest["value"]["blockhash"].as_str().and_then(|hash| hash.parse().ok()).expect("a blockhash");
    let message = Message::new_with_blockhash(&[instruction], Some(&payer.pubkey()), &blockhash);
    let bytes = base64(&bincode(&Transaction::new(&[payer], message, blockhash)));
    node.call("sendTransaction", json!([bytes, {"encoding": "base64", "skipPreflight": true}]))
}

fn wait_until_final(node: &Node, signature: &Value) {
    let finalized = |result: &Value| result["value"][0]["confirmationStatus"] == "finalized";
    let params = json!([[signature], {"searchTransactionHistory": true}]);
    node.call_until("getSignatureStatuses", &params, finalized);
}

/// A node's answers about a transaction, its block, and the account that it changed.
fn said_of(node: &Node, signature: &Value, account: &Pubkey) -> Value {
    let config = json!({"encoding": "json", "maxSupportedTransactionVersion": 0, "rewards": false});
    let transaction = node.call("getTransaction", json!([signature, config]));
    let mut signatures = node.call("getSignaturesForAddress", json!([account.to_string()]));
    for listed in signatures.as_array_mut().expect("a list") {
        // Surfpool guesses it here, again each time.
        listed["blockTime"].take();
    }
    json!({
        "genesis hash": node.call("getGenesisHash", json!([])),
        "transaction": transaction,
        "signatures": signatures,
        "block": node.call("getBlock", json!([transaction["slot"], config])),
        "balance": node.call("getBalance", json!([account.to_string()]))["value"],
    })
}

fn goes_on_after(end: impl FnOnce(Node)) {
    let kept = Kept::new();
    let to = Keypair::new().pubkey();
    let node = kept.start();
    let signature = kept.transfer(&node, to, 5_000_000);
    wait_until_final(&node, &signature);
    let before = said_of(&node, &signature, &to);
    let slot = node.call("getSlot", json!([{"commitment": "processed"}])).as_u64().expect("a slot");

    end(node);
    let node = kept.start();

    assert_eq!(said_of(&node, &signature, &to), before);
    assert!(node.call("getSlot", json!([{"commitment": "processed"}])).as_u64().expect("a slot") > slot);
    // It goes on, and the program is there.
    let next = kept.transfer(&node, to, 5_000_000);
    wait_until_final(&node, &next);
    let options = json!([to.to_string(), {"commitment": "confirmed"}]);
    assert_eq!(node.call("getBalance", options)["value"], 10_000_000);
    assert_runs(&kept, &node);
}

/// Calls the program with an instruction that it does not have, which it is the one to say.
fn assert_runs(kept: &Kept, node: &Node) {
    let unknown = Instruction::new_with_bytes(kept.program, b"unknown!", vec![]);
    let signature = send(node, &kept.wallet(), unknown);
    wait_until_final(node, &signature);
    let done = node.call("getTransaction", json!([signature, {"encoding": "json"}]));
    // The program stands at another address than it declares, and says so before it looks at the instruction.
    assert!(done["meta"]["logMessages"].to_string().contains("DeclaredProgramIdMismatch"), "{done}");
}

#[test]
fn a_kept_chain_goes_on_after_a_stop() {
    goes_on_after(|mut node| {
        node.signal("TERM");
        assert_eq!(node.wait().code(), Some(0));
    });
}

#[test]
fn a_kept_chain_goes_on_after_a_kill() {
    goes_on_after(|mut node| {
        node.child.kill().expect("killed");
        node.wait();
    });
}

#[test]
fn a_kill_at_any_moment_leaves_each_transaction_whole_or_absent() {
    const LAMPORTS: u64 = 1_000_000;
    let kept = Kept::new();
    let to = Keypair::new().pubkey();
    for round in 0..5 {
        let mut node = kept.start();
        let list = json!([to.to_string()]);
        for more in 0..20 + round {
            kept.transfer(&node, to, LAMPORTS + more);
        }
        // Some of them are not even executed.
        node.child.kill().expect("killed");
        node.wait();

        let node = kept.start();
        // A validator takes some slots to finalize what it found.
        node.call_until("getSignaturesForAddress", &list, |listed| {
            let moved = listed.as_array().expect("a list").iter().map(|one| {
                let done = node.call("getTransaction", json!([one["signature"], {"encoding": "json"}]));
                let (before, after) = (&done["meta"]["preBalances"][1], &done["meta"]["postBalances"][1]);
                after.as_u64().expect("lamports") - before.as_u64().expect("lamports")
            });
            node.call("getBalance", list.clone())["value"] == moved.sum::<u64>()
        });
    }
}

#[test]
fn a_wallet_that_is_new_to_a_kept_chain_is_funded_and_others_are_left_alone() {
    let kept = Kept::new();
    let mut node = kept.start();
    let signature = kept.transfer(&node, Keypair::new().pubkey(), 5_000_000);
    wait_until_final(&node, &signature);
    let balance = |node: &Node, wallet: Pubkey| {
        node.call("getBalance", json!([wallet.to_string(), {"commitment": "confirmed"}]))["value"].clone()
    };
    let left = balance(&node, kept.wallet().pubkey());
    node.signal("TERM");
    node.wait();

    let another = Keypair::new().pubkey();
    let args = kept.args().into_iter().chain(["--wallet".into(), another.to_string().into()]);
    let node = Node::start(args);

    assert_eq!(balance(&node, another), 1_000_000_000_000_u64);
    assert_eq!(balance(&node, kept.wallet().pubkey()), left);
}

#[test]
fn refuses_a_folder_that_it_cannot_go_on_with_and_says_why() {
    let kept = Kept::new();
    let shown = kept.ledger().display().to_string();
    let refuses = |args: Vec<OsString>, expected: &str| {
        let (code, message) = refused(args);
        assert_eq!(code, Some(1));
        assert!(message.contains(expected) && message.contains(&shown), "{message}");
    };
    fs::create_dir(kept.ledger()).expect("made");
    fs::write(kept.ledger().join("diary.txt"), "mine").expect("written");
    refuses(kept.args(), "holds files, and no chain");
    fs::remove_file(kept.ledger().join("diary.txt")).expect("removed");

    let mut node = kept.start();
    refuses(kept.args(), "another node runs on the chain");
    node.signal("TERM");
    node.wait();

    let others = [Keypair::new().pubkey(), kept.program];
    let mut args = kept.args();
    args.extend(["--program".into(), program_arg(&others[0], RELEASE).into()]);
    refuses(args, &format!("program {}", others[0]));
    damage(&kept.ledger());
    refuses(kept.args(), "is damaged");
}

/// Spoils the largest file of a chain.
fn damage(ledger: &Path) {
    let files = fs::read_dir(ledger).expect("a folder").map(|entry| entry.expect("an entry").path());
    let size = |path: &std::path::PathBuf| fs::metadata(path).expect("it exists").len();
    let largest = files.filter(|path| path.is_file()).max_by_key(size).expect("a file");
    let mut bytes = fs::read(&largest).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xa5);
    fs::write(&largest, bytes).expect("written");
}

/// Surfpool empties its memory from time to time where accounts are kept elsewhere.
#[test]
fn a_kept_chain_stays_whole_when_the_node_forgets_what_it_holds() {
    let kept = Kept::new();
    let to = Keypair::new().pubkey();
    let mut forgetful = command(kept.args());
    forgetful.env("SURFPOOL_GARBAGE_COLLECTION_INTERVAL_SLOTS", "7");
    let node = Node::start_command(forgetful);
    for lamports in [5_000_000, 6_000_000, 7_000_000] {
        let signature = kept.transfer(&node, to, lamports);
        wait_until_final(&node, &signature);
    }
    assert_eq!(node.call("getBalance", json!([to.to_string()]))["value"], 18_000_000);
    assert_runs(&kept, &node);
}
