//! One file an instruction: its accounts, its rules, its handler.

pub mod accept_authority;
pub mod append;
pub mod append_subtrees;
pub mod create_ledger;
pub mod disallow_subtrees;
pub mod grant_writer;
pub mod propose_authority;
pub mod revoke_writer;
pub mod seal_ledger;
pub mod verify_inclusion;

pub use accept_authority::*;
pub use append::*;
pub use append_subtrees::*;
pub use create_ledger::*;
pub use disallow_subtrees::*;
pub use grant_writer::*;
pub use propose_authority::*;
pub use revoke_writer::*;
pub use seal_ledger::*;
pub use verify_inclusion::*;
