#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod address;
mod admin;
mod app;
mod explorer;
mod function;
mod graphql;
mod hints;
#[cfg(feature = "lambda")]
mod lambda;
mod mcp;
mod metrics;
mod paths;
mod rest;
mod run;
mod search;
mod tlog;

pub use admin::{Admin, administer};
pub use app::{App, Settings, app};
pub use counterfoil_http::{
    AccessSettings, ApiKey, ApiKeyError, Chain, Mode, Secret, SecretError, SecretFileError, SignIn, SignInUriError,
    TlsFiles, read_secret_file,
};
pub use counterfoil_store::{KeyScope, Quota};
pub use function::{is_function, run_function};
pub use graphql::{AllowedQueries, AllowedQueriesError, schema_graphql};
pub use hints::Nats;
pub use paths::OPEN;
pub use rest::openapi_json;
pub use run::{Config, run};
pub use tlog::{NoteKey, NoteKeyError};
