//! The vectors that all implementations read, `docs/vectors/program.json`: addresses and instructions.

use counterfoil_append::instruction::{self, ProofTarget};
use counterfoil_client::address;
use counterfoil_core::{LedgerId, ProgramId, Wallet, plan_subtrees};
use merkle_log::{Hash, TreeSize};
use serde_json::Value;
use solana_instruction::Instruction;

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}"))
}

fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value, field: &str) -> T {
    text(value, field).parse().expect("a number")
}

fn small(value: &Value, field: &str) -> u32 {
    value[field].as_u64().and_then(|number| u32::try_from(number).ok()).expect("a number")
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().expect("a list").iter().map(|hash| hash.as_str().expect("hex").parse().expect("a hash")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn build(program: ProgramId, ledger: LedgerId, vectors: &Value, step: &Value) -> Instruction {
    let given = &step["arguments"];
    let signer = step["accounts"].as_array().expect("a list").iter().find(|account| account["signer"] == true);
    let signer: Wallet = signer.map_or(Wallet([0; 32]), |account| text(account, "address").parse().expect("a key"));
    let writer: Wallet = text(&vectors["writer"]["fields"], "wallet").parse().expect("a key");
    let is_writer = signer == writer;
    match text(step, "instruction") {
        "create_ledger" => {
            let id = bytes(text(given, "id")).try_into().expect("32 bytes");
            instruction::create_ledger(program, signer, &id, small(given, "flags"))
        }
        "append" => {
            let entries: Vec<Vec<u8>> = given["entries"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|entry| bytes(entry.as_str().expect("hex")))
                .collect();
            let expected_size = given["expected_size"].as_str().map(|size| size.parse().expect("a size"));
            instruction::append(program, ledger, signer, is_writer, expected_size, &entries)
        }
        "append_subtrees" => {
            let size = TreeSize::new(number(given, "expected_size")).expect("in range");
            let mut plan =
                plan_subtrees(size, number(given, "leaves"), instruction::SUBTREES_PER_TRANSACTION).expect("room");
            let batch = plan.next().expect("a batch");
            instruction::append_subtrees(program, ledger, signer, is_writer, batch, &hashes(&given["hashes"]))
        }
        "grant_writer" => {
            let (wallet, expires_at) = (number(given, "wallet"), number(given, "expires_at"));
            instruction::grant_writer(program, ledger, signer, wallet, small(given, "permissions"), expires_at)
        }
        "revoke_writer" => instruction::revoke_writer(program, ledger, signer, writer),
        "propose_authority" => {
            instruction::propose_authority(program, ledger, signer, Some(number(given, "pending_authority")))
        }
        "accept_authority" => instruction::accept_authority(program, ledger, signer),
        "disallow_subtrees" => instruction::disallow_subtrees(program, ledger, signer),
        "seal_ledger" => instruction::seal_ledger(program, ledger, signer, number(given, "expected_size")),
        "verify_inclusion" => {
            let target = match given["target"].as_str() {
                Some("current_head") => ProofTarget::CurrentHead,
                Some("peak") => ProofTarget::Peak,
                _ => ProofTarget::KeptHead { size: number(&given["target"]["kept_head"], "size") },
            };
            let leaf = text(given, "leaf_hash").parse().expect("a leaf hash");
            let proof = hashes(&given["proof"]);
            instruction::verify_inclusion(program, ledger, &leaf, number(given, "index"), target, &proof)
        }
        other => panic!("no builder for {other}"),
    }
}

#[test]
fn instructions_are_built_as_the_shared_ones_say() {
    let vectors: Value = serde_json::from_str(include_str!("../../../../docs/vectors/program.json")).expect("JSON");
    let program: ProgramId = number(&vectors, "program");
    let ledger: LedgerId = number(&vectors["ledger"], "address");
    let creator = number(&vectors["ledger"], "creator");
    let id = bytes(text(&vectors["ledger"], "id")).try_into().expect("32 bytes");
    assert_eq!(address::ledger(program, creator, &id), ledger);
    let wallet = number(&vectors["writer"]["fields"], "wallet");
    assert_eq!(address::writer(program, ledger, wallet).to_string(), text(&vectors["writer"], "address"));
    for step in vectors["steps"].as_array().expect("a list") {
        let built = build(program, ledger, &vectors, step);
        assert_eq!(hex(&built.data), text(step, "data"), "{}", step["instruction"]);
        let accounts: Vec<Value> = built
            .accounts
            .iter()
            .map(|meta| {
                let address = meta.pubkey.to_string();
                serde_json::json!({"address": address, "signer": meta.is_signer, "writable": meta.is_writable})
            })
            .collect();
        assert_eq!(Value::Array(accounts), step["accounts"], "{}", step["instruction"]);
    }
}
