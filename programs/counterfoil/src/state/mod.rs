//! The accounts.

mod ledger;
mod writer;

pub(crate) use ledger::tree_size;
pub use ledger::{HeadSlot, Ledger};
pub use writer::{Writer, expect_permitted};
