//! Tests of the events, the state that they build, the account, receipts, evidence, and the reader of JSON.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests read vectors and run other verifiers")]

mod account;
mod certificate;
mod event;
mod evidence;
mod evidence_python;
mod evidence_vectors;
mod history;
mod json;
mod no_panic;
mod python;
mod receipt;
mod receipt_json;
mod relate;
#[path = "../../../merkle-log/tests/log/seed.rs"]
mod seed;
mod shared;
mod state;
mod vectors;
