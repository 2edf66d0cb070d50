//! The indexer: source, decode, verify, commit, check.
//!
//! For each ledger, again and again: read the account from all servers, fetch the events up to there, let
//! `counterfoil-core` recompute each, write them, and compare both frontiers with the accounts at exactly the
//! events at which they stood. A head that is equal for enough servers becomes *checked*; nothing else is proven to users.
//!
//! Trusted: as many servers together as the operator's quorum says, and none alone unless it says 1.
#![forbid(unsafe_code)]

mod backfill;
pub mod database;
mod feed;
pub mod forget;
mod gather;
pub mod health;
pub mod hints;
pub mod metrics;
mod repair;
mod run;
pub mod schema;
mod server;
mod strangers;
mod sync;

pub use feed::feeding::Feeding;
pub use feed::inbox;
pub use repair::{doctor, fill, fsck, rebuild};
pub use run::{Config, Geyser, clear_halt, open, run};
pub use server::Server;
pub use sync::error::FollowError;
pub use sync::follow::{Awaited, Delivery, Progress};
pub use sync::follower::{Follower, Kept};
pub use sync::pass::{Indexer, Round, Selection};
pub use sync::quorum::Quorum;
pub use sync::reputation::Reputation;
pub use sync::{finality, pending};
