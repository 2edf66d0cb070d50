#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod address;
mod backoff;
mod clock;
mod decode;
mod error;
mod feeds;
mod health;
pub mod idl;
mod program;
pub mod recording;
mod rpc;
mod source;
mod transport;
mod url;
mod wire;
mod writer;

pub use backoff::Backoff;
pub use clock::{ChainTime, Settled, fetch_settled, fetch_time};
pub use decode::{InnerInstruction, TransactionRecord, decode};
pub use error::{ClientError, with_causes};
pub use feeds::blocks::block_feed;
pub use feeds::logs::log_feed;
pub use health::{Failures, Health};
pub use program::{ProgramInfo, fetch_program, is_key};
pub use recording::{Recording, RecordingError, RecordingWriter};
pub use rpc::{Commitment, Rpc};
pub use source::{AccountAt, Feed, Fetched, ListedTransaction, Listing, MAX_LISTED, Source};
pub use transport::{CallError, Limits, PREFLIGHT_FAILURE};
pub use url::{beginning, hide_urls, is_local_url, one_machine_warning, parse_rpc_url, without_keys};
pub use wire::Few;
pub use writer::{Right, fetch_right};
