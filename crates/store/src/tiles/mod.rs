//! Tiles: whole ones, sparse ones, and the subtrees that make them sparse.

pub(crate) mod set;
pub(crate) mod sparse;
pub(crate) mod subtree;
pub(crate) mod whole;
