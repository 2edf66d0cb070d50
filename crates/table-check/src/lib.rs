#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod allowed;
mod array;
mod chain;
mod change;
mod check;
mod compare;
mod digest;
mod event;
mod finding;
mod ids;
mod instant;
mod key;
mod layout;
mod listed;
mod live;
mod note;
mod passed;
mod pending;
mod row;
mod settle;
mod snapshot;
mod store;
mod value;
mod verdict;
mod walk;

pub use change::{CHANGE_TYPE, Change, ChangeError, Operation, Rows, Who};
pub use check::{Check, Comparison, Content, Pins, Record, TakeError};
pub use compare::{RowError, Scope};
pub use digest::Seed;
pub use event::{BackfillKind, Column, EventError, Protected, TABLE_TYPE, TableAct, TableEvent};
pub use finding::{Finding, FindingKind, KeyPart, Place, Recorded, Weight};
pub use ids::{LeafIndex, NotAProtectionId, NotATimestamp, ProtectionId, Timestamp, Xid};
pub use key::{Secret, Subject};
pub use listed::{ListedChange, ListedColumn, Listing};
pub use live::{LiveColumn, LiveRow};
pub use note::{ColumnChange, Counts, Note};
pub use row::{NotARow, Row};
pub use snapshot::{NotASnapshot, Snapshot};
pub use verdict::{Report, Verdict};
