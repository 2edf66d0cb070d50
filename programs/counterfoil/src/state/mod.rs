//! The accounts.

mod ledger;
mod writer;

pub use ledger::{HeadSlot, Ledger};
pub use writer::Writer;
