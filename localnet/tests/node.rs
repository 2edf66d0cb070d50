//! The promises of a node to those who start it.
//!
//! COUNTERFOIL_LOCALNET names another binary to test, which is how `make test-agave` tests the validator.

mod common;

use std::fs;
use std::net::TcpListener;

use common::{Node, RELEASE, base64, bincode, command, program_arg, refused};
use serde_json::json;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_keypair::{Keypair, read_keypair_file};
use solana_message::Message;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::Transaction;

const SOL: u64 = 1_000_000_000;
/// Its declared address.
const OURS: &str = "BNCzrkTu6NddRckZgzqSDshk9bGuWBzNtTTRKmkamkEL";
/// Anchor's error for an instruction that the program does not have.
const INSTRUCTION_FALLBACK_NOT_FOUND: u32 = 101;
const UPGRADEABLE_LOADER: &str = "BPFLoaderUpgradeab1e11111111111111111111111";

fn unbase64(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let letters = text.trim_end_matches('=').as_bytes();
    let bits = letters.chunks(4).flat_map(|chunk| {
        let bits = chunk.iter().fold(0u32, |bits, &letter| bits << 6 | u32::from(value(letter)));
        let bits = bits << (6 * (4 - chunk.len()));
        bits.to_be_bytes().into_iter().skip(1).take(chunk.len() * 6 / 8)
    });
    bits.collect()
}

#[test]
fn answers_with_funded_wallets_when_it_says_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let key_file = folder.path().join("wallet.json");
    let other = Keypair::new().pubkey();
    let node = Node::start(["--wallet", key_file.to_str().expect("text"), "--wallet", &other.to_string()]);

    assert_eq!(node.call("getHealth", json!([])), "ok");
    assert_eq!(node.call("getGenesisHash", json!([])), node.ready["genesis_hash"]);
    let created = read_keypair_file(&key_file).expect("a key file").pubkey();
    for wallet in [created, other] {
        assert_eq!(node.call("getBalance", json!([wallet.to_string()]))["value"], 1_000 * SOL);
    }
}

#[test]
fn deploys_programs_at_their_addresses_under_the_upgradeable_loader() {
    let authority = Keypair::new().pubkey();
    let programs = [Keypair::new().pubkey(), OURS.parse().expect("an address")];
    let flags = programs.iter().flat_map(|id| ["--program".to_owned(), program_arg(id, RELEASE)]);
    let node = Node::start(flags.chain(["--upgrade-authority".to_owned(), authority.to_string()]));
    // A deployment is a transaction like any other: a validator finalizes it some slots later.
    let options = json!({"encoding": "base64", "commitment": "confirmed"});
    let account = |key: &Pubkey| node.call("getAccountInfo", json!([key.to_string(), options]));

    let loader: Pubkey = UPGRADEABLE_LOADER.parse().expect("an address");
    let elf = fs::read(RELEASE).expect("a program");
    for id in programs {
        let (program_data, _) = Pubkey::find_program_address(&[id.as_ref()], &loader);
        let program = account(&id);
        assert_eq!(program["value"]["owner"], UPGRADEABLE_LOADER);
        assert_eq!(program["value"]["executable"], true);
        // The loader's state: variant 2, then where the program's bytes are.
        let expected = [&2u32.to_le_bytes()[..], program_data.as_ref()].concat();
        assert_eq!(program["value"]["data"][0], base64(&expected));

        let data = account(&program_data);
        assert_eq!(data["value"]["owner"], UPGRADEABLE_LOADER);
        // Variant 3, the slot of deployment, some authority, then the bytes as the linker wrote them.
        let held = unbase64(data["value"]["data"][0].as_str().expect("text"));
        let expected = [&3u32.to_le_bytes()[..], &held[4..12], &[1], authority.as_ref(), &elf].concat();
        assert!(held == expected, "{id} is not what was deployed");
    }
}

#[test]
fn executes_a_deployed_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let key_file = folder.path().join("wallet.json");
    let id: Pubkey = OURS.parse().expect("an address");
    let node = Node::start([
        "--program",
        &program_arg(&id, RELEASE),
        "--wallet",
        key_file.to_str().expect("text"),
        "--slot-ms",
        "20",
    ]);
    let wallet = read_keypair_file(&key_file).expect("a key file");
    let blockhash: Hash = node.call("getLatestBlockhash", json!([]))["value"]["blockhash"]
        .as_str()
        .and_then(|hash| hash.parse().ok())
        .expect("a blockhash");
    // No instruction of the program starts like this; what answers is the program.
    let unknown = Instruction::new_with_bytes(id, b"unknown!", vec![]);
    let message = Message::new_with_blockhash(&[unknown], Some(&wallet.pubkey()), &blockhash);
    let transaction = Transaction::new(&[&wallet], message, blockhash);
    let bytes = base64(&bincode(&transaction));

    let signature = node.call("sendTransaction", json!([bytes, {"encoding": "base64", "skipPreflight": true}]));

    let finalized = |result: &serde_json::Value| result["value"][0]["confirmationStatus"] == "finalized";
    let status = node.call_until("getSignatureStatuses", &json!([[signature]]), finalized);
    let refused = json!({"InstructionError": [0, {"Custom": INSTRUCTION_FALLBACK_NOT_FOUND}]});
    assert_eq!(status["value"][0]["err"], refused);
    let done = node.call("getTransaction", json!([signature, {"encoding": "json"}]));
    let logs = done["meta"]["logMessages"].to_string();
    assert!(logs.contains("InstructionFallbackNotFound"), "{logs}");
}

#[test]
fn moves_slots_by_the_clock() {
    let node = Node::start(["--slot-ms", "10"]);
    let first = node.call("getSlot", json!([])).as_u64().expect("a slot");
    node.call_until("getSlot", &json!([]), |slot| slot.as_u64() >= Some(first + 50));
}

#[test]
fn refuses_a_port_in_use_and_says_which_and_what_to_do() {
    for (flag, server) in [("--rpc-port", "RPC"), ("--ws-port", "WebSocket")] {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = taken.local_addr().expect("bound").port();

        let (code, message) = refused([flag, &port.to_string()]);

        assert_eq!(code, Some(1));
        let expected = format!(
            "{server} port {port} on 127.0.0.1 is in use: stop what listens there, or give another with {flag}"
        );
        assert!(message.contains(&expected), "{message}");
    }
}

#[test]
fn refuses_what_is_no_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let id = Keypair::new().pubkey();
    let absent = folder.path().join("absent.so");
    let text = folder.path().join("text.so");
    fs::write(&text, "not a program").expect("written");
    let truncated = folder.path().join("truncated.so");
    fs::write(&truncated, &fs::read(RELEASE).expect("a program")[..1_000]).expect("written");
    let faults = [
        (absent, format!("cannot read program {id} from")),
        (text, "is not a shared object".into()),
        (truncated, format!("program {id} cannot be deployed")),
    ];
    for (path, expected) in faults {
        let (code, message) = refused(["--program", &program_arg(&id, path)]);
        assert_eq!(code, Some(1));
        assert!(message.contains(&expected), "{message}");
    }
}

#[test]
fn refuses_to_give_away_more_than_there_is() {
    let wallets: Vec<String> = (0..11).map(|_| Keypair::new().pubkey().to_string()).collect();
    let most = ["--lamports".to_owned(), (100_000 * SOL).to_string()];
    let args = wallets.into_iter().flat_map(|wallet| ["--wallet".to_owned(), wallet]).chain(most);

    let (code, message) = refused(args);

    assert_eq!(code, Some(1));
    assert!(message.contains("cannot be funded"), "{message}");
}

#[test]
fn refuses_arguments_that_make_no_sense() {
    let id = Keypair::new().pubkey().to_string();
    let faults: [&[&str]; 7] = [
        &["--program", &id],
        &["--program", "nonsense=program.so"],
        &["--slot-ms", "0"],
        &["--rpc-port", "0"],
        &["--rpc-port", "65536"],
        &["--wallet", &id, "--lamports", "1"],
        &["--rpc-port", "8899", "--ws-port", "8899"],
    ];
    for args in faults {
        let (code, message) = refused(args);
        assert!(matches!(code, Some(1 | 2)), "{args:?}: {code:?}");
        assert!(message.contains(args[args.len() - 2]), "{args:?}: {message}");
    }
}

#[test]
fn ends_with_success_on_a_signal_and_leaves_nothing_behind() {
    for name in ["TERM", "INT"] {
        let folder = tempfile::tempdir().expect("a folder");
        let ready_file = folder.path().join("ready.json");
        let mut node = Node::start(["--ready-file", ready_file.to_str().expect("text")]);
        let ready: serde_json::Value =
            serde_json::from_slice(&fs::read(&ready_file).expect("the ready file")).expect("JSON");
        assert_eq!(ready, node.ready);
        let ports = [node.rpc_addr(), node.ws_addr()];

        node.signal(name);

        assert_eq!(node.wait().code(), Some(0));
        for port in ports {
            TcpListener::bind(port).expect("the port is free again");
        }
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}

#[test]
fn writes_nothing_into_the_current_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = command(["--exit-with-stdin"])
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .env("TMPDIR", folder.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("text");
    assert!(line.starts_with('{'), "{line}");

    drop(child.stdin.take());

    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn ends_with_standard_input_only_when_asked_to() {
    let mut bound = Node::start(["--exit-with-stdin"]);
    bound.stdin = None;
    assert_eq!(bound.wait().code(), Some(0));

    let mut unbound = Node::start([] as [&str; 0]);
    unbound.stdin = None;
    assert_eq!(unbound.call("getHealth", json!([])), "ok");
    assert!(unbound.child.try_wait().expect("a child").is_none());
}

#[test]
fn two_at_once_do_not_collide() {
    let nodes = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..2).map(|_| scope.spawn(|| Node::start([] as [&str; 0]))).collect();
        starts.into_iter().map(|start| start.join().expect("it starts")).collect::<Vec<_>>()
    });
    let ports: std::collections::BTreeSet<_> =
        nodes.iter().flat_map(|node| [node.rpc_addr().port(), node.ws_addr().port()]).collect();
    assert_eq!(ports.len(), 4);
    assert_ne!(nodes[0].text("genesis_hash"), nodes[1].text("genesis_hash"));
    for node in &nodes {
        assert_eq!(node.call("getGenesisHash", json!([])), node.ready["genesis_hash"]);
    }
}
