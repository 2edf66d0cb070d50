//! The store on a real PostgreSQL: what it writes, what it refuses, and that nothing is half done.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod access;
mod checked;
mod cluster;
mod commit;
mod constraints;
mod database;
mod gateway;
mod history;
mod lease;
mod migration;
mod plans;
mod rollback;
mod state;
mod subtrees;
