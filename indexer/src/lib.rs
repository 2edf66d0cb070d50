//! The indexer: source, decode, verify, commit, check.
//!
//! For each ledger, again and again: read the account from all servers, fetch the events up to there, let
//! `counterfoil-core` recompute each, write them, and compare both frontiers with the accounts at exactly the
//! events at which they stood. What is equal for enough servers becomes *checked*; nothing else is proven to users.
//!
//! Trusted: as many servers together as the operator's quorum says, and none alone unless it says 1.
#![forbid(unsafe_code)]

mod agreement;
mod follow;
pub mod health;
mod pass;
mod run;

pub use agreement::Agreement;
pub use follow::{FollowError, Follower, Kept, Progress};
pub use pass::{Indexer, Selection};
pub use run::{Config, clear_halt, run};
