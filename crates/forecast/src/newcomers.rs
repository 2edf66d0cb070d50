//! Writers that were never seen.

use std::collections::BTreeSet;

/// Of each bucket, in order, the writers that wrote neither before the first bucket, as `seen` says, nor in a bucket before.
#[must_use]
pub fn newcomers<W: Clone + Ord>(mut seen: BTreeSet<W>, buckets: &[BTreeSet<W>]) -> Vec<Vec<W>> {
    let new = |writers: &BTreeSet<W>| writers.iter().filter(|writer| seen.insert((*writer).clone())).cloned().collect();
    buckets.iter().map(new).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::newcomers;

    #[test]
    fn a_writer_is_new_once() {
        let buckets = [BTreeSet::from([1, 2]), BTreeSet::from([2, 3]), BTreeSet::new(), BTreeSet::from([1, 3])];
        assert_eq!(newcomers(BTreeSet::from([1]), &buckets), [vec![2], vec![3], vec![], vec![]]);
        assert_eq!(newcomers(BTreeSet::new(), &buckets), [vec![1, 2], vec![3], vec![], vec![]]);
    }
}
