//! What is kept in memory, so that the database is not asked for it again.
//!
//! Tiles are kept by the hash that stands for them in the tree, and the tiles of a tree's right edge by its head: whatever
//! is found is what was looked for, so nothing of it can go out of date. Entries and events are always read: what happened to
//! their rows is to be noticed. How far a ledger is, is another matter: [`Rows`].

use std::sync::Arc;

use merkle_log::{Hash, TreeHead};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::nodes::Edge;
use super::rows::Rows;
use super::tile_nodes::TileNodes;

/// What a kept thing takes beside its content, in bytes: its key, its place among the others, allocations.
const OVERHEAD: usize = 200;
/// Of what is kept as an edge: edges are small, and those of passed heads are seldom asked for.
const EDGES_SHARE: u64 = 8;

/// Tiles, and rows of ledgers.
pub(crate) struct Memory {
    tiles: Cache<Hash, Arc<TileNodes>, Weight>,
    edges: Cache<TreeHead, Arc<Edge>, Weight>,
    /// How far ledgers are.
    pub(crate) rows: Rows,
}

impl Memory {
    /// With room for so many bytes of tiles. Without room nothing is kept.
    pub(crate) fn new(bytes: u64) -> Self {
        let edges = bytes / EDGES_SHARE;
        let tiles = bytes.saturating_sub(edges);
        let count = |bytes: u64, each: u64| usize::try_from(bytes / each).unwrap_or(usize::MAX);
        Self {
            tiles: Cache::with_weighter(count(tiles, 10_000), tiles, Weight),
            edges: Cache::with_weighter(count(edges, 10_000), edges, Weight),
            rows: Rows::new(bytes > 0),
        }
    }

    /// The full tile that this hash stands for.
    pub(super) fn tile(&self, root: &Hash) -> Option<Arc<TileNodes>> {
        self.tiles.get(root)
    }

    /// `nodes` are whole and lead to `root`.
    pub(super) fn keep_tile(&self, root: Hash, nodes: Arc<TileNodes>) {
        self.tiles.insert(root, nodes);
    }

    pub(super) fn edge(&self, head: &TreeHead) -> Option<Arc<Edge>> {
        self.edges.get(head)
    }

    /// The tiles of `edge` are whole, and all that lead to the root of `head`.
    pub(super) fn keep_edge(&self, head: TreeHead, edge: Arc<Edge>) {
        self.edges.insert(head, edge);
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<Hash, Arc<TileNodes>> for Weight {
    fn weight(&self, _: &Hash, nodes: &Arc<TileNodes>) -> u64 {
        tile_bytes(nodes) as u64
    }
}

impl Weighter<TreeHead, Arc<Edge>> for Weight {
    fn weight(&self, _: &TreeHead, edge: &Arc<Edge>) -> u64 {
        edge.tiles.iter().map(|(_, nodes)| tile_bytes(nodes)).sum::<usize>().saturating_add(OVERHEAD) as u64
    }
}

fn tile_bytes(nodes: &TileNodes) -> usize {
    nodes.len().saturating_mul(size_of::<Hash>()).saturating_add(OVERHEAD)
}
