//! `append_subtrees`.

use counterfoil::errors::CounterfoilError;
use counterfoil_core::LedgerAccount;
use merkle_log::{Frontier, Hash as NodeHash, hash_leaf};
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::setup::{Hash, Scene, leaf, naive_root, refused_by, subtree_levels};

const OPEN: u32 = 2;
const SUBTREES_ALLOWED: u32 = 4;
const APPEND: u32 = 1;
const APPEND_SUBTREES: u32 = 2;
const NEVER: i64 = i64::MAX;
const MOST: u64 = (1 << 48) - 1;

#[track_caller]
fn refuse(scene: &mut Scene, signer: &Keypair, leaves: u64, hashes: &[Hash], error: CounterfoilError) {
    let size = scene.ledger.entries.size;
    let append = scene.append_subtrees_instruction(&signer.pubkey(), None, size, leaves, hashes);
    scene.chain.refuse(&append, &[signer], refused_by(error));
}

/// Batches of leaves by hash between entries: the head is that over all leaves.
#[test]
fn the_head_is_rfc_6962s_over_all_leaves() {
    let mut scene = Scene::new(SUBTREES_ALLOWED);
    let authority = scene.authority.insecure_clone();
    let mut leaves: Vec<Hash> = Vec::new();
    let next = |leaves: &[Hash]| leaves.len().to_le_bytes().to_vec();
    for count in [1, 2, 3, 1, 7, 16, 5, 64, 1, 100, 33] {
        let entry = next(&leaves);
        leaves.push(leaf(&entry));
        scene.append(&[entry]);

        let size = leaves.len() as u64;
        let mut hashes = Vec::new();
        for level in subtree_levels(size, count) {
            let batch: Vec<Hash> =
                (0..1_u64 << level).map(|number| leaf(&[leaves.len() as u8, number as u8])).collect();
            hashes.push(naive_root(&batch));
            leaves.extend(batch);
        }
        let append = scene.append_subtrees_instruction(&authority.pubkey(), None, size, count, &hashes);
        let done = scene.chain.succeed(append, &[&authority]);
        assert_eq!(done.event, scene.ledger.append_subtrees(authority.pubkey(), count, &hashes, scene.now));
        scene.expect_model();
        scene.tick();

        let account = LedgerAccount::decode(&scene.chain.data(&scene.ledger.address)).expect("a ledger");
        assert_eq!(account.entries.root().0, naive_root(&leaves));
        assert_eq!(account.leaves_by_subtree, leaves.len() as u64 - account.heads_written / 2);
    }
}

/// Leaves appended by hash give the same head as the same leaves appended as entries.
#[test]
fn the_frontier_is_the_same_as_by_entries() {
    let mut scene = Scene::new(SUBTREES_ALLOWED);
    let entries: Vec<Vec<u8>> = (0..13_u8).map(|number| vec![number]).collect();
    let mut frontier = Frontier::new();
    entries.iter().for_each(|entry| frontier.append_leaf(&hash_leaf(entry)).expect("room"));

    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf(entry)).collect();
    let hashes = [naive_root(&leaves[..8]), naive_root(&leaves[8..12]), leaves[12]];
    let append = scene.append_subtrees_instruction(&scene.authority.pubkey(), None, 0, 13, &hashes);
    scene.chain.succeed(append, &[&scene.authority]);
    let account = LedgerAccount::decode(&scene.chain.data(&scene.ledger.address)).expect("a ledger");
    assert_eq!(*account.entries, frontier);
}

#[test]
fn the_event_alone_leads_from_the_old_head_to_the_new() {
    let mut scene = Scene::seeded(SUBTREES_ALLOWED, 1_000_003, 1 << 20);
    let before = LedgerAccount::decode(&scene.chain.data(&scene.ledger.address)).expect("a ledger");
    let hashes = scene.subtree_hashes(5_000);
    let append = scene.append_subtrees_instruction(&scene.authority.pubkey(), None, 1_000_003, 5_000, &hashes);
    let done = scene.chain.succeed(append, &[&scene.authority]);

    let event = counterfoil_core::Event::decode(&done.event[8..]).expect("an event");
    let counterfoil_core::EventBody::SubtreesAppended { hashes } = event.body else { panic!("{event:?}") };
    let mut frontier = *before.entries;
    for (subtree, hash) in merkle_log::subtrees(event.header.first_index, event.header.size, 24).zip(&hashes) {
        frontier.append_subtree(subtree.level, hash).expect("it fits");
    }
    assert_eq!((frontier.size(), frontier.root()), (event.header.size, event.header.root));
}

#[test]
fn appends_at_every_kind_of_size() {
    for (size, leaves) in [
        (0, 1),
        (0, 1_000_000),
        (1, 1_000_000),
        (0, 1 << 24),
        (0, 5 << 24),
        (1 << 24, (1 << 24) + 1),
        ((1 << 20) - 1, 2),
        ((1 << 40) - 1, 1 << 24),
        ((1 << 47) - 1, 1),
        (1 << 47, 12_345),
        (MOST - 1, 1),
        (MOST - (1 << 24) + 1, (1 << 24) - 1),
    ] {
        let mut scene = Scene::seeded(SUBTREES_ALLOWED, size, (size / 2).max(2));
        scene.append_subtrees(leaves);
        assert_eq!(scene.ledger.entries.size, size + leaves);
    }
}

#[test]
fn refuses_to_overfill_the_log() {
    for (size, leaves) in [(MOST, 1), (MOST - 1, 2), (MOST - 1, u64::MAX), (1, u64::MAX), (0, MOST + 1)] {
        let mut scene = Scene::seeded(SUBTREES_ALLOWED, size, 1 << 20);
        let authority = scene.authority.insecure_clone();
        refuse(&mut scene, &authority, leaves, &[[7; 32]; 2], CounterfoilError::LogFull);
    }
}

#[test]
fn there_is_one_count_of_hashes() {
    let mut scene = Scene::seeded(SUBTREES_ALLOWED, 6, 9);
    let authority = scene.authority.insecure_clone();
    // From 6: two leaves, then eight, then one.
    for count in [0, 1, 2, 4, 11, 128] {
        refuse(&mut scene, &authority, 11, &vec![[7; 32]; count], CounterfoilError::WrongSubtreeCount);
    }
    refuse(&mut scene, &authority, MOST - 6, &vec![[7; 32]; 128], CounterfoilError::WrongSubtreeCount);
    refuse(&mut scene, &authority, 11, &vec![[7; 32]; 129], CounterfoilError::AppendTooLarge);
    refuse(&mut scene, &authority, 0, &[], CounterfoilError::NoEntries);
    refuse(&mut scene, &authority, 0, &[[7; 32]], CounterfoilError::NoEntries);
    scene.append_subtrees(11);
}

/// Through another program; here by a transaction larger than the network would carry.
#[test]
fn takes_128_hashes() {
    let mut scene = Scene::new(SUBTREES_ALLOWED);
    scene.append_subtrees(128 << 24);
}

/// As the roots of leaves, of subtrees that merge at once, and of those that stay.
#[test]
fn refuses_a_zero_hash_wherever_it_stands() {
    let mut scene = Scene::seeded(SUBTREES_ALLOWED, 5, 9);
    let authority = scene.authority.insecure_clone();
    // From 5: one leaf, two, eight, one.
    for place in 0..4 {
        let mut hashes = vec![[7; 32]; 4];
        hashes[place] = [0; 32];
        refuse(&mut scene, &authority, 12, &hashes, CounterfoilError::ZeroHash);
    }
}

#[test]
fn holds_the_expected_size() {
    let mut scene = Scene::seeded(SUBTREES_ALLOWED, 1 << 20, 1 << 20);
    let authority = scene.authority.insecure_clone();
    for wrong in [0, (1 << 20) - 1, (1 << 20) + 1, u64::MAX] {
        let append = scene.append_subtrees_instruction(&authority.pubkey(), None, wrong, 1, &[[7; 32]]);
        scene.chain.refuse(&append, &[&authority], refused_by(CounterfoilError::UnexpectedSize));
    }
}

#[test]
fn only_a_ledger_that_allows_it_takes_subtrees() {
    for flags in [0, OPEN] {
        let mut scene = Scene::new(flags);
        let authority = scene.authority.insecure_clone();
        refuse(&mut scene, &authority, 1, &[[7; 32]], CounterfoilError::SubtreesNotAllowed);
    }
}

#[test]
fn an_open_ledger_alone_lets_nobody_append_subtrees() {
    let mut scene = Scene::new(OPEN | SUBTREES_ALLOWED);
    let stranger = scene.chain.wallet();
    refuse(&mut scene, &stranger, 1, &[[7; 32]], CounterfoilError::NotAWriter);
    let (writer, _) = scene.grant(&stranger.pubkey(), APPEND, NEVER);
    let append = scene.append_subtrees_instruction(&stranger.pubkey(), Some(writer), 0, 1, &[[7; 32]]);
    scene.chain.refuse(&append, &[&stranger], refused_by(CounterfoilError::PermissionMissing));

    scene.grant(&stranger.pubkey(), APPEND_SUBTREES, NEVER);
    scene.append_subtrees_as(&stranger, Some(writer), 1_000);
}

#[test]
fn a_writer_may_append_subtrees_until_the_second_in_which_the_grant_expires() {
    let mut scene = Scene::new(SUBTREES_ALLOWED);
    let wallet = scene.chain.wallet();
    let expires_at = scene.now.time + 100;
    let (writer, _) = scene.grant(&wallet.pubkey(), APPEND_SUBTREES, expires_at);
    scene.now.time = expires_at - 1;
    scene.chain.set_clock(scene.now);
    scene.append_subtrees_as(&wallet, Some(writer), 3);

    scene.now.time = expires_at;
    scene.chain.set_clock(scene.now);
    let append = scene.append_subtrees_instruction(&wallet.pubkey(), Some(writer), 3, 1, &[[7; 32]]);
    scene.chain.refuse(&append, &[&wallet], refused_by(CounterfoilError::WriterExpired));
}

#[test]
fn somebody_elses_grant_does_not_do() {
    let mut scene = Scene::new(SUBTREES_ALLOWED);
    let wallet = scene.chain.wallet();
    let thief = scene.chain.wallet();
    let (writer, _) = scene.grant(&wallet.pubkey(), APPEND_SUBTREES, NEVER);
    let append = scene.append_subtrees_instruction(&thief.pubkey(), Some(writer), 0, 1, &[[7; 32]]);
    scene.chain.refuse(&append, &[&thief], refused_by(CounterfoilError::WrongWriter));
}

/// From size 1 each further subtree is twice as large, up to 2^24 leaves.
#[test]
fn takes_what_a_transaction_carries() {
    let mut scene = Scene::seeded(SUBTREES_ALLOWED, 1, 1 << 20);
    let authority = scene.authority.insecure_clone();
    let leaves_of = |hashes: usize| (0..hashes).map(|level| 1_u64 << level.min(24)).sum::<u64>();
    let mut fits = |hashes: usize| {
        let append = scene.append_subtrees_instruction(
            &authority.pubkey(),
            None,
            1,
            leaves_of(hashes),
            &scene.subtree_hashes(leaves_of(hashes)),
        );
        let transaction = scene.chain.transaction(&[append], &[&authority]);
        // The count of signatures is one byte before them.
        1 + 64 * transaction.signatures.len() + transaction.message.serialize().len() <= 1_232
    };
    let most = (1..).take_while(|hashes| fits(*hashes)).last().expect("one fits");
    // The fee payer is somebody else here; an appender that pays itself has room for three more.
    assert_eq!(most, 27);
    scene.append_subtrees(leaves_of(most));
}

#[test]
fn a_million_leaves_from_a_multiple_of_2_to_the_20_are_seven_hashes() {
    let mut scene = Scene::seeded(SUBTREES_ALLOWED, 1 << 30, 1 << 20);
    assert_eq!(scene.subtree_hashes(1_000_000).len(), 7);
    scene.append_subtrees(1_000_000);
}

#[test]
fn a_hash_given_is_a_node_of_the_tree() {
    let mut scene = Scene::new(SUBTREES_ALLOWED);
    scene.append_subtrees(4);
    let account = LedgerAccount::decode(&scene.chain.data(&scene.ledger.address)).expect("a ledger");
    let hash = super::setup::sha256(&[b"subtree", &0_u64.to_le_bytes(), &0_u32.to_le_bytes()]);
    assert_eq!(account.entries.peaks()[2], NodeHash(hash).0);
}
