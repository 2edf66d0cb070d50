//! Tests of the log against RFC 6962's text, its published vectors, and another implementation.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests draw seeds")]

mod edge;
mod exhaustive;
mod holes;
mod huge;
mod no_panic;
mod numbers;
mod oracle;
mod range;
mod seed;
mod shared;
mod subtrees;
mod tiles;
mod vectors;

use merkle_log::{
    Hash, LeafHash, LeafIndex, ProofError, TreeHead, TreeSize, consistency_plan, hash_leaf, inclusion_plan,
};
use oracle::Oracle;

/// Sizes up to which every tree is tried: past the first full subtree of 128 leaves.
const EVERY: u64 = 130;

fn size(leaves: u64) -> TreeSize {
    TreeSize::new(leaves).expect("a size within the range")
}

fn index(index: u64) -> LeafIndex {
    LeafIndex::new(index).expect("an index within the range")
}

/// The bytes of leaf `index` of the test logs.
fn entry(index: u64) -> [u8; 8] {
    index.to_be_bytes()
}

fn leaf(index: u64) -> LeafHash {
    hash_leaf(&entry(index))
}

/// An oracle of the log whose leaf `i` is `leaf(i)`.
fn log(leaves: u64) -> Oracle {
    Oracle::dense((0..leaves).map(leaf))
}

fn head(oracle: &Oracle, leaves: u64) -> TreeHead {
    TreeHead { size: size(leaves), root: oracle.root(leaves) }
}

/// An inclusion proof by plan, one read and computation, from a log of `stored` leaves.
fn prove_inclusion(oracle: &Oracle, leaf: u64, leaves: u64, stored: u64) -> Vec<Hash> {
    let plan = inclusion_plan(index(leaf), size(leaves)).expect("a leaf of the tree");
    let tiles = plan.tiles(size(stored)).expect("the tree is stored");
    plan.proof(&oracle.read(&tiles)).expect("the plan names all its tiles")
}

/// A consistency proof by plan, one read and computation, from a log of `stored` leaves.
fn prove_consistency(oracle: &Oracle, first: u64, second: u64, stored: u64) -> Vec<Hash> {
    let plan = consistency_plan(size(first), size(second)).expect("a tree that grows");
    let tiles = plan.tiles(size(stored)).expect("the tree is stored");
    plan.proof(&oracle.read(&tiles)).expect("the plan names all its tiles")
}

/// The text that a proof's refusal must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    TooShort,
    TooLong,
    Mismatch,
}

impl Refusal {
    fn of(error: ProofError) -> Option<Self> {
        match error {
            ProofError::TooShort => Some(Self::TooShort),
            ProofError::TooLong => Some(Self::TooLong),
            ProofError::RootMismatch { .. } | ProofError::SecondRootMismatch { .. } => Some(Self::Mismatch),
            ProofError::IndexOutOfRange { .. } | ProofError::NoRange { .. } | ProofError::Shrinks { .. } => None,
        }
    }
}

/// Every way of breaking a proof hash by hash, and what the refusal must say. The hashes must differ.
fn broken(proof: &[Hash]) -> Vec<(Refusal, Vec<Hash>)> {
    let mut all = Vec::new();
    let mut change = |refusal, change: &dyn Fn(&mut Vec<Hash>)| {
        let mut copy = proof.to_vec();
        change(&mut copy);
        all.push((refusal, copy));
    };
    for at in 0..proof.len() {
        // Another bit in each hash, over all bytes as proofs grow.
        change(Refusal::Mismatch, &|copy| copy[at].0[(at * 7) % 32] ^= 1 << (at % 8));
        change(Refusal::Mismatch, &|copy| copy[at] = Hash::default());
        change(Refusal::TooShort, &|copy| {
            copy.remove(at);
        });
        change(Refusal::TooShort, &|copy| copy.truncate(at));
        change(Refusal::TooLong, &|copy| copy.insert(at, proof[at]));
        change(Refusal::TooLong, &|copy| copy.insert(at, Hash::default()));
        for other in at + 1..proof.len() {
            change(Refusal::Mismatch, &|copy| copy.swap(at, other));
        }
    }
    change(Refusal::TooLong, &|copy| copy.push(Hash::default()));
    change(Refusal::TooLong, &|copy| copy.extend([Hash([7; 32]); 64]));
    all
}
