//! Range proofs: every range of every small tree, by an oracle that cuts trees as RFC 6962's text does.

use merkle_log::{
    Hash, LeafHash, MAX_LEVEL, PlanError, ProofError, TreeHead, hash_children, range_plan, subtrees, verify_inclusion,
    verify_nodes, verify_range, verify_subtrees,
};

use crate::oracle::Oracle;
use crate::{EVERY, Refusal, broken, head, index, leaf, log, prove_inclusion, size};

pub fn prove_range(oracle: &Oracle, first: u64, end: u64, leaves: u64, stored: u64) -> Vec<Hash> {
    let plan = range_plan(index(first), size(end), size(leaves)).expect("a range of the tree");
    let tiles = plan.tiles(size(stored)).expect("the tree is stored");
    plan.proof(&oracle.read(&tiles)).expect("the plan names all its tiles")
}

/// The tree over leaves `start` to `end`: its root, by the definition.
fn subtree(start: u64, end: u64) -> Hash {
    match end - start {
        1 => Hash::from(leaf(start)),
        len => {
            let middle = start + (len - 1).checked_ilog2().map_or(1, |log| 1 << log);
            hash_children(&subtree(start, middle), &subtree(middle, end))
        }
    }
}

/// The largest subtrees outside a range, from left to right, by the definition.
fn beside(start: u64, end: u64, range: &std::ops::Range<u64>) -> Vec<Hash> {
    if end <= range.start || range.end <= start {
        return vec![subtree(start, end)];
    }
    if range.start <= start && end <= range.end {
        return Vec::new();
    }
    let middle = start + (1 << (end - start - 1).ilog2());
    [beside(start, middle, range), beside(middle, end, range)].concat()
}

fn verify(head: &TreeHead, first: u64, leaves: &[LeafHash], proof: &[Hash]) -> Result<(), ProofError> {
    verify_range(head, index(first), leaves.iter().copied(), proof)
}

#[test]
fn every_range_of_every_small_tree_is_proven_by_the_fewest_hashes() {
    const EVERY: u64 = 40;
    let oracle = log(EVERY);
    for leaves in 1..=EVERY {
        let head = head(&oracle, leaves);
        for first in 0..leaves {
            for end in first + 1..=leaves {
                let proof = prove_range(&oracle, first, end, leaves, EVERY);
                assert_eq!(proof, beside(0, leaves, &(first..end)), "{first}..{end} of {leaves}");
                let run: Vec<LeafHash> = (first..end).map(leaf).collect();
                assert_eq!(verify(&head, first, &run, &proof), Ok(()), "{first}..{end} of {leaves}");
            }
        }
    }
}

#[test]
fn a_range_holds_by_the_roots_of_its_subtrees_and_by_no_others() {
    const EVERY: u64 = 24;
    let oracle = log(EVERY);
    for leaves in 1..=EVERY {
        let head = head(&oracle, leaves);
        for first in 0..leaves {
            for end in first + 1..=leaves {
                let proof = prove_range(&oracle, first, end, leaves, EVERY);
                let run: Vec<(u8, Hash)> = subtrees(size(first), size(end), MAX_LEVEL)
                    .map(|part| (part.level, subtree(part.offset << part.level, (part.offset + 1) << part.level)))
                    .collect();
                let verify = |run: &[(u8, Hash)], proof: &[Hash]| {
                    verify_subtrees(&head, index(first), run.iter().copied(), proof)
                };
                assert_eq!(verify(&run, &proof), Ok(()), "{first}..{end} of {leaves}");
                for at in 0..run.len() {
                    let mut other = run.clone();
                    other[at].1.0[7] ^= 1;
                    assert!(matches!(verify(&other, &proof), Err(ProofError::RootMismatch { .. })));
                    let mut other = run.clone();
                    other[at].0 += 1;
                    verify(&other, &proof).expect_err("a subtree of another size");
                    let mut other = run.clone();
                    other.remove(at);
                    verify(&other, &proof).expect_err("a subtree less");
                }
                for at in 0..proof.len() {
                    let mut other = proof.clone();
                    other[at].0[7] ^= 1;
                    assert!(matches!(verify(&run, &other), Err(ProofError::RootMismatch { .. })));
                }
                if let Some((_, fewer)) = proof.split_last() {
                    verify(&run, fewer).expect_err("a hash less");
                }
                assert_eq!(verify(&run, &[&proof[..], &[Hash::default()]].concat()), Err(ProofError::TooLong));
                verify(&[&run[..], &run[..1]].concat(), &proof).expect_err("a subtree more");
            }
        }
    }
}

#[test]
fn a_range_of_one_leaf_takes_the_hashes_of_its_inclusion_proof() {
    let oracle = log(EVERY);
    for leaves in 1..=EVERY {
        for first in 0..leaves {
            let mut range = prove_range(&oracle, first, first + 1, leaves, EVERY);
            let mut inclusion = prove_inclusion(&oracle, first, leaves, EVERY);
            assert_eq!(verify_inclusion(&head(&oracle, leaves), index(first), &leaf(first), &inclusion), Ok(()));
            range.sort();
            inclusion.sort();
            assert_eq!(range, inclusion, "{first} of {leaves}");
        }
    }
}

#[test]
fn a_whole_tree_needs_no_hashes() {
    let oracle = log(EVERY);
    let run: Vec<LeafHash> = (0..EVERY).map(leaf).collect();
    assert_eq!(verify(&head(&oracle, EVERY), 0, &run, &[]), Ok(()));
}

#[test]
fn a_row_that_is_missing_extra_altered_or_elsewhere_is_found() {
    let oracle = log(EVERY);
    for (first, end, leaves) in [(0, 5, 5), (3, 9, 21), (0, 1, 64), (60, 68, 130), (17, 33, 77), (128, 130, 130)] {
        let (head, proof) = (head(&oracle, leaves), prove_range(&oracle, first, end, leaves, EVERY));
        let run: Vec<LeafHash> = (first..end).map(leaf).collect();
        assert_eq!(verify(&head, first, &run, &proof), Ok(()));
        let refused = |what: &str, run: &[LeafHash]| {
            assert!(verify(&head, first, run, &proof).is_err(), "{what}: {first}..{end} of {leaves}");
        };
        for at in 0..run.len() {
            let mut changed = run.clone();
            changed[at].0[at % 32] ^= 1;
            refused("altered", &changed);
            let mut changed = run.clone();
            changed.remove(at);
            refused("missing", &changed);
            let mut changed = run.clone();
            changed.insert(at, run[at]);
            refused("doubled", &changed);
            for other in at + 1..run.len() {
                let mut changed = run.clone();
                changed.swap(at, other);
                refused("reordered", &changed);
            }
        }
        refused("cut", &run[..run.len() - 1]);
        refused("extra", &[&run[..], &[leaf(end)]].concat());
        for elsewhere in (0..leaves).filter(|elsewhere| *elsewhere != first) {
            assert!(verify(&head, elsewhere, &run, &proof).is_err(), "{first}..{end} at {elsewhere} of {leaves}");
        }
    }
}

#[test]
fn a_broken_proof_is_refused_and_says_how() {
    let oracle = log(EVERY);
    for (first, end, leaves) in [(3, 9, 21), (60, 68, 130), (17, 33, 77), (5, 6, 130)] {
        let (head, proof) = (head(&oracle, leaves), prove_range(&oracle, first, end, leaves, EVERY));
        let run: Vec<LeafHash> = (first..end).map(leaf).collect();
        for (refusal, changed) in broken(&proof) {
            let error = verify(&head, first, &run, &changed).expect_err("it is broken");
            assert_eq!(Refusal::of(error), Some(refusal), "{first}..{end} of {leaves}: {error}");
        }
    }
}

#[test]
fn a_tile_is_proven_by_the_roots_beside_it() {
    let oracle = log(EVERY);
    for level in 0..=7 {
        for leaves in [1, 2, 64, 65, 100, 128, 130] {
            let head = head(&oracle, leaves);
            let nodes = leaves >> level;
            for (first, end) in (0..nodes).flat_map(|first| [(first, nodes), (first, first + 1)]) {
                let proof = prove_range(&oracle, first << level, end << level, leaves, EVERY);
                let run: Vec<Hash> = (first..end).map(|at| subtree(at << level, (at + 1) << level)).collect();
                let at = index(first << level);
                assert_eq!(verify_nodes(&head, level, at, run.clone(), &proof), Ok(()), "{first}..{end} of {leaves}");
                for changed in 0..run.len() {
                    let mut run = run.clone();
                    run[changed].0[0] ^= 1;
                    let error = verify_nodes(&head, level, at, run, &proof);
                    assert!(matches!(error, Err(ProofError::RootMismatch { .. })), "{error:?}");
                }
                let more = [&run[..], &run[..1]].concat();
                let error = verify_nodes(&head, level, at, more, &proof);
                if end == nodes && leaves % (1 << level) == 0 {
                    assert!(matches!(error, Err(ProofError::NoRange { .. })), "{error:?}");
                } else {
                    // Other siblings are needed now, fewer or more of them or others.
                    use ProofError::{NoRange, RootMismatch, TooLong, TooShort};
                    let is_of_proof = matches!(error, Err(TooShort | TooLong | RootMismatch { .. } | NoRange { .. }));
                    assert!(is_of_proof, "{error:?}");
                }
            }
        }
    }
    let head = head(&oracle, 130);
    for (level, first) in [(1, 1), (8, 0), (64, 0), (255, 0)] {
        let proof = vec![Hash::default(); 64];
        let error = verify_nodes(&head, level, index(first), [Hash::default()], &proof).expect_err("no subtree there");
        assert!(matches!(error, ProofError::NoRange { .. }), "{level} {first}: {error}");
    }
}

#[test]
fn what_is_no_range_is_refused() {
    let oracle = log(8);
    let head = head(&oracle, 5);
    let no_range = |first, leaves| Err(ProofError::NoRange { first: index(first), leaves, size: size(5) });
    assert_eq!(verify(&head, 2, &[], &[Hash::default()]), no_range(2, 0));
    assert_eq!(verify(&head, 5, &[leaf(5)], &[]), no_range(5, 0));
    let proof = prove_range(&oracle, 3, 5, 5, 8);
    assert_eq!(verify(&head, 3, &[leaf(3), leaf(4), leaf(5)], &proof), no_range(3, 3));
    for (first, end) in [(2, 2), (3, 2), (0, 6), (6, 7)] {
        let error = range_plan(index(first), size(end), size(5)).expect_err("no range");
        assert_eq!(error, PlanError::NoRange { first: index(first), end: size(end), size: size(5) });
    }
}
