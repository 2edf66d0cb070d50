//! `append`.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use counterfoil::errors::CounterfoilError;
use counterfoil_core::LedgerAccount;
use merkle_log::{Frontier, TreeHead, hash_leaf};
use solana_instruction::error::InstructionError;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::setup::{
    Hash, ID, Log, Model, Moment, Scene, anchor, event_authority, find_ledger, find_writer, leaf, meta, naive_root,
    refused_by, writer_bytes,
};

const SEALED: u32 = 1;
const OPEN: u32 = 2;
const APPEND: u32 = 1;
const APPEND_SUBTREES: u32 = 2;
const NEVER: i64 = i64::MAX;
/// The most bytes that a transaction has on the wire.
const MAX_TRANSACTION_BYTES: usize = 1_232;

fn entry(number: usize) -> Vec<u8> {
    format!("entry {number}").into_bytes()
}

fn refuse_append(scene: &mut Scene, entries: &[Vec<u8>], error: CounterfoilError) {
    let append = scene.append_instruction(&scene.authority.pubkey(), None, None, entries);
    scene.chain.refuse(&append, &[&scene.authority], refused_by(error));
}

#[test]
fn the_head_is_rfc_6962s_after_every_append() {
    let mut scene = Scene::new(0);
    let mut frontier = Frontier::new();
    let mut leaves: Vec<Hash> = Vec::new();
    let mut heads: Vec<TreeHead> = Vec::new();
    // More than twice around the ring.
    for round in 0..40 {
        let entries: Vec<_> = (0..1 + round % 4).map(|number| entry(100 * round + number)).collect();
        for entry in &entries {
            frontier.append_leaf(&hash_leaf(entry)).expect("room");
            leaves.push(leaf(entry));
        }
        scene.append(&entries);

        heads.push(frontier.head());
        let account = LedgerAccount::decode(&scene.chain.data(&scene.ledger.address)).expect("a ledger");
        assert_eq!(*account.entries, frontier);
        assert_eq!(account.entries.root().0, naive_root(&leaves));
        assert_eq!(account.heads, heads[heads.len().saturating_sub(16)..]);
    }
}

#[test]
fn appends_at_every_kind_of_size() {
    let sizes = [1, 2, (1 << 20) - 1, 1 << 20, (1 << 40) - 1, 1 << 40, (1 << 47) - 1, (1 << 48) - 3];
    for size in sizes {
        let mut scene = Scene::seeded(0, size, (size / 2).max(2));
        scene.append(&[entry(1)]);
        scene.append(&[entry(2)]);
    }
}

#[test]
fn refuses_to_overfill_the_log() {
    let most = (1 << 48) - 1;
    let mut scene = Scene::seeded(0, most - 1, 1 << 20);
    refuse_append(&mut scene, &[entry(0), entry(1)], CounterfoilError::LogFull);
    scene.append(&[entry(0)]);
    assert_eq!(scene.ledger.entries.size, most);
    refuse_append(&mut scene, &[entry(1)], CounterfoilError::LogFull);
}

#[test]
fn refuses_to_overfill_the_event_log() {
    let most = (1 << 48) - 1;
    let mut scene = Scene::seeded(0, 1 << 20, most - 1);
    scene.append(&[entry(0)]);
    assert_eq!(scene.ledger.events.size, most);
    refuse_append(&mut scene, &[entry(1)], CounterfoilError::LogFull);
}

#[test]
fn holds_the_expected_size() {
    let mut scene = Scene::seeded(0, 1 << 20, 1 << 20);
    let appender = scene.authority.insecure_clone();
    for wrong in [0, (1 << 20) - 1, (1 << 20) + 1, u64::MAX] {
        let append = scene.append_instruction(&appender.pubkey(), None, Some(wrong), &[entry(0)]);
        scene.chain.refuse(&append, &[&appender], refused_by(CounterfoilError::UnexpectedSize));
    }
    let append = scene.append_instruction(&appender.pubkey(), None, Some(1 << 20), &[entry(0)]);
    let done = scene.chain.succeed(append.clone(), &[&appender]);
    assert_eq!(done.event, scene.ledger.append(appender.pubkey(), &[entry(0)], scene.now));
    scene.expect_model();
    // The same again: a retry that names the size cannot append twice.
    scene.chain.refuse(&append, &[&appender], refused_by(CounterfoilError::UnexpectedSize));
}

#[test]
fn refuses_an_append_of_nothing() {
    refuse_append(&mut Scene::new(0), &[], CounterfoilError::NoEntries);
}

#[test]
fn refuses_an_empty_entry_wherever_it_stands() {
    let mut scene = Scene::new(0);
    for place in 0..3 {
        let mut entries = vec![entry(0); 3];
        entries[place].clear();
        refuse_append(&mut scene, &entries, CounterfoilError::EntryLength);
    }
}

/// Through another program; here by a transaction larger than the network would carry.
#[test]
fn takes_4096_bytes_of_entries_and_no_more() {
    let mut scene = Scene::new(0);
    scene.append(&[vec![7; 4_096]]);
    scene.append(&vec![vec![7; 64]; 64]);
    refuse_append(&mut scene, &[vec![7; 4_097]], CounterfoilError::AppendTooLarge);
    refuse_append(&mut scene, &[vec![7; 4_096], vec![7]], CounterfoilError::AppendTooLarge);
    refuse_append(&mut scene, &vec![vec![7; 63]; 66], CounterfoilError::AppendTooLarge);
}

/// The heap never frees: that number of entries fits into no plain transaction, and through another program they fail whole.
#[test]
fn takes_340_entries_and_fails_whole_on_too_many_for_its_heap() {
    let mut scene = Scene::new(0);
    scene.append(&vec![vec![7]; 340]);
    let append = scene.append_instruction(&scene.authority.pubkey(), None, None, &vec![vec![7]; 1_000]);
    scene.chain.refuse(&append, &[&scene.authority], InstructionError::ProgramFailedToComplete);
    scene.expect_model();
}

#[test]
fn takes_what_a_transaction_carries() {
    let mut scene = Scene::seeded(0, (1 << 20) - 1, 1 << 20);
    for bytes in [1, 32, 200] {
        let fits = |scene: &mut Scene, count: usize| {
            let entries = vec![vec![7; bytes]; count];
            let append = scene.append_instruction(&scene.authority.pubkey(), None, None, &entries);
            let authority = scene.authority.insecure_clone();
            let transaction = scene.chain.transaction(&[append], &[&authority]);
            // The count of signatures is one byte before them.
            1 + 64 * transaction.signatures.len() + transaction.message.serialize().len() <= MAX_TRANSACTION_BYTES
        };
        let count = (1..).take_while(|count| fits(&mut scene, *count)).last().expect("one fits");
        scene.append(&vec![vec![7; bytes]; count]);
    }
}

#[test]
fn a_stranger_may_append_only_where_the_ledger_is_open() {
    let mut scene = Scene::new(0);
    let stranger = scene.chain.wallet();
    let append = scene.append_instruction(&stranger.pubkey(), None, None, &[entry(0)]);
    scene.chain.refuse(&append, &[&stranger], refused_by(CounterfoilError::NotAWriter));

    let mut scene = Scene::new(OPEN);
    let stranger = scene.chain.wallet();
    scene.append_as(&stranger, None, &[entry(0)]);
}

#[test]
fn a_writer_may_append_until_the_second_in_which_the_grant_expires() {
    let mut scene = Scene::new(0);
    let wallet = scene.chain.wallet();
    let expires_at = scene.now.time + 100;
    let (writer, _) = scene.grant(&wallet.pubkey(), APPEND, expires_at);

    scene.now = Moment { slot: scene.now.slot + 9, time: expires_at - 1 };
    scene.chain.set_clock(scene.now);
    scene.append_as(&wallet, Some(writer), &[entry(0)]);

    let append = scene.append_instruction(&wallet.pubkey(), Some(writer), None, &[entry(1)]);
    for time in [expires_at, expires_at + 1, NEVER] {
        scene.chain.set_clock(Moment { slot: scene.now.slot, time });
        scene.chain.refuse(&append, &[&wallet], refused_by(CounterfoilError::WriterExpired));
    }
}

#[test]
fn a_grant_without_the_permission_does_not_do() {
    let mut scene = Scene::new(0);
    let wallet = scene.chain.wallet();
    let (writer, _) = scene.grant(&wallet.pubkey(), APPEND_SUBTREES, NEVER);
    let append = scene.append_instruction(&wallet.pubkey(), Some(writer), None, &[entry(0)]);
    scene.chain.refuse(&append, &[&wallet], refused_by(CounterfoilError::PermissionMissing));

    scene.grant(&wallet.pubkey(), APPEND | APPEND_SUBTREES, NEVER);
    scene.append_as(&wallet, Some(writer), &[entry(0)]);
}

#[test]
fn somebody_elses_grant_does_not_do() {
    let mut scene = Scene::new(0);
    let wallet = scene.chain.wallet();
    let thief = scene.chain.wallet();
    let (writer, _) = scene.grant(&wallet.pubkey(), APPEND, NEVER);
    let append = scene.append_instruction(&thief.pubkey(), Some(writer), None, &[entry(0)]);
    scene.chain.refuse(&append, &[&thief], refused_by(CounterfoilError::WrongWriter));
}

#[test]
fn another_ledgers_grant_does_not_do() {
    let mut scene = Scene::new(0);
    let wallet = scene.chain.wallet();
    let (writer, _) = scene.grant(&wallet.pubkey(), APPEND, NEVER);

    let other = scene.chain.wallet();
    scene.ledger = Model::new(find_ledger(&other.pubkey(), &ID), other.pubkey(), ID, 0, scene.now);
    scene.authority = other;
    let create = scene.create_instruction();
    scene.chain.succeed(create, &[&scene.authority]);

    let append = scene.append_instruction(&wallet.pubkey(), Some(writer), None, &[entry(0)]);
    scene.chain.refuse(&append, &[&wallet], refused_by(CounterfoilError::WrongWriter));
}

#[test]
fn a_forged_grant_does_not_do() {
    let mut scene = Scene::new(0);
    let thief = scene.chain.wallet();
    let (address, bump) = find_writer(&scene.ledger.address, &thief.pubkey());
    let forged = writer_bytes(&scene.ledger.address, &thief.pubkey(), APPEND, NEVER, bump);
    let append = scene.append_instruction(&thief.pubkey(), Some(address), None, &[entry(0)]);

    scene.chain.refuse(&append, &[&thief], anchor(ErrorCode::AccountNotInitialized));

    scene.chain.seed_of(Pubkey::new_unique(), address, forged.clone());
    scene.chain.refuse(&append, &[&thief], anchor(ErrorCode::AccountOwnedByWrongProgram));

    // An account of the program's that is no grant: the ledger itself.
    let append = scene.append_instruction(&thief.pubkey(), Some(scene.ledger.address), None, &[entry(0)]);
    scene.chain.refuse(&append, &[&thief], anchor(ErrorCode::AccountDiscriminatorMismatch));

    scene.chain.seed(address, forged[..84].to_vec());
    let append = scene.append_instruction(&thief.pubkey(), Some(address), None, &[entry(0)]);
    scene.chain.refuse(&append, &[&thief], anchor(ErrorCode::AccountDidNotDeserialize));
}

#[test]
fn nobody_appends_to_a_sealed_ledger() {
    let mut scene = Scene::new(0);
    let wallet = scene.chain.wallet();
    let (writer, _) = scene.grant(&wallet.pubkey(), APPEND, NEVER);
    for flags in [SEALED, SEALED | OPEN] {
        scene.ledger.flags = flags;
        scene.seed();
        refuse_append(&mut scene, &[entry(0)], CounterfoilError::Sealed);
        let append = scene.append_instruction(&wallet.pubkey(), Some(writer), None, &[entry(0)]);
        scene.chain.refuse(&append, &[&wallet], refused_by(CounterfoilError::Sealed));
    }
}

#[test]
fn the_creator_is_not_the_authority_once_that_has_changed() {
    let mut scene = Scene::new(0);
    let creator = scene.authority.insecure_clone();
    scene.authority = scene.chain.wallet();
    scene.ledger.authority = scene.authority.pubkey();
    scene.ledger.pending_authority = creator.pubkey();
    scene.seed();
    let append = scene.append_instruction(&creator.pubkey(), None, None, &[entry(0)]);
    scene.chain.refuse(&append, &[&creator], refused_by(CounterfoilError::NotAWriter));
    scene.append(&[entry(0)]);
}

#[test]
fn refuses_accounts_that_are_not_as_declared() {
    let mut scene = Scene::new(0);
    let authority = scene.authority.insecure_clone();
    let ledger = scene.ledger.address;
    let bytes = scene.ledger.bytes();
    let honest = scene.append_instruction(&authority.pubkey(), None, None, &[entry(0)]);

    let mut append = honest.clone();
    meta(&mut append, &authority.pubkey()).is_signer = false;
    scene.chain.refuse(&append, &[], anchor(ErrorCode::AccountNotSigner));

    let mut append = honest.clone();
    meta(&mut append, &ledger).is_writable = false;
    scene.chain.refuse(&append, &[&authority], anchor(ErrorCode::ConstraintMut));

    let mut append = honest.clone();
    meta(&mut append, &event_authority()).pubkey = Pubkey::new_unique();
    scene.chain.refuse(&append, &[&authority], anchor(ErrorCode::ConstraintAddress));

    let mut append = honest.clone();
    append.accounts.truncate(4);
    scene.chain.refuse(&append, &[&authority], anchor(ErrorCode::AccountNotEnoughKeys));

    let mut append = honest.clone();
    append.data.pop();
    scene.chain.refuse(&append, &[&authority], anchor(ErrorCode::InstructionDidNotDeserialize));

    let mut elsewhere = |owner: Pubkey, data: Vec<u8>, error: ErrorCode| {
        let address = Pubkey::new_unique();
        scene.chain.seed_of(owner, address, data);
        let mut append = honest.clone();
        meta(&mut append, &ledger).pubkey = address;
        scene.chain.refuse(&append, &[&authority], anchor(error));
    };
    elsewhere(Pubkey::new_unique(), bytes.clone(), ErrorCode::AccountOwnedByWrongProgram);
    elsewhere(counterfoil::ID, vec![0; 4_048], ErrorCode::AccountDiscriminatorMismatch);
    elsewhere(counterfoil::ID, bytes[..4_047].to_vec(), ErrorCode::AccountDidNotDeserialize);
    elsewhere(counterfoil::ID, bytes[..7].to_vec(), ErrorCode::AccountDiscriminatorNotFound);
    let grant = writer_bytes(&ledger, &authority.pubkey(), APPEND, NEVER, 255);
    elsewhere(counterfoil::ID, grant, ErrorCode::AccountDiscriminatorMismatch);
}

/// The last account is there so that the program can call itself; the event goes to the program whatever it says.
#[test]
fn the_event_is_the_programs_whatever_the_program_account_says() {
    let mut scene = Scene::new(OPEN);
    let wallet = scene.chain.wallet();
    let mut append = scene.append_instruction(&wallet.pubkey(), None, None, &[entry(0)]);
    append.accounts[4].pubkey = Pubkey::new_unique();
    // The place of the absent grant holds the program's address too.
    let done = scene.chain.succeed(append, &[&wallet]);
    assert_eq!(done.event, scene.ledger.append(wallet.pubkey(), &[entry(0)], scene.now));
    scene.expect_model();
    scene.tick();

    let (writer, _) = scene.grant(&wallet.pubkey(), APPEND, NEVER);
    let mut append = scene.append_instruction(&wallet.pubkey(), Some(writer), None, &[entry(0)]);
    append.accounts[4].pubkey = Pubkey::new_unique();
    scene.chain.refuse(&append, &[&wallet], InstructionError::MissingAccount);
}

#[test]
fn several_appends_in_one_transaction_follow_each_other() {
    let mut scene = Scene::new(0);
    let authority = scene.authority.insecure_clone();
    let instructions: Vec<_> = (0..5)
        .map(|number| {
            let size = scene.ledger.entries.size + number;
            scene.append_instruction(&authority.pubkey(), None, Some(size), &[entry(number as usize)])
        })
        .collect();
    scene.chain.execute(&instructions, &[&authority]).expect("all of them");
    for number in 0..5 {
        scene.ledger.append(authority.pubkey(), &[entry(number)], scene.now);
    }
    scene.expect_model();
}

#[test]
fn what_fails_in_a_transaction_undoes_what_was_appended_before() {
    let mut scene = Scene::new(0);
    let authority = scene.authority.insecure_clone();
    let good = scene.append_instruction(&authority.pubkey(), None, None, &[entry(0)]);
    let bad = scene.append_instruction(&authority.pubkey(), None, None, &[]);
    scene.chain.execute(&[good, bad], &[&authority]).expect_err("the second fails");
    scene.expect_model();
}

/// The model's pile of subtrees and the naive recursion are two ways to one root.
#[test]
fn the_model_agrees_with_the_recursion() {
    let mut log = Log::empty();
    let mut leaves = Vec::new();
    for number in 0..200 {
        assert_eq!(log.root(), naive_root(&leaves));
        let leaf = leaf(&entry(number));
        log.append(leaf);
        leaves.push(leaf);
    }
}

#[test]
fn a_signature_of_another_wallet_does_not_do() {
    let mut scene = Scene::new(0);
    let append = scene.append_instruction(&scene.authority.pubkey(), None, None, &[entry(0)]);
    let mut transaction = scene.chain.transaction(&[append], &[&scene.authority]);
    transaction.signatures[1] = Keypair::new().sign_message(&transaction.message.serialize());
    scene.chain.svm.send_transaction(transaction).expect_err("a false signature");
    scene.expect_model();
}
