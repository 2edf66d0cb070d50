//! Activity: what was appended hour by hour or day by day, which of it stands out, and what comes next.
//!
//! The chain's clock never falls in a ledger's event log, so that a bucket of time is a range of events, and of entries. Which ranges
//! these are is read from the events on both sides of each bound, which are verified; a reader verifies it by the certificates.

mod answer;
mod body;
mod bounds;
mod bucket;
mod span;
mod writers;

pub use answer::activity;
pub use bucket::{Activity, ActivityBucket, NewWriter};
pub use span::{Span, Step};
