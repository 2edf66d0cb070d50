//! Making proofs: *plan* the stored nodes, *read* them at once, then compute without reading more.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;

use crate::number::highest_one;
use crate::{Hash, LEVELS, LeafIndex, Position, Subtrees, Tile, TileError, Tiles, TreeSize, hash_children};

/// The highest level of a stored node.
pub const MAX_LEVEL: u8 = LEVELS as u8 - 1;

/// Why no proof can be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// The leaf lies outside the tree.
    IndexOutOfRange {
        /// The index asked for.
        index: LeafIndex,
        /// The size asked for.
        size: TreeSize,
    },
    /// There is no such run of leaves in the tree.
    NoRange {
        /// The first leaf asked for.
        first: LeafIndex,
        /// Where the run was to end.
        end: TreeSize,
        /// The size asked for.
        size: TreeSize,
    },
    /// A consistency proof leads from a tree to a larger or equal one.
    Shrinks {
        /// The size given as the earlier.
        first: TreeSize,
        /// The size given as the later.
        second: TreeSize,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IndexOutOfRange { index, size } => write!(f, "leaf {index} is not in a tree of {size} leaves"),
            Self::NoRange { first, end, size } => {
                write!(f, "leaves {first} up to {end} are no range of a tree of {size} leaves")
            }
            Self::Shrinks { first, second } => write!(f, "a tree of {first} leaves cannot become one of {second}"),
        }
    }
}

impl core::error::Error for PlanError {}

/// The stored nodes that a proof is made of.
///
/// An element of a proof is the root over a run of leaves. Where that run is not one perfect subtree (at the
/// right edge), several stored nodes fold into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The run of leaves of each element of the proof, in its order.
    elements: Vec<Run>,
}

/// Plans the proof that leaf `index` is in the tree of `size` leaves.
///
/// # Errors
/// [`PlanError::IndexOutOfRange`] if `index >= size`.
///
/// Source: RFC 6962 section 2.1.1.
pub fn inclusion_plan(index: LeafIndex, size: TreeSize) -> Result<Plan, PlanError> {
    if index.get() >= size.get() {
        return Err(PlanError::IndexOutOfRange { index, size });
    }
    let mut elements = Vec::new();
    let mut tree = Run { start: 0, len: size.get() };
    while tree.len > 1 {
        let (left, right) = tree.split();
        let (inside, sibling) = if index.get() < right.start { (left, right) } else { (right, left) };
        elements.push(sibling);
        tree = inside;
    }
    elements.reverse();
    Ok(Plan { elements })
}

/// Plans the proof that the leaves from `first` up to, not including, `end` are just these in the tree of `size` leaves.
///
/// The proof is the roots of the largest subtrees outside the range, from left to right: the fewest hashes that lead from
/// its leaves to the root. Those to its left are the peaks of the tree of `first` leaves, the largest first.
///
/// # Errors
/// [`PlanError::NoRange`] unless `first < end <= size`.
pub fn range_plan(first: LeafIndex, end: TreeSize, size: TreeSize) -> Result<Plan, PlanError> {
    if first.get() >= end.get() || end > size {
        return Err(PlanError::NoRange { first, end, size });
    }
    let mut elements: Vec<Run> = Subtrees::over(0, first.get(), MAX_LEVEL).map(Run::of).collect();
    let mut reached = end.get();
    while reached < size.get() {
        let sibling = Run::after(reached, size);
        elements.push(sibling);
        reached = sibling.end();
    }
    Ok(Plan { elements })
}

/// Plans the proof that the tree of `second` leaves begins with the tree of `first` leaves.
///
/// # Errors
/// [`PlanError::Shrinks`] if `first > second`.
///
/// Source: RFC 6962 section 2.1.2.
pub fn consistency_plan(first: TreeSize, second: TreeSize) -> Result<Plan, PlanError> {
    if first > second {
        return Err(PlanError::Shrinks { first, second });
    }
    let mut elements = Vec::new();
    let mut tree = Run { start: 0, len: second.get() };
    if !first.is_empty() {
        // Descend to the subtree at whose end the first tree ends.
        while tree.end() != first.get() {
            let (left, right) = tree.split();
            let (inside, sibling) = if first.get() <= right.start { (left, right) } else { (right, left) };
            elements.push(sibling);
            tree = inside;
        }
        // The verifier knows that subtree's root already when it is the whole first tree.
        if tree.start != 0 {
            elements.push(tree);
        }
        elements.reverse();
    }
    Ok(Plan { elements })
}

impl Plan {
    /// The positions of all nodes that the proof is made of, in the order of use.
    pub fn positions(&self) -> impl Iterator<Item = Position> + '_ {
        self.elements.iter().flat_map(|run| run.positions())
    }

    /// The tiles that hold the nodes, in a log of which `stored` leaves are stored. Ascending, no repeats.
    ///
    /// # Errors
    /// [`TileError::NotStored`] when the log has not stored a node yet.
    pub fn tiles(&self, stored: TreeSize) -> Result<Vec<Tile>, TileError> {
        let tiles: Result<BTreeSet<Tile>, TileError> =
            self.positions().map(|position| Tile::holding(position, stored)).collect();
        Ok(tiles?.into_iter().collect())
    }

    /// Computes the proof from the tiles that were read.
    ///
    /// # Errors
    /// [`TileError::Missing`] when `tiles` does not have one of [`Self::tiles`].
    pub fn proof(&self, tiles: &Tiles) -> Result<Vec<Hash>, TileError> {
        self.proof_by(|run| run.root(|position| tiles.hash_at(position)))
    }

    /// Computes the proof from nodes that are kept in another way: `root_over` gives the root over each run of leaves, as
    /// [`Run::root`] does. Proofs in one tree have the runs at its right edge in common.
    ///
    /// # Errors
    /// Those of `root_over`.
    pub fn proof_by<E>(&self, root_over: impl FnMut(Run) -> Result<Hash, E>) -> Result<Vec<Hash>, E> {
        self.elements.iter().copied().map(root_over).collect()
    }
}

/// A run of leaves that is a subtree in RFC 6962's sense. Within [`crate::MAX_TREE_SIZE`], so sums cannot wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    start: u64,
    len: u64,
}

impl Run {
    /// The first leaf.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.start
    }

    /// The leaf after the last.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.start.saturating_add(self.len)
    }

    /// The stored node that is its root; none at the right edge of a tree, where several stored nodes fold into it.
    #[must_use]
    pub const fn node(self) -> Option<Position> {
        if !self.len.is_power_of_two() {
            return None;
        }
        let level = self.len.trailing_zeros();
        Some(Position { level: level as u8, offset: self.start >> level })
    }

    /// The root, from the hashes of the stored nodes that fold into it.
    ///
    /// # Errors
    /// [`TileError::Empty`] without leaves; those of `hash_at`.
    pub fn root(self, hash_at: impl Fn(Position) -> Result<Hash, TileError>) -> Result<Hash, TileError> {
        if let Some(node) = self.node() {
            return hash_at(node);
        }
        let nodes: Vec<Position> = self.positions().collect();
        let mut nodes = nodes.iter().rev();
        let smallest = nodes.next().ok_or(TileError::Empty)?;
        let mut root = hash_at(*smallest)?;
        for node in nodes {
            root = hash_children(&hash_at(*node)?, &root);
        }
        Ok(root)
    }

    /// The run that a perfect subtree is.
    const fn of(subtree: Position) -> Self {
        let len = 1 << subtree.level;
        Self { start: subtree.offset << subtree.level, len }
    }

    /// The subtree of the tree of `size` leaves to the right of the last peak of the tree of `reached` leaves, which is above 0
    /// and below `size`: as large as that peak, or what is left.
    fn after(reached: u64, size: TreeSize) -> Self {
        let beside = 1 << reached.trailing_zeros();
        Self { start: reached, len: size.get().saturating_sub(reached).min(beside) }
    }

    /// Splits at the largest power of two below `len`, which must be at least 2.
    const fn split(self) -> (Self, Self) {
        let left_len = highest_one(self.len.saturating_sub(1));
        let left = Self { start: self.start, len: left_len };
        let right = Self { start: left.end(), len: self.len.saturating_sub(left_len) };
        (left, right)
    }

    /// The perfect subtrees that make up this run, from left to right: one for each bit of its length.
    fn positions(self) -> Subtrees {
        Subtrees::over(self.start, self.end(), MAX_LEVEL)
    }
}
