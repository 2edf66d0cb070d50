//! `revoke_writer`.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use counterfoil::errors::CounterfoilError;
use solana_instruction::error::InstructionError;
use solana_signer::Signer;
use solana_transaction_error::TransactionError;

use super::setup::{ID, Model, Scene, anchor, event_authority, find_ledger, meta, refused_by};

const SEALED: u32 = 1;
const APPEND: u32 = 1;
const NEVER: i64 = i64::MAX;

#[test]
fn a_revoked_writer_may_not_append() {
    let mut scene = Scene::new(0);
    let wallet = scene.chain.wallet();
    let (writer, _) = scene.grant(&wallet.pubkey(), APPEND, NEVER);
    scene.append_as(&wallet, Some(writer), &[b"before".to_vec()]);
    scene.revoke(&wallet.pubkey());

    let append = scene.append_instruction(&wallet.pubkey(), Some(writer), None, &[b"after".to_vec()]);
    scene.chain.refuse(&append, &[&wallet], anchor(ErrorCode::AccountNotInitialized));
    let append = scene.append_instruction(&wallet.pubkey(), None, None, &[b"after".to_vec()]);
    scene.chain.refuse(&append, &[&wallet], refused_by(CounterfoilError::NotAWriter));
}

/// Lamports put back within the transaction would keep the closed account alive.
#[test]
fn a_revoked_grant_is_void_within_the_same_transaction() {
    let mut scene = Scene::new(0);
    let wallet = scene.chain.wallet();
    let (writer, _) = scene.grant(&wallet.pubkey(), APPEND, NEVER);
    let revoke = scene.revoke_instruction(&writer);
    let keep_alive = anchor_lang::solana_program::system_instruction::transfer(&wallet.pubkey(), &writer, 900_000_000);
    let append = scene.append_instruction(&wallet.pubkey(), Some(writer), None, &[b"after".to_vec()]);
    let failed = scene.chain.execute(&[revoke, keep_alive, append], &[&scene.authority, &wallet]).expect_err("void");
    let expected = anchor(ErrorCode::AccountOwnedByWrongProgram);
    assert_eq!(failed.err, TransactionError::InstructionError(2, expected));
    scene.expect_model();
}

#[test]
fn a_revoked_wallet_can_be_granted_anew() {
    let mut scene = Scene::new(0);
    let wallet = scene.chain.wallet();
    scene.grant(&wallet.pubkey(), 3, NEVER);
    scene.revoke(&wallet.pubkey());
    let (writer, _) = scene.grant(&wallet.pubkey(), APPEND, NEVER);
    scene.append_as(&wallet, Some(writer), &[b"again".to_vec()]);
}

#[test]
fn a_grant_can_be_revoked_after_it_expired_and_on_a_sealed_ledger() {
    let mut scene = Scene::new(0);
    let wallet = Pubkey::new_unique();
    scene.grant(&wallet, APPEND, scene.now.time + 1);
    scene.ledger.flags = SEALED;
    scene.seed();
    scene.revoke(&wallet);
}

#[test]
fn only_the_authority_revokes() {
    let mut scene = Scene::new(0);
    let wallet = scene.chain.wallet();
    let (writer, _) = scene.grant(&wallet.pubkey(), 3, NEVER);
    let mut revoke = scene.revoke_instruction(&writer);
    meta(&mut revoke, &scene.authority.pubkey()).pubkey = wallet.pubkey();
    scene.chain.refuse(&revoke, &[&wallet], refused_by(CounterfoilError::NotTheAuthority));
}

#[test]
fn refuses_another_ledgers_grant() {
    let mut scene = Scene::new(0);
    let (writer, _) = scene.grant(&Pubkey::new_unique(), APPEND, NEVER);

    let other = scene.chain.wallet();
    scene.ledger = Model::new(find_ledger(&other.pubkey(), &ID), other.pubkey(), ID, 0, scene.now);
    scene.authority = other;
    let create = scene.create_instruction();
    scene.chain.succeed(create, &[&scene.authority]);

    let revoke = scene.revoke_instruction(&writer);
    scene.chain.refuse(&revoke, &[&scene.authority], refused_by(CounterfoilError::WrongWriter));
}

#[test]
fn refuses_what_is_no_grant() {
    let mut scene = Scene::new(0);
    let (writer, _) = scene.grant(&Pubkey::new_unique(), APPEND, NEVER);
    let bytes = scene.chain.data(&writer);

    let revoke = scene.revoke_instruction(&Pubkey::new_unique());
    scene.chain.refuse(&revoke, &[&scene.authority], anchor(ErrorCode::AccountNotInitialized));

    // The way to close a ledger, were it open.
    let revoke = scene.revoke_instruction(&scene.ledger.address);
    scene.chain.refuse(&revoke, &[&scene.authority], anchor(ErrorCode::AccountDiscriminatorMismatch));

    let forged = Pubkey::new_unique();
    scene.chain.seed_of(Pubkey::new_unique(), forged, bytes);
    let revoke = scene.revoke_instruction(&forged);
    scene.chain.refuse(&revoke, &[&scene.authority], anchor(ErrorCode::AccountOwnedByWrongProgram));
}

#[test]
fn refuses_accounts_that_are_not_as_declared() {
    let mut scene = Scene::new(0);
    let authority = scene.authority.insecure_clone();
    let (writer, _) = scene.grant(&Pubkey::new_unique(), APPEND, NEVER);
    let honest = scene.revoke_instruction(&writer);

    let mut revoke = honest.clone();
    meta(&mut revoke, &authority.pubkey()).is_signer = false;
    scene.chain.refuse(&revoke, &[], anchor(ErrorCode::AccountNotSigner));

    for address in [authority.pubkey(), scene.ledger.address, writer] {
        let mut revoke = honest.clone();
        meta(&mut revoke, &address).is_writable = false;
        scene.chain.refuse(&revoke, &[&authority], anchor(ErrorCode::ConstraintMut));
    }

    let mut revoke = honest.clone();
    meta(&mut revoke, &event_authority()).pubkey = Pubkey::new_unique();
    scene.chain.refuse(&revoke, &[&authority], anchor(ErrorCode::ConstraintAddress));

    let mut revoke = honest.clone();
    meta(&mut revoke, &counterfoil::ID).pubkey = Pubkey::new_unique();
    scene.chain.refuse(&revoke, &[&authority], InstructionError::MissingAccount);

    let mut revoke = honest;
    revoke.accounts.truncate(4);
    scene.chain.refuse(&revoke, &[&authority], anchor(ErrorCode::AccountNotEnoughKeys));
}
