//! Checking an index and mending it.

mod bundles;
pub mod doctor;
pub mod fill;
pub mod fsck;
pub mod rebuild;
pub(crate) mod tlog;
