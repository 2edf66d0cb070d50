//! Planning how leaves go in by the hashes of their subtrees: in the fewest batches.

use core::iter;
use core::num::NonZeroUsize;

use merkle_log::{OutOfRange, Subtrees, TreeSize, subtrees};

use crate::limits::MAX_SUBTREE_LEVEL;

/// The leaves of one `append_subtrees`. Made by [`plan_subtrees`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubtreeBatch {
    start: TreeSize,
    end: TreeSize,
}

impl SubtreeBatch {
    /// The size of the log before, which is the first leaf's index.
    #[must_use]
    pub const fn expected_size(&self) -> TreeSize {
        self.start
    }

    /// How many leaves.
    #[must_use]
    pub const fn leaves(&self) -> u64 {
        self.end.get().saturating_sub(self.start.get())
    }

    /// The subtrees whose roots are the instruction's hashes, from left to right.
    #[must_use]
    pub fn subtrees(&self) -> Subtrees {
        subtrees(self.start, self.end, MAX_SUBTREE_LEVEL)
    }
}

/// Plans the fewest batches of at most `most` hashes that append `leaves` leaves to a log of `size` leaves, in order.
///
/// The subtrees of the whole run are the fewest there are, and any other cut only adds to them: so each batch takes
/// the next `most` of them.
///
/// # Errors
/// [`OutOfRange`] when the log would grow beyond [`merkle_log::MAX_TREE_SIZE`].
pub fn plan_subtrees(
    size: TreeSize,
    leaves: u64,
    most: NonZeroUsize,
) -> Result<impl Iterator<Item = SubtreeBatch>, OutOfRange> {
    let last = TreeSize::new(size.get().saturating_add(leaves))?;
    let mut rest = subtrees(size, last, MAX_SUBTREE_LEVEL);
    let mut start = size;
    Ok(iter::from_fn(move || {
        let leaves = rest.by_ref().take(most.get()).fold(0, |sum: u64, subtree| sum.saturating_add(1 << subtree.level));
        if leaves == 0 {
            return None;
        }
        // Within the run, whose end is in range.
        let end = TreeSize::new(start.get().saturating_add(leaves)).ok()?;
        Some(SubtreeBatch { start: core::mem::replace(&mut start, end), end })
    }))
}
