//! `create_ledger`.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::system_program;
use counterfoil::errors::CounterfoilError;
use solana_instruction::error::InstructionError;
use solana_signer::Signer;

use super::setup::{ID, Model, Scene, anchor, custom, event_authority, find_ledger, meta, refused_by};

const OPEN: u32 = 2;
const SUBTREES_ALLOWED: u32 = 4;

#[test]
fn creates_a_ledger_with_each_choice_of_flags() {
    for flags in [0, OPEN, SUBTREES_ALLOWED, OPEN | SUBTREES_ALLOWED] {
        // Compares the account and the event, whole.
        Scene::new(flags);
    }
}

#[test]
fn refuses_flags_that_a_creator_does_not_choose() {
    let mut scene = Scene::before(0);
    for flags in [1, 1 | OPEN, 8, 8 | OPEN | SUBTREES_ALLOWED, 1 << 31, u32::MAX] {
        scene.ledger.flags = flags;
        let create = scene.create_instruction();
        scene.chain.refuse(&create, &[&scene.authority], refused_by(CounterfoilError::UnknownFlags));
    }
}

#[test]
fn takes_the_rent_from_the_payer() {
    let mut scene = Scene::before(0);
    let payer = scene.chain.wallet();
    let mut create = scene.create_instruction();
    create.accounts[0].pubkey = payer.pubkey();
    let rent = scene.chain.svm.minimum_balance_for_rent_exemption(4_048);
    let [payer_before, creator_before] =
        [&payer, &scene.authority].map(|wallet| scene.chain.account(&wallet.pubkey()).expect("a wallet").lamports);

    let done = scene.chain.succeed(create, &[&payer, &scene.authority]);

    assert_eq!(done.event, scene.ledger.create(scene.now));
    scene.expect_model();
    let [payer_after, creator_after] =
        [&payer, &scene.authority].map(|wallet| scene.chain.account(&wallet.pubkey()).expect("a wallet").lamports);
    assert_eq!((payer_after, creator_after), (payer_before - rent, creator_before));
}

#[test]
fn lamports_sent_ahead_to_the_address_do_not_prevent_it() {
    for ahead in [1, 890_880, 1_000_000_000] {
        let mut scene = Scene::before(0);
        scene.chain.svm.airdrop(&scene.ledger.address, ahead.max(890_880)).expect("an airdrop");
        let mut account = scene.chain.account(&scene.ledger.address).expect("lamports");
        account.lamports = ahead;
        scene.chain.svm.set_account(scene.ledger.address, account).expect("an account that can be set");

        let create = scene.create_instruction();
        let done = scene.chain.succeed(create, &[&scene.authority]);

        assert_eq!(done.event, scene.ledger.create(scene.now));
        let account = scene.chain.account(&scene.ledger.address).expect("a ledger");
        assert_eq!(account.data, scene.ledger.bytes());
        assert_eq!(account.lamports, ahead.max(scene.chain.svm.minimum_balance_for_rent_exemption(4_048)));
    }
}

#[test]
fn refuses_to_create_a_ledger_again() {
    let mut scene = Scene::new(0);
    scene.append(&[b"kept".to_vec()]);
    let create = scene.create_instruction();
    // The system program's AccountAlreadyInUse.
    scene.chain.refuse(&create, &[&scene.authority], custom(0));
    scene.expect_model();
}

#[test]
fn the_same_id_of_another_creator_is_another_ledger() {
    let mut scene = Scene::new(0);
    let first = scene.ledger.clone();
    let other = scene.chain.wallet();
    let second = Model::new(find_ledger(&other.pubkey(), &ID), other.pubkey(), ID, OPEN, scene.now);
    assert_ne!(first.address, second.address);

    (scene.authority, scene.ledger) = (other, second);
    let create = scene.create_instruction();
    let done = scene.chain.succeed(create, &[&scene.authority]);

    assert_eq!(done.event, scene.ledger.create(scene.now));
    scene.expect_model();
    assert_eq!(scene.chain.data(&first.address), first.bytes());
}

#[test]
fn refuses_an_address_that_is_not_the_creators() {
    let mut scene = Scene::before(0);
    let other = scene.chain.wallet();
    let honest = scene.create_instruction();
    for address in [find_ledger(&other.pubkey(), &ID).0, find_ledger(&scene.authority.pubkey(), &[1; 32]).0] {
        let mut create = honest.clone();
        meta(&mut create, &scene.ledger.address).pubkey = address;
        scene.chain.refuse(&create, &[&scene.authority], anchor(ErrorCode::ConstraintSeeds));
    }
}

#[test]
fn refuses_accounts_that_are_not_as_declared() {
    let mut scene = Scene::before(0);
    let ledger = scene.ledger.address;
    let honest = scene.create_instruction();

    for place in [0, 1] {
        // Two wallets, so that the one's signature does not stand for the other's.
        let payer = scene.chain.wallet();
        let mut create = honest.clone();
        create.accounts[0].pubkey = payer.pubkey();
        create.accounts[place].is_signer = false;
        let signer = if place == 0 { &scene.authority } else { &payer };
        scene.chain.refuse(&create, &[signer], anchor(ErrorCode::AccountNotSigner));
    }

    let mut create = honest.clone();
    meta(&mut create, &ledger).is_writable = false;
    scene.chain.refuse(&create, &[&scene.authority], InstructionError::PrivilegeEscalation);

    let mut create = honest.clone();
    meta(&mut create, &system_program::ID).pubkey = counterfoil::ID;
    scene.chain.refuse(&create, &[&scene.authority], anchor(ErrorCode::InvalidProgramId));

    let mut create = honest.clone();
    meta(&mut create, &event_authority()).pubkey = Pubkey::new_unique();
    scene.chain.refuse(&create, &[&scene.authority], anchor(ErrorCode::ConstraintAddress));

    let mut create = honest.clone();
    meta(&mut create, &counterfoil::ID).pubkey = Pubkey::new_unique();
    scene.chain.refuse(&create, &[&scene.authority], InstructionError::MissingAccount);

    let mut create = honest.clone();
    create.accounts.truncate(5);
    scene.chain.refuse(&create, &[&scene.authority], anchor(ErrorCode::AccountNotEnoughKeys));

    let mut create = honest;
    create.data.pop();
    scene.chain.refuse(&create, &[&scene.authority], anchor(ErrorCode::InstructionDidNotDeserialize));
}
