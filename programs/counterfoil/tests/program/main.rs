//! Tests of the built program, `release/counterfoil.so`, on an SBF machine: a file for each instruction.
#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails, as it should")]

mod account;
mod append;
mod append_subtrees;
mod authority;
mod compute;
mod create_ledger;
mod disallow_subtrees;
mod edges;
mod errors;
mod events;
mod grant_writer;
mod past;
mod release;
mod revoke_writer;
mod seal_ledger;
#[path = "../../../../crates/merkle-log/tests/log/seed.rs"]
mod seed;
mod sequences;
mod setup;
mod substitution;
mod vectors;
mod verify_inclusion;
