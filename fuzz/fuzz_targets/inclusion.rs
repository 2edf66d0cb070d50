//! Inclusion proofs of any shape, compared with the definition of RFC 6962 section 2.1.1 read backwards.
//!
//! Input: index (8), size (8), leaf hash (32), what to break (1), then the proof's hashes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use merkle_log::{Hash, LeafHash, LeafIndex, ProofError, Root, TreeHead, TreeSize, hash_children, verify_inclusion};

fuzz_target!(|bytes: &[u8]| {
    let Some((index, bytes)) = bytes.split_first_chunk() else { return };
    let Some((size, bytes)) = bytes.split_first_chunk() else { return };
    let Some((leaf, bytes)) = bytes.split_first_chunk() else { return };
    let Some((breaks, bytes)) = bytes.split_first() else { return };
    let (index, size) = (u64::from_le_bytes(*index), u64::from_le_bytes(*size));
    let (Ok(index), Ok(size)) = (LeafIndex::new(index), TreeSize::new(size)) else { return };
    let proof: Vec<Hash> = bytes.as_chunks::<32>().0.iter().map(|hash| Hash(*hash)).collect();
    let leaf = LeafHash(*leaf);

    let computed = root_of(index.get(), size.get(), Hash(leaf.0), &proof);
    let mut root = Root(computed.map_or([0; 32], |root| root.0));
    if *breaks != 0 {
        root.0[usize::from(*breaks) % 32] ^= breaks;
    }
    let verified = verify_inclusion(&TreeHead { size, root }, index, &leaf, &proof);
    match (computed, *breaks) {
        (Some(_), 0) => assert_eq!(verified, Ok(())),
        (Some(_), _) => assert!(matches!(verified, Err(ProofError::RootMismatch { .. }))),
        (None, _) if index.get() >= size.get() => {
            assert!(matches!(verified, Err(ProofError::IndexOutOfRange { .. })));
        }
        (None, _) => assert!(matches!(verified, Err(ProofError::TooShort | ProofError::TooLong))),
    }
});

/// The root to which a proof leads; none when it has another length than the tree demands.
fn root_of(index: u64, size: u64, leaf: Hash, proof: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    if size == 1 {
        return proof.is_empty().then_some(leaf);
    }
    let (sibling, proof) = proof.split_last()?;
    let left = 1 << (size - 1).ilog2();
    if index < left {
        Some(hash_children(&root_of(index, left, leaf, proof)?, sibling))
    } else {
        Some(hash_children(sibling, &root_of(index - left, size - left, leaf, proof)?))
    }
}
