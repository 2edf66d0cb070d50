//! The right edge of a stored log: its frontier and its partial tiles, which fill as leaves are appended.

use alloc::vec::Vec;
use core::fmt;

use crate::number::highest_one;
use crate::tile::{TILE_HEIGHT, perfect_root};
use crate::{
    Frontier, FrontierError, Hash, LeafHash, Position, TILE_WIDTH, Tile, TileError, Tiles, TreeSize, hash_children,
};

/// A tile that has become full with all of its hashes known, and its root, which is a hash of the next tile level.
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

impl FullTile {
    /// Computes the root; none unless there are 256 hashes.
    #[must_use]
    pub fn new(level: u8, index: u64, hashes: Vec<Hash>) -> Option<Self> {
        let root = perfect_root(&hashes).filter(|_| hashes.len() as u64 == TILE_WIDTH)?;
        Some(Self { level, index, hashes, root })
    }
}

/// The tiles and roots to store as the log grows, besides the leaf hashes and the subtrees that were appended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grown {
    /// Tiles that became full.
    pub tiles: Vec<FullTile>,
    /// Roots of tiles that became as wide and lack hashes: each is a hash of the next tile level.
    pub holed: Vec<(Position, Hash)>,
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
    /// By tile level, the partial tile. No level is empty at the end of the list.
    partial: Vec<PartialTile>,
}

/// A tile that is not full yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct PartialTile {
    /// Zero where the hash is not known, which is never read.
    hashes: Vec<Hash>,
    /// Where it is not known, from left to right.
    holes: Vec<Hole>,
}

/// Hashes of a tile that are not known, and the root over them, which is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hole {
    /// The first hash, a multiple of `len`.
    start: usize,
    /// How many hashes, a power of two from 2 to 128.
    len: usize,
    root: Hash,
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
    /// [`EdgeError::Tile`] when a partial tile is missing, or the root over hashes that are.
    pub fn from_tiles(size: TreeSize, tiles: &Tiles) -> Result<Self, EdgeError> {
        let mut partial: Vec<PartialTile> = Vec::new();
        for tile in Tile::partial(size) {
            partial.resize(usize::from(tile.level), PartialTile::default());
            partial.push(PartialTile::read(tile, tiles).map_err(EdgeError::Tile)?);
        }
        let mut frontier = Frontier::new();
        for (tile_level, tile) in (0u8..=5).zip(&partial).rev() {
            let mut start = 0usize;
            while start < tile.hashes.len() {
                let len = highest_one(tile.hashes.len().saturating_sub(start) as u64) as usize;
                let height = len.trailing_zeros() as u8;
                let level = tile_level.saturating_mul(TILE_HEIGHT).saturating_add(height);
                frontier.append_subtree(level, &tile.root(start, len)).map_err(EdgeError::Frontier)?;
                start = start.saturating_add(len);
            }
        }
        Ok(Self { frontier, partial })
    }

    /// Appends a leaf; what is to be stored of it besides the leaf hash is added to `grown`.
    ///
    /// # Errors
    /// [`EdgeError::Frontier`] when the log is full; nothing was changed then.
    pub fn append_leaf(&mut self, leaf: &LeafHash, grown: &mut Grown) -> Result<(), EdgeError> {
        let first = self.frontier.size().get();
        self.frontier.append_leaf(leaf).map_err(EdgeError::Frontier)?;
        self.fill(first, 0, 0, Hash::from(*leaf), grown);
        Ok(())
    }

    /// Appends the perfect subtree of `2^level` leaves with root `subtree`, of which nothing else is known; what is
    /// to be stored besides that root is added to `grown`.
    ///
    /// # Errors
    /// [`EdgeError::Frontier`] when the subtree does not fit at this size or the log is full; nothing was changed
    /// then.
    pub fn append_subtree(&mut self, level: u8, subtree: &Hash, grown: &mut Grown) -> Result<(), EdgeError> {
        let first = self.frontier.size().get();
        self.frontier.append_subtree(level, subtree).map_err(EdgeError::Frontier)?;
        self.fill(first, level / TILE_HEIGHT, level % TILE_HEIGHT, *subtree, grown);
        Ok(())
    }

    /// The frontier.
    #[must_use]
    pub const fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Fills `2^height` places of a tile level, which begin at leaf `first`, and the levels above as far as tiles
    /// become as wide as they get. The levels below are empty: the frontier has checked the alignment.
    fn fill(&mut self, first: u64, tile_level: u8, height: u8, hash: Hash, grown: &mut Grown) {
        let (mut height, mut hash) = (height, hash);
        for level in tile_level.. {
            if usize::from(level) >= self.partial.len() {
                self.partial.resize(usize::from(level).saturating_add(1), PartialTile::default());
            }
            let Some(tile) = self.partial.get_mut(usize::from(level)) else { break };
            tile.push(height, hash);
            if (tile.hashes.len() as u64) < TILE_WIDTH {
                break;
            }
            let PartialTile { hashes, holes } = core::mem::take(tile);
            let above = level.saturating_add(1);
            let index = first.checked_shr(u32::from(above).wrapping_mul(u32::from(TILE_HEIGHT))).unwrap_or(0);
            height = 0;
            if holes.is_empty() {
                // A full tile's length is a power of two.
                hash = perfect_root(&hashes).unwrap_or_default();
                grown.tiles.push(FullTile { level, index, hashes, root: hash });
            } else {
                hash = PartialTile { hashes, holes }.root(0, TILE_WIDTH as usize);
                grown.holed.push((Position { level: above.saturating_mul(TILE_HEIGHT), offset: index }, hash));
            }
        }
    }
}

impl PartialTile {
    /// Takes the tile with its holes: where a hash is not known, the root over it must be.
    fn read(tile: Tile, tiles: &Tiles) -> Result<Self, TileError> {
        let mut partial = Self::default();
        let level = tile.level.saturating_mul(TILE_HEIGHT);
        while partial.hashes.len() < usize::from(tile.width) {
            let at = Position { level, offset: tile.first_offset().saturating_add(partial.hashes.len() as u64) };
            let (height, hash) = tiles.subtree_beginning_at(at, tile)?;
            partial.push(height, hash);
        }
        Ok(partial)
    }

    #[inline]
    fn push(&mut self, height: u8, hash: Hash) {
        if height == 0 {
            self.hashes.push(hash);
            return;
        }
        let (start, len) = (self.hashes.len(), 1 << height);
        self.holes.push(Hole { start, len, root: hash });
        self.hashes.resize(start.saturating_add(len), Hash::default());
    }

    /// The root over `len` hashes from `start` on, a perfect subtree that lies in no hole.
    fn root(&self, start: usize, len: usize) -> Hash {
        if let Ok(at) = self.holes.binary_search_by_key(&start, |hole| hole.start)
            && let Some(hole) = self.holes.get(at).filter(|hole| hole.len == len)
        {
            return hole.root;
        }
        if len <= 1 {
            return self.hashes.get(start).copied().unwrap_or_default();
        }
        let half = len >> 1;
        hash_children(&self.root(start, half), &self.root(start.saturating_add(half), half))
    }
}
