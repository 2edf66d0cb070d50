#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

extern crate alloc;

pub mod account;
mod batch;
pub mod bytes;
#[cfg(feature = "receipt")]
pub mod certificate;
pub mod event;
#[cfg(feature = "receipt")]
pub mod evidence;
#[cfg(feature = "receipt")]
pub mod json;
pub mod key;
pub mod limits;
#[cfg(feature = "receipt")]
pub mod receipt;
#[cfg(feature = "receipt")]
pub mod relate;
#[cfg(feature = "receipt")]
mod replay;
pub mod state;

pub use account::{AccountError, LedgerAccount, LedgerHead};
pub use batch::{SubtreeBatch, plan_subtrees};
pub use event::{Event, EventBody, EventError, EventHeader};
pub use key::{GenesisHash, LedgerId, ParseKeyError, ProgramId, Wallet};
#[cfg(feature = "receipt")]
pub use replay::AccountReplay;
pub use state::{ApplyError, CheckError, CheckedHead, HeadMismatch, LedgerState, VerifiedAppend, VerifiedEntry};
