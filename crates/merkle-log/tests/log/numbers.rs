//! The ranges of sizes and indexes.

use merkle_log::{LeafIndex, MAX_TREE_SIZE, OutOfRange, TreeSize};

#[test]
fn the_largest_tree_has_2_to_the_48_less_one_leaves() {
    assert_eq!(MAX_TREE_SIZE, 281_474_976_710_655);
    assert_eq!(TreeSize::new(MAX_TREE_SIZE).map(TreeSize::get), Ok(MAX_TREE_SIZE));
    for beyond in [MAX_TREE_SIZE + 1, u64::MAX] {
        assert_eq!(TreeSize::new(beyond), Err(OutOfRange(beyond)));
    }
}

#[test]
fn the_last_leaf_is_in_the_largest_tree() {
    let last = LeafIndex::new(MAX_TREE_SIZE - 1).expect("in range");
    assert_eq!(last.smallest_size().get(), MAX_TREE_SIZE);
    for beyond in [MAX_TREE_SIZE, u64::MAX] {
        assert_eq!(LeafIndex::new(beyond), Err(OutOfRange(beyond)));
    }
}
