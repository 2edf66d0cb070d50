//! Rules over the whole project.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod circles;
mod imports;
mod program;
