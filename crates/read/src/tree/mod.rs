//! Proofs in one log, made of nodes that lead to the checked head.
//!
//! First everything that is to be proven is named ([`Reading`]), then all tiles that are not in memory are read by one query
//! and shown to belong to the checked tree, then proofs are computed without reading more ([`CheckedTree`]). Each is planned
//! by merkle-log, and verified as its reader will verify it, but for proofs of many leaves at once.

mod nodes;

use std::collections::BTreeSet;
use std::ops::Range;

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{LedgerRow, Log, TileSet, load_tile_sets};
use merkle_log::{
    Frontier, Hash, LeafHash, LeafIndex, MAX_LEVEL, Plan, Position, ProofError, TILE_WIDTH, Tile, TileError, Tiles,
    TreeHead, TreeSize, consistency_plan, inclusion_plan, range_plan, subtrees, verify_consistency, verify_inclusion,
    verify_range, verify_subtrees,
};

use crate::cache::Cache;
use crate::error::{Difference, Place, ReadError, plan_error};
use crate::snapshot::LedgerSnapshot;
use nodes::{Folded, Nodes, peaks};

/// One log of a ledger up to its checked head.
#[derive(Clone, Copy, Debug)]
struct CheckedLog {
    ledger: LedgerId,
    log: Log,
    head: TreeHead,
}

impl CheckedLog {
    fn size(&self, size: u64, least: TreeSize) -> Result<TreeSize, ReadError> {
        let (least, most) = (least.get(), self.head.size.get());
        let error = ReadError::SizeOutOfRange { size, least, most };
        if (least..=most).contains(&size) { TreeSize::new(size).map_err(|_| error) } else { Err(error) }
    }

    fn index(&self, index: u64) -> Result<LeafIndex, ReadError> {
        let error = ReadError::IndexOutOfRange { log: self.log, index, size: self.head.size };
        if index >= self.head.size.get() { Err(error) } else { LeafIndex::new(index).map_err(|_| error) }
    }

    fn corrupt(&self, difference: impl Into<Difference>) -> ReadError {
        Place::Log(self.ledger, self.log).corrupt(difference)
    }

    const fn place(&self) -> Place {
        Place::Log(self.ledger, self.log)
    }
}

/// The reads of one log.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    log: CheckedLog,
    tiles: BTreeSet<Tile>,
}

impl Reading {
    /// Nothing yet, of this log up to this checked head.
    pub(crate) fn new(head: &LedgerHead, log: Log) -> Self {
        let checked = match log {
            Log::Entries => head.entries,
            Log::Events => head.events,
        };
        Self { log: CheckedLog { ledger: head.ledger, log, head: checked }, tiles: BTreeSet::new() }
    }

    /// Checks that a leaf lies below the checked size.
    pub(crate) fn index(&self, index: u64) -> Result<LeafIndex, ReadError> {
        self.log.index(index)
    }

    /// Checks that a size lies between `least` and the checked one, which is what none stands for.
    pub(crate) fn size_or_checked(&self, size: Option<u64>, least: TreeSize) -> Result<TreeSize, ReadError> {
        size.map_or(Ok(self.log.head.size), |size| self.log.size(size, least))
    }

    /// For [`CheckedTree::prove_leaf`].
    pub(crate) fn add_leaf(&mut self, index: LeafIndex, size: TreeSize) -> Result<(), ReadError> {
        // The siblings on the way to the root lie in the tiles on it, and at the right edge.
        self.add_position(leaf_position(index))?;
        if size == self.log.head.size { Ok(()) } else { self.add_peaks(size) }
    }

    /// For [`CheckedTree::verify_leaves`].
    pub(crate) fn add_leaves(&mut self, leaves: &[(LeafIndex, LeafHash)]) -> Result<(), ReadError> {
        leaves.iter().try_for_each(|(index, _)| self.add_position(leaf_position(*index)))
    }

    /// For [`CheckedTree::prove_range`] and [`CheckedTree::prove_unread_range`].
    pub(crate) fn add_range(&mut self, range: &Range<u64>) -> Result<(), ReadError> {
        let last = self.index(range.end.saturating_sub(1))?;
        self.add_position(leaf_position(self.index(range.start)?))?;
        self.add_position(leaf_position(last))
    }

    /// For [`CheckedTree::hashes`]: the tile as it is in the checked tree, where it must have `width` hashes.
    pub(crate) fn add_tile(&mut self, level: u8, index: u64, width: u16) -> Result<Tile, ReadError> {
        let tile = self.tile(level, index, width)?;
        self.tiles.insert(tile);
        Ok(tile)
    }

    /// A tile as it is in the checked tree, where it must have `width` hashes.
    pub(crate) fn tile(&self, level: u8, index: u64, width: u16) -> Result<Tile, ReadError> {
        let found = Tile::at(level, index, self.log.head.size).filter(|tile| (1..=tile.width).contains(&width));
        found.ok_or_else(|| {
            let last = index.saturating_mul(TILE_WIDTH).saturating_add(width.into()).saturating_sub(1);
            let index = last.saturating_mul(1_u64.checked_shl(u32::from(level) * 8).unwrap_or(u64::MAX));
            ReadError::IndexOutOfRange { log: self.log.log, index, size: self.log.head.size }
        })
    }

    /// For [`CheckedTree::prove_growth`].
    pub(crate) fn add_growth(&mut self, first: TreeSize, second: TreeSize) -> Result<(), ReadError> {
        let plan = consistency_plan(first, second).map_err(plan_error(self.log.log))?;
        plan.positions().try_for_each(|position| self.add_position(position))
    }

    /// For [`CheckedTree::head_at`].
    pub(crate) fn add_head(&mut self, size: TreeSize) -> Result<(), ReadError> {
        if size == self.log.head.size { Ok(()) } else { self.add_peaks(size) }
    }

    /// For [`CheckedTree::frontier`].
    pub(crate) fn add_frontier(&mut self) -> Result<(), ReadError> {
        self.add_peaks(self.log.head.size)
    }

    /// Takes from memory what is there.
    pub(crate) fn recall(self, cache: &Cache) -> Recalled {
        let (nodes, lacking) = Nodes::recall((self.log.ledger, self.log.log), self.log.head, &self.tiles, cache);
        Recalled { log: self.log, nodes, lacking }
    }

    fn add_peaks(&mut self, size: TreeSize) -> Result<(), ReadError> {
        peaks(size).try_for_each(|peak| self.add_position(peak))
    }

    fn add_position(&mut self, position: Position) -> Result<(), ReadError> {
        let tile = Tile::holding(position, self.log.head.size);
        self.tiles.insert(tile.map_err(|error| self.log.corrupt(error))?);
        Ok(())
    }
}

/// The nodes of a tree that are in memory, and the tiles that are still to be read.
pub(crate) struct Recalled {
    log: CheckedLog,
    nodes: Nodes,
    lacking: Vec<Tile>,
}

impl Recalled {
    /// Whether no tile is to be read.
    pub(crate) const fn is_whole(&self) -> bool {
        self.lacking.is_empty()
    }

    /// The tiles that are not in memory, for [`load_tile_sets`].
    pub(crate) fn tile_set<'a>(&self, ledger: &'a LedgerRow) -> TileSet<'a> {
        TileSet { ledger, log: self.log.log, tiles: self.lacking.clone() }
    }

    /// Takes the tiles that were read, and shows that they belong to the checked tree.
    pub(crate) fn with(mut self, ledger: &LedgerRow, tiles: Tiles, cache: &Cache) -> Result<CheckedTree, ReadError> {
        self.nodes.take(&self.lacking, tiles, cache).map_err(|difference| self.log.corrupt(difference))?;
        Ok(CheckedTree { log: self.log, nodes: self.nodes, lacks_entries: ledger.missing > 0 })
    }
}

/// The trees of several logs of one ledger. The tiles that are not in memory are read by one query. `place` is what the
/// answer is about.
pub(crate) async fn load_trees<const N: usize>(
    snapshot: &mut LedgerSnapshot,
    place: Place,
    readings: [Reading; N],
) -> Result<[CheckedTree; N], ReadError> {
    let recalled = readings.map(|reading| reading.recall(snapshot.cache()));
    let mut tiles = Vec::new();
    if !recalled.iter().all(Recalled::is_whole) {
        let (connection, row) = snapshot.parts().await?;
        let sets: Vec<TileSet<'_>> = recalled.iter().map(|recalled| recalled.tile_set(row)).collect();
        tiles = Box::pin(load_tile_sets(connection, &sets)).await.map_err(place.store_error())?;
    }
    let mut tiles = tiles.into_iter();
    let mut trees = Vec::with_capacity(N);
    for recalled in recalled {
        trees.push(recalled.with(snapshot.row(), tiles.next().unwrap_or_default(), snapshot.cache())?);
    }
    Ok(trees.try_into().unwrap_or_else(|_| unreachable!("as many as readings")))
}

/// Verifies that leaves of both logs, in order, are in the checked trees.
///
/// Gives back the proof that the leaves of one of the logs are all of a range, where that is wanted.
pub(crate) async fn verify_leaves(
    snapshot: &mut LedgerSnapshot,
    entries: &[(LeafIndex, LeafHash)],
    events: &[(LeafIndex, LeafHash)],
    whole: Option<(Log, &Range<u64>)>,
) -> Result<Option<Vec<Hash>>, ReadError> {
    if entries.is_empty() && events.is_empty() {
        return Ok(None);
    }
    let mut entry_reading = Reading::new(&snapshot.head, Log::Entries);
    let mut event_reading = Reading::new(&snapshot.head, Log::Events);
    entry_reading.add_leaves(entries)?;
    event_reading.add_leaves(events)?;
    match whole {
        Some((Log::Entries, range)) => entry_reading.add_range(range)?,
        Some((Log::Events, range)) => event_reading.add_range(range)?,
        None => {}
    }
    let place = Place::Ledger(snapshot.ledger());
    let [entry_tree, event_tree] = load_trees(snapshot, place, [entry_reading, event_reading]).await?;
    entry_tree.verify_leaves(entries)?;
    event_tree.verify_leaves(events)?;
    let prove = |(log, range)| match log {
        Log::Entries => entry_tree.prove_range(range, entries),
        Log::Events => event_tree.prove_range(range, events),
    };
    whole.map(prove).transpose()
}

/// The nodes of one log that lead to its checked head.
#[derive(Clone, Debug)]
pub(crate) struct CheckedTree {
    log: CheckedLog,
    nodes: Nodes,
    /// Whether entries of the ledger are missing from the index; else each hash that tiles do not give should be there.
    lacks_entries: bool,
}

impl CheckedTree {
    /// The head at this size, which the checked one continues.
    pub(crate) fn head_at(&self, size: TreeSize) -> Result<TreeHead, ReadError> {
        if size == self.log.head.size {
            return Ok(self.log.head);
        }
        let mut frontier = Frontier::new();
        for peak in peaks(size) {
            let root = self.hash_at(peak)?;
            frontier.append_subtree(peak.level, &root).map_err(|error| self.log.corrupt(error))?;
        }
        Ok(frontier.head())
    }

    /// The hash of a leaf.
    pub(crate) fn leaf(&self, index: LeafIndex) -> Result<LeafHash, ReadError> {
        self.hash_at(leaf_position(index)).map(|hash| LeafHash(hash.0))
    }

    /// The inclusion proof of a leaf under `head`, which [`Self::head_at`] gave.
    pub(crate) fn prove_leaf(
        &self,
        head: &TreeHead,
        index: LeafIndex,
        leaf: &LeafHash,
    ) -> Result<Vec<Hash>, ReadError> {
        self.verify_leaf(index, leaf)?;
        let plan = inclusion_plan(index, head.size).map_err(plan_error(self.log.log))?;
        self.prove(&plan, self.leaf_place(index), |proof| verify_inclusion(head, index, leaf, proof))
    }

    /// The inclusion proofs of leaves under `head`, which [`Self::head_at`] gave. They are made of the same nodes as one proof is,
    /// and not verified one by one: that would cost a fifth of the rate at which pages are answered.
    pub(crate) fn prove_leaves(
        &self,
        head: &TreeHead,
        leaves: &[(LeafIndex, LeafHash)],
    ) -> Result<Vec<Vec<Hash>>, ReadError> {
        let mut folded = Folded::default();
        let proofs = leaves.iter().map(|(index, leaf)| {
            self.verify_leaf(*index, leaf)?;
            let plan = inclusion_plan(*index, head.size).map_err(plan_error(self.log.log))?;
            let proof = self.nodes.proof(&plan, &mut folded);
            let proof = proof.map_err(|error| self.no_hash(error, self.leaf_place(*index)))?;
            debug_assert_eq!(verify_inclusion(head, *index, leaf, &proof), Ok(()));
            Ok(proof)
        });
        proofs.collect()
    }

    /// Verifies that all these leaves are in the checked tree.
    pub(crate) fn verify_leaves(&self, leaves: &[(LeafIndex, LeafHash)]) -> Result<(), ReadError> {
        leaves.iter().try_for_each(|(index, leaf)| self.verify_leaf(*index, leaf))
    }

    fn verify_leaf(&self, index: LeafIndex, leaf: &LeafHash) -> Result<(), ReadError> {
        let in_tree = self.hash_at(leaf_position(index))?;
        if in_tree == Hash::from(*leaf) {
            return Ok(());
        }
        Err(self.leaf_place(index).corrupt(Difference::NotInTree { leaf: *leaf, in_tree }))
    }

    /// The proof that leaves are all that a range has, in order.
    fn prove_range(&self, range: &Range<u64>, leaves: &[(LeafIndex, LeafHash)]) -> Result<Vec<Hash>, ReadError> {
        let (first, end) = (self.log.index(range.start)?, self.log.size(range.end, TreeSize::default())?);
        let plan = range_plan(first, end, self.log.head.size).map_err(plan_error(self.log.log))?;
        let leaves = leaves.iter().map(|(_, leaf)| *leaf);
        self.prove(&plan, self.log.place(), |proof| verify_range(&self.log.head, first, leaves, proof))
    }

    /// The proof that leaves are all that a range has, for leaves that were not read: verified with the roots of the subtrees that they
    /// make up. None where the index does not have a hash that it needs.
    pub(crate) fn prove_unread_range(&self, range: &Range<u64>) -> Result<Option<Vec<Hash>>, ReadError> {
        let (first, end) = (self.log.index(range.start)?, self.log.size(range.end, TreeSize::default())?);
        let plan = range_plan(first, end, self.log.head.size).map_err(plan_error(self.log.log))?;
        let parts = subtrees(self.log.size(range.start, TreeSize::default())?, end, MAX_LEVEL);
        let roots: Result<Vec<_>, ReadError> = parts.map(|part| Ok((part.level, self.hash_at(part)?))).collect();
        let proven = roots.and_then(|roots| {
            self.prove(&plan, self.log.place(), |proof| verify_subtrees(&self.log.head, first, roots, proof))
        });
        match proven {
            Ok(proof) => Ok(Some(proof)),
            Err(ReadError::UnknownNode { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A planned proof, which is answered only when it holds.
    fn prove(
        &self,
        plan: &Plan,
        place: Place,
        verify: impl FnOnce(&[Hash]) -> Result<(), ProofError>,
    ) -> Result<Vec<Hash>, ReadError> {
        let proof = self.nodes.proof(plan, &mut Folded::default()).map_err(|error| self.no_hash(error, place))?;
        verify(&proof).map_err(|error| place.corrupt(error))?;
        Ok(proof)
    }

    /// The hashes of a tile.
    pub(crate) fn hashes(&self, tile: Tile) -> Result<&[Hash], ReadError> {
        self.nodes.hashes(tile).map_err(|error| self.no_hash(error, self.log.place()))
    }

    /// The hash that stands for a full tile in the tile above.
    pub(crate) fn root_above(&self, tile: Tile) -> Option<Hash> {
        self.nodes.root_above(tile)
    }

    /// The consistency proof between two heads, which [`Self::head_at`] gave.
    pub(crate) fn prove_growth(&self, first: &TreeHead, second: &TreeHead) -> Result<Vec<Hash>, ReadError> {
        let plan = consistency_plan(first.size, second.size).map_err(plan_error(self.log.log))?;
        self.prove(&plan, self.log.place(), |proof| verify_consistency(first, second, proof))
    }

    /// The roots of the perfect subtrees that make up the checked tree, the largest first.
    pub(crate) fn frontier(&self) -> Result<Vec<Hash>, ReadError> {
        peaks(self.log.head.size).map(|peak| self.hash_at(peak)).collect()
    }

    const fn leaf_place(&self, index: LeafIndex) -> Place {
        Place::Leaf(self.log.ledger, self.log.log, index.get())
    }

    /// Why tiles give no hash: it is not known, or it should be there.
    fn no_hash(&self, error: TileError, place: Place) -> ReadError {
        match error {
            TileError::Unknown { subtree, .. } if self.lacks_entries => {
                ReadError::UnknownNode { ledger: self.log.ledger, subtree }
            }
            error => place.corrupt(error),
        }
    }

    fn hash_at(&self, position: Position) -> Result<Hash, ReadError> {
        self.nodes.hash_at(position).map_err(|error| self.no_hash(error, self.log.place()))
    }
}

const fn leaf_position(index: LeafIndex) -> Position {
    Position { level: 0, offset: index.get() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use counterfoil_core::LedgerId;
    use counterfoil_store::Log;
    use merkle_log::{Frontier, Hash, LeafHash, LeafIndex, ProofError, Root, Tile, Tiles, TreeHead, hash_leaf};

    use super::{CheckedLog, CheckedTree};
    use crate::cache::Cache;
    use crate::error::{Difference, ReadError};
    use crate::tree::nodes::Nodes;

    /// The tree of five leaves, under this root.
    fn tree(root: Option<Root>) -> (CheckedTree, [TreeHead; 2], Vec<(LeafIndex, LeafHash)>) {
        let leaves: Vec<LeafHash> = (0..5_u8).map(|leaf| hash_leaf(&[leaf])).collect();
        let mut frontier = Frontier::new();
        leaves[..3].iter().for_each(|leaf| frontier.append_leaf(leaf).expect("it is small"));
        let first = frontier.head();
        leaves[3..].iter().for_each(|leaf| frontier.append_leaf(leaf).expect("it is small"));
        let head = frontier.head();
        let tile = Tile::at(0, 0, head.size).expect("there are leaves");
        let mut tiles = Tiles::default();
        tiles.insert(tile, leaves.iter().map(|leaf| Hash(leaf.0)).collect()).expect("as many as it is wide");
        let (ledger, log, cache) = (LedgerId([7; 32]), Log::Entries, Cache::new(1 << 20));
        let (mut nodes, lacking) = Nodes::recall((ledger, log), head, &BTreeSet::from([tile]), &cache);
        nodes.take(&lacking, tiles, &cache).expect("they belong together");
        let head = TreeHead { root: root.unwrap_or(head.root), ..head };
        let leaves = (0..).map(|index| LeafIndex::new(index).expect("in range")).zip(leaves).collect();
        (CheckedTree { log: CheckedLog { ledger, log, head }, nodes, lacks_entries: false }, [first, head], leaves)
    }

    fn proofs(root: Option<Root>) -> [Result<Vec<Hash>, ReadError>; 4] {
        let (tree, [first, head], leaves) = tree(root);
        let (index, leaf) = leaves[2];
        [
            tree.prove_leaf(&head, index, &leaf),
            tree.prove_growth(&first, &head),
            tree.prove_range(&(1..4), &leaves[1..4]),
            tree.prove_unread_range(&(1..4)).map(|proof| proof.expect("all hashes are known")),
        ]
    }

    #[test]
    fn a_proof_that_does_not_verify_is_refused_as_corrupt() {
        for proof in proofs(None) {
            proof.expect("the nodes lead to the head");
        }
        for proof in proofs(Some(Root([9; 32]))) {
            let Err(ReadError::Corrupt { difference, .. }) = proof else { panic!("it was answered: {proof:?}") };
            let is_proof = matches!(
                *difference,
                Difference::Proof(ProofError::RootMismatch { .. } | ProofError::SecondRootMismatch { .. })
            );
            assert!(is_proof, "{difference}");
        }
    }

    #[test]
    fn a_range_with_other_leaves_than_the_trees_is_refused() {
        let (tree, _, mut leaves) = tree(None);
        leaves.swap(1, 2);
        let proof = tree.prove_range(&(1..4), &leaves[1..4]);
        assert!(matches!(proof, Err(ReadError::Corrupt { .. })), "{proof:?}");
        let proof = tree.prove_range(&(1..4), &leaves[1..3]);
        assert!(matches!(proof, Err(ReadError::Corrupt { .. })), "{proof:?}");
    }
}
