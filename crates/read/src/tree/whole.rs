//! The root of a tree by RFC 6962's definition, from a range inside it and the hashes outside.

use std::ops::Range;

use merkle_log::{Hash, Position, hash_children};

/// The root over `run`: of runs outside `range` the next hash of `outside`, of perfect subtrees within it what `inside` gives. None when
/// there are fewer hashes outside than it takes.
///
/// Source: RFC 6962 section 2.1. As deep as the tree, at most 48.
pub(super) fn root_of<E>(
    run: &Range<u64>,
    range: &Range<u64>,
    outside: &mut impl Iterator<Item = Hash>,
    inside: &impl Fn(Position) -> Result<Hash, E>,
) -> Result<Option<Hash>, E> {
    if run.end <= range.start || range.end <= run.start {
        return Ok(outside.next());
    }
    let leaves = run.end.saturating_sub(run.start);
    if range.start <= run.start && run.end <= range.end && leaves.is_power_of_two() {
        let level = leaves.trailing_zeros();
        return inside(Position { level: level as u8, offset: run.start >> level }).map(Some);
    }
    // The largest power of two below it; a run of one leaf is within or outside.
    let middle = run.start.saturating_add(leaves.next_power_of_two() / 2);
    let left = root_of(&(run.start..middle), range, outside, inside)?;
    let right = root_of(&(middle..run.end), range, outside, inside)?;
    Ok(left.zip(right).map(|(left, right)| hash_children(&left, &right)))
}
