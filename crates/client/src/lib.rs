#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod address;
mod decode;
mod error;
pub mod idl;
pub mod instruction;
mod keypair;
mod program;
mod rpc;
mod send;
mod source;
mod watch;

pub use decode::{InnerInstruction, TransactionRecord, decode};
pub use error::ClientError;
pub use keypair::read_keypair;
pub use program::{ProgramInfo, fetch_program, is_key};
pub use rpc::{Rpc, parse_rpc_url};
pub use send::{Sent, entries_that_fit, send};
pub use source::{AccountAt, Feed, ListedTransaction, Listing, MOST_LISTED, Source};
pub use watch::watch_program;

pub use solana_instruction::Instruction;
pub use solana_keypair::Keypair;
pub use solana_signer::Signer;
