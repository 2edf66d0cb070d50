//! The subcommands, one file each.

pub mod append;
pub mod audit;
pub mod check;
pub mod dev;
pub mod doctor;
pub mod entries;
pub mod evidence;
pub mod ledger;
pub mod mcp;
pub mod outbox;
pub mod page;
pub mod protect;
pub mod receipt;
pub mod receipts;
pub mod record;
pub mod trust;
pub mod verify;
pub mod wallet;
pub mod writer;
