//! `seal_ledger`.

use anchor_lang::prelude::Pubkey;
use counterfoil::errors::CounterfoilError;
use solana_signer::Signer;

use super::setup::{Scene, meta, refused_by};

const ALL: u32 = 2 | 4;
const NEVER: i64 = i64::MAX;

#[test]
fn a_sealed_ledger_takes_nothing_any_more() {
    let mut scene = Scene::new(ALL);
    let writer = scene.chain.wallet();
    let (grant, _) = scene.grant(&writer.pubkey(), 3, NEVER);
    scene.append(&[b"the last".to_vec()]);
    scene.seal_ledger();

    let authority = scene.authority.insecure_clone();
    let sealed = [
        (scene.append_instruction(&authority.pubkey(), None, None, &[b"one more".to_vec()]), &authority),
        (scene.append_instruction(&writer.pubkey(), Some(grant), None, &[b"one more".to_vec()]), &writer),
        (scene.append_instruction(&writer.pubkey(), None, None, &[b"one more".to_vec()]), &writer),
        (scene.append_subtrees_instruction(&authority.pubkey(), None, 1, 1, &[[7; 32]]), &authority),
        (scene.append_subtrees_instruction(&writer.pubkey(), Some(grant), 1, 1, &[[7; 32]]), &writer),
        (scene.grant_instruction(&Pubkey::new_unique(), 1, NEVER), &authority),
        (scene.disallow_subtrees_instruction(), &authority),
        (scene.seal_instruction(1), &authority),
    ];
    for (instruction, signer) in sealed {
        scene.chain.refuse(&instruction, &[signer], refused_by(CounterfoilError::Sealed));
    }
    scene.expect_model();
}

#[test]
fn an_append_that_the_authority_has_not_seen_is_not_sealed_in() {
    let mut scene = Scene::new(2);
    scene.append(&[b"seen".to_vec()]);
    let seal = scene.seal_instruction(1);
    let stranger = scene.chain.wallet();
    scene.append_as(&stranger, None, &[b"unseen".to_vec()]);
    for seal in [seal, scene.seal_instruction(3), scene.seal_instruction(u64::MAX)] {
        scene.chain.refuse(&seal, &[&scene.authority], refused_by(CounterfoilError::UnexpectedSize));
    }
    scene.seal_ledger();
}

#[test]
fn an_empty_ledger_can_be_sealed() {
    Scene::new(0).seal_ledger();
}

#[test]
fn only_the_authority_seals() {
    let mut scene = Scene::new(ALL);
    let writer = scene.chain.wallet();
    scene.grant(&writer.pubkey(), 3, NEVER);
    let mut seal = scene.seal_instruction(0);
    meta(&mut seal, &scene.authority.pubkey()).pubkey = writer.pubkey();
    scene.chain.refuse(&seal, &[&writer], refused_by(CounterfoilError::NotTheAuthority));
}
