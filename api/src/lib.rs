#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod app;
mod graphql;
pub mod problem;
pub mod query;
mod rest;
mod run;
pub mod value;

pub use app::app;
pub use graphql::schema_graphql;
pub use rest::openapi_json;
pub use run::{Config, run};
