#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod connect;
mod listen;
mod publish;
mod subject;

pub use connect::{NoServer, Servers, parse_server};
pub use listen::listen;
pub use publish::{Outcome, Publisher, StreamLimits};
pub use subject::{NoPrefix, Prefix, ledger_of};
