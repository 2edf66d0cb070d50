//! Access to ledgers.
//!
//! The chain is public. This module decides which callers read it through this index, and so which read what the chain does not
//! hold: entries that were appended by the hash of their subtree and filled in.

mod audit;
mod caller;
mod policy;
mod uses;
mod who;

pub use caller::Caller;
pub use policy::Policies;
pub use uses::KeyUses;
pub use who::{CallerName, Session, Who};
