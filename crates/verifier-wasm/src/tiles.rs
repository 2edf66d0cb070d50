//! Tiles that lead to a head: only these are proven from.
//!
//! The peaks of the log fold into the head's root, the tiles at the right edge into the peaks, and a full tile into a peak or
//! into the hash that stands for it in the tile above.

use merkle_log::{
    Frontier, Hash, MAX_LEVEL, Position, TILE_WIDTH, Tile, TileError, Tiles, TreeHead, TreeSize, subtrees,
};

/// The tree levels between two tile levels.
const TILE_HEIGHT: u8 = 8;

/// The roots of the perfect subtrees that make up a log, which fold into its head's root.
pub(crate) struct Peaks(Vec<(Position, Hash)>);

/// A tile that does not lead to the head.
pub(crate) struct Foreign {
    pub(crate) tile: Tile,
    pub(crate) reason: String,
}

impl Peaks {
    /// Takes the roots, the largest subtree's first.
    ///
    /// # Errors
    /// A text when they are not the head's.
    pub(crate) fn of(head: &TreeHead, roots: &[Hash]) -> Result<Self, String> {
        let count = subtrees(TreeSize::ZERO, head.size, MAX_LEVEL).count();
        if count != roots.len() {
            return Err(format!("a log of {} leaves has {count} peaks, not {}", head.size, roots.len()));
        }
        let mut tree = Frontier::new();
        let mut peaks = Vec::with_capacity(count);
        for (position, root) in subtrees(TreeSize::ZERO, head.size, MAX_LEVEL).zip(roots) {
            tree.append_subtree(position.level, root).map_err(|error| error.to_string())?;
            peaks.push((position, *root));
        }
        if tree.root() != head.root {
            return Err(format!("they lead to root {}, the head's is {}", tree.root(), head.root));
        }
        Ok(Self(peaks))
    }

    /// The tiles that give these nodes, and lead from them and from `leaves` to a peak; ascending.
    pub(crate) fn tiles_below(
        &self,
        nodes: impl Iterator<Item = Position>,
        leaves: &[Tile],
        size: TreeSize,
    ) -> Result<Vec<Tile>, TileError> {
        let mut next = leaves.to_vec();
        for node in nodes {
            if self.peak(node).is_none() {
                next.push(Tile::holding(node, size)?);
            }
        }
        let mut all = Vec::new();
        while let Some(tile) = next.pop() {
            if insert(&mut all, tile) && tile.is_full() && self.peak(root_of(&tile)).is_none() {
                next.push(Tile::holding(root_of(&tile), size)?);
            }
        }
        Ok(all)
    }

    /// Shows that tiles lead to the peaks; `wanted` is [`Self::tiles_below`].
    pub(crate) fn authenticate(&self, wanted: &[Tile], tiles: &Tiles) -> Result<(), Foreign> {
        for tile in wanted {
            let foreign = |reason: String| Foreign { tile: *tile, reason };
            let hashes = tiles.hashes(*tile).map_err(|error| foreign(error.to_string()))?;
            if tile.is_full() {
                let expected = self.hash_at(root_of(tile), tiles).map_err(|error| foreign(error.to_string()))?;
                if root_over(hashes, tile.level) != Some(expected) {
                    return Err(foreign(format!("it does not lead to {expected}, which stands for it above")));
                }
                continue;
            }
            for (peak, root) in self.0.iter().filter(|(peak, _)| peak.level / TILE_HEIGHT == tile.level) {
                let computed = tiles.hash_at(*peak).map_err(|error| foreign(error.to_string()))?;
                if computed != *root {
                    return Err(foreign(format!("it leads to {computed}, the log has {root} there")));
                }
            }
        }
        Ok(())
    }

    /// A node's hash.
    pub(crate) fn hash_at(&self, node: Position, tiles: &Tiles) -> Result<Hash, TileError> {
        self.peak(node).map_or_else(|| tiles.hash_at(node), Ok)
    }

    /// The root of a peak; none of another node.
    fn peak(&self, node: Position) -> Option<Hash> {
        self.0.iter().find(|(peak, _)| *peak == node).map(|(_, root)| *root)
    }
}

/// Puts a tile into its place of an ascending list; whether it was not there.
pub(crate) fn insert(tiles: &mut Vec<Tile>, tile: Tile) -> bool {
    let place = tiles.binary_search(&tile);
    if let Err(at) = place {
        tiles.insert(at, tile);
    }
    place.is_err()
}

/// The node that a full tile folds into.
const fn root_of(tile: &Tile) -> Position {
    Position { level: tile.level.saturating_add(1).saturating_mul(TILE_HEIGHT), offset: tile.index }
}

/// The root over a full tile's hashes.
fn root_over(hashes: &[Hash], level: u8) -> Option<Hash> {
    let mut tree = Frontier::new();
    for hash in hashes {
        tree.append_subtree(level.saturating_mul(TILE_HEIGHT), hash).ok()?;
    }
    (hashes.len() as u64 == TILE_WIDTH).then(|| Hash(tree.root().0))
}

/// A tile's path below its level, as C2SP tlog-tiles has it: 1,234,067 is `x001/x234/067`.
pub(crate) fn path(tile: &Tile) -> String {
    let mut path = format!("{:03}", tile.index % 1_000);
    let mut rest = tile.index / 1_000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1_000);
        rest /= 1_000;
    }
    if tile.is_full() { path } else { format!("{path}.p/{}", tile.width) }
}
