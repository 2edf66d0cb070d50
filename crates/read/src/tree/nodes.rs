//! The nodes of one log that an answer is made of, and proofs from them. Each was shown to lead to the checked root.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use merkle_log::{Frontier, Hash, Plan, Position, Run, Tile, TileError, Tiles, TreeHead, TreeSize, hash_children};

use crate::cache::{Cache, Whose};
use crate::error::Difference;
use crate::tile_nodes::{Edge, TILE_HEIGHT, TileNodes};

/// Nodes of the tree under one head.
///
/// It is known from above: the tiles at the right edge lead to the root, and a full tile leads to the hash that stands for
/// it in the tile above.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    whose: Whose,
    head: TreeHead,
    /// The right edge, once it is known.
    edge: Arc<Edge>,
    /// By level and index.
    known: BTreeMap<(u8, u64), Arc<TileNodes>>,
    /// Tiles as they were read, which know why a node is not known.
    read: Tiles,
}

impl Nodes {
    /// Takes from memory what is there of these tiles, and of those above them that lead to the root. Gives also the tiles
    /// that are not there.
    pub(super) fn recall(whose: Whose, head: TreeHead, wanted: &BTreeSet<Tile>, cache: &Cache) -> (Self, Vec<Tile>) {
        let mut nodes = Self { whose, head, edge: Arc::default(), known: BTreeMap::new(), read: Tiles::default() };
        if wanted.is_empty() {
            return (nodes, Vec::new());
        }
        let full = with_those_above(wanted, head.size);
        let Some(edge) = cache.edge(whose, &head) else {
            return (nodes, Tile::partial(head.size).chain(full).collect());
        };
        nodes.keep_edge(&edge);
        let mut lacking = Vec::new();
        for tile in full {
            match nodes.root_above(tile).and_then(|root| cache.tile(whose, &root)) {
                Some(known) => drop(nodes.known.insert((tile.level, tile.index), known)),
                None => lacking.push(tile),
            }
        }
        (nodes, lacking)
    }

    /// Takes the tiles that were missing, from the highest down, and shows of each that it belongs to the tree.
    pub(super) fn take(&mut self, lacking: &[Tile], read: Tiles, cache: &Cache) -> Result<(), Difference> {
        self.read = read;
        let (full, edge): (Vec<Tile>, Vec<Tile>) = lacking.iter().partition(|tile| tile.is_full());
        if !edge.is_empty() {
            self.take_edge(&edge, cache)?;
        }
        for tile in full {
            let Some(root) = self.root_above(tile) else {
                // It lies within a subtree of which the root alone is known. The tiles say so, when they are asked.
                self.read
                    .hashes(tile)
                    .map_or_else(not_unknown, |_| Err(TileError::Missing { position: root_of(tile) }))?;
                continue;
            };
            let known = Arc::new(TileNodes::below(tile, &[(root_of(tile), root)], &self.read)?);
            if known.is_whole() {
                cache.keep_tile(self.whose, root, known.clone());
            }
            self.known.insert((tile.level, tile.index), known);
        }
        Ok(())
    }

    fn take_edge(&mut self, edge: &[Tile], cache: &Cache) -> Result<(), Difference> {
        let size = self.head.size;
        let mut frontier = Frontier::new();
        let mut roots = Vec::new();
        for peak in peaks(size) {
            let root = self.read.hash_at(peak)?;
            frontier.append_subtree(peak.level, &root)?;
            roots.push((peak, root));
        }
        let (computed, checked) = (frontier.root(), self.head.root);
        if computed != checked {
            return Err(Difference::Root { size, computed, checked });
        }
        let mut tiles = Vec::with_capacity(edge.len());
        for tile in edge {
            let is_within = |(peak, _): &&(Position, Hash)| peak.level / TILE_HEIGHT == tile.level;
            let roots: Vec<(Position, Hash)> = roots.iter().filter(is_within).copied().collect();
            tiles.push((*tile, Arc::new(TileNodes::below(*tile, &roots, &self.read)?)));
        }
        let mut to_end: Vec<(u64, Hash)> = Vec::with_capacity(roots.len());
        for (peak, root) in roots.iter().rev() {
            let right = to_end.last().map(|(_, right)| *right);
            to_end.push((peak.offset << peak.level, right.map_or(*root, |right| hash_children(root, &right))));
        }
        let edge = Arc::new(Edge { tiles, roots: to_end });
        if edge.tiles.iter().all(|(_, known)| known.is_whole()) {
            cache.keep_edge(self.whose, self.head, edge.clone());
        }
        self.keep_edge(&edge);
        Ok(())
    }

    fn keep_edge(&mut self, edge: &Arc<Edge>) {
        self.edge = edge.clone();
        self.known.extend(edge.tiles.iter().map(|(tile, known)| ((tile.level, tile.index), known.clone())));
    }

    /// The hash that stands for a full tile in the tile above.
    pub(super) fn root_above(&self, tile: Tile) -> Option<Hash> {
        self.hash_at(root_of(tile)).ok()
    }

    /// The hashes of a tile.
    pub(super) fn hashes(&self, tile: Tile) -> Result<&[Hash], TileError> {
        let missing =
            TileError::Missing { position: Position { level: tile.level * TILE_HEIGHT, offset: tile.first_offset() } };
        let known = self.known.get(&(tile.level, tile.index)).ok_or(missing)?;
        known.hashes().map_or_else(|| self.read.hashes(tile).and(Err(missing)), Ok)
    }

    /// The hash of a node.
    pub(super) fn hash_at(&self, position: Position) -> Result<Hash, TileError> {
        let (level, height) = (position.level / TILE_HEIGHT, position.level % TILE_HEIGHT);
        let first = position.offset << height;
        let known = self.known.get(&(level, first >> TILE_HEIGHT));
        let found = known.and_then(|known| known.node(height, position.offset & (u64::from(u8::MAX) >> height)));
        found.map_or_else(|| self.read.hash_at(position).and(Err(TileError::Missing { position })), Ok)
    }

    /// Computes a planned proof from these nodes alone. `folded` may be of other proofs from the same nodes.
    pub(super) fn proof(&self, plan: &Plan, folded: &mut Folded) -> Result<Vec<Hash>, TileError> {
        plan.proof_by(|run| match run.node() {
            Some(node) => self.hash_at(node),
            None if run.end() == self.head.size.get()
                && let Some((_, root)) = self.edge.roots.iter().find(|(first, _)| *first == run.start()) =>
            {
                Ok(*root)
            }
            None => folded.root_over(run, || run.root(|position| self.hash_at(position))),
        })
    }
}

/// Roots over runs of leaves, by their ends: proofs in one tree have the runs at its right edge in common.
#[derive(Default)]
pub(super) struct Folded(BTreeMap<(u64, u64), Hash>);

impl Folded {
    fn root_over(&mut self, run: Run, root: impl FnOnce() -> Result<Hash, TileError>) -> Result<Hash, TileError> {
        match self.0.entry((run.start(), run.end())) {
            Entry::Occupied(known) => Ok(*known.get()),
            Entry::Vacant(place) => Ok(*place.insert(root()?)),
        }
    }
}

/// The perfect subtrees that make up a tree, the largest first: one for each bit of its size.
pub(super) fn peaks(size: TreeSize) -> impl Iterator<Item = Position> {
    let size = size.get();
    (0..u64::BITS as u8).rev().filter(move |level| size >> level & 1 == 1).map(move |level| Position {
        level,
        // The leaves before this subtree are the bits above its own.
        offset: (size >> level) - 1,
    })
}

/// The full tiles among these, and those above them, the highest first.
fn with_those_above(wanted: &BTreeSet<Tile>, size: TreeSize) -> Vec<Tile> {
    let mut full = BTreeSet::new();
    for tile in wanted {
        let mut next = Some(*tile);
        while let Some(tile) = next.filter(|tile| tile.is_full()) {
            // Those above it are there already when it is.
            next = full.insert(tile).then(|| Tile::holding(root_of(tile), size).ok()).flatten();
        }
    }
    full.into_iter().rev().collect()
}

/// Where a full tile's root stands.
const fn root_of(tile: Tile) -> Position {
    Position { level: tile.level.saturating_add(1).saturating_mul(TILE_HEIGHT), offset: tile.index }
}

fn not_unknown(error: TileError) -> Result<(), TileError> {
    if matches!(error, TileError::Unknown { .. }) { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use counterfoil_core::LedgerId;
    use counterfoil_store::Log;
    use merkle_log::{
        Frontier, Hash, LeafHash, LeafIndex, TILE_WIDTH, Tile, Tiles, TreeHead, TreeSize, consistency_plan, hash_leaf,
        inclusion_plan, range_plan,
    };

    use super::{Cache, Difference, Folded, Nodes, Whose};

    const WHOSE: Whose = (LedgerId([7; 32]), Log::Entries);

    const SIZES: [u64; 14] = [1, 2, 3, 255, 256, 257, 300, 511, 512, 513, 767, 768, 65_536, 65_837];

    fn size(size: u64) -> TreeSize {
        TreeSize::new(size).expect("in range")
    }

    fn leaves(count: u64) -> Vec<LeafHash> {
        (0..count).map(|leaf| hash_leaf(&leaf.to_be_bytes())).collect()
    }

    fn head(leaves: &[LeafHash]) -> TreeHead {
        let mut tree = Frontier::new();
        leaves.iter().for_each(|leaf| tree.append_leaf(leaf).expect("it is small"));
        tree.head()
    }

    /// All tiles of a log, by the definition: a tile's hash is the root of the tree over the leaves below.
    fn tiles(leaves: &[LeafHash]) -> (Vec<Tile>, Tiles) {
        let stored = size(leaves.len() as u64);
        let (mut all, mut tiles) = (Vec::new(), Tiles::default());
        for level in 0..3 {
            for tile in (0..).map_while(|index| Tile::at(level, index, stored)) {
                let below = TILE_WIDTH.pow(level.into()) as usize;
                let hash = |offset: u64| Hash(head(&leaves[offset as usize * below..][..below]).root.0);
                let hashes = (tile.first_offset()..).take(tile.width.into()).map(hash).collect();
                tiles.insert(tile, hashes).expect("as many as it is wide");
                all.push(tile);
            }
        }
        (all, tiles)
    }

    fn nodes(head: TreeHead, wanted: &[Tile], read: &Tiles, cache: &Cache) -> Result<Nodes, Difference> {
        let (mut nodes, lacking) = Nodes::recall(WHOSE, head, &BTreeSet::from_iter(wanted.iter().copied()), cache);
        nodes.take(&lacking, read.clone(), cache)?;
        Ok(nodes)
    }

    #[test]
    fn every_proof_is_the_one_that_stored_tiles_give() {
        for count in SIZES {
            let leaves = leaves(count);
            let (all, tiles) = tiles(&leaves);
            let nodes = nodes(head(&leaves), &all, &tiles, &Cache::new(1 << 20)).expect("they belong together");
            let mut folded = Folded::default();
            let some = |to: u64| SIZES.into_iter().chain([to]).filter(move |some| *some <= to);
            for second in some(count).map(size) {
                for first in some(second.get()).map(size) {
                    let index = LeafIndex::new(first.get() - 1).expect("in range");
                    let plan = inclusion_plan(index, second).expect("in range");
                    assert_eq!(nodes.proof(&plan, &mut folded), plan.proof(&tiles), "leaf {index} of {second}");
                    let plan = consistency_plan(first, second).expect("in range");
                    assert_eq!(nodes.proof(&plan, &mut folded), plan.proof(&tiles), "{first} to {second}");
                    let plan = range_plan(index, second, size(count)).expect("in range");
                    assert_eq!(nodes.proof(&plan, &mut folded), plan.proof(&tiles), "{index}..{second} of {count}");
                }
            }
        }
    }

    /// Hashes are public: a ledger that appends the hash of another's subtree must not be answered from the tiles below it.
    #[test]
    fn what_was_read_of_one_log_is_not_remembered_for_another() {
        let leaves = leaves(65_837);
        let (all, tiles) = tiles(&leaves);
        let cache = Cache::new(64 << 20);
        nodes(head(&leaves), &all, &tiles, &cache).expect("they belong together");
        for other in [(LedgerId([8; 32]), Log::Entries), (WHOSE.0, Log::Events)] {
            let (_, lacking) = Nodes::recall(other, head(&leaves), &all.iter().copied().collect(), &cache);
            assert_eq!(lacking.len(), all.len(), "{other:?}");
        }
    }

    #[test]
    fn what_was_read_once_is_remembered() {
        let leaves = leaves(65_837);
        let (all, tiles) = tiles(&leaves);
        let cache = Cache::new(64 << 20);
        nodes(head(&leaves), &all, &tiles, &cache).expect("they belong together");
        let (nodes, lacking) = Nodes::recall(WHOSE, head(&leaves), &all.iter().copied().collect(), &cache);
        assert_eq!(lacking, []);
        for tile in all {
            assert_eq!(nodes.hashes(tile), tiles.hashes(tile));
        }
    }

    #[test]
    fn a_changed_hash_of_any_tile_is_found_and_not_remembered() {
        let leaves = leaves(66_200);
        let (all, tiles) = tiles(&leaves);
        for tile in all.iter().rev().take(6).chain(&all[..2]) {
            let mut changed = tiles.clone();
            let mut hashes = tiles.hashes(*tile).expect("it was inserted").to_vec();
            hashes[usize::from(tile.width) - 1].0[31] ^= 1;
            changed.insert(*tile, hashes).expect("as many as it is wide");
            let cache = Cache::new(64 << 20);
            for _ in 0..2 {
                let found = nodes(head(&leaves), &all, &changed, &cache);
                assert!(matches!(found, Err(Difference::Root { .. } | Difference::Tile { .. })), "{tile:?}: {found:?}");
            }
            nodes(head(&leaves), &all, &tiles, &cache).expect("they belong together");
        }
    }

    #[test]
    fn a_remembered_tile_is_no_part_of_another_tree() {
        let (mine, mut other) = (leaves(600), leaves(600));
        other[5] = hash_leaf(b"other");
        let cache = Cache::new(64 << 20);
        let (all, read) = tiles(&mine);
        nodes(head(&mine), &all, &read, &cache).expect("they belong together");
        let (_, lacking) = Nodes::recall(WHOSE, head(&other), &all.iter().copied().collect(), &cache);
        assert_eq!(
            lacking.len(),
            all.len(),
            "nothing of the first tree is taken for the other, whose edge is not known"
        );
        let (_, of_other) = tiles(&other);
        let nodes = nodes(head(&other), &all, &of_other, &cache).expect("they belong together");
        let first = Tile::at(0, 0, size(600)).expect("in range");
        assert_eq!(nodes.hashes(first), of_other.hashes(first));
        assert_ne!(nodes.hashes(first), read.hashes(first));
    }
}
