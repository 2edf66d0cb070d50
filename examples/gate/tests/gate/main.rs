//! The gate and the ledger on one machine, both as built: who gets money out, and who does not.
#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails, as it should")]

mod setup;

use anchor_lang::prelude::Pubkey;
use gate::counterfoil::types::ProofTarget;
use gate::{GateError, record};
use solana_instruction::error::InstructionError;

use setup::{Scene, anchor, counterfoil_error, custom, proof};

const LAMPORTS: u64 = 1_000_000_000;

/// A ledger whose record 2 of 5 lets the payee be paid.
fn scene() -> (Scene, Pubkey) {
    let payee = Pubkey::new_unique();
    let mut scene = Scene::new();
    for number in 0..5_u8 {
        let entry = if number == 2 { record(&payee, LAMPORTS) } else { vec![number] };
        scene.append(&entry);
    }
    (scene, payee)
}

#[test]
fn pays_for_a_proven_record_against_each_kind_of_root() {
    for target in [ProofTarget::CurrentHead, ProofTarget::KeptHead { size: 4 }, ProofTarget::Peak] {
        let (mut scene, payee) = scene();
        let before = scene.balance(&scene.gate);
        let leaves = match target {
            ProofTarget::CurrentHead => &scene.leaves[..],
            _ => &scene.leaves[..4],
        };
        let pay = scene.pay(2, &payee, LAMPORTS, target, proof(2, leaves));
        scene.execute(pay).expect("it is paid");
        assert_eq!(scene.balance(&payee), LAMPORTS);
        assert_eq!(scene.balance(&scene.gate), before - LAMPORTS);
    }
}

#[test]
fn a_record_is_paid_once() {
    let (mut scene, payee) = scene();
    let pay = scene.pay(2, &payee, LAMPORTS, ProofTarget::CurrentHead, proof(2, &scene.leaves));
    scene.execute(pay.clone()).expect("it is paid");
    // The system program refuses to make the account again.
    scene.refuse(pay, custom(0));
    assert_eq!(scene.balance(&payee), LAMPORTS);
}

#[test]
fn an_attackers_own_ledger_does_not_do() {
    let (mut scene, payee) = scene();
    let thief = Pubkey::new_unique();
    let honest = scene.ledger;
    let own = scene.create_ledger([0xee; 32]);
    scene.ledger = own;
    scene.leaves.clear();
    scene.append(&record(&thief, LAMPORTS));
    let mut pay = scene.pay(0, &thief, LAMPORTS, ProofTarget::CurrentHead, Vec::new());
    scene.refuse(pay.clone(), custom(GateError::WrongLedger.into()));

    // Nor as a gate of the thief's own, which has nothing to pay.
    pay.accounts[1].pubkey = Pubkey::find_program_address(&[b"gate", own.as_ref()], &gate::ID).0;
    scene.refuse(pay, anchor(anchor_lang::error::ErrorCode::AccountNotInitialized));
    scene.ledger = honest;
    assert_eq!((scene.balance(&thief), scene.balance(&payee)), (0, 0));
}

#[test]
fn another_entry_does_not_do() {
    let (mut scene, payee) = scene();
    let honest = proof(2, &scene.leaves);
    let thief = Pubkey::new_unique();
    let not_proven = counterfoil_error("NotProven");
    let attempts = [
        scene.pay(2, &thief, LAMPORTS, ProofTarget::CurrentHead, honest.clone()),
        scene.pay(2, &payee, LAMPORTS + 1, ProofTarget::CurrentHead, honest.clone()),
        scene.pay(3, &payee, LAMPORTS, ProofTarget::CurrentHead, honest.clone()),
        scene.pay(1, &payee, LAMPORTS, ProofTarget::CurrentHead, proof(1, &scene.leaves)),
    ];
    for pay in attempts {
        scene.refuse(pay, not_proven.clone());
    }
}

#[test]
fn a_stale_head_does_not_do() {
    let (mut scene, payee) = scene();
    let stale = proof(2, &scene.leaves);
    let kept = scene.pay(2, &payee, LAMPORTS, ProofTarget::KeptHead { size: 5 }, stale.clone());
    for number in 0..16_u8 {
        scene.append(&[number]);
    }
    scene.refuse(kept, counterfoil_error("HeadNotKept"));
    let current = scene.pay(2, &payee, LAMPORTS, ProofTarget::CurrentHead, stale);
    scene.refuse(current, counterfoil_error("WrongProofLength"));

    let fresh = scene.pay(2, &payee, LAMPORTS, ProofTarget::CurrentHead, proof(2, &scene.leaves));
    scene.execute(fresh).expect("a fresh proof still does");
}

#[test]
fn a_forged_proof_does_not_do() {
    let (mut scene, payee) = scene();
    let honest = proof(2, &scene.leaves);
    for place in 0..honest.len() {
        let mut forged = honest.clone();
        forged[place][0] ^= 1;
        let pay = scene.pay(2, &payee, LAMPORTS, ProofTarget::CurrentHead, forged);
        scene.refuse(pay, counterfoil_error("NotProven"));
    }
    let pay = scene.pay(2, &payee, LAMPORTS, ProofTarget::CurrentHead, Vec::new());
    scene.refuse(pay, counterfoil_error("WrongProofLength"));
}

/// A program that says yes to everything: here the gate itself, which would not even be asked.
#[test]
fn another_program_in_counterfoils_place_does_not_do() {
    let (mut scene, payee) = scene();
    let mut pay = scene.pay(2, &payee, LAMPORTS, ProofTarget::CurrentHead, proof(2, &scene.leaves));
    pay.accounts[5].pubkey = gate::ID;
    scene.refuse(pay, anchor(anchor_lang::error::ErrorCode::InvalidProgramId));
}

#[test]
fn a_gate_pays_no_more_than_it_holds() {
    let mut scene = Scene::new();
    let (payee, lamports) = (Pubkey::new_unique(), scene.balance(&scene.gate));
    scene.append(&record(&payee, lamports + 1));
    let pay = scene.pay(0, &payee, lamports + 1, ProofTarget::CurrentHead, Vec::new());
    scene.refuse(pay, InstructionError::ArithmeticOverflow);
}
