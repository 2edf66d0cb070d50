//! The past, proven from the current account alone: an old grant, who appended what in which slot, an old head.

use counterfoil_core::{Event, EventBody, LedgerAccount, Wallet};
use merkle_log::{Hash as NodeHash, LeafHash, LeafIndex, ProofError, TreeHead, verify_inclusion};
use solana_signer::Signer;

use super::setup::{Hash, Scene, leaf, naive_proof, naive_root};

const NEVER: i64 = i64::MAX;

/// A ledger with a past, the bytes of all its events as leaves, and its leaf hashes.
struct Past {
    scene: Scene,
    events: Vec<Vec<u8>>,
    leaves: Vec<Hash>,
}

/// A writer is granted, appends and is revoked; long after that the authority changes, and others append.
fn past() -> (Past, Wallet) {
    let mut scene = Scene::before(4);
    let authority = scene.authority.insecure_clone();
    let writer = scene.chain.wallet();
    let heir = scene.chain.wallet();
    let mut events = Vec::new();
    let mut leaves: Vec<Hash> = Vec::new();
    let mut keep = |event: Vec<u8>| {
        let event = Event::decode(&event[8..]).expect("an event");
        if let EventBody::EntriesAppended { entries } = &event.body {
            leaves.extend(entries.iter().map(|entry| leaf(entry)));
        }
        events.push(event.leaf_bytes());
    };
    keep(scene.chain.succeed(scene.create_instruction(), &[&authority]).event);
    keep(scene.chain.succeed(scene.grant_instruction(&writer.pubkey(), 1, NEVER), &[&authority]).event);
    let grant = super::setup::find_writer(&scene.ledger.address, &writer.pubkey()).0;
    for number in 0..3_u8 {
        scene.tick();
        let entries = vec![vec![number; 9]; 2];
        let append = scene.append_instruction(&writer.pubkey(), Some(grant), None, &entries);
        keep(scene.chain.succeed(append, &[&writer]).event);
    }
    keep(scene.chain.succeed(scene.revoke_instruction(&grant), &[&authority]).event);
    keep(scene.chain.succeed(scene.propose_instruction(&heir.pubkey()), &[&authority]).event);
    keep(scene.chain.succeed(scene.accept_instruction(&heir.pubkey()), &[&heir]).event);
    scene.authority = heir;
    // More than the ring holds.
    for number in 0..20_u8 {
        scene.tick();
        let append = scene.append_instruction(&scene.authority.pubkey(), None, None, &[vec![number]]);
        keep(scene.chain.succeed(append, &[&scene.authority]).event);
    }
    (Past { scene, events, leaves }, Wallet(writer.pubkey().to_bytes()))
}

impl Past {
    fn account(&self) -> LedgerAccount {
        LedgerAccount::decode(&self.scene.chain.data(&self.scene.ledger.address)).expect("a ledger")
    }

    /// The facts that an account, an event's bytes and a proof show to their holder.
    fn proven(&self, event_seq: usize, bytes: &[u8]) -> Result<Event, ProofError> {
        let leaves: Vec<Hash> = self.events.iter().map(|event| leaf(event)).collect();
        let proof = naive_proof(event_seq, &leaves);
        verify(&self.account().events.head(), event_seq, leaf(bytes), &proof)?;
        Ok(Event::decode_leaf(bytes).expect("an event"))
    }
}

fn verify(head: &TreeHead, index: usize, leaf: Hash, proof: &[Hash]) -> Result<(), ProofError> {
    let proof: Vec<NodeHash> = proof.iter().map(|hash| NodeHash(*hash)).collect();
    verify_inclusion(head, LeafIndex::new(index as u64).expect("in range"), &LeafHash(leaf), &proof)
}

#[test]
fn a_grant_that_was_revoked_is_proven() {
    let (past, writer) = past();
    let event = past.proven(1, &past.events[1]).expect("it was granted");
    assert_eq!(event.body, EventBody::WriterGranted { wallet: writer, permissions: 1, expires_at: NEVER });
    let event = past.proven(5, &past.events[5]).expect("it was revoked");
    assert_eq!(event.body, EventBody::WriterRevoked { wallet: writer });
}

#[test]
fn the_writer_and_the_slot_of_an_old_append_are_proven() {
    let (past, writer) = past();
    let event = past.proven(3, &past.events[3]).expect("it was appended");
    assert_eq!(event.header.signer, writer);
    assert_eq!(event.header.slot, past.scene.ledger.created.slot + 2);
    assert_eq!((event.header.first_index.get(), event.header.count), (2, 2));
}

/// The ring has long dropped it; the event of its append still says it, and entries are proven against it.
#[test]
fn an_old_head_is_proven_and_proves() {
    let (past, _) = past();
    let event = past.proven(3, &past.events[3]).expect("it was appended");
    let old = TreeHead { size: event.header.size, root: event.header.root };
    assert!(!past.account().heads.contains(&old));
    assert_eq!(old.root.0, naive_root(&past.leaves[..4]));
    verify(&old, 2, past.leaves[2], &naive_proof(2, &past.leaves[..4])).expect("it is in the old tree");
}

#[test]
fn a_past_that_was_not_is_refused() {
    let (past, writer) = past();
    for event_seq in 0..past.events.len() {
        for byte in [0, 8, 40, 48, 56, 64, 96, 104, 112, 120, 151, past.events[event_seq].len() - 1] {
            let mut altered = past.events[event_seq].clone();
            altered[byte] ^= 1;
            past.proven(event_seq, &altered).expect_err("no such event");
        }
    }
    // A true event at another number.
    past.proven(4, &past.events[3]).expect_err("not that one");
    assert_ne!(past.account().authority, writer);
}
