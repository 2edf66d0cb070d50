//! `verify_inclusion`.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use counterfoil::errors::CounterfoilError;
use counterfoil::instructions::ProofTarget;
use solana_instruction::error::InstructionError;

use super::setup::{Hash, Scene, anchor, leaf, meta, naive_proof, naive_root, peak_proof, refused_by};

const TARGETS: [ProofTarget; 2] = [ProofTarget::CurrentHead, ProofTarget::Peak];

fn proof(target: ProofTarget, index: usize, leaves: &[Hash]) -> Vec<Hash> {
    match target {
        ProofTarget::CurrentHead => naive_proof(index, leaves),
        ProofTarget::KeptHead { size } => naive_proof(index, &leaves[..size as usize]),
        ProofTarget::Peak => peak_proof(index, leaves),
    }
}

fn grow(scene: &mut Scene, leaves: &mut Vec<Hash>, count: usize) {
    let entries: Vec<Vec<u8>> = (0..count).map(|number| format!("{} {number}", leaves.len()).into_bytes()).collect();
    leaves.extend(entries.iter().map(|entry| leaf(entry)));
    scene.append(&entries);
}

/// A ledger with 16 heads and more, and its leaves.
fn ledger() -> (Scene, Vec<Hash>) {
    let mut scene = Scene::new(0);
    let mut leaves = Vec::new();
    for round in 0..21 {
        grow(&mut scene, &mut leaves, 1 + round % 3);
    }
    (scene, leaves)
}

#[track_caller]
fn prove(scene: &mut Scene, leaf: Hash, index: usize, target: ProofTarget, proof: &[Hash]) -> u64 {
    let verify = scene.verify_instruction(leaf, index as u64, target, proof);
    let done = scene.chain.execute(&[verify], &[]).unwrap_or_else(|failed| panic!("{failed:#?}"));
    scene.expect_model();
    done.compute_units_consumed
}

#[track_caller]
fn refuse(scene: &mut Scene, leaf: Hash, index: u64, target: ProofTarget, proof: &[Hash], error: CounterfoilError) {
    let verify = scene.verify_instruction(leaf, index, target, proof);
    scene.chain.refuse(&verify, &[], refused_by(error));
}

#[test]
fn every_leaf_is_proven_against_the_head_and_its_peak_at_every_size() {
    let mut scene = Scene::new(0);
    let mut leaves = Vec::new();
    for _ in 0..20 {
        grow(&mut scene, &mut leaves, 1);
        for target in TARGETS {
            for index in 0..leaves.len() {
                prove(&mut scene, leaves[index], index, target, &proof(target, index, &leaves));
            }
        }
    }
}

#[test]
fn the_newest_16_heads_serve_and_no_older_ones() {
    let (mut scene, leaves) = ledger();
    // Appends of 1, 2, 3, 1, 2, 3, ... entries.
    let sizes: Vec<usize> = (0..21)
        .scan(0, |size, round| {
            *size += 1 + round % 3;
            Some(*size)
        })
        .collect();
    let (old, kept) = sizes.split_at(5);
    for size in kept {
        let target = ProofTarget::KeptHead { size: *size as u64 };
        for index in [0, size / 2, size - 1] {
            prove(&mut scene, leaves[index], index, target, &proof(target, index, &leaves));
        }
    }
    let between = leaves.len() - 1;
    for size in old.iter().copied().chain([0, between, leaves.len() + 1]) {
        let honest = naive_proof(0, &leaves[..size.clamp(1, leaves.len())]);
        let target = ProofTarget::KeptHead { size: size as u64 };
        refuse(&mut scene, leaves[0], 0, target, &honest, CounterfoilError::HeadNotKept);
    }
}

#[test]
fn an_empty_ledger_proves_nothing() {
    let mut scene = Scene::new(0);
    let root = naive_root(&[]);
    refuse(&mut scene, root, 0, ProofTarget::CurrentHead, &[], CounterfoilError::HeadNotKept);
    refuse(&mut scene, root, 0, ProofTarget::KeptHead { size: 0 }, &[], CounterfoilError::HeadNotKept);
    refuse(&mut scene, root, 0, ProofTarget::Peak, &[], CounterfoilError::IndexOutOfRange);
    refuse(&mut scene, [0; 32], 0, ProofTarget::KeptHead { size: 0 }, &[], CounterfoilError::HeadNotKept);
}

#[test]
fn a_proof_altered_in_any_hash_is_refused() {
    let (mut scene, leaves) = ledger();
    for target in [ProofTarget::CurrentHead, ProofTarget::Peak, ProofTarget::KeptHead { size: 39 }] {
        for index in [0, 17, 33] {
            let honest = proof(target, index, &leaves);
            for place in 0..honest.len() {
                let mut forged = honest.clone();
                forged[place][index % 32] ^= 1;
                refuse(&mut scene, leaves[index], index as u64, target, &forged, CounterfoilError::NotProven);
            }
            let mut wrong = leaves[index];
            wrong[31] ^= 0x80;
            refuse(&mut scene, wrong, index as u64, target, &honest, CounterfoilError::NotProven);
        }
    }
}

#[test]
fn a_proof_of_another_length_is_refused() {
    let (mut scene, leaves) = ledger();
    for target in TARGETS {
        let honest = proof(target, 9, &leaves);
        let longer = [honest.clone(), vec![[7; 32]]].concat();
        for wrong in [&honest[1..], &honest[..honest.len() - 1], &longer, &[]] {
            refuse(&mut scene, leaves[9], 9, target, wrong, CounterfoilError::WrongProofLength);
        }
    }
}

#[test]
fn a_leaf_is_proven_at_its_own_index_alone() {
    let (mut scene, leaves) = ledger();
    let honest = naive_proof(8, &leaves);
    for index in [0, 7, 9, 10, 12] {
        refuse(&mut scene, leaves[8], index, ProofTarget::CurrentHead, &honest, CounterfoilError::NotProven);
    }
    for index in [leaves.len() as u64, 1 << 47, (1 << 48) - 1, 1 << 48, u64::MAX] {
        for target in [TARGETS[0], TARGETS[1], ProofTarget::KeptHead { size: leaves.len() as u64 }] {
            refuse(&mut scene, leaves[8], index, target, &honest, CounterfoilError::IndexOutOfRange);
        }
    }
}

/// An inner node is no leaf: a reader who hashes entries as leaves cannot be shown one. The chain takes it for what it is.
#[test]
fn an_inner_node_is_not_proven_as_a_leaf() {
    let (mut scene, leaves) = ledger();
    let inner = naive_root(&leaves[..2]);
    let honest = naive_proof(0, &leaves);
    let error = CounterfoilError::WrongProofLength;
    refuse(&mut scene, inner, 0, ProofTarget::CurrentHead, &honest[1..], error);
}

#[test]
fn a_proof_to_the_head_dies_with_the_next_append_and_one_to_a_peak_lives_until_it_merges() {
    let mut scene = Scene::new(0);
    let mut leaves = Vec::new();
    grow(&mut scene, &mut leaves, 6);
    // Leaf 4 lies in the peak of leaves 4 and 5, which stays until leaf 7 comes.
    let (to_head, to_peak) = (naive_proof(4, &leaves), peak_proof(4, &leaves));
    let (leaf, kept) = (leaves[4], ProofTarget::KeptHead { size: 6 });
    prove(&mut scene, leaf, 4, ProofTarget::CurrentHead, &to_head);

    grow(&mut scene, &mut leaves, 1);
    refuse(&mut scene, leaf, 4, ProofTarget::CurrentHead, &to_head, CounterfoilError::WrongProofLength);
    prove(&mut scene, leaf, 4, kept, &to_head);
    prove(&mut scene, leaf, 4, ProofTarget::Peak, &to_peak);

    grow(&mut scene, &mut leaves, 1);
    refuse(&mut scene, leaf, 4, ProofTarget::Peak, &to_peak, CounterfoilError::WrongProofLength);
    prove(&mut scene, leaf, 4, kept, &to_head);
    prove(&mut scene, leaf, 4, ProofTarget::Peak, &peak_proof(4, &leaves));
}

#[test]
fn leaves_are_proven_below_subtrees_that_were_appended_by_hash() {
    let mut scene = Scene::new(4);
    let leaves: Vec<Hash> = (0..8_u8).map(|number| leaf(&[number])).collect();
    let append = scene.append_subtrees_instruction(&scene.ledger.authority, None, 0, 8, &[naive_root(&leaves)]);
    let hashes = [naive_root(&leaves)];
    let done = scene.chain.succeed(append, &[&scene.authority]);
    assert_eq!(done.event, scene.ledger.append_subtrees(scene.ledger.authority, 8, &hashes, scene.now));
    for target in TARGETS {
        prove(&mut scene, leaves[5], 5, target, &proof(target, 5, &leaves));
    }
}

#[test]
fn a_sealed_ledger_still_proves() {
    let (mut scene, leaves) = ledger();
    scene.seal_ledger();
    prove(&mut scene, leaves[3], 3, ProofTarget::CurrentHead, &naive_proof(3, &leaves));
}

/// Seeded states: the leaf is the smallest peak, or lies far left below the greatest.
#[test]
fn proofs_hold_at_every_kind_of_size() {
    for level in 0..48_u32 {
        let (mut scene, leaf, honest) = Scene::perfect(level);
        let last = (1_u64 << level) - 1;
        for index in [0, last / 3, last] {
            for target in TARGETS {
                prove(&mut scene, leaf, index as usize, target, &honest);
            }
        }
    }
}

#[test]
fn refuses_accounts_that_are_no_ledger() {
    let (mut scene, leaves) = ledger();
    let honest = scene.verify_instruction(leaves[0], 0, ProofTarget::CurrentHead, &naive_proof(0, &leaves));
    let bytes = scene.ledger.bytes();
    let mut elsewhere = |owner: Pubkey, data: Vec<u8>, error: ErrorCode| {
        let address = Pubkey::new_unique();
        scene.chain.seed_of(owner, address, data);
        let mut verify = honest.clone();
        meta(&mut verify, &scene.ledger.address).pubkey = address;
        scene.chain.refuse(&verify, &[], anchor(error));
    };
    elsewhere(Pubkey::new_unique(), bytes.clone(), ErrorCode::AccountOwnedByWrongProgram);
    elsewhere(counterfoil::ID, vec![0; 4_048], ErrorCode::AccountDiscriminatorMismatch);
    elsewhere(counterfoil::ID, bytes[..4_047].to_vec(), ErrorCode::AccountDidNotDeserialize);

    let mut verify = honest.clone();
    verify.data.push(0);
    // Anchor reads what it needs; bytes after that change nothing.
    scene.chain.execute(&[verify], &[]).expect("still proven");
    let mut verify = honest;
    verify.data.pop();
    let error: InstructionError = anchor(ErrorCode::InstructionDidNotDeserialize);
    scene.chain.refuse(&verify, &[], error);
}
