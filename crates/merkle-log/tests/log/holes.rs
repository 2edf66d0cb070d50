//! Leaves appended by the hashes of their subtrees: all that follows is known, and nothing else is.

use std::collections::BTreeMap;

use merkle_log::{
    Edge, EdgeError, FrontierError, Grown, Hash, LEVELS, MAX_TREE_SIZE, Position, Tile, TileError, Tiles,
    consistency_plan, inclusion_plan, subtrees, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

use super::{head, huge::any_size, index, leaf, log, oracle::Oracle, seed, size};

/// The highest level that is appended by its hash here, as in the program.
const MAX_LEVEL: u8 = 24;

/// The way in which the next leaves are appended.
#[derive(Clone, Copy, Debug)]
enum Run {
    Leaves(u64),
    Subtrees(u64),
}

/// The rows that a database would hold of a log, and the edge that wrote it.
#[derive(Default)]
struct Stored {
    edge: Edge,
    leaves: BTreeMap<u64, Hash>,
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
    roots: BTreeMap<(u8, u64), Hash>,
    /// Roots of subtrees: those appended and those of tiles that lack hashes.
    subtrees: BTreeMap<Position, Hash>,
    appended: Vec<Position>,
}

impl Stored {
    fn size(&self) -> u64 {
        self.edge.frontier().size().get()
    }

    fn append(&mut self, oracle: &Oracle, run: Run) {
        let (start, mut grown) = (self.size(), Grown::default());
        match run {
            Run::Leaves(leaves) => {
                for index in start..start + leaves {
                    self.edge.append_leaf(&oracle.leaf(index), &mut grown).expect("room");
                    self.leaves.insert(index, oracle.leaf(index).into());
                }
            }
            Run::Subtrees(leaves) => {
                for position in subtrees(size(start), size(start + leaves), MAX_LEVEL) {
                    let root = at(oracle, position);
                    self.edge.append_subtree(position.level, &root, &mut grown).expect("room");
                    self.subtrees.insert(position, root);
                    self.appended.push(position);
                }
            }
        }
        for tile in grown.tiles {
            assert!(self.tiles.insert((tile.level, tile.index), tile.hashes).is_none(), "each tile once");
            self.roots.insert((tile.level, tile.index), tile.root);
        }
        for (position, root) in grown.holed {
            assert_eq!((position.level % 8, at(oracle, position)), (0, root));
            assert!(self.subtrees.insert(position, root).is_none(), "each root once");
        }
    }

    /// The answer that a database would give.
    fn read(&self, wanted: &[Tile]) -> Tiles {
        let mut read = Tiles::default();
        for tile in wanted {
            match self.tiles.get(&(tile.level, tile.index)) {
                Some(hashes) => read.insert(*tile, hashes.clone()).expect("full"),
                None => {
                    let first = tile.first_offset();
                    let hashes = (first..first + u64::from(tile.width)).map(|offset| self.slot(tile.level, offset));
                    read.insert_holed(*tile, hashes.collect()).expect("as wide as it says");
                }
            }
        }
        self.subtrees.iter().for_each(|(position, root)| read.insert_subtree(*position, *root));
        read
    }

    fn slot(&self, tile_level: u8, offset: u64) -> Option<Hash> {
        let known = match tile_level.checked_sub(1) {
            None => self.leaves.get(&offset),
            Some(below) => self.roots.get(&(below, offset)),
        };
        known.or_else(|| self.subtrees.get(&Position { level: 8 * tile_level, offset })).copied()
    }

    /// The appended subtree that a node lies strictly inside.
    fn around(&self, position: Position) -> Option<Position> {
        let is_around = |subtree: &&Position| {
            subtree.level > position.level && position.offset >> (subtree.level - position.level) == subtree.offset
        };
        self.appended.iter().find(is_around).copied()
    }

    fn expect_node(&self, oracle: &Oracle, position: Position) {
        let tile = Tile::holding(position, size(self.size())).expect("stored");
        let expected = match self.around(position) {
            Some(subtree) => Err(TileError::Unknown { position, subtree }),
            None => Ok(at(oracle, position)),
        };
        assert_eq!(self.read(&[tile]).hash_at(position), expected, "{position:?} in {}", self.size());
    }

    /// The edge, and the whole of what proofs are made of.
    fn expect_whole(&self, oracle: &Oracle) {
        assert_eq!(self.edge.frontier().head(), head(oracle, self.size()));
        let partial: Vec<Tile> = Tile::partial(size(self.size())).collect();
        let rebuilt = Edge::from_tiles(size(self.size()), &self.read(&partial)).expect("all is known");
        assert_eq!(rebuilt, self.edge, "{} leaves", self.size());
        // A tile is kept exactly when all of its hashes are known.
        for (level, index) in self.tiles.keys() {
            let tile = Tile { level: *level, index: *index, width: 256 };
            assert_eq!(self.tiles[&(*level, *index)], oracle.tile(tile));
        }
    }
}

fn at(oracle: &Oracle, position: Position) -> Hash {
    oracle.mth(position.offset << position.level, 1 << position.level)
}

/// All nodes near these leaves, at every level.
fn nodes_near(leaves: &[u64], stored: u64) -> Vec<Position> {
    let mut nodes = Vec::new();
    for leaf in leaves {
        for level in 0..LEVELS as u8 {
            let here = leaf >> level;
            for offset in here.saturating_sub(1)..=here + 1 {
                if (offset + 1) << level <= stored {
                    nodes.push(Position { level, offset });
                }
            }
        }
    }
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

#[test]
fn every_node_of_every_small_log_is_known_unless_it_lies_inside_a_subtree() {
    const MOST: u64 = 24;
    let oracle = log(MOST);
    for first in 0..=MOST {
        for second in first..=MOST {
            let mut stored = Stored::default();
            stored.append(&oracle, Run::Leaves(first));
            stored.append(&oracle, Run::Subtrees(second - first));
            stored.append(&oracle, Run::Leaves(MOST - second));
            stored.expect_whole(&oracle);
            for level in 0..5 {
                for offset in 0..MOST >> level {
                    stored.expect_node(&oracle, Position { level, offset });
                }
            }
        }
    }
}

/// A run of subtrees that ends at each border of tiles, after a run of leaves that ends near one.
#[test]
fn runs_around_the_borders_of_tiles_leave_no_more_unknown_than_their_insides() {
    let borders = [1, 2, 127, 128, 129, 254, 255, 256, 257, 383, 384, 511, 512, 513, 32_768, 65_280, 65_535, 65_536];
    let most = 65_536 + 600;
    let oracle = log(most);
    for (number, start) in borders.into_iter().enumerate() {
        for end in borders.into_iter().skip(number).chain([65_537, 65_792, most]) {
            let mut stored = Stored::default();
            stored.append(&oracle, Run::Leaves(start));
            stored.append(&oracle, Run::Subtrees(end - start));
            stored.append(&oracle, Run::Leaves((most - end).min(300)));
            stored.expect_whole(&oracle);
            for position in nodes_near(&[0, start, (start + end) / 2, end, stored.size()], stored.size()) {
                stored.expect_node(&oracle, position);
            }
        }
    }
}

#[test]
fn one_subtree_of_every_level_among_leaves() {
    for level in 0..=MAX_LEVEL {
        let (before, subtree) = (1u64 << level, 1u64 << level);
        // As many leaves before it as it has, up to a few: these by hash too.
        let distinct = [0, 1, before - 1, before, before + subtree - 1, before + subtree, before + subtree + 1];
        let oracle = Oracle::sparse(Hash([3; 32]), distinct.iter().map(|at| (*at, leaf(*at))));
        let mut stored = Stored::default();
        stored.append(&oracle, if level < 10 { Run::Leaves(before) } else { Run::Subtrees(before) });
        stored.append(&oracle, Run::Subtrees(subtree));
        stored.append(&oracle, Run::Leaves(260));
        stored.expect_whole(&oracle);
        for position in nodes_near(&[0, before, before + subtree / 2, before + subtree], stored.size()) {
            stored.expect_node(&oracle, position);
        }
    }
}

#[test]
fn a_subtree_that_does_not_fit_changes_nothing() {
    let oracle = log(6);
    let mut stored = Stored::default();
    stored.append(&oracle, Run::Leaves(6));
    for level in [2, 3, 24, 47, 48, 255] {
        let (mut edge, mut grown) = (stored.edge.clone(), Grown::default());
        let error = edge.append_subtree(level, &Hash([1; 32]), &mut grown).expect_err("it does not fit");
        assert_eq!(error, EdgeError::Frontier(FrontierError::Unaligned { size: size(6), level }));
        assert_eq!((&edge, grown), (&stored.edge, Grown::default()));
    }
    let full = Oracle::sparse(Hash([3; 32]), []);
    let partial: Vec<Tile> = Tile::partial(size(MAX_TREE_SIZE)).collect();
    let mut edge = Edge::from_tiles(size(MAX_TREE_SIZE), &full.read(&partial)).expect("all tiles are there");
    let error = edge.append_subtree(0, &Hash([1; 32]), &mut Grown::default()).expect_err("full");
    assert!(matches!(error, EdgeError::Frontier(FrontierError::Full(_))), "{error}");
}

#[test]
fn an_edge_is_not_made_without_the_root_over_a_hole() {
    let oracle = log(300);
    let mut stored = Stored::default();
    stored.append(&oracle, Run::Leaves(260));
    stored.append(&oracle, Run::Subtrees(12));
    stored.append(&oracle, Run::Leaves(5));
    let partial: Vec<Tile> = Tile::partial(size(277)).collect();
    for left_out in stored.appended.clone() {
        let root = stored.subtrees.remove(&left_out).expect("appended");
        let error = Edge::from_tiles(size(277), &stored.read(&partial)).expect_err("a root is missing");
        let first = Position { level: 0, offset: left_out.offset << left_out.level };
        assert_eq!(error, EdgeError::Tile(TileError::Missing { position: first }));
        let tile = Tile::holding(left_out, size(277)).expect("stored");
        let refused = stored.read(&[tile]).hash_at(left_out);
        assert_eq!(refused, Err(TileError::Missing { position: left_out }), "no one said that it is not known");
        stored.subtrees.insert(left_out, root);
    }
    stored.expect_whole(&oracle);
}

#[test]
fn an_altered_root_over_a_hole_gives_another_frontier() {
    let oracle = log(300);
    let mut stored = Stored::default();
    stored.append(&oracle, Run::Leaves(4));
    stored.append(&oracle, Run::Subtrees(124));
    stored.append(&oracle, Run::Leaves(100));
    let partial: Vec<Tile> = Tile::partial(size(228)).collect();
    for altered in stored.appended.clone() {
        let root = stored.subtrees[&altered];
        stored.subtrees.insert(altered, Hash([9; 32]));
        let edge = Edge::from_tiles(size(228), &stored.read(&partial)).expect("all is there");
        assert_ne!(edge.frontier(), stored.edge.frontier());
        stored.subtrees.insert(altered, root);
    }
}

#[test]
fn a_holed_tile_has_all_hashes_or_says_which_it_lacks() {
    let tile = Tile { level: 1, index: 2, width: 4 };
    let mut tiles = Tiles::default();
    assert_eq!(tiles.insert_holed(tile, vec![None; 3]), Err(TileError::WrongWidth { tile, given: 3 }));
    let mut hashes = vec![Some(Hash([1; 32])), Some(Hash([2; 32])), None, None];
    tiles.insert_holed(tile, hashes.clone()).expect("as wide as it says");
    let position = Position { level: 8, offset: 514 };
    assert_eq!(tiles.hashes(tile), Err(TileError::Missing { position }));
    let subtree = Position { level: 9, offset: 257 };
    tiles.insert_subtree(subtree, Hash([5; 32]));
    assert_eq!(tiles.hashes(tile), Err(TileError::Unknown { position, subtree }));
    assert_eq!(tiles.hash_at(subtree), Ok(Hash([5; 32])));
    hashes[2..].fill(Some(Hash([3; 32])));
    tiles.insert_holed(tile, hashes).expect("as wide as it says");
    let all = [Hash([1; 32]), Hash([2; 32]), Hash([3; 32]), Hash([3; 32])];
    assert_eq!(tiles.hashes(tile), Ok(all.as_slice()));
}

/// A proof from exactly the tiles that its plan names, or the subtree of which more must be known.
fn proof(stored: &Stored, plan: &merkle_log::Plan) -> Result<Vec<Hash>, TileError> {
    let tiles = plan.tiles(size(stored.size())).expect("stored");
    plan.proof(&stored.read(&tiles))
}

fn any_runs() -> impl Strategy<Value = Vec<Run>> {
    let run = prop_oneof![
        (1u64..40).prop_map(Run::Leaves),
        (1u64..700).prop_map(Run::Leaves),
        (1u64..40).prop_map(Run::Subtrees),
        (1u64..3_000).prop_map(Run::Subtrees),
        any_size().prop_map(|leaves| Run::Subtrees(leaves % (1 << 28) + 1)),
    ];
    prop::collection::vec(run, 1..7)
}

proptest! {
    #![proptest_config(seed::cases(48))]

    #[test]
    fn any_log_with_holes_is_known_but_for_their_insides(
        runs in any_runs(),
        near in prop::collection::vec(0.0..1.0_f64, 6),
        first in 0.0..1.0_f64,
    ) {
        let ends: Vec<u64> = runs.iter().scan(0, |end, run| {
            let (Run::Leaves(leaves) | Run::Subtrees(leaves)) = run;
            *end += leaves;
            Some(*end)
        }).collect();
        let most = *ends.last().expect("a run");
        let around = ends.iter().chain(&[0]).flat_map(|end| end.saturating_sub(3)..end + 3);
        let oracle = Oracle::sparse(Hash([3; 32]), around.map(|at| (at, leaf(at))));
        let mut stored = Stored::default();
        for run in &runs {
            stored.append(&oracle, *run);
            stored.expect_whole(&oracle);
        }
        prop_assert_eq!(stored.size(), most);

        let mut leaves: Vec<u64> = near.iter().map(|share| ((most as f64 * share) as u64).min(most - 1)).collect();
        leaves.extend(ends.iter().flat_map(|end| [end - 1, *end]).filter(|leaf| *leaf < most));
        for position in nodes_near(&leaves, most) {
            stored.expect_node(&oracle, position);
        }

        // Every proof is made unless one of its nodes lies inside a subtree.
        let whole = head(&oracle, most);
        for at_leaf in leaves {
            let plan = inclusion_plan(index(at_leaf), size(most)).expect("a leaf of the tree");
            let lacks = plan.positions().any(|position| stored.around(position).is_some());
            match proof(&stored, &plan) {
                Ok(proof) => {
                    prop_assert!(!lacks);
                    prop_assert_eq!(verify_inclusion(&whole, index(at_leaf), &oracle.leaf(at_leaf), &proof), Ok(()));
                }
                Err(error) => prop_assert!(lacks && matches!(error, TileError::Unknown { .. }), "{error}"),
            }
        }
        for earlier in ends.iter().copied().chain([1 + ((most - 1) as f64 * first) as u64]) {
            let plan = consistency_plan(size(earlier), size(most)).expect("a tree that grows");
            let lacks = plan.positions().any(|position| stored.around(position).is_some());
            prop_assert!(!lacks || !ends.contains(&earlier), "heads of the ledger are always proven");
            match proof(&stored, &plan) {
                Ok(proof) => {
                    prop_assert!(!lacks);
                    prop_assert_eq!(verify_consistency(&head(&oracle, earlier), &whole, &proof), Ok(()));
                }
                Err(error) => prop_assert!(lacks && matches!(error, TileError::Unknown { .. }), "{error}"),
            }
        }
    }
}
