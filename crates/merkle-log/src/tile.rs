//! Tiles: 256 neighbouring hashes of one level, the unit in which a log's hashes are stored.
//!
//! Tile level `t` holds hashes of tree level `8 * t`; the seven levels between are computed from them. The
//! numbering is that of C2SP tlog-tiles, <https://c2sp.org/tlog-tiles>.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::{Hash, Position, TreeSize, hash_children};

/// How many hashes a full tile holds.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;
/// How many tree levels lie between two tile levels.
const TILE_HEIGHT: u8 = 8;

/// Why tiles do not give a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileError {
    /// The log has not grown to this node yet.
    NotStored {
        /// The node.
        position: Position,
        /// How many leaves are stored.
        stored: TreeSize,
    },
    /// A tile that the plan names was not given.
    Missing {
        /// The node that lies in the tile.
        position: Position,
    },
    /// A tile was given with another count of hashes than its width.
    WrongWidth {
        /// The tile.
        tile: Tile,
        /// How many hashes were given.
        given: usize,
    },
    /// A proof has no element without nodes.
    Empty,
}

impl fmt::Display for TileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStored { position, stored } => {
                write!(f, "node {}/{} is not in a log of {stored} leaves", position.level, position.offset)
            }
            Self::Missing { position } => {
                write!(f, "the tile that holds node {}/{} is missing", position.level, position.offset)
            }
            Self::WrongWidth { tile, given } => {
                write!(f, "tile {}/{} holds {} hashes, not {given}", tile.level, tile.index, tile.width)
            }
            Self::Empty => f.write_str("an element of a proof needs at least one node"),
        }
    }
}

impl core::error::Error for TileError {}

/// A tile, full or partial. Ordered by level, then index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// The tile level, 0 to 5: its hashes are of tree level `8 * level`.
    pub level: u8,
    /// Which tile of that level, from the left.
    pub index: u64,
    /// How many hashes it holds, 1 to 256. Only the last tile of a level holds fewer than 256.
    pub width: u16,
}

impl Tile {
    /// The tile that holds `position` in a log of `stored` leaves.
    ///
    /// # Errors
    /// [`TileError::NotStored`] when the log has not grown to this node.
    pub fn holding(position: Position, stored: TreeSize) -> Result<Self, TileError> {
        let not_stored = TileError::NotStored { position, stored };
        let (level, index, slots) = Slots::of(position).ok_or(not_stored)?;
        let tile = Self::at(level, index, stored).ok_or(not_stored)?;
        if slots.end() > usize::from(tile.width) { Err(not_stored) } else { Ok(tile) }
    }

    /// Tile `index` of `level` in a log of `stored` leaves, with its width there; none when it has no hashes.
    #[must_use]
    pub fn at(level: u8, index: u64, stored: TreeSize) -> Option<Self> {
        let hashes = stored.get().checked_shr(u32::from(level).checked_mul(u32::from(TILE_HEIGHT))?)?;
        let width = hashes.checked_sub(index.checked_mul(TILE_WIDTH)?)?.min(TILE_WIDTH);
        let width = u16::try_from(width).ok()?;
        if width == 0 { None } else { Some(Self { level, index, width }) }
    }

    /// The partial tiles of a log of `stored` leaves: its right edge, at most one a level, ascending.
    pub fn partial(stored: TreeSize) -> impl Iterator<Item = Self> {
        (0..=5).filter_map(move |level| {
            let hashes = stored.get() >> (u32::from(level) << 3);
            Self::at(level, hashes / TILE_WIDTH, stored)
        })
    }

    /// Whether the tile is full, which is for good: what it holds never changes again.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.width as u64 == TILE_WIDTH
    }

    /// The number of the tile's first hash within its level.
    #[must_use]
    pub const fn first_offset(&self) -> u64 {
        self.index.saturating_mul(TILE_WIDTH)
    }
}

/// The hashes of tiles that were read, for one size of the log.
#[derive(Clone, Debug, Default)]
pub struct Tiles {
    hashes: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl Tiles {
    /// Adds a tile.
    ///
    /// # Errors
    /// [`TileError::WrongWidth`] when the count of hashes is not the tile's width.
    pub fn insert(&mut self, tile: Tile, hashes: Vec<Hash>) -> Result<(), TileError> {
        if hashes.len() != usize::from(tile.width) {
            return Err(TileError::WrongWidth { tile, given: hashes.len() });
        }
        self.hashes.insert((tile.level, tile.index), hashes);
        Ok(())
    }

    /// The hashes of a tile.
    ///
    /// # Errors
    /// [`TileError::Missing`] when it was not added, [`TileError::WrongWidth`] when it was added with another width.
    pub fn hashes(&self, tile: Tile) -> Result<&[Hash], TileError> {
        let position = Position { level: tile.level.saturating_mul(TILE_HEIGHT), offset: tile.first_offset() };
        let hashes = self.hashes.get(&(tile.level, tile.index)).ok_or(TileError::Missing { position })?;
        if hashes.len() == usize::from(tile.width) {
            Ok(hashes)
        } else {
            Err(TileError::WrongWidth { tile, given: hashes.len() })
        }
    }

    /// Computes the hash of a node.
    ///
    /// # Errors
    /// [`TileError::Missing`] when its tile was not added or is too narrow.
    pub fn hash_at(&self, position: Position) -> Result<Hash, TileError> {
        let missing = TileError::Missing { position };
        let (level, index, slots) = Slots::of(position).ok_or(missing)?;
        let hashes = self.hashes.get(&(level, index)).ok_or(missing)?;
        perfect_root(hashes.get(slots.start..slots.end()).ok_or(missing)?).ok_or(missing)
    }
}

/// The root over a power of two of neighbouring hashes; none for another count.
pub(crate) fn perfect_root(hashes: &[Hash]) -> Option<Hash> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level.as_chunks::<2>().0.iter().map(|[left, right]| hash_children(left, right)).collect();
    }
    level.first().copied()
}

/// The hashes of a tile that a node is computed from.
struct Slots {
    start: usize,
    len: usize,
}

impl Slots {
    /// The tile's level and index, and the node's hashes in it; none for a position beyond the largest tree.
    fn of(position: Position) -> Option<(u8, u64, Self)> {
        let height = position.level % TILE_HEIGHT;
        let start = position.offset.checked_mul(1 << height)?;
        let slots = Self { start: usize::try_from(start % TILE_WIDTH).ok()?, len: 1 << height };
        Some((position.level / TILE_HEIGHT, start / TILE_WIDTH, slots))
    }

    const fn end(&self) -> usize {
        self.start.saturating_add(self.len)
    }
}
