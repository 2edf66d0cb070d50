//! Making proofs: *plan* the stored nodes, *read* them at once, then compute without reading more.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;

use crate::number::highest_one;
use crate::{Hash, LEVELS, LeafIndex, Position, Subtrees, Tile, TileError, Tiles, TreeSize, hash_children};

/// The highest level of a stored node.
pub(crate) const MAX_LEVEL: u8 = LEVELS as u8 - 1;

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
    /// For each element of the proof, in its order, the positions of its nodes from left to right.
    elements: Vec<Vec<Position>>,
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
        elements.push(sibling.positions());
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
    let mut elements: Vec<Vec<Position>> =
        Subtrees::over(0, first.get(), MAX_LEVEL).map(|peak| Vec::from([peak])).collect();
    let mut reached = end.get();
    while reached < size.get() {
        let sibling = Run::after(reached, size);
        elements.push(sibling.positions());
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
            elements.push(sibling.positions());
            tree = inside;
        }
        // The verifier knows that subtree's root already when it is the whole first tree.
        if tree.start != 0 {
            elements.push(tree.positions());
        }
        elements.reverse();
    }
    Ok(Plan { elements })
}

impl Plan {
    /// The positions of all nodes that the proof is made of, in the order of use.
    pub fn positions(&self) -> impl Iterator<Item = Position> + '_ {
        self.elements.iter().flatten().copied()
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
        self.elements.iter().map(|nodes| fold(nodes, tiles)).collect()
    }
}

/// The root over adjacent perfect subtrees, larger ones to the left.
fn fold(nodes: &[Position], tiles: &Tiles) -> Result<Hash, TileError> {
    let mut nodes = nodes.iter().rev();
    let smallest = nodes.next().ok_or(TileError::Empty)?;
    let mut root = tiles.hash_at(*smallest)?;
    for node in nodes {
        root = hash_children(&tiles.hash_at(*node)?, &root);
    }
    Ok(root)
}

/// A run of leaves that is a subtree in RFC 6962's sense. Within [`crate::MAX_TREE_SIZE`], so sums cannot wrap.
#[derive(Clone, Copy)]
struct Run {
    start: u64,
    len: u64,
}

impl Run {
    const fn end(self) -> u64 {
        self.start.saturating_add(self.len)
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
    fn positions(self) -> Vec<Position> {
        Subtrees::over(self.start, self.end(), MAX_LEVEL).collect()
    }
}
