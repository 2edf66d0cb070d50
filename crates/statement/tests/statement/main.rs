//! Tests of statements and promises.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests read vectors and run other verifiers")]

#[allow(dead_code, reason = "core's tests use all of it")]
#[path = "../../../core/tests/core/history.rs"]
mod history;
mod judge;
mod ledger;
mod promise;
mod sample;
#[path = "../../../merkle-log/tests/log/seed.rs"]
mod seed;
mod statement;
