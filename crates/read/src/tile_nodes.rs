//! The nodes of one tile: its hashes, and the roots over them within the tile.

use std::sync::Arc;

use merkle_log::{Hash, Position, Tile, TileError, Tiles, hash_children};

use crate::error::Difference;

/// How many tree levels lie between two tile levels.
pub(crate) const TILE_HEIGHT: u8 = 8;
/// The nodes below this height are computed when they are asked for: one hash each, for a quarter of the cache.
const KEPT_HEIGHT: u8 = 2;

/// The right edge of a log.
#[derive(Debug, Default)]
pub(crate) struct Edge {
    /// The tiles that are not full.
    pub(crate) tiles: Vec<(Tile, Arc<TileNodes>)>,
    /// The roots over the leaves from each peak's first on, to the end: elements of most proofs.
    pub(crate) roots: Vec<(u64, Hash)>,
}

/// The nodes of a tile, each shown to be in the tree.
#[derive(Clone, Debug)]
pub(crate) enum TileNodes {
    /// All are known.
    Whole {
        /// How many hashes the tile has.
        width: usize,
        /// The hashes, and then the nodes over them from [`KEPT_HEIGHT`] up, height by height.
        nodes: Vec<Hash>,
    },
    /// Some hashes are unknown. By height; what could not be shown to be in the tree is not known.
    Holed(Vec<Vec<Option<Hash>>>),
}

impl TileNodes {
    /// The nodes of a tile that was read, below these of the tree: its root, or the peaks at the tree's right edge.
    pub(crate) fn below(tile: Tile, roots: &[(Position, Hash)], read: &Tiles) -> Result<Self, Difference> {
        let known = match read.hashes(tile) {
            Ok(hashes) => Self::whole(hashes),
            Err(TileError::Unknown { .. }) => return Self::holed(tile, roots, read),
            Err(error) => return Err(error.into()),
        };
        for (position, root) in roots {
            let slot = position.offset.checked_sub(first_slot(tile, height_in(tile, *position)));
            let computed = slot.and_then(|slot| known.node(height_in(tile, *position), slot));
            let computed = computed.ok_or(TileError::Missing { position: *position })?;
            if computed != *root {
                return Err(Difference::Tile { level: tile.level, index: tile.index, computed, above: *root });
            }
        }
        Ok(known)
    }

    fn whole(hashes: &[Hash]) -> Self {
        let over = |level: &Vec<Hash>| {
            let (pairs, _) = level.as_chunks::<2>();
            (!pairs.is_empty()).then(|| pairs.iter().map(|[left, right]| hash_children(left, right)).collect())
        };
        let levels: Vec<Vec<Hash>> = std::iter::successors(Some(hashes.to_vec()), over).collect();
        let kept = levels.iter().skip(KEPT_HEIGHT.into()).flatten();
        Self::Whole { width: hashes.len(), nodes: hashes.iter().chain(kept).copied().collect() }
    }

    /// From the roots down: two nodes that hash to a known one are known.
    fn holed(tile: Tile, roots: &[(Position, Hash)], read: &Tiles) -> Result<Self, Difference> {
        let mut levels: Vec<Vec<Option<Hash>>> =
            (0..=TILE_HEIGHT).map(|height| vec![None; usize::from(tile.width >> height)]).collect();
        let mut pending: Vec<(Position, Hash)> = roots.to_vec();
        while let Some((position, hash)) = pending.pop() {
            let height = height_in(tile, position);
            let slot = position.offset.checked_sub(first_slot(tile, height));
            let slot = slot.and_then(|slot| levels.get_mut(usize::from(height))?.get_mut(usize::try_from(slot).ok()?));
            *slot.ok_or(TileError::Missing { position })? = Some(hash);
            let Some(below) = position.level.checked_sub(1).filter(|_| height > 0) else { continue };
            let [left, right] = [0, 1].map(|side| Position { level: below, offset: position.offset << 1 | side });
            let (Ok(left_hash), Ok(right_hash)) = (read.hash_at(left), read.hash_at(right)) else { continue };
            let computed = hash_children(&left_hash, &right_hash);
            if computed != hash {
                return Err(Difference::Tile { level: tile.level, index: tile.index, computed, above: hash });
            }
            pending.extend([(left, left_hash), (right, right_hash)]);
        }
        Ok(Self::Holed(levels))
    }

    pub(crate) const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole { .. })
    }

    /// The hashes, where all are known.
    pub(crate) fn hashes(&self) -> Option<&[Hash]> {
        match self {
            Self::Whole { width, nodes } => nodes.get(..*width),
            Self::Holed(_) => None,
        }
    }

    /// The node at a height over the hashes, where it is known.
    pub(crate) fn node(&self, height: u8, slot: u64) -> Option<Hash> {
        let at = usize::try_from(slot).ok()?;
        match self {
            Self::Holed(levels) => *levels.get(usize::from(height))?.get(at)?,
            Self::Whole { width, nodes } if height == 0 || height >= KEPT_HEIGHT => {
                nodes.get(start(*width, height)..)?.get(..width >> height)?.get(at).copied()
            }
            Self::Whole { .. } => {
                let below = |side| self.node(height - 1, slot << 1 | side);
                Some(hash_children(&below(0)?, &below(1)?))
            }
        }
    }

    /// How many hashes it takes in cache.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Whole { nodes, .. } => nodes.len(),
            Self::Holed(levels) => levels.iter().map(Vec::len).sum(),
        }
    }
}

/// Where the nodes of a height begin among those that are kept of a tile.
const fn start(width: usize, height: u8) -> usize {
    if height == 0 {
        return 0;
    }
    width.saturating_add(nodes_over(width >> (KEPT_HEIGHT - 1)).saturating_sub(nodes_over(width >> (height - 1))))
}

/// The number of all nodes over this number of hashes: half of them, half of these, and so on, each rounded down (Legendre's formula).
const fn nodes_over(hashes: usize) -> usize {
    hashes.saturating_sub(hashes.count_ones() as usize)
}

/// A node's height over the tile's hashes.
const fn height_in(tile: Tile, position: Position) -> u8 {
    position.level.saturating_sub(tile.level.saturating_mul(TILE_HEIGHT))
}

/// The offset of the tile's first node at a height.
const fn first_slot(tile: Tile, height: u8) -> u64 {
    tile.first_offset() >> height
}
