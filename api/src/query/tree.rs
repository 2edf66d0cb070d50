//! Proofs in one log, each verified against the checked head before it is given out.
//!
//! First everything that is to be proven is named ([`Reading`]), then all tiles are read by one query, then proofs are
//! computed and verified without reading more ([`CheckedTree`]).

use std::collections::BTreeSet;
use std::ops::Range;

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{LedgerRow, Log, PgConnection, TileSet, load_tile_sets};
use merkle_log::{
    Frontier, Hash, LeafHash, LeafIndex, Plan, Position, TILE_WIDTH, Tile, TileError, Tiles, TreeHead, TreeSize,
    consistency_plan, inclusion_plan, range_plan, verify_consistency, verify_inclusion, verify_nodes, verify_range,
};

use super::error::{Difference, Place, QueryError, plan_error};
use super::moment::Moment;
use super::nodes::Nodes;

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

    fn plan_range(&self, range: &Range<u64>) -> Result<Plan, QueryError> {
        let first = self.index(range.start)?;
        let end = self.size(range.end, first.smallest_size())?;
        range_plan(first, end, self.head.size).map_err(plan_error(self.log))
    }

    fn corrupt(&self, difference: impl Into<Difference>) -> QueryError {
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

    /// For [`CheckedTree::verify_leaves`].
    pub(crate) fn add_leaves(&mut self, leaves: &[(LeafIndex, LeafHash)]) -> Result<(), QueryError> {
        for run in tiles_of(leaves) {
            // The proofs of all leaves of a tile need the same tiles.
            let Some((index, _)) = run.first() else { continue };
            self.add_position(leaf_position(*index))?;
            self.add_leaf(*index, self.log.head.size)?;
        }
        Ok(())
    }

    /// For [`CheckedTree::prove_range`].
    fn add_range(&mut self, range: &Range<u64>) -> Result<(), QueryError> {
        self.add(&self.log.plan_range(range)?)
    }

    /// For [`CheckedTree::prove_tile`]: the tile as it is in the checked tree, where it must have `width` hashes.
    pub(crate) fn add_tile(&mut self, level: u8, index: u64, width: u16) -> Result<Tile, QueryError> {
        let tile = self.tile(level, index, width)?;
        self.tiles.insert(tile);
        self.add(&self.log.plan_range(&leaves_below(tile))?)?;
        Ok(tile)
    }

    /// A tile as it is in the checked tree, where it must have `width` hashes.
    pub(crate) fn tile(&self, level: u8, index: u64, width: u16) -> Result<Tile, QueryError> {
        let found = Tile::at(level, index, self.log.head.size).filter(|tile| (1..=tile.width).contains(&width));
        found.ok_or_else(|| {
            let last = index.saturating_mul(TILE_WIDTH).saturating_add(width.into()).saturating_sub(1);
            let index = last.saturating_mul(1_u64.checked_shl(u32::from(level) * 8).unwrap_or(u64::MAX));
            QueryError::IndexOutOfRange { log: self.log.log, index, size: self.log.head.size }
        })
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
    pub(crate) fn with(self, ledger: &LedgerRow, tiles: Tiles) -> CheckedTree {
        CheckedTree { log: self.log, nodes: Nodes::new(tiles, self.log.head.size), lacks_entries: ledger.missing > 0 }
    }

    fn add(&mut self, plan: &Plan) -> Result<(), QueryError> {
        let tiles = plan.tiles(self.log.head.size);
        self.tiles.extend(tiles.map_err(|error| self.log.corrupt(error))?);
        Ok(())
    }

    fn add_peaks(&mut self, size: TreeSize) -> Result<(), QueryError> {
        peaks(size).try_for_each(|peak| self.add_position(peak))
    }

    fn add_position(&mut self, position: Position) -> Result<(), QueryError> {
        let tile = Tile::holding(position, self.log.head.size);
        self.tiles.insert(tile.map_err(|error| self.log.corrupt(error))?);
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
    Ok(readings.map(|reading| reading.with(row, tiles.next().unwrap_or_default())))
}

/// Verifies that leaves of both logs, in order, are in the checked trees; all tiles are read by one query.
///
/// Gives back the proof that the leaves of one of the logs are all of a range, where that is wanted.
pub(crate) async fn verify_leaves(
    moment: &mut Moment,
    entries: &[(LeafIndex, LeafHash)],
    events: &[(LeafIndex, LeafHash)],
    whole: Option<(Log, &Range<u64>)>,
) -> Result<Option<Vec<Hash>>, QueryError> {
    if entries.is_empty() && events.is_empty() {
        return Ok(None);
    }
    let mut entry_reading = Reading::new(&moment.head, Log::Entries);
    let mut event_reading = Reading::new(&moment.head, Log::Events);
    entry_reading.add_leaves(entries)?;
    event_reading.add_leaves(events)?;
    match whole {
        Some((Log::Entries, range)) => entry_reading.add_range(range)?,
        Some((Log::Events, range)) => event_reading.add_range(range)?,
        None => {}
    }
    let place = Place::Ledger(moment.ledger());
    let (connection, row) = moment.parts();
    let [entry_tree, event_tree] = load_trees(connection, row, place, [entry_reading, event_reading]).await?;
    entry_tree.verify_leaves(entries)?;
    event_tree.verify_leaves(events)?;
    let prove = |(log, range)| match log {
        Log::Entries => entry_tree.prove_range(range, entries),
        Log::Events => event_tree.prove_range(range, events),
    };
    whole.map(prove).transpose()
}

/// Hashes of one log, and the checked head that everything computed from them must lead to.
#[derive(Clone, Debug)]
pub(crate) struct CheckedTree {
    log: CheckedLog,
    nodes: Nodes,
    /// Whether the index lacks entries of the ledger; else each hash that tiles do not give should be there.
    lacks_entries: bool,
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
        let proof = self.nodes.inclusion_proof(index, head.size).map_err(|error| self.no_hash(error, place))?;
        verify_inclusion(head, index, leaf, &proof).map_err(|error| place.corrupt(error))?;
        Ok(proof)
    }

    /// Verifies that all these leaves, in order, are in the checked tree.
    ///
    /// A proof from a tile's hashes takes in every one of them, so one proof a tile and a comparison with its hashes
    /// prove all leaves in it. A tile that lacks hashes may give the root over others in their place, so that each leaf
    /// needs its own proof.
    pub(crate) fn verify_leaves(&self, leaves: &[(LeafIndex, LeafHash)]) -> Result<(), QueryError> {
        for run in tiles_of(leaves) {
            for (index, leaf) in run {
                let in_tree = self.hash_at(leaf_position(*index))?;
                if in_tree != Hash::from(*leaf) {
                    let place = Place::Leaf(self.log.ledger, self.log.log, index.get());
                    return Err(place.corrupt(Difference::NotInTree { leaf: *leaf, in_tree }));
                }
            }
            let proven = if self.has_all_hashes_around(run) { 1 } else { run.len() };
            for (index, leaf) in run.iter().take(proven) {
                self.prove_leaf(&self.log.head, *index, leaf)?;
            }
        }
        Ok(())
    }

    /// The proof that the leaves of a range are these, verified against the checked head.
    fn prove_range(&self, range: &Range<u64>, leaves: &[(LeafIndex, LeafHash)]) -> Result<Vec<Hash>, QueryError> {
        let proof = self.nodes.proof(&self.log.plan_range(range)?);
        let proof = proof.map_err(|error| self.no_hash(error, self.log.place()))?;
        let leaves = leaves.iter().map(|(_, leaf)| *leaf);
        verify_range(&self.log.head, self.log.index(range.start)?, leaves, &proof)
            .map_err(|error| self.log.corrupt(error))?;
        Ok(proof)
    }

    /// The hashes of a tile, verified against the checked head.
    pub(crate) fn prove_tile(&self, tile: Tile) -> Result<Vec<Hash>, QueryError> {
        let no_hash = |error| self.no_hash(error, self.log.place());
        let hashes = self.nodes.hashes(tile).map_err(no_hash)?;
        let leaves = leaves_below(tile);
        let proof = self.nodes.proof(&self.log.plan_range(&leaves)?).map_err(no_hash)?;
        verify_nodes(&self.log.head, tile.level * 8, self.log.index(leaves.start)?, hashes.iter().copied(), &proof)
            .map_err(|error| self.log.corrupt(error))?;
        Ok(hashes.to_vec())
    }

    /// The consistency proof between two heads, which [`Self::head_at`] gave, verified.
    pub(crate) fn prove_growth(&self, first: &TreeHead, second: &TreeHead) -> Result<Vec<Hash>, QueryError> {
        let plan = consistency_plan(first.size, second.size).map_err(plan_error(self.log.log))?;
        let proof = self.nodes.proof(&plan).map_err(|error| self.no_hash(error, self.log.place()))?;
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

    fn has_all_hashes_around(&self, run: &[(LeafIndex, LeafHash)]) -> bool {
        let tile = run.first().and_then(|(index, _)| Tile::holding(leaf_position(*index), self.log.head.size).ok());
        tile.is_some_and(|tile| self.nodes.hashes(tile).is_ok())
    }

    /// Why tiles give no hash: it is not known, or it should be there.
    fn no_hash(&self, error: TileError, place: Place) -> QueryError {
        match error {
            TileError::Unknown { subtree, .. } if self.lacks_entries => {
                QueryError::UnknownNode { ledger: self.log.ledger, subtree }
            }
            error => place.corrupt(error),
        }
    }

    fn hash_at(&self, position: Position) -> Result<Hash, QueryError> {
        self.nodes.hash_at(position).map_err(|error| self.no_hash(error, self.log.place()))
    }
}

/// Runs of leaves that lie in one tile.
fn tiles_of(leaves: &[(LeafIndex, LeafHash)]) -> impl Iterator<Item = &[(LeafIndex, LeafHash)]> {
    leaves.chunk_by(|(left, _), (right, _)| left.get() / TILE_WIDTH == right.get() / TILE_WIDTH)
}

/// The leaves over which a tile's hashes are.
const fn leaves_below(tile: Tile) -> Range<u64> {
    let first = tile.first_offset();
    let level = tile.level as u32 * 8;
    first << level..first.saturating_add(tile.width as u64) << level
}

const fn leaf_position(index: LeafIndex) -> Position {
    Position { level: 0, offset: index.get() }
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
