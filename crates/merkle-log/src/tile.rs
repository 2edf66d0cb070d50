//! Tiles: 256 neighbouring hashes of one level, the unit in which a log's hashes are stored.
//!
//! Tile level `t` holds hashes of tree level `8 * t`; the seven levels between are computed from them. The
//! numbering is that of C2SP tlog-tiles, <https://c2sp.org/tlog-tiles>.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::{Hash, LEVELS, Position, TreeSize, hash_children};

/// How many hashes a full tile holds.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;
/// How many tree levels lie between two tile levels.
pub(crate) const TILE_HEIGHT: u8 = 8;

/// The highest tree level that a full tile's root has.
const MAX_ROOT_LEVEL: u8 = 5 * TILE_HEIGHT;

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
    /// The node lies inside a subtree of which the root alone is known.
    Unknown {
        /// The node.
        position: Position,
        /// The subtree.
        subtree: Position,
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
            Self::Unknown { position, subtree } => write!(
                f,
                "node {}/{} is not known: of subtree {}/{} only the root is",
                position.level, position.offset, subtree.level, subtree.offset
            ),
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

    /// The full tile whose root is `position`; none where no tile's root is.
    #[must_use]
    pub fn rooted_at(position: Position) -> Option<Self> {
        let level = (position.level / TILE_HEIGHT).checked_sub(1)?;
        let is_root = position.level.is_multiple_of(TILE_HEIGHT) && position.level <= MAX_ROOT_LEVEL;
        is_root.then_some(Self { level, index: position.offset, width: TILE_WIDTH as u16 })
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

    /// Whether the tile is full, which is permanent: what it holds never changes again.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.width as u64 == TILE_WIDTH
    }

    /// The number of the tile's first hash within its level.
    #[must_use]
    pub const fn first_offset(&self) -> u64 {
        self.index.saturating_mul(TILE_WIDTH)
    }

    /// The node that is the tile's hash `slot`.
    const fn position(&self, slot: u64) -> Position {
        let offset = self.first_offset().saturating_add(slot);
        Position { level: self.level.saturating_mul(TILE_HEIGHT), offset }
    }
}

/// The hashes of tiles that were read, for one size of the log.
#[derive(Clone, Debug, Default)]
pub struct Tiles {
    hashes: BTreeMap<(u8, u64), Hashes>,
    /// Roots of subtrees of which more need not be known.
    subtrees: BTreeMap<Position, Hash>,
}

/// A tile's hashes.
#[derive(Clone, Debug)]
enum Hashes {
    All(Vec<Hash>),
    Some(Vec<Option<Hash>>),
}

impl Tiles {
    /// Adds a tile.
    ///
    /// # Errors
    /// [`TileError::WrongWidth`] when the count of hashes is not the tile's width.
    pub fn insert(&mut self, tile: Tile, hashes: Vec<Hash>) -> Result<(), TileError> {
        expect_width(tile, hashes.len())?;
        self.hashes.insert((tile.level, tile.index), Hashes::All(hashes));
        Ok(())
    }

    /// Adds a tile of which some hashes may be unknown. [`Self::insert_subtree`] tells what is known of these:
    /// the roots over them within the tile, or that of the subtree in which the tile lies.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn insert_holed(&mut self, tile: Tile, hashes: Vec<Option<Hash>>) -> Result<(), TileError> {
        expect_width(tile, hashes.len())?;
        let all = hashes.iter().copied().collect::<Option<Vec<Hash>>>();
        self.hashes.insert((tile.level, tile.index), all.map_or(Hashes::Some(hashes), Hashes::All));
        Ok(())
    }

    /// Adds the root of a subtree whose leaves may be unknown.
    pub fn insert_subtree(&mut self, position: Position, root: Hash) {
        self.subtrees.insert(position, root);
    }

    /// The hashes of a tile.
    ///
    /// # Errors
    /// [`TileError::Missing`] when it was not added or its first unknown hash lies in no subtree that was,
    /// [`TileError::Unknown`] when it lies in one, [`TileError::WrongWidth`] when the tile was added with another
    /// width.
    pub fn hashes(&self, tile: Tile) -> Result<&[Hash], TileError> {
        match self.added(tile)? {
            Hashes::All(hashes) => Ok(hashes),
            Hashes::Some(hashes) => {
                let unknown = hashes.iter().take_while(|hash| hash.is_some()).count() as u64;
                Err(self.unknown(tile.position(unknown)))
            }
        }
    }

    /// Computes the hash of a node.
    ///
    /// # Errors
    /// [`TileError::Missing`] when its tile was not added or is too narrow, [`TileError::Unknown`] when it lies
    /// inside a subtree of which the root alone is known.
    pub fn hash_at(&self, position: Position) -> Result<Hash, TileError> {
        let missing = TileError::Missing { position };
        let (level, index, slots) = Slots::of(position).ok_or(missing)?;
        match self.hashes.get(&(level, index)).ok_or(missing)? {
            Hashes::All(hashes) => perfect_root(hashes.get(slots.start..slots.end()).ok_or(missing)?).ok_or(missing),
            Hashes::Some(hashes) => {
                let hashes = hashes.get(slots.start..slots.end()).ok_or(missing)?;
                self.root_over(position, hashes).ok_or_else(|| self.unknown(position))
            }
        }
    }

    /// The largest subtree known within a partial tile whose first hash is the tile's hash `at`: its height above
    /// the tile level, 0 for the hash itself, and its root.
    pub(crate) fn subtree_beginning_at(&self, at: Position, tile: Tile) -> Result<(u8, Hash), TileError> {
        let missing = TileError::Missing { position: at };
        let start = usize::try_from(at.offset.saturating_sub(tile.first_offset())).map_err(|_| missing)?;
        let known = match self.added(tile)? {
            Hashes::All(hashes) => hashes.get(start).copied(),
            Hashes::Some(hashes) => hashes.get(start).copied().flatten(),
        };
        if let Some(hash) = known {
            return Ok((0, hash));
        }
        let aligned = (1..TILE_HEIGHT).filter(|height| {
            let len = 1usize << height;
            start.is_multiple_of(len) && start.saturating_add(len) <= usize::from(tile.width)
        });
        let root = |height: u8| {
            let position = Position { level: at.level.saturating_add(height), offset: at.offset >> height };
            Some((height, *self.subtrees.get(&position)?))
        };
        aligned.rev().find_map(root).ok_or(missing)
    }

    fn added(&self, tile: Tile) -> Result<&Hashes, TileError> {
        let missing = TileError::Missing { position: tile.position(0) };
        let hashes = self.hashes.get(&(tile.level, tile.index)).ok_or(missing)?;
        let len = match hashes {
            Hashes::All(hashes) => hashes.len(),
            Hashes::Some(hashes) => hashes.len(),
        };
        expect_width(tile, len)?;
        Ok(hashes)
    }

    /// The root of a subtree from what is known at or below it, within one tile.
    fn root_over(&self, position: Position, hashes: &[Option<Hash>]) -> Option<Hash> {
        if let [hash] = hashes {
            return *hash;
        }
        if let Some(root) = self.subtrees.get(&position) {
            return Some(*root);
        }
        let (left, right) = hashes.split_at(hashes.len() >> 1);
        let (level, offset) = (position.level.checked_sub(1)?, position.offset.checked_mul(2)?);
        let left = self.root_over(Position { level, offset }, left)?;
        let right = self.root_over(Position { level, offset: offset.checked_add(1)? }, right)?;
        Some(hash_children(&left, &right))
    }

    /// Why a node has no hash: the subtree that it lies in, if any.
    fn unknown(&self, position: Position) -> TileError {
        let around = (1..LEVELS as u8).map_while(|height| {
            let level = position.level.checked_add(height)?;
            Some(Position { level, offset: position.offset.checked_shr(u32::from(height))? })
        });
        let subtree = around.into_iter().find(|around| self.subtrees.contains_key(around));
        subtree.map_or(TileError::Missing { position }, |subtree| TileError::Unknown { position, subtree })
    }
}

fn expect_width(tile: Tile, given: usize) -> Result<(), TileError> {
    if given == usize::from(tile.width) { Ok(()) } else { Err(TileError::WrongWidth { tile, given }) }
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
