#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod app;
mod cache;
mod graphql;
mod live;
pub mod problem;
mod proofs;
pub mod query;
mod rest;
mod run;
mod tlog;
pub mod value;

pub use app::{Settings, app};
pub use graphql::{AllowedQueries, AllowedQueriesError, schema_graphql};
pub use rest::openapi_json;
pub use run::{Config, run};
pub use tlog::{NoteKey, NoteKeyError};
