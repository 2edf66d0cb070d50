//! Following ledgers: servers are compared, events are verified, and both watermarks move.

pub(crate) mod apply;
pub(crate) mod error;
pub mod finality;
pub(crate) mod follow;
pub(crate) mod follower;
pub(crate) mod ledger;
pub(crate) mod pass;
pub mod pending;
pub(crate) mod quorum;
pub(crate) mod reputation;
pub(crate) mod servers;
