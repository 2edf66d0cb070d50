//! Random trees of up to 2^48 - 1 leaves, all alike but for a few.

use merkle_log::{
    Frontier, FrontierError, Hash, LEVELS, LeafHash, MAX_PROOF_LEN, MAX_RANGE_PROOF_LEN, MAX_TREE_SIZE, Peaks,
    ProofError, verify_consistency, verify_inclusion, verify_range,
};
use proptest::prelude::*;

use super::range::prove_range;
use super::{Refusal, broken, head, index, leaf, oracle::Oracle, prove_consistency, prove_inclusion, seed, size};

/// A size of any magnitude, often next to a power of two.
pub fn any_size() -> impl Strategy<Value = u64> {
    let magnitude = (0u32..48).prop_flat_map(|bits| (1u64 << bits)..=((2u64 << bits) - 1));
    let next_to_a_power = (0u32..48, -3i64..=3).prop_map(|(bits, by)| (1u64 << bits).saturating_add_signed(by));
    prop_oneof![3 => magnitude, 2 => next_to_a_power, 1 => MAX_TREE_SIZE - 3..=MAX_TREE_SIZE]
        .prop_map(|size| size.clamp(1, MAX_TREE_SIZE))
}

/// A number from 1 to `most`: anywhere, or next to an end.
fn up_to(most: u64) -> impl Strategy<Value = u64> {
    let near = 3.min(most - 1);
    prop_oneof![3 => 1..=most, 1 => 1..=1 + near, 2 => most - near..=most]
}

/// Sizes, the first at most the second, the second at most the third.
fn three_sizes() -> impl Strategy<Value = (u64, u64, u64)> {
    any_size()
        .prop_flat_map(|third| (up_to(third), Just(third)))
        .prop_flat_map(|(second, third)| (up_to(second), Just(second), Just(third)))
}

/// A log in which the neighbours of these leaves, and those at random, are leaves of their own.
fn sparse(distinct: &[u64], random: &[u64]) -> Oracle {
    let near = distinct.iter().flat_map(|leaf| leaf.saturating_sub(2)..leaf + 2);
    let all = near.chain(random.iter().copied()).filter(|leaf| *leaf < MAX_TREE_SIZE);
    Oracle::sparse(Hash([3; 32]), all.map(|at| (at, leaf(at))))
}

/// The frontier of the first leaves, from the oracle's perfect subtrees.
fn frontier(oracle: &Oracle, leaves: u64) -> Frontier {
    let mut peaks: Peaks = [[0; 32]; LEVELS];
    let mut start = 0;
    for level in (0..LEVELS).rev() {
        let subtree = 1u64 << level;
        if leaves & subtree != 0 {
            peaks[level] = oracle.mth(start, subtree).0;
            start += subtree;
        }
    }
    Frontier::from_peaks(size(leaves), peaks).expect("a slot for each bit")
}

proptest! {
    #![proptest_config(seed::cases(64))]

    #[test]
    fn inclusion_proofs_match_the_oracle_at_any_size(
        (up_to_leaf, leaves, stored) in three_sizes(),
        random in prop::collection::vec(0..MAX_TREE_SIZE, 0..6),
    ) {
        let at = up_to_leaf - 1;
        let oracle = sparse(&[at, leaves, stored], &random);
        let head = head(&oracle, leaves);

        let proof = prove_inclusion(&oracle, at, leaves, stored);

        prop_assert_eq!(&proof, &oracle.path(at, leaves));
        prop_assert!(proof.len() <= LEVELS);
        prop_assert_eq!(verify_inclusion(&head, index(at), &leaf(at), &proof), Ok(()));
        let other = if at == 0 { leaves - 1 } else { at - 1 };
        let elsewhere = verify_inclusion(&head, index(other), &leaf(at), &proof);
        // The path from another leaf may have another length.
        let is_refused = matches!(elsewhere, Err(ProofError::RootMismatch { .. } | ProofError::TooShort | ProofError::TooLong));
        prop_assert!(leaves == 1 || is_refused, "{:?}", elsewhere);
        let changed = verify_inclusion(&head, index(at), &leaf(at + 1), &proof);
        prop_assert!(matches!(changed, Err(ProofError::RootMismatch { .. })), "{:?}", changed);
    }

    #[test]
    fn range_proofs_hold_at_any_size(
        (up_to_leaf, leaves, stored) in three_sizes(),
        count in 1u64..20,
        random in prop::collection::vec(0..MAX_TREE_SIZE, 0..6),
    ) {
        let (first, end) = (up_to_leaf - 1, (up_to_leaf - 1 + count).min(leaves));
        let oracle = sparse(&[first, end, leaves], &random);
        let proof = prove_range(&oracle, first, end, leaves, stored);
        let mut run: Vec<LeafHash> = (first..end).map(|at| LeafHash(oracle.mth(at, 1).0)).collect();
        prop_assert_eq!(verify_range(&head(&oracle, leaves), index(first), run.clone(), &proof), Ok(()));
        for (refusal, changed) in broken(&proof).into_iter().filter(|(refusal, _)| *refusal != Refusal::Mismatch) {
            let error = verify_range(&head(&oracle, leaves), index(first), run.clone(), &changed);
            prop_assert_eq!(error.err().and_then(Refusal::of), Some(refusal));
        }
        let last = run.len() - 1;
        run[last].0[0] ^= 1;
        let changed = verify_range(&head(&oracle, leaves), index(first), run, &proof);
        prop_assert!(matches!(changed, Err(ProofError::RootMismatch { .. })), "{:?}", changed);
    }

    #[test]
    fn consistency_proofs_match_the_oracle_at_any_size(
        (first, second, stored) in three_sizes(),
        random in prop::collection::vec(0..MAX_TREE_SIZE, 0..6),
    ) {
        let oracle = sparse(&[first, second, stored], &random);

        let proof = prove_consistency(&oracle, first, second, stored);

        prop_assert_eq!(&proof, &oracle.proof(first, second));
        prop_assert!(proof.len() <= MAX_PROOF_LEN);
        prop_assert_eq!(verify_consistency(&head(&oracle, first), &head(&oracle, second), &proof), Ok(()));
    }

    #[test]
    fn broken_proofs_are_refused_at_any_size((first, second, _) in three_sizes()) {
        // Every leaf its own near the path, so that few hashes of the proof are alike.
        let oracle = sparse(&[first, second, 0], &[]);
        let (first_head, second_head) = (head(&oracle, first), head(&oracle, second));
        let (inclusion, consistency) = (oracle.path(first - 1, second), oracle.proof(first, second));
        for (refusal, proof) in broken(&inclusion).into_iter().filter(|(_, proof)| *proof != inclusion) {
            let error = verify_inclusion(&second_head, index(first - 1), &leaf(first - 1), &proof);
            prop_assert_eq!(error.map_err(Refusal::of), Err(Some(refusal)));
        }
        for (refusal, proof) in broken(&consistency).into_iter().filter(|(_, proof)| *proof != consistency) {
            let error = verify_consistency(&first_head, &second_head, &proof);
            prop_assert_eq!(error.map_err(Refusal::of), Err(Some(refusal)));
        }
    }

    #[test]
    fn subtrees_append_to_what_their_leaves_would(
        leaves in any_size(),
        levels in prop::collection::vec(0u8..50, 1..12),
    ) {
        let oracle = sparse(&[leaves], &[]);
        let mut grown = frontier(&oracle, leaves);
        prop_assert_eq!(grown.head(), head(&oracle, leaves));
        for level in levels {
            let (before, start) = (grown.clone(), grown.size().get());
            let subtree = 1u64 << level;
            let fits = start % subtree == 0;
            let hash = if level < 48 { oracle.mth(start, subtree) } else { Hash([9; 32]) };
            match grown.append_subtree(level, &hash) {
                Ok(()) => {
                    prop_assert!(fits && start + subtree <= MAX_TREE_SIZE);
                    prop_assert_eq!(&grown, &frontier(&oracle, start + subtree));
                    prop_assert_eq!(grown.head(), head(&oracle, start + subtree));
                }
                Err(error) => {
                    let expected = if fits {
                        prop_assert!(start + subtree > MAX_TREE_SIZE);
                        FrontierError::Full(merkle_log::OutOfRange(start + subtree))
                    } else {
                        FrontierError::Unaligned { size: size(start), level }
                    };
                    prop_assert_eq!(error, expected);
                    prop_assert_eq!(&grown, &before);
                }
            }
        }
    }

    #[test]
    fn a_frontier_is_taken_only_with_a_slot_for_each_bit(leaves in any_size(), slot in 0..LEVELS) {
        let oracle = sparse(&[], &[]);
        let mut peaks = *frontier(&oracle, leaves).peaks();
        let is_set = leaves >> slot & 1 == 1;
        peaks[slot] = if is_set { [0; 32] } else { [1; 32] };
        let level = u8::try_from(slot).expect("below 48");
        prop_assert_eq!(Frontier::from_peaks(size(leaves), peaks), Err(FrontierError::Inconsistent { level }));
    }
}

#[test]
fn the_longest_proofs_are_as_long_as_documented() {
    let oracle = Oracle::sparse(Hash([3; 32]), []);
    let inclusion = prove_inclusion(&oracle, 0, MAX_TREE_SIZE, MAX_TREE_SIZE);
    assert_eq!(inclusion.len(), LEVELS);
    let consistency = prove_consistency(&oracle, (1 << 47) - 1, MAX_TREE_SIZE, MAX_TREE_SIZE);
    assert_eq!(consistency.len(), MAX_PROOF_LEN);
    let range = prove_range(&oracle, (1 << 47) - 1, (1 << 47) + 1, MAX_TREE_SIZE, MAX_TREE_SIZE);
    assert_eq!(range.len(), MAX_RANGE_PROOF_LEN);
}
