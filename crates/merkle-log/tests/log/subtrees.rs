//! Runs of leaves as perfect subtrees, and the peak that covers a leaf.

use merkle_log::frontier::peak_covering;
use merkle_log::{Frontier, LEVELS, MAX_TREE_SIZE, Position, subtrees};
use proptest::prelude::*;

use super::{EVERY, huge::any_size, index, log, seed, size};

#[test]
fn a_frontier_grows_by_a_runs_subtrees_as_by_its_leaves() {
    let oracle = log(EVERY);
    for start in 0..=EVERY {
        for end in start..=EVERY {
            for max_level in [0, 1, 3, 47] {
                let mut frontier = Frontier::new();
                subtrees(size(0), size(start), 47).chain(subtrees(size(start), size(end), max_level)).for_each(
                    |Position { level, offset }| {
                        let root = oracle.mth(offset << level, 1 << level);
                        frontier.append_subtree(level, &root).expect("a subtree that fits");
                    },
                );
                assert_eq!(frontier.size(), size(end));
                assert_eq!(frontier.root(), oracle.root(end));
            }
        }
    }
}

#[test]
fn no_list_of_aligned_subtrees_is_shorter() {
    const MOST: usize = 70;
    for max_level in [0, 2, 47_u8] {
        for end in 0..=MOST {
            // By dynamic programming over all lists: the fewest subtrees from each start to the end.
            let mut fewest = vec![0; end + 1];
            for start in (0..end).rev() {
                let fits = |level: &u8| start % (1 << level) == 0 && start + (1 << level) <= end;
                let lists = (0..=max_level.min(7)).filter(fits).map(|level| 1 + fewest[start + (1 << level)]);
                fewest[start] = lists.min().expect("a leaf always fits");
                let list = subtrees(size(start as u64), size(end as u64), max_level);
                assert_eq!(list.count(), fewest[start], "{start} to {end}");
            }
        }
    }
}

#[test]
fn the_covering_peak_is_the_one_whose_leaves_include_the_index() {
    for leaves in 0..=EVERY {
        let peaks: Vec<Position> = subtrees(size(0), size(leaves), 47).collect();
        for leaf in 0..=EVERY {
            let covering = peaks.iter().find(|peak| leaf >> peak.level == peak.offset);
            assert_eq!(peak_covering(size(leaves), index(leaf)).as_ref(), covering);
        }
    }
}

proptest! {
    #![proptest_config(seed::cases(2_000))]

    #[test]
    fn the_subtrees_of_any_run_are_aligned_and_adjacent(
        start in any_size(), share in 0.0..1.0_f64, max_level in 0..LEVELS as u8,
    ) {
        // Not so long that a low level would make millions of them.
        let most = (MAX_TREE_SIZE - start).min(1_000 << max_level);
        let end = start + (most as f64 * share) as u64;
        let mut next = start;
        for Position { level, offset } in subtrees(size(start), size(end), max_level) {
            prop_assert!(level <= max_level);
            prop_assert_eq!(offset << level, next);
            next += 1 << level;
        }
        prop_assert_eq!(next, end);
        prop_assert!(subtrees(size(start), size(end), 47).count() <= 94);
    }

    #[test]
    fn the_covering_peak_of_any_size_lies_within_it(leaves in any_size(), share in 0.0..1.0_f64) {
        let leaf = ((leaves as f64 * share) as u64).min(leaves - 1);
        let peak = peak_covering(size(leaves), index(leaf)).expect("a leaf of the tree");
        prop_assert_eq!(leaves >> peak.level & 1, 1);
        prop_assert_eq!(leaf >> peak.level, peak.offset);
        prop_assert_eq!(peak.offset, (leaves >> peak.level) - 1);
    }
}

#[test]
fn an_empty_or_turned_run_has_no_subtrees() {
    for (start, end) in [(0, 0), (5, 5), (6, 5), (MAX_TREE_SIZE, 0)] {
        assert_eq!(subtrees(size(start), size(end), 47).count(), 0);
    }
}
