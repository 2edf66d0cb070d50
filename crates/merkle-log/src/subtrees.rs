//! The perfect subtrees that make up a run of leaves: the fewest, and the only ones that fit without overlap.

use crate::{Position, TreeSize};

/// The perfect subtrees of a run of leaves, from left to right; made by [`subtrees`].
#[derive(Clone, Debug)]
pub struct Subtrees {
    next: u64,
    end: u64,
    max_level: u32,
}

/// The perfect subtrees that make up the leaves from `start` up to, not including, `end`, from left to right.
///
/// Each is as large as its first leaf, the leaves left and `max_level` allow, so that there is one list for each
/// run, and none is shorter. Empty when `start >= end`. At most 94 long where `max_level` is 47.
#[must_use]
pub fn subtrees(start: TreeSize, end: TreeSize, max_level: u8) -> Subtrees {
    Subtrees::over(start.get(), end.get(), max_level)
}

impl Subtrees {
    pub(crate) const fn over(start: u64, end: u64, max_level: u8) -> Self {
        Self { next: start, end, max_level: max_level as u32 }
    }
}

impl Iterator for Subtrees {
    type Item = Position;

    #[inline]
    fn next(&mut self) -> Option<Position> {
        // None where no leaf is left.
        let largest = self.end.saturating_sub(self.next).checked_ilog2()?;
        let level = self.next.trailing_zeros().min(largest).min(self.max_level);
        let offset = self.next >> level;
        // Within the run, for 2^level leaves are left.
        self.next = self.next.saturating_add(1 << level);
        Some(Position { level: level as u8, offset })
    }
}
