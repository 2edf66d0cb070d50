#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

extern crate alloc;

pub mod account;
pub mod bytes;
pub mod event;
pub mod key;
pub mod limits;
pub mod state;

pub use account::{AccountError, LedgerAccount, LedgerHead};
pub use event::{Event, EventBody, EventError, EventHeader};
pub use key::{LedgerId, ParseKeyError, ProgramId, Wallet};
pub use state::{ApplyError, CheckError, CheckedHead, HeadMismatch, LedgerState, VerifiedAppend, VerifiedEntry};
