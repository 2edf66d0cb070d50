//! The short hash of a value, which is all that the check keeps of it.

use sha2::{Digest, Sha256};

/// 32 bytes that a caller draws for one check and shows to no one before it ends.
///
/// A value is kept as the first 64 bits of SHA-256 under this prefix. The seed keeps one who writes the table from searching two values
/// with one hash: without it, a changed value is missed with a chance of 2^-64, whatever was tried before.
#[derive(Clone)]
pub struct Seed(pub [u8; 32]);

/// The hash of a value's form; never 0, which stands for "no record says it".
pub(crate) type Hash = u64;

/// The place of a hash that no record has given yet.
pub(crate) const UNSAID: Hash = 0;

#[derive(Clone)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn new(seed: &Seed) -> Self {
        // A whole block, so that each value costs one compression less.
        let mut block = [0; 64];
        for (byte, seed) in block.iter_mut().zip(seed.0) {
            *byte = seed;
        }
        Self(Sha256::new_with_prefix(block))
    }

    pub(crate) fn hash(&self, form: &[u8]) -> Hash {
        let digest = self.0.clone().chain_update(form).finalize();
        let mut first = [0; 8];
        for (byte, digest) in first.iter_mut().zip(digest) {
            *byte = digest;
        }
        u64::from_be_bytes(first).max(1)
    }
}
