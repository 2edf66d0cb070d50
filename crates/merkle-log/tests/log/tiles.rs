//! Proofs from tiles: what the plan asks for is stored, is enough, and is all needed.

use std::sync::LazyLock;

use merkle_log::{
    FullTile, Hash, Plan, Position, TILE_WIDTH, Tile, TileError, Tiles, consistency_plan, inclusion_plan,
    verify_consistency, verify_inclusion,
};

use super::{EVERY, head, index, leaf, log, oracle::Oracle, size};

/// Two tile levels are full here, and a third begins.
const MOST: u64 = 65_538;

static LOG: LazyLock<std::sync::Mutex<Oracle>> = LazyLock::new(|| log(MOST).into());

/// Sizes at which tiles become full, and their neighbours.
fn edges() -> Vec<u64> {
    let full = [256, 512, 1_024, 2_560, 32_768, 65_280, 65_536];
    full.iter().flat_map(|full| full - 2..=full + 2).collect()
}

/// Leaves at the ends, the middle and around the tiles' borders.
fn some_leaves(leaves: u64) -> impl Iterator<Item = u64> {
    let mut some = vec![0, 1, leaves / 3, leaves / 2, leaves - 1];
    some.extend([255, 256, 257, 511, 32_767, 32_768, 65_279, 65_280, 65_535]);
    some.extend(leaves.checked_sub(2));
    some.sort_unstable();
    some.dedup();
    some.into_iter().filter(move |leaf| *leaf < leaves)
}

fn inclusion(leaf: u64, leaves: u64) -> Plan {
    inclusion_plan(index(leaf), size(leaves)).expect("a leaf of the tree")
}

fn consistency(first: u64, second: u64) -> Plan {
    consistency_plan(size(first), size(second)).expect("a tree that grows")
}

/// Computes the proof from exactly the tiles that the plan names.
fn prove(oracle: &Oracle, plan: &Plan, stored: u64) -> Vec<Hash> {
    let tiles = plan.tiles(size(stored)).expect("the tree is stored");
    assert!(tiles.is_sorted_by(|left, right| left < right), "ascending, no repeats: {tiles:?}");
    plan.proof(&oracle.read(&tiles)).expect("the plan names all its tiles")
}

#[test]
fn every_small_tree_is_proven_from_a_log_of_any_later_size() {
    let oracle = log(EVERY);
    for stored in 1..=EVERY {
        for leaves in 1..=stored {
            for at in [0, leaves / 2, leaves - 1] {
                assert_eq!(prove(&oracle, &inclusion(at, leaves), stored), oracle.path(at, leaves));
            }
            for first in [1, leaves.div_ceil(2), leaves] {
                assert_eq!(prove(&oracle, &consistency(first, leaves), stored), oracle.proof(first, leaves));
            }
        }
    }
    for leaves in 1..=EVERY {
        for at in 0..leaves {
            assert_eq!(prove(&oracle, &inclusion(at, leaves), EVERY), oracle.path(at, leaves));
            assert_eq!(prove(&oracle, &consistency(at + 1, leaves), EVERY), oracle.proof(at + 1, leaves));
        }
    }
}

#[test]
fn trees_around_full_tiles_are_proven_from_any_later_size() {
    let oracle = LOG.lock().expect("no test has failed with it");
    for stored in edges() {
        for leaves in edges().into_iter().filter(|leaves| *leaves <= stored) {
            let head = head(&oracle, leaves);
            for at in some_leaves(leaves) {
                let proof = prove(&oracle, &inclusion(at, leaves), stored);
                assert_eq!(proof, oracle.path(at, leaves), "leaf {at} of {leaves} in {stored}");
                assert_eq!(verify_inclusion(&head, index(at), &leaf(at), &proof), Ok(()));

                let first = at + 1;
                let proof = prove(&oracle, &consistency(first, leaves), stored);
                assert_eq!(proof, oracle.proof(first, leaves), "{first} to {leaves} in {stored}");
                assert_eq!(verify_consistency(&super::head(&oracle, first), &head, &proof), Ok(()));
            }
        }
    }
}

#[test]
fn every_tile_of_a_plan_is_needed() {
    let oracle = LOG.lock().expect("no test has failed with it");
    for leaves in edges() {
        let plans = some_leaves(leaves).flat_map(|at| [inclusion(at, leaves), consistency(at + 1, leaves)]);
        for plan in plans {
            let tiles = plan.tiles(size(MOST)).expect("stored");
            // A position of tree level 8t is one hash: each tile level is read at a few places.
            assert!(tiles.len() <= 6, "{tiles:?}");
            for without in 0..tiles.len() {
                let mut some = tiles.clone();
                let left_out = some.remove(without);
                let error = plan.proof(&oracle.read(&some)).expect_err("a tile is missing");
                let TileError::Missing { position } = error else { panic!("{error}") };
                let holding = Tile::holding(position, size(MOST)).expect("stored");
                assert_eq!(holding, left_out);
            }
        }
    }
}

#[test]
fn a_node_that_is_not_stored_yet_is_refused() {
    for stored in (0..=EVERY).chain(edges()) {
        for later in [stored + 1, stored + 300] {
            let error = inclusion(0, later).tiles(size(stored));
            let has_all = inclusion(0, later).positions().all(|position| is_stored(position, stored));
            assert_eq!(error.is_ok(), has_all, "{stored} of {later}");
        }
        // The sibling of the newest leaf of the next tree is the newest leaf of this one, or is not there.
        for position in consistency(stored, stored + 1).positions() {
            let expected = is_stored(position, stored);
            assert_eq!(Tile::holding(position, size(stored)).is_ok(), expected, "{position:?} in {stored}");
        }
    }
}

/// Whether all leaves below the node are there.
fn is_stored(position: Position, stored: u64) -> bool {
    (position.offset + 1) << position.level <= stored
}

#[test]
fn a_node_is_stored_exactly_when_its_leaves_are() {
    for stored in (0..=EVERY).chain(edges()) {
        for level in 0..=18 {
            let around = stored >> level;
            for offset in around.saturating_sub(2)..=around + 2 {
                let position = Position { level, offset };
                let holding = Tile::holding(position, size(stored));
                match holding {
                    Ok(tile) => assert_eq!(Tile::at(tile.level, tile.index, size(stored)), Some(tile)),
                    Err(error) => {
                        assert_eq!(error, TileError::NotStored { position, stored: size(stored) });
                    }
                }
                assert_eq!(holding.is_ok(), is_stored(position, stored), "{position:?} in {stored}");
            }
        }
    }
}

#[test]
fn the_partial_tiles_are_what_no_full_tile_holds() {
    for stored in (0..=EVERY).chain(edges()).chain([merkle_log::MAX_TREE_SIZE]) {
        let partial: Vec<Tile> = Tile::partial(size(stored)).collect();
        // The digits of the size to base 256.
        let digits = (0u8..6).map(|level| (level, (stored >> (8 * level)) % 256)).filter(|(_, digit)| *digit != 0);
        let expected: Vec<Tile> = digits
            .map(|(level, digit)| Tile {
                level,
                index: (stored >> (8 * level)) / 256,
                width: u16::try_from(digit).expect("a digit"),
            })
            .collect();
        assert_eq!(partial, expected);
        assert!(partial.iter().all(|tile| !tile.is_full()));
    }
}

#[test]
fn a_tile_holds_as_many_hashes_as_the_log_has() {
    let at = |level, index, stored| Tile::at(level, index, size(stored)).map(|tile| tile.width);
    assert_eq!(at(0, 0, 0), None);
    assert_eq!(at(0, 0, 255), Some(255));
    assert_eq!(at(0, 0, 256), Some(256));
    assert_eq!(at(0, 1, 256), None);
    assert_eq!(at(0, 1, 257), Some(1));
    assert_eq!(at(1, 0, 255), None);
    assert_eq!(at(1, 0, 65_535), Some(255));
    assert_eq!(at(1, 0, 65_536), Some(256));
    assert_eq!(at(5, 0, merkle_log::MAX_TREE_SIZE), Some(255));
    for level in 6..=u8::MAX {
        assert_eq!(at(level, 0, merkle_log::MAX_TREE_SIZE), None);
    }
}

#[test]
fn a_full_tile_is_found_by_its_root() {
    for level in 0..=u8::MAX {
        let tile = Tile::rooted_at(Position { level, offset: 7 });
        let expected =
            [8, 16, 24, 32, 40].contains(&level).then(|| Tile { level: level / 8 - 1, index: 7, width: 256 });
        assert_eq!(tile, expected, "level {level}");
    }
    let oracle = log(512);
    let tile = Tile::rooted_at(Position { level: 8, offset: 1 }).expect("a tile's root");
    let full = FullTile::new(tile.level, tile.index, oracle.tile(tile)).expect("256 hashes");
    assert_eq!(full.root, oracle.mth(256, 256));
    for count in [0, 1, 128, 255, 257, 512] {
        assert_eq!(FullTile::new(0, 0, vec![Hash::default(); count]), None);
    }
}

#[test]
fn a_tile_of_another_width_is_refused() {
    let tile = Tile { level: 0, index: 3, width: 5 };
    let mut tiles = Tiles::default();
    for given in [0, 4, 6, 256] {
        assert_eq!(tiles.insert(tile, vec![Hash::default(); given]), Err(TileError::WrongWidth { tile, given }));
    }
    let first = Position { level: 0, offset: 3 * TILE_WIDTH };
    assert_eq!(tiles.hashes(tile), Err(TileError::Missing { position: first }), "a refused tile is not kept");

    tiles.insert(tile, vec![Hash([1; 32]); 5]).expect("as wide as it says");
    assert_eq!(tiles.hashes(tile), Ok([Hash([1; 32]); 5].as_slice()));
    let wider = Tile { width: 6, ..tile };
    assert_eq!(tiles.hashes(wider), Err(TileError::WrongWidth { tile: wider, given: 5 }));
    let beyond = Position { level: 2, offset: 3 * TILE_WIDTH / 4 + 1 };
    assert_eq!(tiles.hash_at(beyond), Err(TileError::Missing { position: beyond }));
}
