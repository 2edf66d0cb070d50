//! RFC 6962 section 2.1 word by word: recursive, with hashing of its own.
//!
//! It shares nothing with the library but the types. Runs of leaves that are all alike cost one memory entry for each
//! length, so that trees of 2^48 leaves can be asked too.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use merkle_log::{Hash, LeafHash, Root, Tile, Tiles};
use sha2::{Digest, Sha256};

pub struct Oracle {
    /// The leaf hashes that differ from `filler`.
    leaves: BTreeMap<u64, Hash>,
    filler: Hash,
    /// By start and length; the start of a run of fillers is `None`.
    known: RefCell<HashMap<(Option<u64>, u64), Hash>>,
}

impl Oracle {
    /// A log of these leaves.
    pub fn dense(leaves: impl IntoIterator<Item = LeafHash>) -> Self {
        Self::sparse(Hash::default(), (0..).zip(leaves))
    }

    /// A log of any size whose leaves are `filler` but for these.
    pub fn sparse(filler: Hash, leaves: impl IntoIterator<Item = (u64, LeafHash)>) -> Self {
        let leaves = leaves.into_iter().map(|(index, leaf)| (index, Hash::from(leaf))).collect();
        Self { leaves, filler, known: RefCell::default() }
    }

    pub fn leaf(&self, index: u64) -> LeafHash {
        LeafHash(self.leaves.get(&index).unwrap_or(&self.filler).0)
    }

    /// MTH(D[0:size]).
    pub fn root(&self, size: u64) -> Root {
        match size {
            0 => Root(Sha256::digest([]).into()),
            _ => Root(self.mth(0, size).0),
        }
    }

    /// MTH(D[start:start+n]) of at least one leaf.
    pub fn mth(&self, start: u64, n: u64) -> Hash {
        if n == 1 {
            return Hash(self.leaf(start).0);
        }
        let is_filler = self.leaves.range(start..start + n).next().is_none();
        let key = ((!is_filler).then_some(start), n);
        if let Some(hash) = self.known.borrow().get(&key) {
            return *hash;
        }
        let k = largest_power_below(n);
        let hash = node(&self.mth(start, k), &self.mth(start + k, n - k));
        self.known.borrow_mut().insert(key, hash);
        hash
    }

    /// PATH(m, D[0:n]), section 2.1.1.
    pub fn path(&self, m: u64, n: u64) -> Vec<Hash> {
        self.path_in(m, 0, n)
    }

    fn path_in(&self, m: u64, start: u64, n: u64) -> Vec<Hash> {
        if n == 1 {
            return vec![];
        }
        let k = largest_power_below(n);
        let (mut path, sibling) = if m < k {
            (self.path_in(m, start, k), self.mth(start + k, n - k))
        } else {
            (self.path_in(m - k, start + k, n - k), self.mth(start, k))
        };
        path.push(sibling);
        path
    }

    /// PROOF(m, D[0:n]) for 0 < m <= n, section 2.1.2.
    pub fn proof(&self, m: u64, n: u64) -> Vec<Hash> {
        self.subproof(m, 0, n, true)
    }

    fn subproof(&self, m: u64, start: u64, n: u64, is_whole: bool) -> Vec<Hash> {
        if m == n {
            return if is_whole { vec![] } else { vec![self.mth(start, n)] };
        }
        let k = largest_power_below(n);
        let (mut proof, sibling) = if m <= k {
            (self.subproof(m, start, k, is_whole), self.mth(start + k, n - k))
        } else {
            (self.subproof(m - k, start + k, n - k, false), self.mth(start, k))
        };
        proof.push(sibling);
        proof
    }

    /// The hashes of a tile: hash `i` of tile level `t` is the root over 256^t leaves.
    pub fn tile(&self, tile: Tile) -> Vec<Hash> {
        let leaves = 256u64.pow(u32::from(tile.level));
        (0..u64::from(tile.width)).map(|slot| self.mth((tile.index * 256 + slot) * leaves, leaves)).collect()
    }

    /// The answer that a database would give.
    pub fn read(&self, tiles: &[Tile]) -> Tiles {
        let mut read = Tiles::default();
        for tile in tiles {
            read.insert(*tile, self.tile(*tile)).expect("as wide as it says");
        }
        read
    }
}

/// "Let k be the largest power of two smaller than n."
fn largest_power_below(n: u64) -> u64 {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}
