//! A chain with the program on it, a plain model of what it must do, and both side by side.

mod chain;
pub mod instruction;
mod model;
mod scene;

pub use chain::{Chain, Moment, anchor, custom, event_authority, find_ledger, find_writer, refused_by};
pub use model::{
    Hash, Log, Model, leaf, naive_consistency, naive_proof, naive_root, peak_proof, sha256, subtree_levels,
    writer_bytes,
};
pub use scene::{ID, Scene, meta};

/// 2023-11-14, long after slot 0 and the clock's zero, which are what an unset field would hold.
pub const START: Moment = Moment { slot: 500_000_000, time: 1_700_000_000 };
