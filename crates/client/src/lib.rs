#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod address;
mod backoff;
mod block_feed;
mod decode;
mod error;
mod health;
pub mod idl;
mod line;
mod log_feed;
mod program;
pub mod recording;
mod rpc;
mod source;
mod url;
mod wire;

pub use backoff::Backoff;
pub use block_feed::block_feed;
pub use decode::{InnerInstruction, TransactionRecord, decode};
pub use error::{ClientError, with_causes};
pub use health::{Failures, Health};
pub use line::{CallError, Limits, PREFLIGHT_FAILURE};
pub use log_feed::log_feed;
pub use program::{ProgramInfo, fetch_program, is_key};
pub use recording::{Recording, RecordingError, RecordingWriter};
pub use rpc::{Commitment, Rpc};
pub use source::{AccountAt, Feed, Fetched, ListedTransaction, Listing, MOST_LISTED, Source};
pub use url::{beginning, hide_urls, is_local_url, one_machine_warning, parse_rpc_url, without_keys};
pub use wire::Few;
