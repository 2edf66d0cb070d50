//! REST: one file for each resource, a skin over [`counterfoil_read`].

mod activity;
mod common;
mod docs;
mod entries;
mod events;
mod export;
mod facts;
mod json;
mod ledgers;
mod live;
mod openapi;
mod parameters;
mod problems;
mod proofs;
mod search;
mod sign_in;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use counterfoil_http::Access;
use counterfoil_read::{Live, Reader};

use crate::tlog::Logs;

pub(crate) use activity::ActivityQuery;
pub use openapi::openapi_json;
pub(crate) use search::WhichEntries;

/// The state of streams.
#[derive(Clone)]
struct Streams {
    reader: Reader,
    feed: Live,
}

impl FromRef<Streams> for Reader {
    fn from_ref(streams: &Streams) -> Self {
        streams.reader.clone()
    }
}

impl FromRef<Streams> for Live {
    fn from_ref(streams: &Streams) -> Self {
        streams.feed.clone()
    }
}

/// The routes by which wallets sign in.
pub(crate) fn sign_in(access: Arc<Access>) -> Router {
    Router::new()
        .route("/v1/sign-in/message", post(sign_in::message))
        .route("/v1/sign-in", post(sign_in::sign_in))
        .with_state(access)
}

/// The routes whose answers are streamed.
pub(crate) fn streams(reader: Reader, feed: Live) -> Router {
    Router::new()
        .route("/v1/ledgers/{ledger}/export", get(export::export))
        .route("/v1/ledgers/{ledger}/live", get(live::ledger))
        .route("/v1/ledgers/{ledger}/entries/live", get(live::entries))
        .route("/v1/ledgers/{ledger}/events/live", get(live::events))
        .with_state(Streams { reader, feed })
}

/// The other routes.
pub(crate) fn router(reader: Reader, logs: Logs) -> Router {
    Router::new()
        .route("/v1/status", get(status::status))
        .route("/v1/ledgers", get(ledgers::ledgers))
        .route("/v1/ledgers/find", get(search::find_ledgers))
        .route("/v1/ledgers/{ledger}", get(ledgers::ledger))
        .route("/v1/ledgers/{ledger}/heads", get(proofs::heads))
        .route("/v1/ledgers/{ledger}/entries", get(entries::entries))
        .route("/v1/ledgers/{ledger}/entries/find", get(search::find_entries))
        .route("/v1/ledgers/{ledger}/events/find", get(search::find_events))
        .route("/v1/ledgers/{ledger}/transactions/find", get(search::find_transactions))
        .route("/v1/ledgers/{ledger}/writers/find", get(search::find_writers))
        .route("/v1/ledgers/{ledger}/aggregate", get(entries::aggregate))
        .route("/v1/ledgers/{ledger}/activity", get(activity::activity))
        .route("/v1/ledgers/{ledger}/standing", get(ledgers::standing))
        .route("/v1/ledgers/{ledger}/entries/{index}", get(entries::entry))
        .route("/v1/ledgers/{ledger}/entries/{index}/receipt", get(entries::receipt).with_state(logs))
        .route("/v1/ledgers/{ledger}/missing", get(entries::missing))
        .route("/v1/ledgers/{ledger}/pending", get(events::pending))
        .route("/v1/ledgers/{ledger}/events", get(events::events))
        .route("/v1/ledgers/{ledger}/inclusion", get(proofs::inclusion))
        .route("/v1/ledgers/{ledger}/consistency", get(proofs::consistency))
        .route("/v1/openapi.json", get(openapi::openapi))
        .route("/docs", get(docs::docs))
        .route("/facts", get(facts::ledgers))
        .route("/facts/{ledger}", get(facts::ledger))
        .route("/livez", get(status::livez))
        .route("/readyz", get(status::readyz))
        .with_state(reader)
}
