//! The API over a real index: what it answers, what it refuses, and that changed rows never get through.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod access;
mod activity;
mod caching;
mod committed;
mod doors;
mod explorer;
mod export;
mod find;
mod find_json;
mod find_refusals;
mod find_transactions;
mod find_writers;
mod graphql;
mod heads;
mod hints;
mod history;
mod hostile;
mod index;
mod limits;
mod lists;
mod live;
mod mcp;
mod memory;
mod missing;
mod oracle;
mod pending;
mod problems;
mod process;
mod proofs;
mod receipts;
mod replica;
mod robust;
mod schemathesis;
mod settings;
mod sockets;
mod standing;
mod statements;
mod tampering;
mod tlog;
mod walk;
