//! The rules of following a ledger, on scripted servers and a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test may panic")]

mod chain;
mod evidence;
mod faults;
mod feeds;
mod hostile;
mod pending;
mod process;
mod rows;
mod rules;
mod simulation;
mod wire;
