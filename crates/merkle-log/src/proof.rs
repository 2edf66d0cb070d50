//! Verifying proofs: no allocation, no panic, one hash computed for each hash of an inclusion proof, at most two for
//! each of a consistency proof.

use core::fmt;
use core::slice;

use crate::plan::MAX_LEVEL;
use crate::{Frontier, Hash, LeafHash, LeafIndex, Root, Subtrees, TreeHead, TreeSize, empty_root, hash_children};

/// The longest proof, in hashes: a consistency proof in a tree of more than 2^47 leaves.
pub const MAX_PROOF_LEN: usize = 49;

/// The longest range proof, in hashes: of the two leaves in the middle of the largest tree.
pub const MAX_RANGE_PROOF_LEN: usize = 94;

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// The leaf lies outside the tree.
    IndexOutOfRange {
        /// The index asked about.
        index: LeafIndex,
        /// The size of the tree.
        size: TreeSize,
    },
    /// A range without leaves, or with more than the tree has from its first on.
    NoRange {
        /// The first leaf.
        first: LeafIndex,
        /// How many leaves, or roots of subtrees, were given at least.
        leaves: u64,
        /// The size of the tree.
        size: TreeSize,
    },
    /// A consistency proof leads from a tree to a larger or equal one.
    Shrinks {
        /// The size that is said to be earlier.
        first: TreeSize,
        /// The size that is said to be later.
        second: TreeSize,
    },
    /// The proof has fewer hashes than its sizes need.
    TooShort,
    /// The proof has more hashes than its sizes need.
    TooLong,
    /// The proof leads to another root than the (first) head's.
    RootMismatch {
        /// The root that the proof leads to.
        computed: Root,
        /// The root of the head.
        expected: Root,
    },
    /// The consistency proof leads to another root than the second head's.
    SecondRootMismatch {
        /// The root that the proof leads to.
        computed: Root,
        /// The root of the second head.
        expected: Root,
    },
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IndexOutOfRange { index, size } => write!(f, "leaf {index} is not in a tree of {size} leaves"),
            Self::NoRange { first, leaves, size } => {
                write!(f, "{leaves} leaves from {first} on are no range of a tree of {size} leaves")
            }
            Self::Shrinks { first, second } => write!(f, "a tree of {first} leaves cannot become one of {second}"),
            Self::TooShort => f.write_str("the proof has too few hashes"),
            Self::TooLong => f.write_str("the proof has too many hashes"),
            Self::RootMismatch { computed, expected } => {
                write!(f, "the proof leads to root {computed}, the head says {expected}")
            }
            Self::SecondRootMismatch { computed, expected } => {
                write!(f, "the proof leads to second root {computed}, the second head says {expected}")
            }
        }
    }
}

impl core::error::Error for ProofError {}

/// Verifies that `leaf` is leaf `index` of the tree with this head.
///
/// `proof` is ordered from the leaf to the root, at most 48 hashes.
///
/// # Errors
/// A [`ProofError`] unless the proof leads, with exactly its hashes, to the head's root.
///
/// Source: RFC 9162 section 2.1.3.2.
pub fn verify_inclusion(head: &TreeHead, index: LeafIndex, leaf: &LeafHash, proof: &[Hash]) -> Result<(), ProofError> {
    if index.get() >= head.size.get() {
        return Err(ProofError::IndexOutOfRange { index, size: head.size });
    }
    // `node` and `last` are the numbers of our node and of the level's last node.
    let mut node = index.get();
    let mut last = head.size.get().saturating_sub(1);
    let mut computed = Hash::from(*leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::TooLong);
        }
        if node & 1 == 1 || node == last {
            computed = hash_children(sibling, &computed);
            // The last node of a level with an odd count has no sibling there: climb to where it has one.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            computed = hash_children(&computed, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::TooShort);
    }
    expect_root(computed, head.root)
}

/// Verifies that the tree with head `second` begins with the leaves of the tree with head `first`.
///
/// `proof` is ordered from the leaves to the root, at most [`MAX_PROOF_LEN`] hashes. Between equal sizes,
/// and from the empty tree, the proof is empty.
///
/// # Errors
/// A [`ProofError`] unless the proof leads, with exactly its hashes, to both roots.
///
/// Source: RFC 9162 section 2.1.4.2.
pub fn verify_consistency(first: &TreeHead, second: &TreeHead, proof: &[Hash]) -> Result<(), ProofError> {
    if first.size > second.size {
        return Err(ProofError::Shrinks { first: first.size, second: second.size });
    }
    if first.size == second.size || first.size.is_empty() {
        let expected = if first.size == second.size { second.root } else { empty_root() };
        return if !proof.is_empty() {
            Err(ProofError::TooLong)
        } else if first.size.is_empty() && first.root != empty_root() {
            Err(ProofError::RootMismatch { computed: empty_root(), expected: first.root })
        } else {
            expect_root(Hash(expected.0), first.root)
        };
    }

    // A first tree that is one perfect subtree is itself the node from which the proof climbs.
    let (start, proof) = if first.size.get().is_power_of_two() {
        (Hash(first.root.0), proof)
    } else {
        proof.split_first().map(|(start, rest)| (*start, rest)).ok_or(ProofError::TooShort)?
    };
    let mut node = first.size.get().saturating_sub(1);
    let mut last = second.size.get().saturating_sub(1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut first_root, mut second_root) = (start, start);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::TooLong);
        }
        if node & 1 == 1 || node == last {
            first_root = hash_children(sibling, &first_root);
            second_root = hash_children(sibling, &second_root);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            second_root = hash_children(&second_root, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::TooShort);
    }
    expect_root(first_root, first.root)?;
    match Root(second_root.0) {
        computed if computed == second.root => Ok(()),
        computed => Err(ProofError::SecondRootMismatch { computed, expected: second.root }),
    }
}

/// Verifies that `leaves` are all leaves of the tree with this head from `first` on up to where they end, in order.
///
/// `proof` is ordered from left to right, at most [`MAX_RANGE_PROOF_LEN`] hashes; [`crate::range_plan`] says which.
///
/// # Errors
/// A [`ProofError`] unless the proof leads, with exactly its hashes, to the head's root. Leaves that are changed, left out,
/// added or in another order lead to another one.
pub fn verify_range(
    head: &TreeHead,
    first: LeafIndex,
    leaves: impl IntoIterator<Item = LeafHash>,
    proof: &[Hash],
) -> Result<(), ProofError> {
    verify_nodes(head, 0, first, leaves.into_iter().map(Hash::from), proof)
}

/// As [`verify_range`], of the perfect subtrees of `2^level` leaves that follow each other from leaf `first` on: `nodes`
/// are their roots, as a tile's hashes are.
///
/// # Errors
/// As [`verify_range`]; [`ProofError::NoRange`] also when `first` is no multiple of `2^level`.
pub fn verify_nodes(
    head: &TreeHead,
    level: u8,
    first: LeafIndex,
    nodes: impl IntoIterator<Item = Hash>,
    proof: &[Hash],
) -> Result<(), ProofError> {
    let mut range = RangeVerifier::new(head, level, first, proof)?;
    nodes.into_iter().try_for_each(|node| range.push(&node))?;
    range.finish()
}

/// As [`verify_range`], of leaves of which only the roots over them are known: `subtrees` are the perfect subtrees that follow
/// each other from leaf `first` on, each by its level and root, as [`crate::subtrees()`] makes up a run of them.
///
/// # Errors
/// As [`verify_range`]; [`ProofError::NoRange`] also when a subtree cannot begin where the one before it ends.
pub fn verify_subtrees(
    head: &TreeHead,
    first: LeafIndex,
    subtrees: impl IntoIterator<Item = (u8, Hash)>,
    proof: &[Hash],
) -> Result<(), ProofError> {
    let mut range = RangeVerifier::new(head, 0, first, proof)?;
    subtrees.into_iter().try_for_each(|(level, root)| range.push_at(level, &root))?;
    range.finish()
}

/// Verifies a range whose nodes come one after the other, as [`verify_nodes`] does, in memory that does not grow with it.
#[derive(Clone, Debug)]
pub struct RangeVerifier<'a> {
    head: TreeHead,
    level: u8,
    first: LeafIndex,
    proof: slice::Iter<'a, Hash>,
    tree: Frontier,
    count: u64,
}

impl<'a> RangeVerifier<'a> {
    /// Begins before the first node.
    ///
    /// # Errors
    /// As [`verify_nodes`].
    pub fn new(head: &TreeHead, level: u8, first: LeafIndex, proof: &'a [Hash]) -> Result<Self, ProofError> {
        let mut range = Self { head: *head, level, first, proof: proof.iter(), tree: Frontier::new(), count: 0 };
        if first.get() >= head.size.get() {
            return Err(range.no_range());
        }
        for peak in Subtrees::over(0, first.get(), MAX_LEVEL) {
            let hash = range.next_hash()?;
            range.append(peak.level, &hash)?;
        }
        Ok(range)
    }

    /// Takes the next node.
    ///
    /// # Errors
    /// [`ProofError::NoRange`] when the tree has no more such nodes.
    pub fn push(&mut self, node: &Hash) -> Result<(), ProofError> {
        self.push_at(self.level, node)
    }

    fn push_at(&mut self, level: u8, node: &Hash) -> Result<(), ProofError> {
        self.count = self.count.saturating_add(1);
        let left = self.head.size.get().saturating_sub(self.tree.size().get());
        if left.checked_shr(level.into()).is_none_or(|fit| fit == 0) {
            return Err(self.no_range());
        }
        self.append(level, node)
    }

    /// Ends after the last node.
    ///
    /// # Errors
    /// As [`verify_nodes`].
    pub fn finish(mut self) -> Result<(), ProofError> {
        if self.count == 0 {
            return Err(self.no_range());
        }
        // To the right of the range: subtrees as large as the tree's last peak, which merge with it, and at last what is
        // smaller, which folds into the root as the tree's other peaks do.
        let mut rest = None;
        while rest.is_none() && self.tree.size() < self.head.size {
            let level = self.tree.size().get().trailing_zeros();
            let left = self.head.size.get().saturating_sub(self.tree.size().get());
            let sibling = self.next_hash()?;
            if left >> level == 0 {
                rest = Some(sibling);
            } else {
                self.append(level as u8, &sibling)?;
            }
        }
        if self.proof.next().is_some() {
            return Err(ProofError::TooLong);
        }
        let root = rest.map_or_else(|| self.tree.root(), |rest| self.tree.root_beside(rest));
        expect_root(Hash(root.0), self.head.root)
    }

    fn next_hash(&mut self) -> Result<Hash, ProofError> {
        self.proof.next().copied().ok_or(ProofError::TooShort)
    }

    fn append(&mut self, level: u8, hash: &Hash) -> Result<(), ProofError> {
        self.tree.append_subtree(level, hash).map_err(|_| self.no_range())
    }

    const fn no_range(&self) -> ProofError {
        ProofError::NoRange { first: self.first, leaves: self.count, size: self.head.size }
    }
}

fn expect_root(computed: Hash, expected: Root) -> Result<(), ProofError> {
    let computed = Root(computed.0);
    if computed == expected { Ok(()) } else { Err(ProofError::RootMismatch { computed, expected }) }
}
