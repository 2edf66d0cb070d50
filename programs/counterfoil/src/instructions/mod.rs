//! One file an instruction: its accounts, its rules, its handler.

pub mod append;
pub mod create_ledger;
pub mod grant_writer;
pub mod revoke_writer;

pub use append::*;
pub use create_ledger::*;
pub use grant_writer::*;
pub use revoke_writer::*;
