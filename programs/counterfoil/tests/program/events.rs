//! The events: their bytes, their log, and that nobody else can make one.

use anchor_lang::error::ErrorCode;
use anchor_lang::event::EVENT_IX_TAG_LE;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::{AccountMeta, Instruction};
use counterfoil::events::{EntriesAppended, EventHeader, LedgerCreated, WriterGranted, WriterRevoked};
use counterfoil_core::{Event, EventBody, LedgerAccount, LedgerId, LedgerState, event};
use solana_instruction::error::InstructionError;
use solana_signer::Signer;

use super::setup::{Scene, anchor, event_authority, find_writer, leaf, naive_root};

const OPEN: u32 = 2;
const NEVER: i64 = i64::MAX;

/// Creates, grants, appends, revokes, and returns the events' data; the program emitted exactly these bytes.
fn history(scene: &mut Scene) -> [Vec<u8>; 4] {
    let authority = scene.authority.insecure_clone();
    let create = scene.create_instruction();
    let created = scene.chain.succeed(create, &[&authority]).event;
    let wallet = scene.chain.wallet();
    let grant = scene.grant_instruction(&wallet.pubkey(), 3, NEVER);
    let granted = scene.chain.succeed(grant, &[&authority]).event;
    let entries = [vec![1], vec![2; 300]];
    let writer = find_writer(&scene.ledger.address, &wallet.pubkey()).0;
    let append = scene.append_instruction(&wallet.pubkey(), Some(writer), Some(0), &entries);
    let appended = scene.chain.succeed(append, &[&wallet]).event;
    let revoke = scene.revoke_instruction(&writer);
    let revoked = scene.chain.succeed(revoke, &[&authority]).event;
    [created, granted, appended, revoked]
}

/// What Anchor's `emit_cpi!` sends.
fn emit_cpi(event: &impl anchor_lang::Event) -> Vec<u8> {
    [EVENT_IX_TAG_LE, &event.data()].concat()
}

#[test]
fn the_bytes_are_those_of_anchors_emit_cpi() {
    let mut scene = Scene::before(OPEN);
    let [created, granted, appended, revoked] = history(&mut scene);
    let events = [&created, &granted, &appended, &revoked].map(|data| Event::decode(&data[8..]).expect("an event"));
    let wallet = match &events[1].body {
        EventBody::WriterGranted { wallet, .. } => Pubkey::new_from_array(wallet.0),
        other => panic!("{other:?}"),
    };
    let authority = scene.authority.pubkey();
    let header = |event_seq: u64, signer: Pubkey, first_index: u64, size: u64, leaves: &[[u8; 32]]| EventHeader {
        ledger: scene.ledger.address,
        event_seq,
        slot: scene.now.slot,
        unix_time: scene.now.time,
        signer,
        first_index,
        count: size - first_index,
        size,
        root: naive_root(leaves),
    };
    let entries = vec![vec![1], vec![2; 300]];
    let leaves = [leaf(&entries[0]), leaf(&entries[1])];

    let event = LedgerCreated { header: header(0, authority, 0, 0, &[]), id: scene.ledger.id, flags: OPEN };
    assert_eq!(created, emit_cpi(&event));
    let event = WriterGranted { header: header(1, authority, 0, 0, &[]), wallet, permissions: 3, expires_at: NEVER };
    assert_eq!(granted, emit_cpi(&event));
    let event = EntriesAppended { header: header(2, wallet, 0, 2, &leaves), entries };
    assert_eq!(appended, emit_cpi(&event));
    let event = WriterRevoked { header: header(3, authority, 2, 2, &leaves), wallet };
    assert_eq!(revoked, emit_cpi(&event));
}

#[test]
fn the_event_log_is_rfc_6962s_and_the_history_verifies() {
    let mut scene = Scene::before(OPEN);
    let history = history(&mut scene);
    let account = LedgerAccount::decode(&scene.chain.data(&scene.ledger.address)).expect("a ledger");

    let ledger = LedgerId(scene.ledger.address.to_bytes());
    let mut state = LedgerState::new(ledger);
    let mut leaves = Vec::new();
    for data in &history {
        assert_eq!(data[..8], event::EVENT_TAG);
        let event = Event::decode(&data[8..]).expect("an event");
        leaves.push(leaf(&event.leaf_bytes()));
        (state, _) = state.apply(event).expect("it follows");
    }
    assert_eq!(account.events.root().0, naive_root(&leaves));
    assert_eq!(state.check(&account).map(|checked| *checked.head()), Ok(account.head(ledger)));
}

#[test]
fn the_entries_are_left_out_of_the_events_leaf() {
    let mut scene = Scene::before(OPEN);
    let [_, _, appended, _] = history(&mut scene);
    let event = Event::decode(&appended[8..]).expect("an event");
    assert_eq!(event.leaf_bytes(), appended[8..8 + event::HEADER_BYTES]);
}

#[test]
#[expect(deprecated, reason = "Anchor's own handler of events returns this error")]
fn refuses_an_event_that_somebody_else_sends() {
    let mut scene = Scene::before(OPEN);
    let [_, _, appended, _] = history(&mut scene);
    let forger = scene.chain.wallet();
    let instruction = |accounts| Instruction { program_id: counterfoil::ID, accounts, data: appended.clone() };

    let unsigned = instruction(vec![AccountMeta::new_readonly(event_authority(), false)]);
    scene.chain.refuse(&unsigned, &[], anchor(ErrorCode::ConstraintSigner));

    let by_another = instruction(vec![
        AccountMeta::new_readonly(forger.pubkey(), true),
        AccountMeta::new_readonly(event_authority(), false),
    ]);
    scene.chain.refuse(&by_another, &[&forger], anchor(ErrorCode::ConstraintSeeds));

    scene.chain.refuse(&instruction(vec![]), &[], InstructionError::NotEnoughAccountKeys);
}
