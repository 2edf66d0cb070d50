#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod address;
mod backoff;
mod block_feed;
mod decode;
mod error;
mod fit;
mod health;
pub mod idl;
pub mod instruction;
mod keypair;
mod line;
mod log_feed;
mod program;
pub mod recording;
mod refusal;
mod rpc;
mod send;
mod source;
mod under_way;
mod url;
mod wallet;
mod wire;

pub use backoff::Backoff;
pub use block_feed::block_feed;
pub use decode::{InnerInstruction, TransactionRecord, decode};
pub use error::{ClientError, with_causes};
pub use fit::entries_that_fit;
pub use health::{Failures, Health};
pub use keypair::read_keypair;
pub use line::Limits;
pub use log_feed::log_feed;
pub use program::{ProgramInfo, fetch_program, is_key};
pub use recording::{Recording, RecordingError, RecordingWriter};
pub use rpc::{Commitment, Rpc};
pub use send::{Sent, send, send_watched};
pub use source::{AccountAt, Feed, Fetched, ListedTransaction, Listing, MOST_LISTED, Source};
pub use under_way::UnderWay;
pub use url::{hide_urls, is_local_url, one_machine_warning, parse_rpc_url, without_keys};
pub use wallet::{LAMPORTS_PER_SOL, fetch_balance, request_airdrop};

pub use solana_instruction::Instruction;
pub use solana_keypair::Keypair;
pub use solana_signer::Signer;
