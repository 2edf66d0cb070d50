//! The vectors that all implementations read, `docs/vectors/log.json`.

use merkle_log::{
    Hash, LeafHash, Root, TreeHead, hash_leaf, inclusion_plan, subtrees, verify_consistency, verify_inclusion,
};
use serde_json::Value;

use super::{index, oracle::Oracle, size};

fn vectors(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../../../docs/vectors/log.json")).expect("JSON");
    let list = all[name].as_array().expect("a list").clone();
    assert!(!list.is_empty());
    list
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}"))
}

fn number(value: &Value, field: &str) -> u64 {
    text(value, field).parse().expect("a number")
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().expect("a list").iter().map(|hash| hash.as_str().expect("hex").parse().expect("a hash")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

fn leaves() -> Vec<LeafHash> {
    vectors("leaves").iter().map(|leaf| hash_leaf(&bytes(text(leaf, "entry")))).collect()
}

#[test]
fn leaves_and_roots_are_the_shared_ones() {
    for leaf in vectors("leaves") {
        assert_eq!(hash_leaf(&bytes(text(&leaf, "entry"))).to_string(), text(&leaf, "leaf_hash"));
    }
    let oracle = Oracle::dense(leaves());
    for root in vectors("roots") {
        assert_eq!(oracle.root(number(&root, "size")).to_string(), text(&root, "root"));
    }
}

#[test]
fn inclusion_proofs_hold_or_fail_as_the_shared_ones_say() {
    let oracle = Oracle::dense(leaves());
    for case in vectors("inclusion") {
        let head = TreeHead { size: size(number(&case, "size")), root: text(&case, "root").parse().expect("a root") };
        let leaf: LeafHash = text(&case, "leaf_hash").parse().expect("a leaf hash");
        let at = index(number(&case, "index"));
        let proof = hashes(&case["proof"]);
        assert_eq!(verify_inclusion(&head, at, &leaf, &proof).is_ok(), case["fault"].is_null(), "{case}");
        if case["fault"].is_null() {
            let plan = inclusion_plan(at, head.size).expect("a leaf of the tree");
            let tiles = plan.tiles(head.size).expect("stored");
            assert_eq!(plan.proof(&oracle.read(&tiles)), Ok(proof));
        }
    }
}

#[test]
fn consistency_proofs_hold_or_fail_as_the_shared_ones_say() {
    for case in vectors("consistency") {
        let head = |size_of: &str, root: &str| TreeHead {
            size: size(number(&case, size_of)),
            root: text(&case, root).parse::<Root>().expect("a root"),
        };
        let (first, second) = (head("first_size", "first_root"), head("second_size", "second_root"));
        let verified = verify_consistency(&first, &second, &hashes(&case["proof"]));
        assert_eq!(verified.is_ok(), case["fault"].is_null(), "{case}");
    }
}

#[test]
fn subtrees_are_the_shared_ones() {
    for case in vectors("subtrees") {
        let start = number(&case, "size");
        let end = size(start + number(&case, "leaves"));
        let levels: Vec<u64> = subtrees(size(start), end, 24).map(|subtree| u64::from(subtree.level)).collect();
        let expected: Vec<u64> = case["levels"].as_array().expect("a list").iter().filter_map(Value::as_u64).collect();
        assert_eq!(levels, expected, "{case}");
    }
}
