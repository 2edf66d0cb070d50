//! The cache in memory, so that the database is not asked again.
//!
//! Tiles are kept by their log and the hash that stands for them in its tree, and the tiles of a tree's right edge by its
//! head: whatever is found is what was looked for, so nothing of it can go out of date. Entries are kept by their place, and shown to be in
//! the checked tree whenever they are answered, as rows are: memory is believed no more than the database. Only those below
//! full tiles are, which never change; the newest are always read, and so is whatever is not in memory, so that what happened
//! to its row is noticed. How far a ledger is, is another matter: [`Rows`].

mod rows;

use std::ops::Range;
use std::sync::Arc;

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::Log;
use merkle_log::{Hash, LeafIndex, TILE_WIDTH, TreeHead};
use quick_cache::Weighter;

use crate::leaf::Entry;
use crate::tile_nodes::{Edge, TileNodes};
use rows::Rows;

/// The overhead of a cached item, in bytes: its key, its slot in the table, allocations.
const OVERHEAD: usize = 200;
/// The size of an entry's event besides its leaf, in bytes.
const EVENT_BYTES: usize = 500;
/// Estimated bytes per cached item, used to size the table.
const EACH: u64 = 1_000;

/// The cache that all readers of an index share: tiles, entries, and rows of ledgers.
pub struct Cache {
    kept: quick_cache::sync::Cache<Name, Kept, Weight>,
    is_off: bool,
    /// How far ledgers are.
    pub(crate) rows: Rows,
}

/// The log that a tile is of. It is a part of the name: readers of one ledger must not be answered from the tiles of another
/// that has the same hash, for hashes are public and the tiles below them may not be.
pub(crate) type Whose = (LedgerId, Log);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Name {
    Tile(Whose, Hash),
    Edge(Whose, TreeHead),
    Entry(LedgerId, LeafIndex),
}

#[derive(Clone)]
enum Kept {
    Tile(Arc<TileNodes>),
    Edge(Arc<Edge>),
    Entry(Entry),
}

impl Cache {
    /// A cache of at most `bytes`. With 0 nothing is cached.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let count = usize::try_from(bytes / EACH).unwrap_or(usize::MAX);
        Self {
            kept: quick_cache::sync::Cache::with_weighter(count, bytes, Weight),
            is_off: bytes == 0,
            rows: Rows::new(bytes > 0),
        }
    }

    /// The full tile that this hash stands for.
    pub(crate) fn tile(&self, whose: Whose, root: &Hash) -> Option<Arc<TileNodes>> {
        match self.kept.get(&Name::Tile(whose, *root)) {
            Some(Kept::Tile(nodes)) => Some(nodes),
            _ => None,
        }
    }

    /// `nodes` are whole and lead to `root`.
    pub(crate) fn keep_tile(&self, whose: Whose, root: Hash, nodes: Arc<TileNodes>) {
        self.kept.insert(Name::Tile(whose, root), Kept::Tile(nodes));
    }

    pub(crate) fn edge(&self, whose: Whose, head: &TreeHead) -> Option<Arc<Edge>> {
        match self.kept.get(&Name::Edge(whose, *head)) {
            Some(Kept::Edge(edge)) => Some(edge),
            _ => None,
        }
    }

    /// The tiles of `edge` are whole, and all that lead to the root of `head`.
    pub(crate) fn keep_edge(&self, whose: Whose, head: TreeHead, edge: Arc<Edge>) {
        self.kept.insert(Name::Edge(whose, head), Kept::Edge(edge));
    }

    /// The entries of a range, if all of them are here. They are not in the tree yet for all that is known.
    pub(crate) fn entries(&self, ledger: LedgerId, range: Range<u64>) -> Option<Vec<Entry>> {
        let entry = |index| match self.kept.get(&Name::Entry(ledger, LeafIndex::new(index).ok()?)) {
            Some(Kept::Entry(entry)) => Some(entry),
            _ => None,
        };
        range.map(entry).collect()
    }

    /// Keeps those of these entries, all of which are in the tree under `head`, that lie below its full tiles.
    pub(crate) fn keep_entries(&self, head: &LedgerHead, entries: &[Entry]) {
        let end = head.entries.size.get() / TILE_WIDTH * TILE_WIDTH;
        for entry in entries.iter().filter(|entry| entry.index.get() < end && !self.is_off) {
            self.kept.insert(Name::Entry(head.ledger, entry.index), Kept::Entry(entry.clone()));
        }
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<Name, Kept> for Weight {
    fn weight(&self, _: &Name, kept: &Kept) -> u64 {
        let content = match kept {
            Kept::Tile(nodes) => tile_bytes(nodes),
            Kept::Edge(edge) => edge.tiles.iter().map(|(_, nodes)| tile_bytes(nodes).saturating_add(OVERHEAD)).sum(),
            Kept::Entry(entry) => entry.payload.len().saturating_add(event_share(entry)),
        };
        content.saturating_add(OVERHEAD) as u64
    }
}

fn tile_bytes(nodes: &TileNodes) -> usize {
    nodes.len().saturating_mul(size_of::<Hash>())
}

/// An event is shared by the entries that it appended, and goes with the last of them that is kept: each counts its part.
fn event_share(entry: &Entry) -> usize {
    let event = &entry.event;
    let count = usize::try_from(event.event.header.count).unwrap_or(usize::MAX).clamp(1, TILE_WIDTH as usize);
    event.leaf_bytes.len().saturating_add(EVENT_BYTES).div_ceil(count)
}
