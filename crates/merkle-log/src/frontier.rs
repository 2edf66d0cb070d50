//! The frontier (compact range): the roots of the perfect subtrees that make up a tree.
//!
//! A tree of `size` leaves is one perfect subtree for each bit set in `size`, the largest leftmost. Those
//! roots, the *peaks*, are all that appending and computing the root need.
//!
//! The functions work on a plain array in place, for the program keeps its peaks in an account.
//! [`Frontier`] owns the array for all others.
//!
//! Source: RFC 6962 section 2.1, whose trees these peaks make up.

use core::fmt;

pub use crate::number::LEVELS;
use crate::{Hash, LeafHash, LeafIndex, OutOfRange, Position, Root, TreeHead, TreeSize, empty_root, hash_children};

/// Slot `L` is the root of the perfect subtree of `2^L` leaves when bit `L` of the size is set,
/// otherwise zero, so that equal logs have equal bytes.
pub type Peaks = [[u8; 32]; LEVELS];

/// Why a frontier refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontierError {
    /// The log would grow beyond [`crate::MAX_TREE_SIZE`].
    Full(OutOfRange),
    /// A subtree of `2^level` leaves fits only where the size is a multiple of `2^level`.
    Unaligned {
        /// The size of the log.
        size: TreeSize,
        /// The level of the refused subtree.
        level: u8,
    },
    /// Slot `level` is zero where the size says that there is a subtree, or the other way round.
    Inconsistent {
        /// The first such slot.
        level: u8,
    },
}

impl fmt::Display for FrontierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(error) => write!(f, "the log is full: {error}"),
            Self::Unaligned { size, level } => {
                write!(f, "a subtree of 2^{level} leaves does not fit at size {size}")
            }
            Self::Inconsistent { level } => {
                write!(f, "slot {level} of the frontier does not fit its size")
            }
        }
    }
}

impl core::error::Error for FrontierError {}

/// Appends one leaf to the peaks of a tree of `size` leaves and returns the new size.
///
/// # Errors
/// [`FrontierError::Full`]; nothing was changed then.
#[inline]
pub fn append_leaf(peaks: &mut Peaks, size: TreeSize, leaf: &LeafHash) -> Result<TreeSize, FrontierError> {
    append_subtree(peaks, size, 0, &Hash(leaf.0))
}

/// Appends the perfect subtree of `2^level` leaves with root `subtree`, and returns the new size.
///
/// # Errors
/// [`FrontierError::Unaligned`] unless `size` is a multiple of `2^level`, [`FrontierError::Full`];
/// nothing was changed then.
#[inline]
pub fn append_subtree(peaks: &mut Peaks, size: TreeSize, level: u8, subtree: &Hash) -> Result<TreeSize, FrontierError> {
    let count = 1u64.checked_shl(u32::from(level)).ok_or(FrontierError::Unaligned { size, level })?;
    if size.get() & count.wrapping_sub(1) != 0 {
        return Err(FrontierError::Unaligned { size, level });
    }
    let grown = TreeSize::new(size.get().saturating_add(count)).map_err(FrontierError::Full)?;

    // As in binary addition: each peak that is there is merged into the carry and its slot cleared.
    let mut carry = *subtree;
    for (level, slot) in peaks.iter_mut().enumerate().skip(usize::from(level)) {
        if size.get() >> level & 1 == 0 {
            *slot = carry.0;
            break;
        }
        carry = hash_children(&Hash(*slot), &carry);
        *slot = [0; 32];
    }
    Ok(grown)
}

/// The root of the tree of `size` leaves with these peaks. Source: RFC 6962 section 2.1.
#[must_use]
#[inline]
pub fn root(peaks: &Peaks, size: TreeSize) -> Root {
    let mut remaining = size.get();
    let mut root: Option<Hash> = None;
    while remaining != 0 {
        let level = remaining.trailing_zeros() as usize;
        remaining &= remaining.wrapping_sub(1);
        let Some(peak) = peaks.get(level) else { break };
        let peak = Hash(*peak);
        root = Some(match root {
            // The smaller subtrees lie to the right of the larger.
            Some(right) => hash_children(&peak, &right),
            None => peak,
        });
    }
    root.map_or_else(empty_root, |hash| Root(hash.0))
}

/// The peak that covers leaf `index` of a tree of `size` leaves; none when `index >= size`.
///
/// A proof that ends at it has one hash for each of its levels, and stays true until an append merges the peak.
#[must_use]
#[inline]
pub const fn peak_covering(size: TreeSize, index: LeafIndex) -> Option<Position> {
    if index.get() >= size.get() {
        return None;
    }
    // At the highest bit in which they differ the size has a one: the peak of that bit, and the index lies in it.
    let level = (size.get() ^ index.get()).ilog2();
    Some(Position { level: level as u8, offset: index.get() >> level })
}

/// A frontier that owns its peaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    size: TreeSize,
    peaks: Peaks,
}

impl Default for Frontier {
    fn default() -> Self {
        Self::new()
    }
}

impl Frontier {
    /// The frontier of the empty log.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: TreeSize::ZERO, peaks: [[0; 32]; LEVELS] }
    }

    /// Takes stored peaks. Whether they belong to a given root is for [`Self::root`] to say.
    ///
    /// # Errors
    /// [`FrontierError::Inconsistent`] when a slot is zero that must not be, or the other way round.
    pub fn from_peaks(size: TreeSize, peaks: Peaks) -> Result<Self, FrontierError> {
        for (level, slot) in (0u8..).zip(&peaks) {
            let is_needed = size.get() >> level & 1 == 1;
            if is_needed == (*slot == [0; 32]) {
                return Err(FrontierError::Inconsistent { level });
            }
        }
        Ok(Self { size, peaks })
    }

    /// Appends one leaf.
    ///
    /// # Errors
    /// As [`append_leaf`].
    pub fn append_leaf(&mut self, leaf: &LeafHash) -> Result<(), FrontierError> {
        self.size = append_leaf(&mut self.peaks, self.size, leaf)?;
        Ok(())
    }

    /// Appends the perfect subtree of `2^level` leaves with root `subtree`.
    ///
    /// # Errors
    /// As [`append_subtree`].
    pub fn append_subtree(&mut self, level: u8, subtree: &Hash) -> Result<(), FrontierError> {
        self.size = append_subtree(&mut self.peaks, self.size, level, subtree)?;
        Ok(())
    }

    /// The count of leaves.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// The peaks by level; see [`Peaks`].
    #[must_use]
    pub const fn peaks(&self) -> &Peaks {
        &self.peaks
    }

    /// The root over all leaves.
    #[must_use]
    pub fn root(&self) -> Root {
        root(&self.peaks, self.size)
    }

    /// The root over all leaves and what lies to their right, fewer than the last peak has, of which `rest` is the root.
    pub(crate) fn root_beside(&self, rest: Hash) -> Root {
        let present = (0..).zip(&self.peaks).filter(|(level, _)| self.size.get() >> level & 1 == 1);
        Root(present.fold(rest, |root, (_, peak): (u32, _)| hash_children(&Hash(*peak), &root)).0)
    }

    /// Size and root.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }
}
