//! Every tree of up to 130 leaves.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use merkle_log::{
    Hash, PlanError, ProofError, Root, TreeHead, consistency_plan, empty_root, inclusion_plan, verify_consistency,
    verify_inclusion,
};
use sha2::Sha256;

use super::{EVERY, Refusal, broken, entry, head, index, leaf, log, prove_consistency, prove_inclusion, size};

type Peer = MemoryBackedTree<Sha256, [u8; 8]>;

fn peer(leaves: u64) -> Peer {
    let mut tree = Peer::new();
    (0..leaves).for_each(|leaf| tree.push(entry(leaf)));
    tree
}

fn peer_root(head: TreeHead) -> RootHash<Sha256> {
    RootHash::new(head.root.0.into(), head.size.get())
}

fn bytes(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| hash.0).collect()
}

fn at(index: u64) -> usize {
    usize::try_from(index).expect("small")
}

#[test]
fn roots_match_the_oracle_and_the_peer() {
    let oracle = log(EVERY);
    let mut frontier = merkle_log::Frontier::new();
    for leaves in 0..=EVERY {
        assert_eq!(frontier.head(), head(&oracle, leaves));
        assert_eq!(frontier.root().0.as_slice(), peer(leaves).root().as_bytes().as_slice());
        frontier.append_leaf(&leaf(leaves)).expect("room");
    }
}

#[test]
fn every_inclusion_proof_matches_the_oracle_and_the_peer() {
    let oracle = log(EVERY);
    for leaves in 1..=EVERY {
        let (peer, head) = (peer(leaves), head(&oracle, leaves));
        for at_leaf in 0..leaves {
            let proof = prove_inclusion(&oracle, at_leaf, leaves, leaves);
            assert_eq!(proof, oracle.path(at_leaf, leaves), "leaf {at_leaf} of {leaves}");
            assert_eq!(bytes(&proof), peer.prove_inclusion(at(at_leaf)).as_bytes(), "leaf {at_leaf} of {leaves}");
            assert_eq!(verify_inclusion(&head, index(at_leaf), &leaf(at_leaf), &proof), Ok(()));
            peer_root(head)
                .verify_inclusion(
                    &entry(at_leaf),
                    at_leaf,
                    &InclusionProof::try_from_bytes(bytes(&proof)).expect("whole hashes"),
                )
                .expect("the peer agrees");
        }
    }
}

#[test]
fn every_consistency_proof_matches_the_oracle_and_the_peer() {
    let oracle = log(EVERY);
    for second in 1..=EVERY {
        let (peer, second_head) = (peer(second), head(&oracle, second));
        for first in 1..=second {
            let proof = prove_consistency(&oracle, first, second, second);
            let first_head = head(&oracle, first);
            assert_eq!(proof, oracle.proof(first, second), "{first} to {second}");
            assert_eq!(bytes(&proof), peer.prove_consistency(at(second - first)).as_bytes(), "{first} to {second}");
            assert_eq!(verify_consistency(&first_head, &second_head, &proof), Ok(()));
            peer_root(second_head)
                .verify_consistency(
                    &peer_root(first_head),
                    &ConsistencyProof::try_from_bytes(bytes(&proof)).expect("whole hashes"),
                )
                .expect("the peer agrees");
        }
    }
}

#[test]
fn every_broken_inclusion_proof_is_refused() {
    let oracle = log(EVERY);
    for leaves in 1..=EVERY {
        let head = head(&oracle, leaves);
        for at_leaf in 0..leaves {
            for (refusal, proof) in broken(&oracle.path(at_leaf, leaves)) {
                let error = verify_inclusion(&head, index(at_leaf), &leaf(at_leaf), &proof).expect_err("broken");
                assert_eq!(Refusal::of(error), Some(refusal), "leaf {at_leaf} of {leaves}: {error}");
            }
        }
    }
}

#[test]
fn every_broken_consistency_proof_is_refused() {
    let oracle = log(EVERY);
    for second in 1..=EVERY {
        let second_head = head(&oracle, second);
        for first in 1..=second {
            for (refusal, proof) in broken(&oracle.proof(first, second)) {
                let error = verify_consistency(&head(&oracle, first), &second_head, &proof).expect_err("broken");
                assert_eq!(Refusal::of(error), Some(refusal), "{first} to {second}: {error}");
            }
        }
    }
}

#[test]
fn every_bit_of_a_proof_counts() {
    let oracle = log(EVERY);
    let (first, second, at_leaf) = (87, 117, 100);
    let (first_head, second_head) = (head(&oracle, first), head(&oracle, second));
    let (inclusion, consistency) = (oracle.path(at_leaf, second), oracle.proof(first, second));
    let flipped = |proof: &[Hash], bit: usize| {
        let mut copy = proof.to_vec();
        copy[bit / 256].0[bit / 8 % 32] ^= 1 << (bit % 8);
        copy
    };
    for bit in 0..inclusion.len() * 256 {
        let proof = flipped(&inclusion, bit);
        assert!(verify_inclusion(&second_head, index(at_leaf), &leaf(at_leaf), &proof).is_err(), "bit {bit}");
    }
    for bit in 0..consistency.len() * 256 {
        let proof = flipped(&consistency, bit);
        assert!(verify_consistency(&first_head, &second_head, &proof).is_err(), "bit {bit}");
    }
}

#[test]
fn a_proof_holds_for_no_other_leaf_and_no_other_index() {
    let oracle = log(EVERY);
    for leaves in 1..=EVERY {
        let head = head(&oracle, leaves);
        for at_leaf in 0..leaves {
            let proof = oracle.path(at_leaf, leaves);
            let next = (at_leaf + 1) % EVERY;
            verify_inclusion(&head, index(at_leaf), &leaf(next), &proof).expect_err("another leaf");
            for other in (0..leaves).filter(|other| *other != at_leaf) {
                verify_inclusion(&head, index(other), &leaf(at_leaf), &proof).expect_err("another index");
            }
        }
    }
}

#[test]
fn a_proof_holds_for_no_other_root() {
    let oracle = log(EVERY);
    let altered = |head: TreeHead| {
        let mut bytes = head.root.0;
        bytes[31] ^= 1;
        TreeHead { root: Root(bytes), ..head }
    };
    for second in 1..=EVERY {
        let second_head = head(&oracle, second);
        for first in 1..=second {
            let (proof, first_head) = (oracle.proof(first, second), head(&oracle, first));
            verify_consistency(&altered(first_head), &second_head, &proof).expect_err("another first root");
            verify_consistency(&first_head, &altered(second_head), &proof).expect_err("another second root");
            let path = oracle.path(first - 1, second);
            verify_inclusion(&altered(second_head), index(first - 1), &leaf(first - 1), &path)
                .expect_err("another root");
        }
    }
}

#[test]
fn an_index_outside_the_tree_is_refused() {
    let oracle = log(EVERY);
    for leaves in 0..=EVERY {
        for outside in [leaves, leaves + 1, 2 * leaves + 1, merkle_log::MAX_TREE_SIZE - 1] {
            let (index, size) = (index(outside), size(leaves));
            assert_eq!(inclusion_plan(index, size), Err(PlanError::IndexOutOfRange { index, size }));
            for proof in [vec![], vec![Hash::default(); 8]] {
                assert_eq!(
                    verify_inclusion(&head(&oracle, leaves), index, &leaf(outside), &proof),
                    Err(ProofError::IndexOutOfRange { index, size })
                );
            }
        }
    }
}

#[test]
fn a_tree_that_shrinks_is_refused() {
    let oracle = log(EVERY);
    for first in 1..=EVERY {
        for second in 0..first {
            let (from, to) = (size(first), size(second));
            assert_eq!(consistency_plan(from, to), Err(PlanError::Shrinks { first: from, second: to }));
            let proof = if second == 0 { vec![] } else { oracle.proof(second, first) };
            assert_eq!(
                verify_consistency(&head(&oracle, first), &head(&oracle, second), &proof),
                Err(ProofError::Shrinks { first: from, second: to })
            );
        }
    }
}

#[test]
fn the_empty_tree_is_the_beginning_of_every_tree() {
    let oracle = log(EVERY);
    let empty = head(&oracle, 0);
    assert_eq!(empty.root, empty_root());
    let not_empty = TreeHead { root: Root([1; 32]), ..empty };
    for second in 0..=EVERY {
        let second_head = head(&oracle, second);
        assert_eq!(prove_consistency(&oracle, 0, second, second), []);
        assert_eq!(verify_consistency(&empty, &second_head, &[]), Ok(()));
        let one_hash = [Hash(second_head.root.0)];
        assert_eq!(verify_consistency(&empty, &second_head, &one_hash), Err(ProofError::TooLong));
        let error =
            verify_consistency(&not_empty, &second_head, &[]).expect_err("no tree without leaves has this root");
        assert!(matches!(error, ProofError::RootMismatch { .. }));
    }
    verify_consistency(&empty, &not_empty, &[]).expect_err("no tree without leaves has this root");
    verify_consistency(&not_empty, &not_empty, &[]).expect_err("no tree without leaves has this root");
}

#[test]
fn a_tree_equals_only_itself() {
    let oracle = log(EVERY);
    for leaves in 0..EVERY {
        let this = head(&oracle, leaves);
        let other = TreeHead { root: oracle.root(leaves + 1), ..this };
        assert_eq!(verify_consistency(&this, &this, &[]), Ok(()));
        let error = verify_consistency(&this, &other, &[]).expect_err("another tree of that size");
        assert!(matches!(error, ProofError::RootMismatch { .. }));
        assert_eq!(verify_consistency(&this, &this, &[Hash(this.root.0)]), Err(ProofError::TooLong));
    }
}
