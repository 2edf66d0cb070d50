//! Merkle trees by RFC 6962's definitions, for tests: an oracle that shares nothing with this project's crates.

use sha2::{Digest, Sha256};

pub type Hash = [u8; 32];

pub fn leaf_hash(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

pub fn node_hash(left: Hash, right: Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(root(left), root(right))
        }
    }
}

pub fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut inner, beside) = if index < left.len() {
        (path(left, index), root(right))
    } else {
        (path(right, index - left.len()), root(left))
    };
    inner.push(beside);
    inner
}

/// The largest power of two below a size.
fn split(size: usize) -> usize {
    size.next_power_of_two() / 2
}

/// The siblings to the right of leaf 0 in a tree of 2^48 leaves or one less, all made up, and the root that they lead to.
pub fn climb(leaf: Hash) -> (Vec<Hash>, Hash) {
    let siblings: Vec<Hash> = (0..48).map(|level| [level; 32]).collect();
    let top = siblings.iter().fold(leaf, |root, sibling| node_hash(root, *sibling));
    (siblings, top)
}

/// The hashes that lead from a tree's first `first` leaves to the whole. Source: RFC 6962 section 2.1.2, `SUBPROOF`.
pub fn growth(leaves: &[Hash], first: usize) -> Vec<Hash> {
    subproof(leaves, first, true)
}

fn subproof(leaves: &[Hash], first: usize, is_whole: bool) -> Vec<Hash> {
    if first == leaves.len() {
        return if is_whole { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut inner, beside) = if first <= left.len() {
        (subproof(left, first, is_whole), root(right))
    } else {
        (subproof(right, first - left.len(), false), root(left))
    };
    inner.push(beside);
    inner
}

/// The roots of the largest subtrees outside leaves `from` up to `to`, from left to right. Source: docs/protocol.md, section 7.
pub fn around(leaves: &[Hash], from: usize, to: usize) -> Vec<Hash> {
    if from == 0 && to >= leaves.len() {
        return Vec::new();
    }
    if to == 0 || from >= leaves.len() {
        return vec![root(leaves)];
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (at, of) = (left.len(), |place: usize| place.saturating_sub(left.len()));
    let before = around(left, from, to.min(at));
    // A range that ends before the right half touches nothing of it.
    let after = if to <= at { vec![root(right)] } else { around(right, of(from), of(to)) };
    [if from >= at { vec![root(left)] } else { before }, after].concat()
}
