//! The right edge, appended to and rebuilt.

use merkle_log::{Edge, EdgeError, Frontier, FullTile, Grown, Hash, LeafHash, Tile, TileError, Tiles};

use super::{EVERY, head, leaf, log, oracle::Oracle, seed, size};

/// The tiles that the store would hold: the full tiles, and the partial ones of the edge.
fn rebuilt(oracle: &Oracle, leaves: u64) -> Edge {
    let partial: Vec<Tile> = Tile::partial(size(leaves)).collect();
    Edge::from_tiles(size(leaves), &oracle.read(&partial)).expect("all tiles are there")
}

#[test]
fn an_edge_that_grew_equals_one_that_was_rebuilt() {
    let most = 65_536 + EVERY;
    let oracle = log(most);
    let (mut edge, mut grown) = (Edge::new(), Grown::default());
    assert_eq!(edge, rebuilt(&oracle, 0));
    for leaves in 1..=most {
        edge.append_leaf(&leaf(leaves - 1), &mut grown).expect("room");
        if leaves <= 600 || leaves % 256 <= 1 && leaves % 1_024 < 258 || leaves >= 65_534 {
            assert_eq!(edge, rebuilt(&oracle, leaves), "{leaves} leaves");
            assert_eq!(edge.frontier().head(), head(&oracle, leaves));
        }
    }
    // Each tile once, when its last hash came; a tile of hashes of tiles right after its last tile.
    let mut expected: Vec<(u8, u64)> = (0..256).map(|index| (0, index)).collect();
    expected.push((1, 0));
    assert_eq!(grown.tiles.iter().map(|tile| (tile.level, tile.index)).collect::<Vec<_>>(), expected);
    for FullTile { level, index, hashes, root } in grown.tiles {
        assert_eq!(hashes, oracle.tile(Tile { level, index, width: 256 }), "tile {level}/{index}");
        let leaves = 256u64.pow(u32::from(level) + 1);
        assert_eq!(root, oracle.mth(index * leaves, leaves));
    }
}

#[test]
fn an_edge_is_not_made_without_one_of_its_tiles() {
    let leaves = 65_536 + 512 + 3;
    let oracle = log(leaves);
    let partial: Vec<Tile> = Tile::partial(size(leaves)).collect();
    assert_eq!(partial.len(), 3);
    for without in 0..partial.len() {
        let mut some = partial.clone();
        let left_out = some.remove(without);
        let error = Edge::from_tiles(size(leaves), &oracle.read(&some)).expect_err("a tile is missing");
        assert!(matches!(error, EdgeError::Tile(TileError::Missing { .. })), "{error}");

        let mut narrower = oracle.read(&some);
        let tile = Tile { width: left_out.width - 1, ..left_out };
        narrower.insert(tile, oracle.tile(tile)).expect("as wide as it says");
        let error = Edge::from_tiles(size(leaves), &narrower).expect_err("a tile is too narrow");
        assert_eq!(
            error,
            EdgeError::Tile(if tile.width == 0 {
                TileError::WrongWidth { tile: left_out, given: 0 }
            } else {
                TileError::WrongWidth { tile: left_out, given: usize::from(tile.width) }
            })
        );
    }
}

#[test]
fn an_altered_tile_gives_another_frontier() {
    let leaves = 65_536 + 512 + 3;
    let oracle = log(leaves);
    let expected = rebuilt(&oracle, leaves);
    for altered in Tile::partial(size(leaves)) {
        for slot in 0..usize::from(altered.width) {
            let mut tiles = Tiles::default();
            for tile in Tile::partial(size(leaves)) {
                let mut hashes = oracle.tile(tile);
                if tile == altered {
                    hashes[slot].0[slot % 32] ^= 0x80;
                }
                tiles.insert(tile, hashes).expect("as wide as it says");
            }
            let edge = Edge::from_tiles(size(leaves), &tiles).expect("all tiles are there");
            assert_ne!(edge.frontier(), expected.frontier(), "hash {slot} of {altered:?}");
        }
    }
}

#[test]
fn a_full_log_takes_no_leaf_and_stays_as_it_is() {
    let leaves = merkle_log::MAX_TREE_SIZE;
    let oracle = Oracle::sparse(Hash([3; 32]), []);
    let mut edge = rebuilt(&oracle, leaves);
    let (before, mut grown) = (edge.clone(), Grown::default());

    let error = edge.append_leaf(&LeafHash([1; 32]), &mut grown).expect_err("full");

    assert!(matches!(error, EdgeError::Frontier(merkle_log::FrontierError::Full(_))), "{error}");
    assert_eq!((edge, grown), (before, Grown::default()));
}

proptest::proptest! {
    #![proptest_config(seed::cases(24))]

    #[test]
    fn an_edge_of_any_size_grows_as_if_rebuilt(leaves in super::huge::any_size(), more in 1u64..700) {
        let leaves = leaves.min(merkle_log::MAX_TREE_SIZE - more);
        let later = leaves + more;
        let oracle = Oracle::sparse(Hash([3; 32]), (leaves..later).map(|index| (index, leaf(index))));
        let (mut edge, mut grown) = (rebuilt(&oracle, leaves), Grown::default());
        let mut frontier: Frontier = edge.frontier().clone();
        for index in leaves..later {
            edge.append_leaf(&leaf(index), &mut grown).expect("room");
            frontier.append_leaf(&leaf(index)).expect("room");
        }
        proptest::prop_assert_eq!(&edge, &rebuilt(&oracle, later));
        proptest::prop_assert_eq!(edge.frontier(), &frontier);
        proptest::prop_assert_eq!(frontier.head(), head(&oracle, later));
        // Each tile that is full now and was not before.
        let expected: u64 = (1..=6).map(|level| (later >> (8 * level)) - (leaves >> (8 * level))).sum();
        proptest::prop_assert_eq!(grown.tiles.len() as u64, expected);
        for FullTile { level, index, hashes, root } in grown.tiles {
            proptest::prop_assert_eq!(&hashes, &oracle.tile(Tile { level, index, width: 256 }));
            let leaves = 256u64.pow(u32::from(level) + 1);
            proptest::prop_assert_eq!(root, oracle.mth(index * leaves, leaves));
        }
    }
}
