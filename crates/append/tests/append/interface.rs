//! The instruction builders and the events against the committed IDL, which is the program's.

use std::collections::BTreeMap;

use counterfoil_append::instruction;
use counterfoil_append::instruction::{ProofTarget, SUBTREES_PER_TRANSACTION};
use counterfoil_client::{address, idl};
use counterfoil_core::account::LEDGER_DISCRIMINATOR;
use counterfoil_core::event::EVENT_TAG;
use counterfoil_core::{Event, EventBody, EventHeader, LedgerId, ProgramId, Wallet, plan_subtrees};
use merkle_log::{Hash, LeafHash, TreeSize};
use serde_json::{Value, json};
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;

use super::events::{inner_data, one_of_each_kind};

const PROGRAM: ProgramId = ProgramId([0x11; 32]);
const LEDGER: LedgerId = LedgerId([0x22; 32]);
const SIGNER: Wallet = Wallet([0x33; 32]);
const WALLET: Wallet = Wallet([0x44; 32]);
const ID: [u8; 32] = [0x55; 32];

fn committed() -> Value {
    serde_json::from_str(include_str!("../../../../idls/counterfoil.json")).expect("JSON")
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

fn named<'a>(list: &'a [Value], name: &str) -> &'a Value {
    list.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("the IDL has no {name}"))
}

fn bytes(value: &Value) -> Vec<u8> {
    let numbers = value.as_array().expect("a list of bytes");
    numbers.iter().map(|number| u8::try_from(number.as_u64().expect("a byte")).expect("a byte")).collect()
}

/// Borsh by the IDL's types. Byte strings and keys are lists of numbers.
fn encode(idl: &Value, kind: &Value, value: &Value) -> Vec<u8> {
    let length = |len: usize| u32::try_from(len).expect("short").to_le_bytes().to_vec();
    match kind.as_str() {
        Some("u32") => u32::try_from(value.as_u64().expect("a number")).expect("a u32").to_le_bytes().to_vec(),
        Some("u64") => value.as_u64().expect("a number").to_le_bytes().to_vec(),
        Some("i64") => value.as_i64().expect("a number").to_le_bytes().to_vec(),
        Some("pubkey") => bytes(value),
        Some("bytes") => [length(bytes(value).len()), bytes(value)].concat(),
        Some(other) => panic!("a type that no test has met: {other}"),
        None if kind["array"] == json!(["u8", 32]) => bytes(value),
        None if !kind["option"].is_null() && value.is_null() => vec![0],
        None if !kind["option"].is_null() => [vec![1], encode(idl, &kind["option"], value)].concat(),
        None if !kind["vec"].is_null() => {
            let items = value.as_array().expect("a list");
            let encoded = items.iter().flat_map(|item| encode(idl, &kind["vec"], item));
            length(items.len()).into_iter().chain(encoded).collect()
        }
        None => {
            let name = kind["defined"]["name"].as_str().expect("a defined type");
            let defined = &named(list(idl, "types"), name)["type"];
            if defined["kind"] == "enum" {
                // The value is the variant's name and its fields.
                let (name, fields) = value.as_object().and_then(|value| value.iter().next()).expect("a variant");
                let variants = list(defined, "variants");
                let number = variants.iter().position(|variant| variant["name"] == *name).expect("a variant");
                let fields = if fields.is_null() { &json!({}) } else { fields };
                let encoded = encode_fields(idl, list(&variants[number], "fields"), fields);
                [vec![u8::try_from(number).expect("few variants")], encoded].concat()
            } else {
                encode_fields(idl, list(defined, "fields"), value)
            }
        }
    }
}

fn encode_fields(idl: &Value, fields: &[Value], values: &Value) -> Vec<u8> {
    let names: Vec<&str> = fields.iter().map(|field| field["name"].as_str().expect("a name")).collect();
    assert_eq!(values.as_object().expect("fields").len(), names.len(), "{names:?}");
    fields.iter().zip(names).flat_map(|(field, name)| encode(idl, &field["type"], &values[name])).collect()
}

/// The instruction that the IDL describes. `known` are the accounts whose addresses the IDL leaves open.
fn described(idl: &Value, name: &str, args: &Value, known: &[(&str, Pubkey)]) -> Instruction {
    let instruction = named(list(idl, "instructions"), name);
    let program = Pubkey::new_from_array(PROGRAM.0);
    let mut data = bytes(&instruction["discriminator"]);
    data.extend(encode_fields(idl, list(instruction, "args"), args));

    let mut addresses: BTreeMap<&str, Pubkey> = known.iter().copied().collect();
    addresses.insert("event_authority", Pubkey::find_program_address(&[b"__event_authority"], &program).0);
    addresses.insert("program", program);
    let mut accounts = Vec::new();
    for account in list(instruction, "accounts") {
        let name = account["name"].as_str().expect("a name");
        if let Some(fixed) = account["address"].as_str() {
            addresses.insert(name, fixed.parse().expect("an address"));
        }
        let seeds: Vec<Vec<u8>> = list(&account["pda"], "seeds")
            .iter()
            .map(|seed| match (seed["kind"].as_str(), seed["path"].as_str()) {
                (Some("const"), None) => bytes(&seed["value"]),
                (Some("account"), Some(path)) => addresses[path].to_bytes().to_vec(),
                (Some("arg"), Some(path)) => bytes(&args[path]),
                other => panic!("a seed that no test has met: {other:?}"),
            })
            .collect();
        if !seeds.is_empty() {
            let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
            addresses.insert(name, Pubkey::find_program_address(&seeds, &program).0);
        }
        // An optional account that is absent is the program's own address.
        let is_optional = account["optional"] == true;
        let pubkey = addresses.get(name).copied().or(is_optional.then_some(program)).expect("an address");
        accounts.push(AccountMeta {
            pubkey,
            is_signer: account["signer"] == true,
            is_writable: account["writable"] == true,
        });
    }
    Instruction { program_id: program, accounts, data }
}

fn key(wallet: Wallet) -> Pubkey {
    Pubkey::new_from_array(wallet.0)
}

#[test]
fn there_is_a_builder_for_each_instruction() {
    let idl = committed();
    let names: Vec<&str> = list(&idl, "instructions").iter().filter_map(|each| each["name"].as_str()).collect();
    let expected = [
        "accept_authority",
        "append",
        "append_subtrees",
        "create_ledger",
        "disallow_subtrees",
        "grant_writer",
        "propose_authority",
        "revoke_writer",
        "seal_ledger",
        "verify_inclusion",
    ];
    assert_eq!(names, expected);
}

#[test]
fn create_ledger_is_as_the_idl_describes_it() {
    let idl = committed();
    for flags in [0, 2, 6, u32::MAX] {
        let known = [("payer", key(SIGNER)), ("creator", key(SIGNER))];
        let expected = described(&idl, "create_ledger", &json!({"id": ID, "flags": flags}), &known);
        assert_eq!(instruction::create_ledger(PROGRAM, SIGNER, &ID, flags), expected);
    }
}

#[test]
fn append_is_as_the_idl_describes_it() {
    let idl = committed();
    let lists: [Vec<Vec<u8>>; 3] = [vec![], vec![vec![1, 2, 3]], vec![vec![7; 300], vec![], vec![8]]];
    for entries in &lists {
        for expected_size in [None, Some(0), Some(u64::MAX)] {
            for is_writer in [false, true] {
                let ledger = Pubkey::new_from_array(LEDGER.0);
                let mut known = vec![("appender", key(SIGNER)), ("ledger", ledger)];
                if is_writer {
                    let seeds: [&[u8]; 3] = [b"writer", &LEDGER.0, &SIGNER.0];
                    known.push(("writer", Pubkey::find_program_address(&seeds, &Pubkey::from(PROGRAM.0)).0));
                }
                let args = json!({"expected_size": expected_size, "entries": entries});
                let expected = described(&idl, "append", &args, &known);
                let built = instruction::append(PROGRAM, LEDGER, SIGNER, is_writer, expected_size, entries);
                assert_eq!(built, expected);
            }
        }
    }
}

#[test]
fn grant_writer_is_as_the_idl_describes_it() {
    let idl = committed();
    let ledger = Pubkey::new_from_array(LEDGER.0);
    for (permissions, expires_at) in [(1, 0), (3, i64::MAX), (u32::MAX, i64::MIN)] {
        let known = [("payer", key(SIGNER)), ("authority", key(SIGNER)), ("ledger", ledger)];
        let args = json!({"wallet": WALLET.0, "permissions": permissions, "expires_at": expires_at});
        let expected = described(&idl, "grant_writer", &args, &known);
        let built = instruction::grant_writer(PROGRAM, LEDGER, SIGNER, WALLET, permissions, expires_at);
        assert_eq!(built, expected);
    }
}

#[test]
fn revoke_writer_is_as_the_idl_describes_it() {
    let idl = committed();
    let writer = address::writer(PROGRAM, LEDGER, WALLET);
    let known = [("authority", key(SIGNER)), ("ledger", Pubkey::new_from_array(LEDGER.0)), ("writer", writer)];
    let expected = described(&idl, "revoke_writer", &json!({}), &known);
    assert_eq!(instruction::revoke_writer(PROGRAM, LEDGER, SIGNER, WALLET), expected);
}

#[test]
fn append_subtrees_is_as_the_idl_describes_it() {
    let idl = committed();
    for (start, leaves) in [(0, 1), (5, 12), (1 << 20, 1_000_000)] {
        for is_writer in [false, true] {
            let start = TreeSize::new(start).expect("in range");
            let mut plan = plan_subtrees(start, leaves, SUBTREES_PER_TRANSACTION).expect("room");
            let batch = plan.next().expect("a batch");
            let hashes: Vec<Hash> = batch.subtrees().map(|subtree| Hash([subtree.level; 32])).collect();
            let mut known = vec![("appender", key(SIGNER)), ("ledger", Pubkey::new_from_array(LEDGER.0))];
            if is_writer {
                known.push(("writer", address::writer(PROGRAM, LEDGER, SIGNER)));
            }
            let raw: Vec<[u8; 32]> = hashes.iter().map(|hash| hash.0).collect();
            let args = json!({"expected_size": start.get(), "leaves": leaves, "hashes": raw});
            let expected = described(&idl, "append_subtrees", &args, &known);
            let built = instruction::append_subtrees(PROGRAM, LEDGER, SIGNER, is_writer, batch, &hashes);
            assert_eq!(built, expected);
        }
    }
}

#[test]
fn what_the_authority_does_is_as_the_idl_describes_it() {
    let idl = committed();
    let ledger = ("ledger", Pubkey::new_from_array(LEDGER.0));
    let known = [("authority", key(SIGNER)), ledger];
    for pending in [None, Some(WALLET)] {
        let args = json!({"pending_authority": pending.map_or([0; 32], |wallet| wallet.0)});
        let expected = described(&idl, "propose_authority", &args, &known);
        assert_eq!(instruction::propose_authority(PROGRAM, LEDGER, SIGNER, pending), expected);
    }
    let expected = described(&idl, "accept_authority", &json!({}), &[("pending_authority", key(SIGNER)), ledger]);
    assert_eq!(instruction::accept_authority(PROGRAM, LEDGER, SIGNER), expected);
    let expected = described(&idl, "disallow_subtrees", &json!({}), &known);
    assert_eq!(instruction::disallow_subtrees(PROGRAM, LEDGER, SIGNER), expected);
    for size in [0, u64::MAX] {
        let expected = described(&idl, "seal_ledger", &json!({"expected_size": size}), &known);
        assert_eq!(instruction::seal_ledger(PROGRAM, LEDGER, SIGNER, size), expected);
    }
}

#[test]
fn verify_inclusion_is_as_the_idl_describes_it() {
    let idl = committed();
    let known = [("ledger", Pubkey::new_from_array(LEDGER.0))];
    let leaf = LeafHash([8; 32]);
    let targets = [
        (ProofTarget::CurrentHead, json!({"CurrentHead": null})),
        (ProofTarget::KeptHead { size: 77 }, json!({"KeptHead": {"size": 77}})),
        (ProofTarget::Peak, json!({"Peak": null})),
    ];
    for (target, value) in targets {
        let args = json!({"leaf_hash": leaf.0, "index": 6, "target": value, "proof": [leaf.0, leaf.0]});
        let expected = described(&idl, "verify_inclusion", &args, &known);
        let built = instruction::verify_inclusion(PROGRAM, LEDGER, &leaf, 6, target, &[Hash(leaf.0); 2]);
        assert_eq!(built, expected);
    }
}

fn header_values(header: &EventHeader) -> Value {
    json!({
        "ledger": header.ledger.0,
        "event_seq": header.event_seq.get(),
        "slot": header.slot,
        "unix_time": header.unix_time,
        "signer": header.signer.0,
        "first_index": header.first_index.get(),
        "count": header.count,
        "size": header.size.get(),
        "root": header.root.0,
    })
}

#[test]
fn each_event_is_read_as_the_idl_describes_it() {
    let idl = committed();
    for event in one_of_each_kind() {
        let header = header_values(&event.header);
        let values = match &event.body {
            EventBody::LedgerCreated { id, flags } => json!({"header": header, "id": id, "flags": flags}),
            EventBody::EntriesAppended { entries } => json!({"header": header, "entries": entries}),
            EventBody::WriterGranted { wallet, permissions, expires_at } => {
                json!({"header": header, "wallet": wallet.0, "permissions": permissions, "expires_at": expires_at})
            }
            EventBody::WriterRevoked { wallet } => json!({"header": header, "wallet": wallet.0}),
            EventBody::SubtreesAppended { hashes } => {
                let hashes: Vec<[u8; 32]> = hashes.iter().map(|hash| hash.0).collect();
                json!({"header": header, "hashes": hashes})
            }
            EventBody::AuthorityProposed { pending_authority } => {
                json!({"header": header, "pending_authority": pending_authority.0})
            }
            EventBody::AuthorityAccepted { previous_authority } => {
                json!({"header": header, "previous_authority": previous_authority.0})
            }
            EventBody::SubtreesDisallowed | EventBody::LedgerSealed => json!({"header": header}),
        };
        let name = event.body.name();
        let kind = bytes(&named(list(&idl, "events"), name)["discriminator"]);
        let encoded = [kind, encode(&idl, &json!({"defined": {"name": name}}), &values)].concat();
        assert_eq!(inner_data(&event), [EVENT_TAG.as_slice(), &encoded].concat());
        assert_eq!(Event::decode(&encoded), Ok(event));
    }
    let names: Vec<&str> = list(&idl, "events").iter().filter_map(|event| event["name"].as_str()).collect();
    let expected = [
        "AuthorityAccepted",
        "AuthorityProposed",
        "EntriesAppended",
        "LedgerCreated",
        "LedgerSealed",
        "SubtreesAppended",
        "SubtreesDisallowed",
        "WriterGranted",
        "WriterRevoked",
    ];
    assert_eq!(names, expected);
}

#[test]
fn the_ledgers_discriminator_is_the_idls() {
    let idl = committed();
    assert_eq!(bytes(&named(list(&idl, "accounts"), "Ledger")["discriminator"]), LEDGER_DISCRIMINATOR);
}

#[test]
fn addresses_and_errors_are_the_idls() {
    let idl = committed();
    assert_eq!(idl::declared_program().to_string(), idl["address"].as_str().expect("an address"));
    let errors = list(&idl, "errors");
    assert_eq!(errors.len(), 23);
    for error in errors {
        let code = u32::try_from(error["code"].as_u64().expect("a code")).expect("a code");
        assert_eq!(idl::error_message(code), error["msg"].as_str());
    }
    assert_eq!(idl::error_message(5_999), None);
    assert_eq!(idl::error_message(6_023), None);
}

#[test]
fn the_protocol_document_lists_every_error_instruction_event_and_account() {
    let (idl, document) = (committed(), include_str!("../../../../docs/protocol.md"));
    for error in list(&idl, "errors") {
        let text = |field: &str| error[field].as_str().expect("a text").to_owned();
        let row = format!("| {} | {} | {} |", error["code"], text("name"), text("msg"));
        assert!(document.contains(&row), "{row}");
    }
    for kind in ["instructions", "events", "accounts"] {
        for item in list(&idl, kind) {
            let discriminator: String =
                bytes(&item["discriminator"]).iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(document.contains(&format!("`{discriminator}`")), "{} {discriminator}", item["name"]);
        }
    }
}
