//! A model of sealing for a model checker: gateways on one database, transactions that arrive late, forks, crashes, appends by
//! others, and a database that is restored from a backup.
//!
//! The checker visits every state that the bounds of a [`Sealing`] allow, and holds the properties of [`properties`] over each.
//! [`Rule`] names what keeps them. A rule can be taken out: a test then expects the checker to find what goes wrong without it.
//!
//! The model, and how it simplifies:
//! - An ordinal stands for its record and its entry, for records are sealed in the order of their numbers. How many of them have
//!   been accepted is open at every look, and so is how many of a run one transaction carries.
//! - A round's reads are one step and each of its commits is another. A step of the other gateway may come between. Taking the
//!   lease makes the other one's commits fail, so what it holds is forgotten at once.
//! - A commit that seals locks the sequencer's row. One that only plans does not: the lease may be taken between its check of the
//!   epoch and its end.
//! - Heights are not numbers. A transaction is valid, past its height in the newest block, or past it in the newest finalized
//!   block. The last comes only when all that is confirmed is final, which takes no behaviour away: whatever was confirmed after
//!   that block could not carry the transaction.
//! - The sender of a plan works next to the rounds, and goes on when the lease is gone. It outlives neither a crash nor a
//!   restore.
//! - The index shows finalized events, and may be behind. `applied` and `checked` sizes are one.
//!
//! Left out: filling entries into the index, bytes, funds and rights, and callers that send a lost record again.

mod action;
mod calm;
mod checked;
mod gateway;
pub mod properties;
mod rule;
mod sealing;
mod state;
mod world;

pub use action::{Action, Draft};
pub use rule::{Rule, Rules};
pub use sealing::{Bounds, Sealing};
pub use state::{Db, Event, Expiry, Gateway, List, Look, Outcome, Plan, State, Transaction};
