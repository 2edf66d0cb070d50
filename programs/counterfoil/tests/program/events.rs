//! The events: their bytes, their log, and that no one else can make one.

use anchor_lang::error::ErrorCode;
use anchor_lang::event::EVENT_IX_TAG_LE;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::{AccountMeta, Instruction};
use counterfoil::events::{
    AuthorityAccepted, AuthorityProposed, EntriesAppended, EventHeader, LedgerCreated, LedgerSealed, SubtreesAppended,
    SubtreesDisallowed, WriterGranted, WriterRevoked,
};
use counterfoil_core::{Event, EventBody, LedgerAccount, LedgerId, LedgerState, event};
use solana_instruction::error::InstructionError;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::setup::{Scene, anchor, event_authority, find_writer, leaf, naive_root};

const SUBTREES_ALLOWED: u32 = 4;
/// Open, subtrees allowed.
const FLAGS: u32 = 2 | SUBTREES_ALLOWED;
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

/// Offers and passes the authority, disallows subtrees, seals, and returns the events' data.
fn administration(scene: &mut Scene, wallet: &Keypair) -> [Vec<u8>; 4] {
    let authority = scene.authority.insecure_clone();
    let proposed = scene.chain.succeed(scene.propose_instruction(&wallet.pubkey()), &[&authority]).event;
    let accepted = scene.chain.succeed(scene.accept_instruction(&wallet.pubkey()), &[wallet]).event;
    scene.authority = wallet.insecure_clone();
    let disallowed = scene.chain.succeed(scene.disallow_subtrees_instruction(), &[wallet]).event;
    let sealed = scene.chain.succeed(scene.seal_instruction(2), &[wallet]).event;
    [proposed, accepted, disallowed, sealed]
}

/// The bytes that Anchor's `emit_cpi!` sends.
fn emit_cpi(event: &impl anchor_lang::Event) -> Vec<u8> {
    [EVENT_IX_TAG_LE, &event.data()].concat()
}

#[test]
fn the_bytes_are_those_of_anchors_emit_cpi() {
    let mut scene = Scene::before(FLAGS);
    let [created, granted, appended, revoked] = history(&mut scene);
    let events = [&created, &granted, &appended, &revoked].map(|data| Event::decode(&data[8..]).expect("an event"));
    let wallet = match &events[1].body {
        EventBody::WriterGranted { wallet, .. } => Pubkey::new_from_array(wallet.0),
        other => panic!("{other:?}"),
    };
    let (ledger, now, authority) = (scene.ledger.address, scene.now, scene.authority.pubkey());
    let header = |event_seq: u64, signer: Pubkey, first_index: u64, size: u64, leaves: &[[u8; 32]]| EventHeader {
        ledger,
        event_seq,
        slot: now.slot,
        unix_time: now.time,
        signer,
        first_index,
        count: size - first_index,
        size,
        root: naive_root(leaves),
    };
    let entries = vec![vec![1], vec![2; 300]];
    let leaves = [leaf(&entries[0]), leaf(&entries[1])];

    let event = LedgerCreated { header: header(0, authority, 0, 0, &[]), id: scene.ledger.id, flags: FLAGS };
    assert_eq!(created, emit_cpi(&event));
    let event = WriterGranted { header: header(1, authority, 0, 0, &[]), wallet, permissions: 3, expires_at: NEVER };
    assert_eq!(granted, emit_cpi(&event));
    let event = EntriesAppended { header: header(2, wallet, 0, 2, &leaves), entries };
    assert_eq!(appended, emit_cpi(&event));
    let event = WriterRevoked { header: header(3, authority, 2, 2, &leaves), wallet };
    assert_eq!(revoked, emit_cpi(&event));

    let new = scene.chain.wallet();
    let [proposed, accepted, disallowed, sealed] = administration(&mut scene, &new);
    let event = AuthorityProposed { header: header(4, authority, 2, 2, &leaves), pending_authority: new.pubkey() };
    assert_eq!(proposed, emit_cpi(&event));
    let event = AuthorityAccepted { header: header(5, new.pubkey(), 2, 2, &leaves), previous_authority: authority };
    assert_eq!(accepted, emit_cpi(&event));
    assert_eq!(disallowed, emit_cpi(&SubtreesDisallowed { header: header(6, new.pubkey(), 2, 2, &leaves) }));
    assert_eq!(sealed, emit_cpi(&LedgerSealed { header: header(7, new.pubkey(), 2, 2, &leaves) }));
}

#[test]
fn the_bytes_of_appended_subtrees_are_those_of_anchors_emit_cpi() {
    let mut scene = Scene::new(SUBTREES_ALLOWED);
    let leaves: Vec<_> = (0..3_u8).map(|number| leaf(&[number])).collect();
    let hashes = vec![naive_root(&leaves[..2]), leaves[2]];
    let authority = scene.authority.pubkey();
    let append = scene.append_subtrees_instruction(&authority, None, 0, 3, &hashes);
    let appended = scene.chain.succeed(append, &[&scene.authority]).event;
    let header = EventHeader {
        ledger: scene.ledger.address,
        event_seq: 1,
        slot: scene.now.slot,
        unix_time: scene.now.time,
        signer: authority,
        first_index: 0,
        count: 3,
        size: 3,
        root: naive_root(&leaves),
    };
    assert_eq!(appended, emit_cpi(&SubtreesAppended { header, hashes }));
}

#[test]
fn the_event_log_is_rfc_6962s_and_the_history_verifies() {
    let mut scene = Scene::before(FLAGS);
    let mut history = history(&mut scene).to_vec();
    let wallet = scene.chain.wallet();
    history.extend(administration(&mut scene, &wallet));
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
    let mut scene = Scene::before(FLAGS);
    let [_, _, appended, _] = history(&mut scene);
    let event = Event::decode(&appended[8..]).expect("an event");
    assert_eq!(event.leaf_bytes(), appended[8..8 + event::HEADER_BYTES]);
}

#[test]
#[expect(deprecated, reason = "Anchor's own handler of events returns this error")]
fn refuses_an_event_that_somebody_else_sends() {
    let mut scene = Scene::before(FLAGS);
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
