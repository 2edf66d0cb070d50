//! The indexer: source, decode, verify, commit, check.
//!
//! For each ledger, again and again: read the account from all servers, fetch the events up to there, let
//! `counterfoil-core` recompute each, write them, and compare both frontiers with the accounts at exactly the
//! events at which they stood. What is equal for enough servers becomes *checked*; nothing else is proven to users.
//!
//! Trusted: as many servers together as the operator's quorum says, and none alone unless it says 1.
#![forbid(unsafe_code)]

mod agreement;
mod apply;
mod backfill;
pub mod database;
pub mod doctor;
mod feeding;
pub mod fill;
pub mod finality;
mod follow;
pub mod forget;
pub mod fsck;
mod gather;
pub mod health;
pub mod inbox;
pub mod lane;
mod look;
pub mod metrics;
mod pass;
pub mod rebuild;
mod run;
mod server;
mod standing;
mod strangers;
mod tlog;

pub use agreement::Agreement;
pub use feeding::Feeding;
pub use follow::{Awaited, Delivery, FollowError, Follower, Kept, Progress};
pub use pass::{Indexer, Look, Selection};
pub use run::{Config, Geyser, clear_halt, open, run};
pub use server::Server;
pub use standing::Standing;
