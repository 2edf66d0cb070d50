//! Proofs checked by `ct-merkle`, which shares nothing with the project but SHA-256.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use serde_json::{Value, json};
use sha2::Sha256;

pub type Tree = MemoryBackedTree<Sha256, Vec<u8>>;

/// The tree over the first `size` leaves.
pub fn tree<'a>(leaves: impl IntoIterator<Item = &'a Vec<u8>>, size: u64) -> Tree {
    let mut tree = Tree::new();
    leaves.into_iter().take(size as usize).for_each(|leaf| tree.push(leaf.clone()));
    tree
}

/// The head of a tree, as the API writes it.
pub fn head(tree: &Tree) -> Value {
    json!({ "size": tree.len().to_string(), "root": hex(tree.root().as_bytes()) })
}

/// Whether the API's proof shows that `leaf` is leaf `index` under the API's head.
pub fn assert_included(head: &Value, index: u64, leaf: &[u8], proof: &Value) {
    let proof = InclusionProof::<Sha256>::try_from_bytes(unhex_all(proof)).unwrap();
    root(head)
        .verify_inclusion(&leaf.to_vec(), index, &proof)
        .unwrap_or_else(|error| panic!("leaf {index}: {error:?}"));
}

/// Whether the API's proof shows that the tree under `second` begins with the tree under `first`.
pub fn assert_consistent(first: &Value, second: &Value, proof: &Value) {
    let proof = ConsistencyProof::<Sha256>::try_from_bytes(unhex_all(proof)).unwrap();
    root(second).verify_consistency(&root(first), &proof).unwrap_or_else(|error| panic!("{first} {second}: {error:?}"));
}

pub fn leaf_hash(leaf: &[u8]) -> String {
    use sha2::Digest;
    hex(&Sha256::new().chain_update([0]).chain_update(leaf).finalize())
}

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn root(head: &Value) -> RootHash<Sha256> {
    let root: [u8; 32] = unhex(&head["root"]).try_into().unwrap();
    RootHash::new(root.into(), head["size"].as_str().unwrap().parse().unwrap())
}

fn unhex_all(hashes: &Value) -> Vec<u8> {
    hashes.as_array().unwrap().iter().flat_map(unhex).collect()
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
