//! `propose_authority` and `accept_authority`.

use anchor_lang::prelude::Pubkey;
use counterfoil::errors::CounterfoilError;
use solana_message::Message;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction_error::TransactionError;

use super::setup::{Scene, meta, refused_by};

const SEALED: u32 = 1;
const NEVER: i64 = i64::MAX;

#[test]
fn the_authority_passes_when_it_is_accepted_and_not_before() {
    let mut scene = Scene::new(0);
    let old = scene.authority.insecure_clone();
    let new = scene.chain.wallet();
    scene.propose(&new.pubkey());
    scene.append(&[b"still the old one's".to_vec()]);
    let append = scene.append_instruction(&new.pubkey(), None, None, &[b"too early".to_vec()]);
    scene.chain.refuse(&append, &[&new], refused_by(CounterfoilError::NotAWriter));

    scene.accept(&new);
    scene.append(&[b"the new one's".to_vec()]);
    scene.grant(&Pubkey::new_unique(), 1, NEVER);
    let append = scene.append_instruction(&old.pubkey(), None, None, &[b"too late".to_vec()]);
    scene.chain.refuse(&append, &[&old], refused_by(CounterfoilError::NotAWriter));
    let mut propose = scene.propose_instruction(&old.pubkey());
    meta(&mut propose, &new.pubkey()).pubkey = old.pubkey();
    scene.chain.refuse(&propose, &[&old], refused_by(CounterfoilError::NotTheAuthority));
}

#[test]
fn only_the_authority_offers() {
    let mut scene = Scene::new(2);
    let stranger = scene.chain.wallet();
    let mut propose = scene.propose_instruction(&stranger.pubkey());
    meta(&mut propose, &scene.authority.pubkey()).pubkey = stranger.pubkey();
    scene.chain.refuse(&propose, &[&stranger], refused_by(CounterfoilError::NotTheAuthority));
}

#[test]
fn an_offer_alone_gives_no_authority() {
    let mut scene = Scene::new(4);
    let heir = scene.chain.wallet();
    let (writer, _) = scene.grant(&Pubkey::new_unique(), 1, NEVER);
    scene.propose(&heir.pubkey());
    let mut instructions = [
        scene.grant_instruction(&heir.pubkey(), 1, NEVER),
        scene.revoke_instruction(&writer),
        scene.propose_instruction(&Pubkey::new_unique()),
        scene.disallow_subtrees_instruction(),
        scene.seal_instruction(0),
    ];
    for instruction in &mut instructions {
        for account in instruction.accounts.iter_mut().filter(|account| account.is_signer) {
            account.pubkey = heir.pubkey();
        }
        scene.chain.refuse(instruction, &[&heir], refused_by(CounterfoilError::NotTheAuthority));
    }
}

#[test]
fn only_the_newest_offer_can_be_accepted() {
    let mut scene = Scene::new(0);
    let (first, second) = (scene.chain.wallet(), scene.chain.wallet());
    let refusal = refused_by(CounterfoilError::NotThePendingAuthority);
    scene.chain.refuse(&scene.accept_instruction(&first.pubkey()), &[&first], refusal.clone());
    let authority = scene.authority.insecure_clone();
    scene.chain.refuse(&scene.accept_instruction(&authority.pubkey()), &[&authority], refusal.clone());

    scene.propose(&first.pubkey());
    scene.propose(&second.pubkey());
    scene.chain.refuse(&scene.accept_instruction(&first.pubkey()), &[&first], refusal.clone());
    scene.accept(&second);
    // An offer is accepted once.
    scene.chain.refuse(&scene.accept_instruction(&second.pubkey()), &[&second], refusal);
}

#[test]
fn an_offer_can_be_taken_back() {
    let mut scene = Scene::new(0);
    let wallet = scene.chain.wallet();
    scene.propose(&wallet.pubkey());
    scene.propose(&Pubkey::default());
    let refusal = refused_by(CounterfoilError::NotThePendingAuthority);
    scene.chain.refuse(&scene.accept_instruction(&wallet.pubkey()), &[&wallet], refusal);
}

/// Zero stands for "no wallet", also where somebody had a signature of the zero key.
#[test]
fn the_zero_key_accepts_nothing() {
    let mut scene = Scene::new(0);
    scene.chain.svm = std::mem::take(&mut scene.chain.svm).with_sigverify(false);
    let accept = scene.accept_instruction(&Pubkey::default());
    let blockhash = scene.chain.svm.latest_blockhash();
    let message = Message::new_with_blockhash(&[accept], Some(&scene.authority.pubkey()), &blockhash);
    let failed = scene.chain.svm.send_transaction(Transaction::new_unsigned(message)).expect_err("a refusal");
    let expected = refused_by(CounterfoilError::NotThePendingAuthority);
    assert_eq!(failed.err, TransactionError::InstructionError(0, expected));
    scene.expect_model();
}

/// The authority of a sealed ledger still gets the rent of its grants, so it can still pass on.
#[test]
fn the_authority_of_a_sealed_ledger_passes_too() {
    let mut scene = Scene::new(0);
    let writer = Pubkey::new_unique();
    scene.grant(&writer, 1, NEVER);
    scene.ledger.flags = SEALED;
    scene.seed();
    let new = scene.chain.wallet();
    scene.propose(&new.pubkey());
    scene.accept(&new);
    scene.revoke(&writer);
}
