//! RFC 6962 once more, recursively from its text, with no code of the project: the oracle.

use sha2::{Digest, Sha256};

pub fn leaf_hash(leaf: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The largest power of two smaller than `n`.
fn split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// MTH of section 2.1, over leaf hashes.
pub fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The root that an audit path of section 2.1.1 leads to, by the recursion that made it.
pub fn root_of_path(index: usize, size: usize, leaf: [u8; 32], path: &[[u8; 32]]) -> Option<[u8; 32]> {
    if size == 1 {
        return path.is_empty().then_some(leaf);
    }
    let (last, inner) = path.split_last()?;
    let k = split(size);
    if index < k {
        Some(node(&root_of_path(index, k, leaf, inner)?, last))
    } else {
        Some(node(last, &root_of_path(index - k, size - k, leaf, inner)?))
    }
}

pub fn from_hex(text: &str) -> [u8; 32] {
    let bytes: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect();
    bytes.try_into().unwrap()
}
