//! Tests of statements and promises.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests read vectors and run other verifiers")]

mod promise;
mod sample;
#[path = "../../../merkle-log/tests/log/seed.rs"]
mod seed;
mod statement;
