//! The ledger's account: its layout, its invariant, and that it stays.

use std::mem::{offset_of, size_of};

use anchor_lang::Discriminator;
use anchor_lang::prelude::Pubkey;
use counterfoil::errors::CounterfoilError;
use counterfoil::events::{
    AuthorityAccepted, AuthorityProposed, EntriesAppended, LedgerCreated, LedgerSealed, SubtreesAppended,
    SubtreesDisallowed, WriterGranted, WriterRevoked,
};
use counterfoil::state::{HeadSlot, Ledger, Writer};
use counterfoil_core::account::{LEDGER_BYTES, LEDGER_DISCRIMINATOR};
use counterfoil_core::event::kind;
use counterfoil_core::{LedgerAccount, Wallet};
use merkle_log::{Root, TreeHead, TreeSize};
use solana_signer::Signer;

use super::setup::{Hash, Model, Scene, custom, refused_by};

const SUBTREES_ALLOWED: u32 = 4;
const NEVER: i64 = i64::MAX;

#[test]
fn the_layout_never_moves() {
    let fields = [
        (offset_of!(Ledger, version), 0),
        (offset_of!(Ledger, bump), 1),
        (offset_of!(Ledger, padding), 2),
        (offset_of!(Ledger, flags), 4),
        (offset_of!(Ledger, id), 8),
        (offset_of!(Ledger, creator), 40),
        (offset_of!(Ledger, authority), 72),
        (offset_of!(Ledger, pending_authority), 104),
        (offset_of!(Ledger, size), 136),
        (offset_of!(Ledger, leaves_by_subtree), 144),
        (offset_of!(Ledger, event_seq), 152),
        (offset_of!(Ledger, heads_written), 160),
        (offset_of!(Ledger, created_slot), 168),
        (offset_of!(Ledger, created_time), 176),
        (offset_of!(Ledger, appended_slot), 184),
        (offset_of!(Ledger, appended_time), 192),
        (offset_of!(Ledger, frontier), 200),
        (offset_of!(Ledger, event_frontier), 1_736),
        (offset_of!(Ledger, heads), 3_272),
        (offset_of!(Ledger, reserved), 3_912),
        (size_of::<Ledger>(), 4_040),
        (offset_of!(HeadSlot, size), 0),
        (offset_of!(HeadSlot, root), 8),
        (size_of::<HeadSlot>(), 40),
        (Ledger::SPACE, 4_048),
    ];
    for (number, (actual, expected)) in fields.into_iter().enumerate() {
        assert_eq!(actual, expected, "row {number}");
    }
}

#[test]
fn core_reads_what_the_program_writes() {
    assert_eq!(Ledger::DISCRIMINATOR, LEDGER_DISCRIMINATOR);
    assert_eq!(Ledger::SPACE, LEDGER_BYTES);
    assert_eq!(LedgerCreated::DISCRIMINATOR, kind::LEDGER_CREATED);
    assert_eq!(EntriesAppended::DISCRIMINATOR, kind::ENTRIES_APPENDED);
    assert_eq!(WriterGranted::DISCRIMINATOR, kind::WRITER_GRANTED);
    assert_eq!(WriterRevoked::DISCRIMINATOR, kind::WRITER_REVOKED);
    assert_eq!(SubtreesAppended::DISCRIMINATOR, kind::SUBTREES_APPENDED);
    assert_eq!(AuthorityProposed::DISCRIMINATOR, kind::AUTHORITY_PROPOSED);
    assert_eq!(AuthorityAccepted::DISCRIMINATOR, kind::AUTHORITY_ACCEPTED);
    assert_eq!(SubtreesDisallowed::DISCRIMINATOR, kind::SUBTREES_DISALLOWED);
    assert_eq!(LedgerSealed::DISCRIMINATOR, kind::LEDGER_SEALED);
    assert_eq!(size_of::<Writer>(), 80);
}

#[test]
fn core_reads_every_field() {
    let mut scene = Scene::new(6);
    scene.append(&[b"one".to_vec(), b"two".to_vec()]);
    scene.append(&[b"three".to_vec()]);
    // Fields that the instructions of today leave zero.
    scene.ledger.authority = Pubkey::new_unique();
    scene.ledger.pending_authority = Pubkey::new_unique();
    scene.ledger.leaves_by_subtree = 2;
    scene.seed();

    let model = &scene.ledger;
    let account = LedgerAccount::decode(&scene.chain.data(&model.address)).expect("a ledger");
    let wallet = |key: Pubkey| Wallet(key.to_bytes());
    let head = |size: u64, root: Hash| TreeHead { size: TreeSize::new(size).expect("in range"), root: Root(root) };
    let expected = LedgerAccount {
        flags: 6,
        id: model.id,
        creator: wallet(model.creator),
        authority: wallet(model.authority),
        pending_authority: Some(wallet(model.pending_authority)),
        leaves_by_subtree: 2,
        heads_written: 2,
        created_slot: model.created.slot,
        created_time: model.created.time,
        appended_slot: model.appended.slot,
        appended_time: model.appended.time,
        entries: account.entries.clone(),
        events: account.events.clone(),
        heads: vec![head(2, model.ring[0].1), head(3, model.ring[1].1)],
    };
    assert_eq!(account, expected);
    assert_eq!(account.entries.head(), head(3, model.entries.root()));
    assert_eq!(account.events.head(), head(3, model.events.root()));
}

#[test]
fn a_broken_invariant_is_refused() {
    type Fault = (&'static str, fn(&mut Vec<u8>));
    fn write(bytes: &mut [u8], offset: usize, value: u64) {
        bytes[8 + offset..16 + offset].copy_from_slice(&value.to_le_bytes());
    }
    // Size 5, three events, two heads.
    let faults: [Fault; 12] = [
        ("another version", |bytes| bytes[8] = 2),
        ("an unknown flag", |bytes| bytes[12] = 8),
        ("more leaves by subtree than leaves", |bytes| write(bytes, 144, 6)),
        ("more heads than leaves", |bytes| {
            write(bytes, 160, 6);
            bytes.copy_within(8 + 3_272 + 40..8 + 3_272 + 80, 8 + 3_272 + 200);
            write(bytes, 152, 8);
        }),
        ("more heads than events", |bytes| {
            write(bytes, 160, 4);
            bytes.copy_within(8 + 3_272 + 40..8 + 3_272 + 80, 8 + 3_272 + 120);
        }),
        ("a newest head of fewer leaves", |bytes| write(bytes, 3_272 + 40, 4)),
        ("a newest head of more leaves", |bytes| write(bytes, 3_272 + 40, 6)),
        ("a size of another head", |bytes| write(bytes, 136, 7)),
        ("more leaves than the largest tree has", |bytes| {
            write(bytes, 136, (1 << 48) + 5);
            write(bytes, 3_272 + 40, (1 << 48) + 5);
        }),
        ("no heads", |bytes| write(bytes, 160, 0)),
        ("no heads, and one in the last slot", |bytes| {
            write(bytes, 160, 0);
            write(bytes, 3_272 + 15 * 40, 5);
        }),
        ("a peak that is missing", |bytes| bytes[208..240].fill(0)),
    ];
    for (name, fault) in faults {
        let mut scene = Scene::new(0);
        scene.append(&[vec![1], vec![2], vec![3], vec![4]]);
        scene.append(&[vec![5]]);
        let mut bytes = scene.ledger.bytes();
        fault(&mut bytes);
        assert_ne!(bytes, scene.ledger.bytes(), "{name}");
        scene.chain.seed(scene.ledger.address, bytes);
        let grant = scene.grant_instruction(&Pubkey::new_unique(), 1, NEVER);
        scene.chain.refuse(&grant, &[&scene.authority], refused_by(CounterfoilError::InvariantBroken));
    }
}

#[test]
fn every_instruction_that_writes_refuses_to_leave_a_broken_invariant() {
    let mut scene = Scene::new(SUBTREES_ALLOWED);
    let authority = scene.authority.insecure_clone();
    let heir = scene.chain.wallet();
    let (writer, _) = scene.grant(&heir.pubkey(), 1, NEVER);
    scene.append(&[vec![1]]);
    scene.propose(&heir.pubkey());
    // More than there are leaves, and no instruction below makes it good.
    scene.ledger.leaves_by_subtree = 100;
    scene.seed();
    let instructions = [
        (scene.append_instruction(&authority.pubkey(), None, None, &[vec![2]]), &authority),
        (scene.append_subtrees_instruction(&authority.pubkey(), None, 1, 1, &[[7; 32]]), &authority),
        (scene.grant_instruction(&Pubkey::new_unique(), 1, NEVER), &authority),
        (scene.revoke_instruction(&writer), &authority),
        (scene.propose_instruction(&Pubkey::new_unique()), &authority),
        (scene.accept_instruction(&heir.pubkey()), &heir),
        (scene.disallow_subtrees_instruction(), &authority),
        (scene.seal_instruction(1), &authority),
    ];
    for (instruction, signer) in instructions {
        scene.chain.refuse(&instruction, &[signer], refused_by(CounterfoilError::InvariantBroken));
    }
}

/// No history leads so far; a counter that wrapped would look like a young one.
#[test]
fn no_counter_wraps() {
    let mut scene = Scene::new(SUBTREES_ALLOWED);
    scene.append(&[vec![1]]);
    let authority = scene.authority.insecure_clone();
    let append = scene.append_instruction(&authority.pubkey(), None, None, &[vec![2]]);
    let append_subtrees = scene.append_subtrees_instruction(&authority.pubkey(), None, 1, 1, &[[7; 32]]);
    for (offset, instruction) in [(144, append_subtrees), (160, append)] {
        let mut bytes = scene.ledger.bytes();
        bytes[8 + offset..16 + offset].fill(0xff);
        scene.chain.seed(scene.ledger.address, bytes);
        scene.chain.refuse(&instruction, &[&authority], refused_by(CounterfoilError::LogFull));
    }
}

#[test]
fn no_instruction_closes_a_ledger_or_takes_from_it() {
    let mut scene = Scene::new(2);
    let lamports = scene.chain.account(&scene.ledger.address).expect("a ledger").lamports;
    let wallet = scene.chain.wallet();
    let mut sizes = vec![(scene.ledger.entries.size, scene.ledger.events.size)];
    let mut watch = |ledger: &Model| sizes.push((ledger.entries.size, ledger.events.size));
    for _ in 0..3 {
        // Each of them compares the account whole: owner, lamports, every byte.
        scene.append(&[vec![1]]);
        watch(&scene.ledger);
        scene.grant(&wallet.pubkey(), 1, NEVER);
        watch(&scene.ledger);
        scene.revoke(&wallet.pubkey());
        watch(&scene.ledger);
        let create = scene.create_instruction();
        scene.chain.refuse(&create, &[&scene.authority], custom(0));
    }
    assert!(sizes.is_sorted_by(|before, after| before.0 <= after.0 && before.1 < after.1), "{sizes:?}");
    assert_eq!(scene.chain.account(&scene.ledger.address).expect("a ledger").lamports, lamports);
}
