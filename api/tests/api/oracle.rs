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

/// The certificate of leaves `from` to `to` of a log, by RFC 6962's definition of a tree. Slot, cluster and ledger are the
/// caller's to add.
pub fn certified(log: &str, leaves: &[Vec<u8>], from: u64, to: u64) -> Value {
    let head = head(&tree(leaves, leaves.len() as u64));
    let proof: Vec<String> = beside(0, leaves, from as usize, to as usize).iter().map(|hash| hex(hash)).collect();
    json!({ "format": "counterfoil certificate v1", "log": log, "from": from.to_string(), "to": to.to_string(),
            "head": head, "proof": proof })
}

/// The roots of the largest subtrees outside a range, from left to right.
fn beside(start: usize, leaves: &[Vec<u8>], from: usize, to: usize) -> Vec<Vec<u8>> {
    let end = start + leaves.len();
    if end <= from || to <= start {
        return vec![tree(leaves, leaves.len() as u64).root().as_bytes().to_vec()];
    }
    if from <= start && end <= to {
        return Vec::new();
    }
    let middle = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(middle);
    [beside(start, left, from, to), beside(start + middle, right, from, to)].concat()
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
