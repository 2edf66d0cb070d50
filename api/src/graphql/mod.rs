//! GraphQL: the same content as REST, a skin over [`counterfoil_read`].
//!
//! Bounds: pages; of a query its tokens, aliases, fields, depth and complexity (a field counts 1, one that asks the
//! database more, a list as many times as it may have elements); the size of a request, and the time of an answer.

mod activity;
mod aggregate;
mod allowed;
mod entry;
mod error;
mod event;
mod flat;
mod found;
mod head;
mod http;
mod ledger;
mod limits;
mod missing;
mod operation;
mod page;
mod proof;
mod root;
mod schema;
mod socket;
mod standing;
mod subscription;
mod transaction;
mod writer;

pub use allowed::{AllowedQueries, AllowedQueriesError};
pub(crate) use http::router;
pub use schema::schema_graphql;
