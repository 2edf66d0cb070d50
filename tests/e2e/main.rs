//! The built programs on a local chain: one chain and one PostgreSQL server for all tests.
//!
//! `make build` first. COUNTERFOIL_VALIDATOR=agave takes Agave's validator for the chain, once tools/agave/build has
//! built it: `make test-agave`. With ANCHOR_PROVIDER_URL and ANCHOR_WALLET set, as `anchor test` does, that node and that
//! wallet are used in place of our own local chain.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test may panic")]

mod append;
mod authority;
mod bridges;
mod dev;
mod docs;
mod entries;
mod evidence;
mod function;
mod gateway;
mod http;
mod journey;
mod liar;
mod mcp;
mod naive;
mod operator;
mod output;
mod pending;
mod promises;
mod receipts;
mod record;
mod restart;
mod servers;
mod stack;
mod subtrees;
mod tables;
mod tamper;
mod tlog;
mod writers;
