#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

extern crate alloc;

pub mod edge;
pub mod frontier;
pub mod hash;
mod hex;
pub mod number;
pub mod plan;
pub mod proof;
pub mod subtrees;
pub mod tile;

pub use edge::{Edge, EdgeError, FullTile, Grown};
pub use frontier::{Frontier, FrontierError, Peaks};
pub use hash::{Hash, LeafHash, Root, empty_root, hash_children, hash_leaf};
pub use number::{LEVELS, LeafIndex, MAX_TREE_SIZE, OutOfRange, Position, TreeHead, TreeSize};
pub use plan::{MAX_LEVEL, Plan, PlanError, Run, consistency_plan, inclusion_plan, range_plan};
pub use proof::{
    MAX_PROOF_LEN, MAX_RANGE_PROOF_LEN, ProofError, RangeVerifier, verify_consistency, verify_inclusion, verify_nodes,
    verify_range, verify_subtrees,
};
pub use subtrees::{Subtrees, subtrees};
pub use tile::{TILE_WIDTH, Tile, TileError, Tiles};
