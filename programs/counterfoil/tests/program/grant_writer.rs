//! `grant_writer`.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::system_program;
use counterfoil::errors::CounterfoilError;
use solana_instruction::error::InstructionError;
use solana_signer::Signer;

use super::setup::{Scene, anchor, event_authority, find_writer, meta, refused_by, writer_bytes};

const SEALED: u32 = 1;
const APPEND: u32 = 1;
const NEVER: i64 = i64::MAX;

#[test]
fn grants_each_permission() {
    let mut scene = Scene::new(0);
    for permissions in 1..=3 {
        let wallet = scene.chain.wallet();
        scene.grant(&wallet.pubkey(), permissions, NEVER);
    }
}

#[test]
fn a_grant_replaces_the_one_before() {
    let mut scene = Scene::new(0);
    let wallet = scene.chain.wallet().pubkey();
    scene.grant(&wallet, 3, NEVER);
    scene.grant(&wallet, 1, scene.now.time + 1);
    scene.grant(&wallet, 2, scene.now.time + 1_000);
}

#[test]
fn a_wallet_need_not_exist_and_may_be_the_authority() {
    let mut scene = Scene::new(0);
    scene.grant(&Pubkey::new_unique(), APPEND, NEVER);
    scene.grant(&scene.authority.pubkey(), APPEND, NEVER);
}

#[test]
fn refuses_permissions_without_meaning() {
    let mut scene = Scene::new(0);
    for permissions in [0, 4, 7, 1 << 31, u32::MAX] {
        let grant = scene.grant_instruction(&Pubkey::new_unique(), permissions, NEVER);
        scene.chain.refuse(&grant, &[&scene.authority], refused_by(CounterfoilError::UnknownPermissions));
    }
}

#[test]
fn refuses_a_grant_that_would_expire_at_once() {
    let mut scene = Scene::new(0);
    let wallet = scene.chain.wallet().pubkey();
    for expires_at in [scene.now.time, scene.now.time - 1, 0, i64::MIN] {
        let grant = scene.grant_instruction(&wallet, APPEND, expires_at);
        scene.chain.refuse(&grant, &[&scene.authority], refused_by(CounterfoilError::ExpiryInThePast));
    }
    scene.grant(&wallet, APPEND, scene.now.time + 1);
}

#[test]
fn only_the_authority_grants() {
    let mut scene = Scene::new(0);
    let wallet = scene.chain.wallet();
    scene.grant(&wallet.pubkey(), 3, NEVER);
    for target in [wallet.pubkey(), Pubkey::new_unique()] {
        let mut grant = scene.grant_instruction(&target, APPEND, NEVER);
        grant.accounts[0].pubkey = wallet.pubkey();
        grant.accounts[1].pubkey = wallet.pubkey();
        scene.chain.refuse(&grant, &[&wallet], refused_by(CounterfoilError::NotTheAuthority));
    }
}

#[test]
fn refuses_to_grant_on_a_sealed_ledger() {
    let mut scene = Scene::new(0);
    scene.ledger.flags = SEALED;
    scene.seed();
    let grant = scene.grant_instruction(&Pubkey::new_unique(), APPEND, NEVER);
    scene.chain.refuse(&grant, &[&scene.authority], refused_by(CounterfoilError::Sealed));
}

#[test]
fn takes_the_rent_of_a_new_grant_from_the_payer() {
    let mut scene = Scene::new(0);
    let payer = scene.chain.wallet();
    let wallet = Pubkey::new_unique();
    let rent = scene.chain.svm.minimum_balance_for_rent_exemption(85);
    for due in [rent, 0] {
        let before = scene.chain.account(&payer.pubkey()).expect("a wallet").lamports;
        let mut grant = scene.grant_instruction(&wallet, APPEND, NEVER);
        grant.accounts[0].pubkey = payer.pubkey();
        let done = scene.chain.succeed(grant, &[&payer, &scene.authority]);
        assert_eq!(done.event, scene.ledger.grant(wallet, APPEND, NEVER, scene.now));
        scene.expect_model();
        assert_eq!(scene.chain.account(&payer.pubkey()).expect("a wallet").lamports, before - due);
    }
}

#[test]
fn lamports_sent_ahead_to_the_address_do_not_prevent_it() {
    let mut scene = Scene::new(0);
    let wallet = Pubkey::new_unique();
    let (address, bump) = find_writer(&scene.ledger.address, &wallet);
    scene.chain.svm.airdrop(&address, 900_000_000).expect("an airdrop");
    let grant = scene.grant_instruction(&wallet, APPEND, NEVER);
    let done = scene.chain.succeed(grant, &[&scene.authority]);
    assert_eq!(done.event, scene.ledger.grant(wallet, APPEND, NEVER, scene.now));
    scene.expect_model();
    let account = scene.chain.account(&address).expect("a grant");
    assert_eq!(account.data, writer_bytes(&scene.ledger.address, &wallet, APPEND, NEVER, bump));
    assert_eq!((account.lamports, account.owner), (900_000_000, counterfoil::ID));
}

/// No one can put such accounts there; the program must not rely on it.
#[test]
fn refuses_what_is_no_grant_at_the_grants_address() {
    let mut scene = Scene::new(0);
    let wallet = Pubkey::new_unique();
    let (address, bump) = find_writer(&scene.ledger.address, &wallet);
    let bytes = writer_bytes(&scene.ledger.address, &wallet, 3, NEVER, bump);
    let grant = scene.grant_instruction(&wallet, APPEND, NEVER);
    let mut other = bytes.clone();
    other[0] ^= 1;
    let cases = [
        (Pubkey::new_unique(), bytes.clone(), ErrorCode::AccountOwnedByWrongProgram),
        (counterfoil::ID, other, ErrorCode::AccountDiscriminatorMismatch),
        (counterfoil::ID, [bytes.as_slice(), &[0]].concat(), ErrorCode::ConstraintSpace),
        (counterfoil::ID, scene.ledger.bytes(), ErrorCode::AccountDiscriminatorMismatch),
    ];
    for (owner, data, error) in cases {
        scene.chain.seed_of(owner, address, data);
        scene.chain.refuse(&grant, &[&scene.authority], anchor(error));
    }
}

#[test]
fn refuses_accounts_that_are_not_as_declared() {
    let mut scene = Scene::new(0);
    let authority = scene.authority.insecure_clone();
    let (ledger, wallet) = (scene.ledger.address, Pubkey::new_unique());
    let writer = find_writer(&ledger, &wallet).0;
    let honest = scene.grant_instruction(&wallet, APPEND, NEVER);

    for place in [0, 1] {
        let payer = scene.chain.wallet();
        let mut grant = honest.clone();
        grant.accounts[0].pubkey = payer.pubkey();
        grant.accounts[place].is_signer = false;
        let signer = if place == 0 { &authority } else { &payer };
        scene.chain.refuse(&grant, &[signer], anchor(ErrorCode::AccountNotSigner));
    }
    // The ledger; the grant, which the system program cannot make then.
    for (address, error) in
        [(ledger, anchor(ErrorCode::ConstraintMut)), (writer, InstructionError::PrivilegeEscalation)]
    {
        let mut grant = honest.clone();
        meta(&mut grant, &address).is_writable = false;
        scene.chain.refuse(&grant, &[&authority], error);
    }
    for address in [find_writer(&ledger, &Pubkey::new_unique()).0, Pubkey::new_unique()] {
        let mut grant = honest.clone();
        meta(&mut grant, &writer).pubkey = address;
        scene.chain.refuse(&grant, &[&authority], anchor(ErrorCode::ConstraintSeeds));
    }

    let mut grant = honest.clone();
    meta(&mut grant, &system_program::ID).pubkey = counterfoil::ID;
    scene.chain.refuse(&grant, &[&authority], anchor(ErrorCode::InvalidProgramId));

    let mut grant = honest.clone();
    meta(&mut grant, &event_authority()).pubkey = Pubkey::new_unique();
    scene.chain.refuse(&grant, &[&authority], anchor(ErrorCode::ConstraintAddress));

    let mut grant = honest.clone();
    meta(&mut grant, &counterfoil::ID).pubkey = Pubkey::new_unique();
    scene.chain.refuse(&grant, &[&authority], InstructionError::MissingAccount);

    let mut grant = honest.clone();
    grant.data.pop();
    scene.chain.refuse(&grant, &[&authority], anchor(ErrorCode::InstructionDidNotDeserialize));

    scene.grant(&wallet, APPEND, NEVER);
    let mut grant = honest;
    meta(&mut grant, &writer).is_writable = false;
    scene.chain.refuse(&grant, &[&authority], anchor(ErrorCode::ConstraintMut));
}
