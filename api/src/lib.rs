#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod access;
mod address;
mod admin;
mod app;
mod cache;
mod graphql;
mod limits;
mod metrics;
pub mod problem;
mod rest;
mod run;
mod search;
mod secret_file;
mod server;
mod stop;
mod tlog;
mod tls;

pub use access::{AccessSettings, ApiKey, ApiKeyError, Chain, Mode, OPEN, Secret, SecretError, SignIn, SignInUriError};
pub use admin::{Admin, administer};
pub use app::{App, Settings, app};
pub use graphql::{AllowedQueries, AllowedQueriesError, schema_graphql};
pub use rest::openapi_json;
pub use run::{Config, run};
pub use secret_file::{SecretFileError, read_secret_file};
pub use tlog::{NoteKey, NoteKeyError};
pub use tls::TlsFiles;
