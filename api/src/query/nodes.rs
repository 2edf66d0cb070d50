//! Nodes of a tree from its tiles. The nodes over a tile's hashes are computed once, however many proofs need them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use merkle_log::{Hash, LeafIndex, Plan, Position, Tile, TileError, Tiles, TreeSize, hash_children};

/// How many tree levels lie between two tile levels.
const TILE_HEIGHT: u8 = 8;

/// A tile's hashes, the roots over each two of them, and so on.
type Levels = Vec<Vec<Hash>>;

/// The tiles that were read of a log of `stored` leaves.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    tiles: Tiles,
    stored: TreeSize,
    /// By a tile's level and index.
    computed: RefCell<BTreeMap<(u8, u64), Levels>>,
}

impl Nodes {
    pub(super) fn new(tiles: Tiles, stored: TreeSize) -> Self {
        Self { tiles, stored, computed: RefCell::default() }
    }

    /// The hashes of a tile that lacks none.
    pub(super) fn hashes(&self, tile: Tile) -> Result<&[Hash], TileError> {
        self.tiles.hashes(tile)
    }

    /// A proof that is asked for once.
    pub(super) fn proof(&self, plan: &Plan) -> Result<Vec<Hash>, TileError> {
        plan.proof(&self.tiles)
    }

    /// The hash of a node.
    pub(super) fn hash_at(&self, position: Position) -> Result<Hash, TileError> {
        let height = position.level % TILE_HEIGHT;
        if height == 0 {
            return self.tiles.hash_at(position);
        }
        let tile = Tile::holding(position, self.stored)?;
        let Ok(hashes) = self.tiles.hashes(tile) else {
            // Some are unknown; what is known over them, the tiles know.
            return self.tiles.hash_at(position);
        };
        let mut computed = self.computed.borrow_mut();
        let levels = computed.entry((tile.level, tile.index)).or_insert_with(|| levels(hashes));
        let slot = position.offset.checked_sub(tile.first_offset() >> height);
        let slot = slot.and_then(|slot| usize::try_from(slot).ok());
        let found = slot.and_then(|slot| levels.get(usize::from(height))?.get(slot));
        found.copied().ok_or(TileError::Missing { position })
    }

    /// The inclusion proof of a leaf in the tree of `size` leaves, above its index: what [`merkle_log::inclusion_plan`]
    /// leads to.
    ///
    /// Source: RFC 6962 section 2.1.1.
    pub(super) fn inclusion_proof(&self, index: LeafIndex, size: TreeSize) -> Result<Vec<Hash>, TileError> {
        let mut proof = Vec::new();
        let (mut start, mut end) = (0, size.get());
        while end.saturating_sub(start) > 1 {
            let middle = split(start, end);
            let sibling = if index.get() < middle { self.root(middle, end) } else { self.root(start, middle) };
            proof.push(sibling?);
            (start, end) = if index.get() < middle { (start, middle) } else { (middle, end) };
        }
        proof.reverse();
        Ok(proof)
    }

    /// The root over the leaves from `start` to `end`, a subtree in RFC 6962's sense that is not empty.
    fn root(&self, start: u64, end: u64) -> Result<Hash, TileError> {
        let len = end.saturating_sub(start);
        if len.is_power_of_two() {
            let level = len.trailing_zeros();
            return self.hash_at(Position { level: level as u8, offset: start >> level });
        }
        let middle = split(start, end);
        Ok(hash_children(&self.root(start, middle)?, &self.root(middle, end)?))
    }
}

/// Where a subtree of two leaves or more is split: after the largest power of two below its length.
const fn split(start: u64, end: u64) -> u64 {
    let len = end.saturating_sub(start);
    start.saturating_add(1 << len.saturating_sub(1).ilog2())
}

fn levels(hashes: &[Hash]) -> Levels {
    let over = |level: &Vec<Hash>| -> Option<Vec<Hash>> {
        let (pairs, _) = level.as_chunks::<2>();
        (!pairs.is_empty()).then(|| pairs.iter().map(|[left, right]| hash_children(left, right)).collect())
    };
    std::iter::successors(Some(hashes.to_vec()), over).collect()
}

#[cfg(test)]
mod tests {
    use merkle_log::{Frontier, LeafHash, LeafIndex, TILE_WIDTH, Tile, Tiles, TreeSize, hash_leaf, inclusion_plan};

    use super::{Hash, Nodes};

    /// All tiles of a log, by the definition: a tile's hash is the root of the tree over the leaves below.
    fn tiles(leaves: &[LeafHash], stored: TreeSize) -> Tiles {
        let mut tiles = Tiles::default();
        for level in 0..2 {
            for tile in (0..).map_while(|index| Tile::at(level, index, stored)) {
                let below = TILE_WIDTH.pow(level.into()) as usize;
                let hash = |offset: u64| {
                    let mut tree = Frontier::new();
                    let first = offset as usize * below;
                    leaves[first..first + below].iter().for_each(|leaf| tree.append_leaf(leaf).expect("it is small"));
                    Hash(tree.root().0)
                };
                let hashes = (tile.first_offset()..).take(tile.width.into()).map(hash).collect();
                tiles.insert(tile, hashes).expect("as many as it is wide");
            }
        }
        tiles
    }

    #[test]
    fn every_proof_is_the_planned_one() {
        let leaves: Vec<_> = (0..600_u32).map(|leaf| hash_leaf(&leaf.to_be_bytes())).collect();
        let stored = TreeSize::new(600).expect("in range");
        let tiles = tiles(&leaves, stored);
        let nodes = Nodes::new(tiles.clone(), stored);
        for size in [1, 2, 3, 255, 256, 257, 300, 511, 512, 513, 599, 600] {
            let size = TreeSize::new(size).expect("in range");
            for index in (0..size.get()).map(|index| LeafIndex::new(index).expect("in range")) {
                let planned = inclusion_plan(index, size).expect("in range").proof(&tiles);
                assert_eq!(nodes.inclusion_proof(index, size), planned, "leaf {index} of {size}");
            }
        }
    }
}
