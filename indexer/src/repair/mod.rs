//! Checking an index and mending it.

pub mod doctor;
pub mod fill;
pub mod fsck;
pub mod rebuild;
pub(crate) mod tlog;
