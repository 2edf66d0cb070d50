//! Planning how leaves go in by the hashes of their subtrees: in the fewest transactions.

use counterfoil_core::limits::MAX_SUBTREE_LEVEL;
use merkle_log::{OutOfRange, Position, Subtrees, TreeSize, subtrees};

/// The hashes that fit a transaction of one `append_subtrees` whose appender pays, with a limit and a price for compute
/// units beside it.
pub const SUBTREES_PER_TRANSACTION: usize = 27;

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
///
/// # Panics
/// When `most` is 0.
pub fn plan_subtrees(size: TreeSize, leaves: u64, most: usize) -> Result<Vec<SubtreeBatch>, OutOfRange> {
    assert_ne!(most, 0, "a batch holds at least one hash");
    let end = TreeSize::new(size.get().saturating_add(leaves))?;
    let all: Vec<Position> = subtrees(size, end, MAX_SUBTREE_LEVEL).collect();
    let mut start = size;
    all.chunks(most)
        .map(|batch| {
            let leaves: u64 = batch.iter().map(|subtree| 1 << subtree.level).sum();
            let batch = SubtreeBatch { start, end: TreeSize::new(start.get().saturating_add(leaves))? };
            start = batch.end;
            Ok(batch)
        })
        .collect()
}
