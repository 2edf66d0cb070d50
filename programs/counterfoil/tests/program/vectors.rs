//! The test vectors that every implementation reads, `docs/vectors/*.json`: made here from the plain model, held against
//! the built program, and read by the tests of the other crates and clients.
//!
//! `UPDATE=1 cargo test -p counterfoil vectors` writes them again; without it, files that differ are a failure.

use std::fs;
use std::path::PathBuf;

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use counterfoil::instructions::ProofTarget;
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::setup::{
    Hash, Scene, event_authority, find_ledger, find_writer, leaf, naive_consistency, naive_proof, naive_root, sha256,
    subtree_levels, writer_bytes,
};

const EXPIRES_AT: i64 = 1_800_000_000;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hexes(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| hex(hash)).collect()
}

/// Leaf `i` of the vectors' log is the entry of `i` bytes `0x2e`, after one byte that says `i`.
fn entry(number: usize) -> Vec<u8> {
    let mut entry = vec![number as u8];
    entry.resize(1 + number, 0x2e);
    entry
}

#[track_caller]
fn expect_committed(name: &str, vectors: &Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors").join(name);
    let text = serde_json::to_string_pretty(vectors).expect("JSON") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, &text).expect("a file");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/vectors/{name} is not what the model gives: run with UPDATE=1 and look at the change"
    );
}

#[test]
fn of_the_log() {
    let entries: Vec<Vec<u8>> = (0..20).map(entry).collect();
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf(entry)).collect();
    let mut inclusion = Vec::new();
    let mut consistency = Vec::new();
    for size in [1, 2, 3, 5, 8, 13, 20] {
        for index in [0, size / 2, size - 1] {
            let proof = naive_proof(index, &leaves[..size]);
            let case =
                |leaf_hash: &Hash, index: usize, size: usize, proof: &[Hash], root: Hash, fault: Option<&str>| {
                    json!({
                        "leaf_hash": hex(leaf_hash), "index": index.to_string(), "size": size.to_string(),
                        "proof": hexes(proof), "root": hex(&root), "fault": fault,
                    })
                };
            let root = naive_root(&leaves[..size]);
            inclusion.push(case(&leaves[index], index, size, &proof, root, None));
            inclusion.push(case(&leaves[index + 1 - 2 * (index % 2)], index, size, &proof, root, Some("another leaf")));
            inclusion.push(case(&leaves[index], size, size, &proof, root, Some("the index is the size")));
            let longer = [proof.clone(), vec![root]].concat();
            inclusion.push(case(&leaves[index], index, size, &longer, root, Some("one hash too many")));
            if let Some((_, shorter)) = proof.split_last() {
                inclusion.push(case(&leaves[index], index, size, shorter, root, Some("one hash too few")));
                let mut altered = proof.clone();
                altered[0][31] ^= 1;
                inclusion.push(case(&leaves[index], index, size, &altered, root, Some("one bit of the proof")));
            }
        }
        for first in [0, 1, 2, 4, 7, size] {
            if first > size {
                continue;
            }
            let proof = naive_consistency(first, &leaves[..size]);
            let (first_root, second_root) = (naive_root(&leaves[..first]), naive_root(&leaves[..size]));
            let case = |proof: &[Hash], first_root: Hash, second_root: Hash, fault: Option<&str>| {
                json!({
                    "first_size": first.to_string(), "first_root": hex(&first_root), "second_size": size.to_string(),
                    "second_root": hex(&second_root), "proof": hexes(proof), "fault": fault,
                })
            };
            consistency.push(case(&proof, first_root, second_root, None));
            consistency.push(case(&proof, [7; 32], second_root, Some("another first root")));
            let longer = [proof.clone(), vec![second_root]].concat();
            consistency.push(case(&longer, first_root, second_root, Some("one hash too many")));
            if first != 0 && first != size {
                consistency.push(case(&proof, first_root, [7; 32], Some("another second root")));
                let shorter = &proof[1..];
                consistency.push(case(shorter, first_root, second_root, Some("one hash too few")));
            }
        }
    }
    let roots: Vec<Value> = (0..=20)
        .map(|size: usize| json!({"size": size.to_string(), "root": hex(&naive_root(&leaves[..size]))}))
        .collect();
    let leaves: Vec<Value> =
        entries.iter().map(|entry| json!({"entry": hex(entry), "leaf_hash": hex(&leaf(entry))})).collect();
    let subtrees: Vec<Value> = [(0, 1), (0, 13), (5, 12), (7, 1), (1 << 20, 1_000_000), (572_863, 1_000_000), (3, 3 << 24)]
        .map(|(size, leaves): (u64, u64)| {
            json!({"size": size.to_string(), "leaves": leaves.to_string(), "levels": subtree_levels(size, leaves)})
        })
        .to_vec();
    let vectors = json!({
        "leaves": leaves, "roots": roots, "inclusion": inclusion, "consistency": consistency, "subtrees": subtrees,
    });
    expect_committed("log.json", &vectors);
}

/// One ledger through all instructions, on the built program: each as it was sent, its event, the account after it.
#[test]
fn of_the_program() {
    let mut scene = Scene::before(4);
    let [writer, heir]: [Keypair; 2] = [2, 3].map(|seed| scene.chain.wallet_of([seed; 32]));
    let ledger = scene.ledger.address;
    let (grant, bump) = find_writer(&ledger, &writer.pubkey());
    let mut steps = Vec::new();

    let create = scene.create_instruction();
    let event = scene.ledger.create(scene.now);
    let arguments = json!({"id": hex(&scene.ledger.id), "flags": scene.ledger.flags});
    let authority = scene.authority.insecure_clone();
    steps.push(step(&mut scene, "create_ledger", create, &authority, arguments, Some(&event)));

    let granting = scene.grant_instruction(&writer.pubkey(), 3, EXPIRES_AT);
    let event = scene.ledger.grant(writer.pubkey(), 3, EXPIRES_AT, scene.now);
    let arguments =
        json!({"wallet": writer.pubkey().to_string(), "permissions": 3, "expires_at": EXPIRES_AT.to_string()});
    steps.push(step(&mut scene, "grant_writer", granting, &authority, arguments, Some(&event)));
    let writer_account = json!({
        "address": grant.to_string(),
        "data": hex(&scene.chain.data(&grant)),
        "fields": {
            "ledger": ledger.to_string(), "wallet": writer.pubkey().to_string(), "permissions": 3,
            "expires_at": EXPIRES_AT.to_string(), "bump": bump,
        },
    });
    assert_eq!(scene.chain.data(&grant), writer_bytes(&ledger, &writer.pubkey(), 3, EXPIRES_AT, bump));

    let entries = [b"first".to_vec(), vec![0xff; 40]];
    let append = scene.append_instruction(&writer.pubkey(), Some(grant), Some(0), &entries);
    let event = scene.ledger.append(writer.pubkey(), &entries, scene.now);
    let listed: Vec<String> = entries.iter().map(|entry| hex(entry)).collect();
    let arguments = json!({"expected_size": "0", "entries": listed});
    steps.push(step(&mut scene, "append", append, &writer, arguments, Some(&event)));

    let append = scene.append_instruction(&authority.pubkey(), None, None, &[b"third".to_vec()]);
    let event = scene.ledger.append(authority.pubkey(), &[b"third".to_vec()], scene.now);
    let arguments = json!({"expected_size": null, "entries": [hex(b"third")]});
    steps.push(step(&mut scene, "append", append, &authority, arguments, Some(&event)));

    let hashes = [sha256(&[b"one leaf"]), sha256(&[b"four leaves"]), sha256(&[b"two leaves"])];
    let append = scene.append_subtrees_instruction(&writer.pubkey(), Some(grant), 3, 7, &hashes);
    let event = scene.ledger.append_subtrees(writer.pubkey(), 7, &hashes, scene.now);
    let arguments = json!({"expected_size": "3", "leaves": "7", "hashes": hexes(&hashes)});
    steps.push(step(&mut scene, "append_subtrees", append, &writer, arguments, Some(&event)));

    let kept = [leaf(&entries[0]), leaf(&entries[1]), leaf(b"third")];
    for (target, name) in [
        (ProofTarget::KeptHead { size: 3 }, json!({"kept_head": {"size": "3"}})),
        (ProofTarget::Peak, json!("peak")),
        (ProofTarget::CurrentHead, json!("current_head")),
    ] {
        // The tree of ten leaves: of eight, whose left half the first four leaves are, and of two.
        let mut proof = vec![kept[0], kept[2]];
        if !matches!(target, ProofTarget::KeptHead { .. }) {
            proof = vec![kept[0], sha256(&[&[1], &kept[2], &hashes[0]]), hashes[1]];
        }
        if target == ProofTarget::CurrentHead {
            proof.push(hashes[2]);
        }
        let verify = scene.verify_instruction(kept[1], 1, target, &proof);
        let arguments = json!({"leaf_hash": hex(&kept[1]), "index": "1", "target": name, "proof": hexes(&proof)});
        steps.push(step(&mut scene, "verify_inclusion", verify, &authority, arguments, None));
    }

    let revoke = scene.revoke_instruction(&grant);
    let event = scene.ledger.revoke(writer.pubkey(), scene.now);
    steps.push(step(&mut scene, "revoke_writer", revoke, &authority, json!({}), Some(&event)));
    let propose = scene.propose_instruction(&heir.pubkey());
    let event = scene.ledger.propose(heir.pubkey(), scene.now);
    let arguments = json!({"pending_authority": heir.pubkey().to_string()});
    steps.push(step(&mut scene, "propose_authority", propose, &authority, arguments, Some(&event)));
    let accept = scene.accept_instruction(&heir.pubkey());
    let event = scene.ledger.accept(scene.now);
    steps.push(step(&mut scene, "accept_authority", accept, &heir, json!({}), Some(&event)));
    scene.authority = heir.insecure_clone();
    let disallow = scene.disallow_subtrees_instruction();
    let event = scene.ledger.disallow_subtrees(scene.now);
    steps.push(step(&mut scene, "disallow_subtrees", disallow, &heir, json!({}), Some(&event)));
    let seal = scene.seal_instruction(10);
    let event = scene.ledger.seal(scene.now);
    steps.push(step(&mut scene, "seal_ledger", seal, &heir, json!({"expected_size": "10"}), Some(&event)));

    let idl: Value = serde_json::from_str(include_str!("../../../../idls/counterfoil.json")).expect("JSON");
    for instruction in idl["instructions"].as_array().expect("a list") {
        assert!(steps.iter().any(|step| step["instruction"] == instruction["name"]), "no step {}", instruction["name"]);
    }
    let vectors = json!({
        "program": counterfoil::ID.to_string(),
        "event_authority": event_authority().to_string(),
        "ledger": {
            "address": ledger.to_string(),
            "creator": authority.pubkey().to_string(),
            "id": hex(&scene.ledger.id),
        },
        "writer": writer_account,
        "steps": steps,
    });
    assert_eq!(find_ledger(&authority.pubkey(), &scene.ledger.id).0, ledger);
    expect_committed("program.json", &vectors);
}

fn step(
    scene: &mut Scene,
    name: &str,
    instruction: Instruction,
    signer: &Keypair,
    arguments: Value,
    event: Option<&[u8]>,
) -> Value {
    let accounts: Vec<Value> = instruction
        .accounts
        .iter()
        .map(|meta| json!({"address": meta.pubkey.to_string(), "signer": meta.is_signer, "writable": meta.is_writable}))
        .collect();
    let data = hex(&instruction.data);
    let signers: Vec<&Keypair> =
        instruction.accounts.iter().any(|meta| meta.is_signer).then_some(signer).into_iter().collect();
    let (emitted, _) = scene.chain.succeed_with(instruction, &signers);
    assert_eq!(emitted.as_deref(), event);
    scene.expect_model();
    scene.tick();
    json!({
        "instruction": name,
        "arguments": arguments,
        "accounts": accounts,
        "data": data,
        "event": event.map(event_of),
        "account": event.map(|_| account_of(scene)),
    })
}

/// The event's bytes taken apart: the inner instruction's data, the leaf, and the header's fields.
fn event_of(data: &[u8]) -> Value {
    let number = |offset: usize| u64::from_le_bytes(data[offset..offset + 8].try_into().expect("eight bytes"));
    let key = |offset: usize| Pubkey::try_from(&data[offset..offset + 32]).expect("32 bytes").to_string();
    // The entries follow the leaf's bytes, behind a header that has no body.
    let is_append = data[8..16] == sha256(&[b"event:EntriesAppended"])[..8];
    let bytes = if is_append { &data[8..160] } else { &data[8..] };
    json!({
        "data": hex(data),
        "leaf": hex(bytes),
        "leaf_hash": hex(&leaf(bytes)),
        "header": {
            "ledger": key(16),
            "event_seq": number(48).to_string(),
            "slot": number(56).to_string(),
            "unix_time": number(64).to_string(),
            "signer": key(72),
            "first_index": number(104).to_string(),
            "count": number(112).to_string(),
            "size": number(120).to_string(),
            "root": hex(&data[128..160]),
        },
    })
}

fn account_of(scene: &Scene) -> Value {
    let model = &scene.ledger;
    json!({
        "data": hex(&model.bytes()),
        "fields": {
            "flags": model.flags,
            "authority": model.authority.to_string(),
            "pending_authority": Some(model.pending_authority).filter(|key| *key != Pubkey::default()).map(|key| key.to_string()),
            "size": model.entries.size.to_string(),
            "root": hex(&model.entries.root()),
            "leaves_by_subtree": model.leaves_by_subtree.to_string(),
            "event_seq": model.events.size.to_string(),
            "event_root": hex(&model.events.root()),
            "heads_written": model.heads_written.to_string(),
            "appended_slot": model.appended.slot.to_string(),
            "appended_time": model.appended.time.to_string(),
        },
    })
}
