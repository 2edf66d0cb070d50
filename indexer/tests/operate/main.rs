//! The operator's commands, by the program itself on a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test may panic")]

mod doctor;
mod history;
mod metrics;
mod nats;
mod rebuild;
mod schema;
mod settings;
mod stop;
mod support;
mod telemetry;
