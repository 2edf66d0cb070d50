//! The rules of the check over small histories: attacks, legitimate histories, and random ones.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod attacks;
mod histories;
mod language;
mod models;
mod reports;
