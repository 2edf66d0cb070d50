//! Any input gets an answer, never a panic.

use merkle_log::{
    Edge, Frontier, Grown, Hash, LeafHash, LeafIndex, MAX_TREE_SIZE, Position, Root, Tile, Tiles, TreeHead, TreeSize,
    consistency_plan, inclusion_plan, range_plan, verify_consistency, verify_inclusion, verify_range,
};
use proptest::prelude::*;

use super::{index, seed, size};

/// Any number, with the small and the largest ones often.
fn number(most: u64) -> impl Strategy<Value = u64> {
    prop_oneof![0..=most, 0..=most.min(300), most.saturating_sub(3)..=most]
}

fn any_head() -> impl Strategy<Value = TreeHead> {
    (number(MAX_TREE_SIZE), any::<[u8; 32]>())
        .prop_map(|(leaves, root)| TreeHead { size: size(leaves), root: Root(root) })
}

fn any_proof() -> impl Strategy<Value = Vec<Hash>> {
    prop::collection::vec(any::<[u8; 32]>().prop_map(Hash), 0..130)
}

fn any_tile() -> impl Strategy<Value = Tile> {
    (prop_oneof![0u8..7, any::<u8>()], number(u64::MAX), prop_oneof![0u16..5, any::<u16>()])
        .prop_map(|(level, index, width)| Tile { level, index, width })
}

fn any_position() -> impl Strategy<Value = Position> {
    (prop_oneof![0u8..50, any::<u8>()], number(u64::MAX)).prop_map(|(level, offset)| Position { level, offset })
}

proptest! {
    #![proptest_config(seed::cases(2_000))]

    #[test]
    fn random_inclusion_proofs_are_refused(
        head in any_head(), at in number(MAX_TREE_SIZE - 1), leaf in any::<[u8; 32]>(), proof in any_proof(),
    ) {
        prop_assert!(verify_inclusion(&head, index(at), &LeafHash(leaf), &proof).is_err());
    }

    #[test]
    fn random_consistency_proofs_are_refused(first in any_head(), second in any_head(), proof in any_proof()) {
        prop_assert!(verify_consistency(&first, &second, &proof).is_err());
        // Equal sizes, which random heads seldom have.
        let equal = TreeHead { size: first.size, ..second };
        prop_assert!(verify_consistency(&first, &equal, &proof).is_err());
    }

    #[test]
    fn random_range_proofs_are_refused(
        head in any_head(), at in number(MAX_TREE_SIZE - 1), leaves in 0usize..300, proof in any_proof(),
    ) {
        let leaves = vec![LeafHash([7; 32]); leaves];
        prop_assert!(verify_range(&head, index(at), leaves, &proof).is_err());
    }

    #[test]
    fn sizes_and_indexes_are_in_range_or_refused(number in number(u64::MAX)) {
        prop_assert_eq!(TreeSize::new(number).is_ok(), number <= MAX_TREE_SIZE);
        prop_assert_eq!(LeafIndex::new(number).is_ok(), number < MAX_TREE_SIZE);
    }

    #[test]
    fn plans_answer(
        at in number(MAX_TREE_SIZE - 1),
        leaves in number(MAX_TREE_SIZE),
        other in number(MAX_TREE_SIZE),
        stored in number(MAX_TREE_SIZE),
    ) {
        let inclusion = inclusion_plan(index(at), size(leaves));
        prop_assert_eq!(inclusion.is_ok(), at < leaves);
        let consistency = consistency_plan(size(leaves), size(other));
        prop_assert_eq!(consistency.is_ok(), leaves <= other);
        let range = range_plan(index(at), size(leaves), size(other));
        prop_assert_eq!(range.is_ok(), at < leaves && leaves <= other);
        for plan in [inclusion, consistency, range].into_iter().flatten() {
            let is_stored = plan.positions().all(|at| (at.offset + 1) << at.level <= stored);
            prop_assert_eq!(plan.tiles(size(stored)).is_ok(), is_stored);
            let is_empty = plan.positions().next().is_none();
            prop_assert_eq!(plan.proof(&Tiles::default()).is_ok(), is_empty);
        }
    }

    #[test]
    fn tiles_answer(
        tile in any_tile(), position in any_position(), leaves in number(MAX_TREE_SIZE), given in 0usize..300,
    ) {
        let mut tiles = Tiles::default();
        let inserted = tiles.insert(tile, vec![Hash::default(); given]);
        prop_assert_eq!(inserted.is_ok(), given == usize::from(tile.width));
        let holding = Tile::holding(position, size(leaves));
        let end = u128::from(position.offset) + 1;
        prop_assert_eq!(holding.is_ok(), position.level < 64 && end << position.level <= u128::from(leaves));
        // Only answers are wanted of these.
        let _ = (tiles.hash_at(position), tiles.hashes(tile), tile.first_offset(), tile.is_full());
        let _ = Tile::at(tile.level, tile.index, size(leaves));
        let _ = Edge::from_tiles(size(leaves), &tiles);
    }

    #[test]
    fn holed_tiles_answer(
        tile in any_tile(),
        given in prop::collection::vec(any::<Option<[u8; 32]>>(), 0..300),
        nodes in prop::collection::vec((any_position(), any::<[u8; 32]>()), 0..5),
        position in any_position(),
        leaves in number(MAX_TREE_SIZE),
        level in any::<u8>(),
    ) {
        let tile = Tile { width: u16::try_from(given.len()).expect("below 300"), ..tile };
        let mut tiles = Tiles::default();
        let hashes: Vec<Option<Hash>> = given.into_iter().map(|hash| hash.map(Hash)).collect();
        let is_whole = hashes.iter().all(Option::is_some);
        prop_assert_eq!(tiles.insert_holed(tile, hashes), Ok(()));
        nodes.into_iter().for_each(|(position, root)| tiles.insert_subtree(position, Hash(root)));
        prop_assert_eq!(tiles.hashes(tile).is_ok(), is_whole);
        let _ = tiles.hash_at(position);
        if let Ok(mut edge) = Edge::from_tiles(size(leaves), &tiles) {
            let _ = edge.append_subtree(level, &Hash([1; 32]), &mut Grown::default());
        }
        let _ = Edge::new().append_subtree(level, &Hash([1; 32]), &mut Grown::default());
    }

    #[test]
    fn frontiers_answer(
        leaves in number(MAX_TREE_SIZE), zero in any::<u64>(), level in any::<u8>(), hash in any::<[u8; 32]>(),
    ) {
        let mut peaks = [[0; 32]; 48];
        for (slot, peak) in peaks.iter_mut().enumerate() {
            *peak = if zero >> slot & 1 == 1 { hash } else { [0; 32] };
        }
        let taken = Frontier::from_peaks(size(leaves), peaks);
        prop_assert_eq!(taken.is_ok(), hash == [0; 32] && leaves == 0 || zero & MAX_TREE_SIZE == leaves);
        // The functions on arrays take what they are given.
        let _ = merkle_log::frontier::root(&peaks, size(leaves));
        let _ = merkle_log::frontier::append_subtree(&mut peaks, size(leaves), level, &Hash(hash));
    }

    #[test]
    fn texts_are_read_or_refused(text in ".{0,80}", digits in "[0-9a-fA-F]{62,66}") {
        prop_assert!(text.parse::<Hash>().is_err() || text.len() == 64);
        let is_hash = digits.len() == 64 && !digits.bytes().any(|byte| byte.is_ascii_uppercase());
        prop_assert_eq!(digits.parse::<Hash>().is_ok(), is_hash);
    }
}
