//! The right edge of a stored log: its frontier and its partial tiles, which fill as leaves are appended.

use alloc::vec::Vec;
use core::fmt;

use crate::number::highest_one;
use crate::tile::perfect_root;
use crate::{Frontier, FrontierError, Hash, LeafHash, TILE_WIDTH, Tile, TileError, Tiles, TreeSize};

/// A tile that has become full, and its root, which is a hash of the next tile level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullTile {
    /// The tile level.
    pub level: u8,
    /// Which tile of that level, from the left.
    pub index: u64,
    /// Its 256 hashes.
    pub hashes: Vec<Hash>,
    /// The root over them.
    pub root: Hash,
}

/// Why an edge cannot be made or grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeError {
    /// The frontier refuses.
    Frontier(FrontierError),
    /// A partial tile is missing.
    Tile(TileError),
}

impl fmt::Display for EdgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frontier(error) => error.fmt(f),
            Self::Tile(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for EdgeError {}

/// The right edge of a stored log. At most 6 x 255 hashes, whatever the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    frontier: Frontier,
    /// By tile level, the hashes of the partial tile. No level is empty at the end of the list.
    partial: Vec<Vec<Hash>>,
}

impl Edge {
    /// The edge of the empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the edge of a log of `size` leaves from its partial tiles, [`Tile::partial`]. The frontier is
    /// computed from them, so comparing it with a trusted one proves the edge.
    ///
    /// # Errors
    /// [`EdgeError::Tile`] when a partial tile is missing.
    pub fn from_tiles(size: TreeSize, tiles: &Tiles) -> Result<Self, EdgeError> {
        let mut partial: Vec<Vec<Hash>> = Vec::new();
        for tile in Tile::partial(size) {
            partial.resize(usize::from(tile.level), Vec::new());
            partial.push(tiles.hashes(tile).map_err(EdgeError::Tile)?.to_vec());
        }
        let mut frontier = Frontier::new();
        for (tile_level, hashes) in (0u8..=5).zip(&partial).rev() {
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let (subtree, tail) = rest.split_at(highest_one(rest.len() as u64) as usize);
                rest = tail;
                let height = subtree.len().trailing_zeros() as u8;
                let level = tile_level.saturating_mul(8).saturating_add(height);
                // The length is a power of two by the split.
                let root = perfect_root(subtree).unwrap_or_default();
                frontier.append_subtree(level, &root).map_err(EdgeError::Frontier)?;
            }
        }
        Ok(Self { frontier, partial })
    }

    /// Appends a leaf; the tiles that became full by it are added to `full`.
    ///
    /// # Errors
    /// [`EdgeError::Frontier`] when the log is full; nothing was changed then.
    pub fn append_leaf(&mut self, leaf: &LeafHash, full: &mut Vec<FullTile>) -> Result<(), EdgeError> {
        let index = self.frontier.size().get();
        self.frontier.append_leaf(leaf).map_err(EdgeError::Frontier)?;
        let mut hash = Hash::from(*leaf);
        for level in 0u8.. {
            if usize::from(level) == self.partial.len() {
                self.partial.push(Vec::new());
            }
            let Some(hashes) = self.partial.get_mut(usize::from(level)) else { break };
            hashes.push(hash);
            if (hashes.len() as u64) < TILE_WIDTH {
                break;
            }
            let hashes = core::mem::take(hashes);
            // A full tile's length is a power of two.
            hash = perfect_root(&hashes).unwrap_or_default();
            let index = index.checked_shr(u32::from(level).saturating_add(1) << 3).unwrap_or(0);
            full.push(FullTile { level, index, hashes, root: hash });
        }
        Ok(())
    }

    /// The frontier.
    #[must_use]
    pub const fn frontier(&self) -> &Frontier {
        &self.frontier
    }
}
