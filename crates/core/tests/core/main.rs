//! Tests of the events, the state that they build, the account and the receipts.

mod account;
mod certificate;
mod event;
mod history;
mod no_panic;
mod receipt;
#[path = "../../../merkle-log/tests/log/seed.rs"]
mod seed;
mod shared;
mod state;
mod vectors;
