#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod answer;
mod arguments;
mod body;
mod escape;
mod limits;
mod records;
mod refusal;
mod server;
mod tools;

pub use arguments::{ActivityQuery, At, EntryQuery};
pub use escape::{escape, unescape};
pub use limits::{DATA, MAX_ANSWER_BYTES, MAX_ROWS, NOTICE};
pub use records::{Described, Judged, Level, Open, Read, Records, Statement, Verdict};
pub use refusal::Refusal;
pub use server::Server;
pub use tools::tools;
