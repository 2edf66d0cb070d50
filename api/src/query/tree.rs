//! Proofs in one log, each verified against the checked head before it is given out.
//!
//! First everything that is to be proven is named ([`Reading`]), then all tiles are read by one query, then proofs are
//! computed and verified without reading more ([`CheckedTree`]).

use std::collections::BTreeSet;

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{LedgerRow, Log, PgConnection, TileSet, load_tile_sets};
use merkle_log::{
    Frontier, Hash, LeafHash, LeafIndex, Plan, Position, Tile, Tiles, TreeHead, TreeSize, consistency_plan,
    inclusion_plan, verify_consistency, verify_inclusion,
};

use super::error::{Difference, Place, QueryError, plan_error};

/// One log of a ledger up to its checked head.
#[derive(Clone, Copy, Debug)]
struct CheckedLog {
    ledger: LedgerId,
    log: Log,
    head: TreeHead,
}

impl CheckedLog {
    fn size(&self, size: u64, least: TreeSize) -> Result<TreeSize, QueryError> {
        let (least, most) = (least.get(), self.head.size.get());
        let error = QueryError::SizeOutOfRange { size, least, most };
        if (least..=most).contains(&size) { TreeSize::new(size).map_err(|_| error) } else { Err(error) }
    }

    fn index(&self, index: u64) -> Result<LeafIndex, QueryError> {
        let error = QueryError::IndexOutOfRange { log: self.log, index, size: self.head.size };
        if index >= self.head.size.get() { Err(error) } else { LeafIndex::new(index).map_err(|_| error) }
    }

    fn corrupt(&self, difference: impl Into<Difference>) -> QueryError {
        Place::Log(self.ledger, self.log).corrupt(difference)
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
    pub(crate) fn index(&self, index: u64) -> Result<LeafIndex, QueryError> {
        self.log.index(index)
    }

    /// Checks that a size lies between `least` and the checked one, which is what none stands for.
    pub(crate) fn size_or_checked(&self, size: Option<u64>, least: TreeSize) -> Result<TreeSize, QueryError> {
        size.map_or(Ok(self.log.head.size), |size| self.log.size(size, least))
    }

    /// For [`CheckedTree::prove_leaf`].
    pub(crate) fn add_leaf(&mut self, index: LeafIndex, size: TreeSize) -> Result<(), QueryError> {
        self.add(&inclusion_plan(index, size).map_err(plan_error(self.log.log))?)
    }

    /// For [`CheckedTree::prove_growth`].
    pub(crate) fn add_growth(&mut self, first: TreeSize, second: TreeSize) -> Result<(), QueryError> {
        self.add(&consistency_plan(first, second).map_err(plan_error(self.log.log))?)
    }

    /// For [`CheckedTree::head_at`].
    pub(crate) fn add_head(&mut self, size: TreeSize) -> Result<(), QueryError> {
        if size == self.log.head.size {
            return Ok(());
        }
        self.add_peaks(size)?;
        self.add_growth(size, self.log.head.size)
    }

    /// For [`CheckedTree::frontier`].
    pub(crate) fn add_frontier(&mut self) -> Result<(), QueryError> {
        self.add_peaks(self.log.head.size)
    }

    /// The tiles, for [`load_tile_sets`].
    pub(crate) fn tile_set<'a>(&self, ledger: &'a LedgerRow) -> TileSet<'a> {
        TileSet { ledger, log: self.log.log, tiles: self.tiles.iter().copied().collect() }
    }

    /// Takes the tiles that were read.
    pub(crate) fn with(self, tiles: Tiles) -> CheckedTree {
        CheckedTree { log: self.log, tiles }
    }

    fn add(&mut self, plan: &Plan) -> Result<(), QueryError> {
        let tiles = plan.tiles(self.log.head.size);
        self.tiles.extend(tiles.map_err(|error| self.log.corrupt(error))?);
        Ok(())
    }

    fn add_peaks(&mut self, size: TreeSize) -> Result<(), QueryError> {
        for peak in peaks(size) {
            let tile = Tile::holding(peak, self.log.head.size);
            self.tiles.insert(tile.map_err(|error| self.log.corrupt(error))?);
        }
        Ok(())
    }
}

/// Reads the tiles of several logs of one ledger by one query. `place` is what the answer is about.
pub(crate) async fn load_trees<const N: usize>(
    connection: &mut PgConnection,
    row: &LedgerRow,
    place: Place,
    readings: [Reading; N],
) -> Result<[CheckedTree; N], QueryError> {
    let sets: Vec<TileSet<'_>> = readings.iter().map(|reading| reading.tile_set(row)).collect();
    let mut tiles = load_tile_sets(connection, &sets).await.map_err(place.store_error())?.into_iter();
    Ok(readings.map(|reading| reading.with(tiles.next().unwrap_or_default())))
}

/// Hashes of one log, and the checked head that everything computed from them must lead to.
#[derive(Clone, Debug)]
pub(crate) struct CheckedTree {
    log: CheckedLog,
    tiles: Tiles,
}

impl CheckedTree {
    /// The head at this size, shown to be consistent with the checked one.
    pub(crate) fn head_at(&self, size: TreeSize) -> Result<TreeHead, QueryError> {
        let checked = self.log.head;
        if size == checked.size {
            return Ok(checked);
        }
        let head = self.rebuild(size)?.head();
        self.prove_growth(&head, &checked)?;
        Ok(head)
    }

    /// The inclusion proof of a leaf, verified against `head`, which [`Self::head_at`] gave.
    pub(crate) fn prove_leaf(
        &self,
        head: &TreeHead,
        index: LeafIndex,
        leaf: &LeafHash,
    ) -> Result<Vec<Hash>, QueryError> {
        let place = Place::Leaf(self.log.ledger, self.log.log, index.get());
        let plan = inclusion_plan(index, head.size).map_err(plan_error(self.log.log))?;
        let proof = plan.proof(&self.tiles).map_err(|error| place.corrupt(error))?;
        verify_inclusion(head, index, leaf, &proof).map_err(|error| place.corrupt(error))?;
        Ok(proof)
    }

    /// The consistency proof between two heads, which [`Self::head_at`] gave, verified.
    pub(crate) fn prove_growth(&self, first: &TreeHead, second: &TreeHead) -> Result<Vec<Hash>, QueryError> {
        let plan = consistency_plan(first.size, second.size).map_err(plan_error(self.log.log))?;
        let proof = plan.proof(&self.tiles).map_err(|error| self.log.corrupt(error))?;
        verify_consistency(first, second, &proof).map_err(|error| self.log.corrupt(error))?;
        Ok(proof)
    }

    /// The roots of the perfect subtrees that make up the checked tree, the largest first.
    pub(crate) fn frontier(&self) -> Result<Vec<Hash>, QueryError> {
        let checked = self.log.head;
        let computed = self.rebuild(checked.size)?.root();
        if computed != checked.root {
            return Err(self.log.corrupt(Difference::Root { size: checked.size, computed, checked: checked.root }));
        }
        peaks(checked.size).map(|peak| self.hash_at(peak)).collect()
    }

    fn rebuild(&self, size: TreeSize) -> Result<Frontier, QueryError> {
        let mut frontier = Frontier::new();
        for peak in peaks(size) {
            let root = self.hash_at(peak)?;
            frontier.append_subtree(peak.level, &root).map_err(|error| self.log.corrupt(error))?;
        }
        Ok(frontier)
    }

    fn hash_at(&self, position: Position) -> Result<Hash, QueryError> {
        self.tiles.hash_at(position).map_err(|error| self.log.corrupt(error))
    }
}

/// The perfect subtrees that make up a tree, the largest first: one for each bit of its size.
fn peaks(size: TreeSize) -> impl Iterator<Item = Position> {
    let size = size.get();
    (0..u64::BITS as u8).rev().filter(move |level| size >> level & 1 == 1).map(move |level| Position {
        level,
        // The leaves before this subtree are the bits above its own.
        offset: (size >> level) - 1,
    })
}
