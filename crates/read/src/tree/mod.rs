//! Proofs in one log, made of nodes that lead to the checked head.
//!
//! First everything that is to be proven is named ([`Reading`]), then all tiles that are not in memory are read by one query
//! and shown to belong to the checked tree, then proofs are computed without reading more ([`CheckedTree`]).

mod nodes;

use std::collections::BTreeSet;
use std::ops::Range;

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{LedgerRow, Log, TileSet, load_tile_sets};
use merkle_log::{
    Frontier, Hash, LeafHash, LeafIndex, Position, TILE_WIDTH, Tile, TileError, Tiles, TreeHead, TreeSize,
    consistency_plan, verify_consistency, verify_inclusion,
};

use crate::cache::Cache;
use crate::error::{Difference, Place, ReadError, plan_error};
use crate::snapshot::LedgerSnapshot;
use nodes::{Nodes, peaks};

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

/// What is to be read of one log.
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
        // What lies beside the way to the root lies in the tiles on it, and at the right edge.
        self.add_position(leaf_position(index))?;
        if size == self.log.head.size { Ok(()) } else { self.add_peaks(size) }
    }

    /// For [`CheckedTree::verify_leaves`].
    pub(crate) fn add_leaves(&mut self, leaves: &[(LeafIndex, LeafHash)]) -> Result<(), ReadError> {
        leaves.iter().try_for_each(|(index, _)| self.add_position(leaf_position(*index)))
    }

    /// For [`CheckedTree::prove_range`].
    fn add_range(&mut self, range: &Range<u64>) -> Result<(), ReadError> {
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

/// What memory gives of a tree, and the tiles that are still to be read.
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
        Log::Entries => entry_tree.prove_range(range),
        Log::Events => event_tree.prove_range(range),
    };
    whole.map(prove).transpose()
}

/// The nodes of one log that lead to its checked head: what is computed from them holds.
#[derive(Clone, Debug)]
pub(crate) struct CheckedTree {
    log: CheckedLog,
    nodes: Nodes,
    /// Whether the index lacks entries of the ledger; else each hash that tiles do not give should be there.
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
        let proof = self.nodes.inclusion_proof(index, head.size);
        let proof = proof.map_err(|error| self.no_hash(error, self.leaf_place(index)))?;
        debug_assert_eq!(verify_inclusion(head, index, leaf, &proof), Ok(()));
        Ok(proof)
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

    /// The proof that the leaves of a range, which were verified, are all that it has.
    fn prove_range(&self, range: &Range<u64>) -> Result<Vec<Hash>, ReadError> {
        self.nodes.range_proof(range).map_err(|error| self.no_hash(error, self.log.place()))
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
        let proof = self.nodes.consistency_proof(first.size, second.size);
        let proof = proof.map_err(|error| self.no_hash(error, self.log.place()))?;
        debug_assert_eq!(verify_consistency(first, second, &proof), Ok(()));
        Ok(proof)
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
