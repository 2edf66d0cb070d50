//! The numbers of a tree: sizes, indexes, positions.
//! Each has a type, so that they cannot be swapped.

use core::fmt;

use crate::Root;

/// The largest tree: 2^48 - 1 leaves, what a frontier of 48 levels holds.
pub const MAX_TREE_SIZE: u64 = (1 << LEVELS) - 1;

/// Says that a number is beyond the largest tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange(
    /// The number that was refused.
    pub u64,
);

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is beyond the largest tree, {MAX_TREE_SIZE} leaves", self.0)
    }
}

impl core::error::Error for OutOfRange {}

/// A count of leaves, at most [`MAX_TREE_SIZE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeSize(u64);

impl TreeSize {
    /// The tree without leaves.
    pub const ZERO: Self = Self(0);

    /// Checks a count of leaves.
    ///
    /// # Errors
    /// [`OutOfRange`] above [`MAX_TREE_SIZE`].
    #[inline]
    pub const fn new(leaves: u64) -> Result<Self, OutOfRange> {
        if leaves > MAX_TREE_SIZE { Err(OutOfRange(leaves)) } else { Ok(Self(leaves)) }
    }

    /// The count of leaves.
    #[must_use]
    #[inline]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether the tree has no leaves.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The zero-based number of a leaf, below [`MAX_TREE_SIZE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafIndex(u64);

impl LeafIndex {
    /// Checks the number of a leaf.
    ///
    /// # Errors
    /// [`OutOfRange`] at and above [`MAX_TREE_SIZE`].
    pub const fn new(index: u64) -> Result<Self, OutOfRange> {
        if index >= MAX_TREE_SIZE { Err(OutOfRange(index)) } else { Ok(Self(index)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The size of the smallest tree that has this leaf.
    #[must_use]
    pub const fn smallest_size(self) -> TreeSize {
        // The type's range leaves room for one more.
        TreeSize(self.0.wrapping_add(1))
    }
}

impl fmt::Display for LeafIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The state of a log: how many leaves, and the root over them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TreeHead {
    /// How many leaves.
    pub size: TreeSize,
    /// The root over them.
    pub root: Root,
}

/// A stored node: the root of the perfect subtree of `2^level` leaves that begins at leaf
/// `offset * 2^level`. Level 0 is the leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The subtree's height, 0 to 47.
    pub level: u8,
    /// Which subtree of that height, from the left.
    pub offset: u64,
}

/// The largest power of two that is not above `number`; 0 for 0.
pub(crate) const fn highest_one(number: u64) -> u64 {
    match number.checked_ilog2() {
        Some(level) => 1 << level,
        None => 0,
    }
}

/// How many levels a frontier has: sizes below 2^48.
pub const LEVELS: usize = 48;
