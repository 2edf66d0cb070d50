//! Batches of subtrees from any size: the plan covers the leaves, each batch fits, and a frontier takes it.
//!
//! Input: size (8), leaves (8), most hashes in a batch (1), an index (8).
#![no_main]

use std::num::NonZeroUsize;

use counterfoil_core::limits::MAX_SUBTREE_LEVEL;
use counterfoil_core::plan_subtrees;
use libfuzzer_sys::fuzz_target;
use merkle_log::frontier::peak_covering;
use merkle_log::{Frontier, Hash, LEVELS, LeafIndex, MAX_TREE_SIZE, TreeSize};

/// A long run has millions of batches: these many say enough.
const BATCHES: usize = 20;

fuzz_target!(|bytes: &[u8]| {
    let Some((size, bytes)) = bytes.split_first_chunk() else { return };
    let Some((leaves, bytes)) = bytes.split_first_chunk() else { return };
    let Some((most, bytes)) = bytes.split_first() else { return };
    let Some((index, _)) = bytes.split_first_chunk() else { return };
    let (size, leaves) = (u64::from_le_bytes(*size), u64::from_le_bytes(*leaves));
    let Ok(start) = TreeSize::new(size) else { return };
    let most = NonZeroUsize::new(usize::from(*most)).unwrap_or(NonZeroUsize::MIN);

    let Ok(plan) = plan_subtrees(start, leaves, most) else {
        assert!(size.saturating_add(leaves) > MAX_TREE_SIZE);
        return;
    };
    let mut peaks = [[0; 32]; LEVELS];
    for (level, peak) in peaks.iter_mut().enumerate().filter(|(level, _)| size >> level & 1 == 1) {
        *peak = [level as u8 + 1; 32];
    }
    let mut frontier = Frontier::from_peaks(start, peaks).expect("a peak for each bit");
    let (mut planned, mut is_last, mut is_cut) = (0, false, false);
    for (number, batch) in plan.enumerate() {
        if number == BATCHES {
            is_cut = true;
            break;
        }
        assert!(!is_last, "only the last batch may be short");
        assert_eq!(batch.expected_size(), frontier.size());
        let mut hashes = 0;
        for subtree in batch.subtrees() {
            assert!(subtree.level <= MAX_SUBTREE_LEVEL);
            assert_eq!(subtree.offset << subtree.level, frontier.size().get());
            frontier.append_subtree(subtree.level, &Hash([0xff; 32])).expect("it fits");
            hashes += 1;
        }
        assert!((1..=most.get()).contains(&hashes));
        is_last = hashes < most.get();
        planned += batch.leaves();
    }
    assert!(is_cut || planned == leaves);
    assert_eq!(frontier.size().get(), size + planned);

    let Ok(index) = LeafIndex::new(u64::from_le_bytes(*index)) else { return };
    match peak_covering(frontier.size(), index) {
        None => assert!(index.get() >= frontier.size().get()),
        Some(peak) => {
            assert_eq!(frontier.size().get() >> peak.level & 1, 1);
            assert_eq!(index.get() >> peak.level, peak.offset);
            assert_eq!((frontier.size().get() >> peak.level) - 1, peak.offset);
        }
    }
});
