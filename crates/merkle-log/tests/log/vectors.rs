//! The test vectors published with Certificate Transparency's reference implementation (`merkletree` tests), which
//! other implementations of RFC 6962 use too.

use merkle_log::{
    Frontier, Hash, LeafHash, Root, TreeHead, empty_root, hash_leaf, verify_consistency, verify_inclusion,
};

use super::{index, oracle::Oracle, prove_consistency, prove_inclusion, size};

const ENTRIES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Index, size, proof.
const INCLUSION: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

/// First size, second size, proof.
const CONSISTENCY: [(u64, u64, &[&str]); 5] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        6,
        7,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

fn leaves() -> Vec<LeafHash> {
    ENTRIES.iter().map(|entry| hash_leaf(&bytes(entry))).collect()
}

fn published_head(leaves: u64) -> TreeHead {
    let root = ROOTS[usize::try_from(leaves).expect("small")].parse().expect("a hash");
    TreeHead { size: size(leaves), root }
}

fn hashes(hex: &[&str]) -> Vec<Hash> {
    hex.iter().map(|hash| hash.parse().expect("a hash")).collect()
}

#[test]
fn a_leaf_is_hashed_after_a_zero_byte() {
    // The root over one leaf is the leaf's hash.
    assert_eq!(hash_leaf(b"").to_string(), ROOTS[1]);
}

#[test]
fn roots_are_the_published_ones() {
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root(), empty_root());
    for (size, leaf) in (0..).zip(leaves()) {
        assert_eq!(frontier.head(), published_head(size));
        frontier.append_leaf(&leaf).expect("room");
    }
    assert_eq!(frontier.head(), published_head(8));
}

#[test]
fn inclusion_proofs_are_the_published_ones() {
    let oracle = Oracle::dense(leaves());
    for (leaf, size, proof) in INCLUSION {
        let proof = hashes(proof);
        assert_eq!(prove_inclusion(&oracle, leaf, size, 8), proof);
        assert_eq!(oracle.path(leaf, size), proof);
        assert_eq!(verify_inclusion(&published_head(size), index(leaf), &oracle.leaf(leaf), &proof), Ok(()));
    }
}

#[test]
fn consistency_proofs_are_the_published_ones() {
    let oracle = Oracle::dense(leaves());
    for (first, second, proof) in CONSISTENCY {
        let proof = hashes(proof);
        assert_eq!(prove_consistency(&oracle, first, second, 8), proof);
        assert_eq!(oracle.proof(first, second), proof);
        assert_eq!(verify_consistency(&published_head(first), &published_head(second), &proof), Ok(()));
    }
}

#[test]
fn a_hash_is_read_only_from_its_own_text() {
    let text = ROOTS[0];
    assert_eq!(text.parse::<Root>().map(|root| root.to_string()).as_deref(), Ok(text));
    let other_texts = [
        text.to_uppercase(),
        text[1..].into(),
        format!("{text}0"),
        format!("{text}00"),
        format!("0x{}", &text[2..]),
        text.replace('e', "g"),
        format!(" {}", &text[1..]),
        format!("{}\u{e9}", &text[2..]),
        String::new(),
    ];
    for other in other_texts {
        assert!(other.parse::<Root>().is_err(), "{other:?}");
    }
}
