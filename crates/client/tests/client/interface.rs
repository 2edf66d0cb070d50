//! The instruction builders and the events against the committed IDL, which is the program's.

use std::collections::BTreeMap;

use counterfoil_client::{address, idl, instruction};
use counterfoil_core::account::LEDGER_DISCRIMINATOR;
use counterfoil_core::event::EVENT_TAG;
use counterfoil_core::{Event, EventBody, EventHeader, LedgerId, ProgramId, Wallet};
use serde_json::{Value, json};
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;

use super::{inner_data, one_of_each_kind};

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
            encode_fields(idl, list(&named(list(idl, "types"), name)["type"], "fields"), value)
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
    assert_eq!(names, ["append", "create_ledger", "grant_writer", "revoke_writer"]);
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
        };
        let name = event.body.name();
        let kind = bytes(&named(list(&idl, "events"), name)["discriminator"]);
        let encoded = [kind, encode(&idl, &json!({"defined": {"name": name}}), &values)].concat();
        assert_eq!(inner_data(&event), [EVENT_TAG.as_slice(), &encoded].concat());
        assert_eq!(Event::decode(&encoded), Ok(event));
    }
    let names: Vec<&str> = list(&idl, "events").iter().filter_map(|event| event["name"].as_str()).collect();
    assert_eq!(names, ["EntriesAppended", "LedgerCreated", "WriterGranted", "WriterRevoked"]);
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
    assert_eq!(errors.len(), 15);
    for error in errors {
        let code = u32::try_from(error["code"].as_u64().expect("a code")).expect("a code");
        assert_eq!(idl::error_message(code), error["msg"].as_str());
    }
    assert_eq!(idl::error_message(5_999), None);
    assert_eq!(idl::error_message(6_015), None);
}
