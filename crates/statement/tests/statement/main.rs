//! Tests of statements and promises.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests read vectors and run other verifiers")]

mod cbor;
#[allow(dead_code, reason = "core's tests use all of it")]
#[path = "../../../core/tests/core/history.rs"]
mod history;
mod judge;
mod ledger;
mod promise;
mod promise_vectors;
mod python;
mod sample;
#[path = "../../../merkle-log/tests/log/seed.rs"]
mod seed;
mod statement;
mod vectors;
