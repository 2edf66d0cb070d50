//! Tests of the events, the state that they build, the account and the receipts.

mod account;
mod event;
mod history;
mod no_panic;
mod receipt;
mod seed;
mod state;
