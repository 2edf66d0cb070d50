//! REST: one file for each route, a skin over [`counterfoil_read`].

mod aggregate;
mod common;
mod consistency;
mod docs;
mod entries;
mod entry;
mod events;
mod export;
mod find;
mod heads;
mod health;
mod inclusion;
mod json;
mod ledger;
mod ledgers;
mod live;
mod missing;
mod openapi;
mod parameters;
mod pending;
mod problems;
mod receipt;
mod sign_in;
mod standing;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use counterfoil_http::Access;
use counterfoil_read::{Live, Reader};

use crate::tlog::Logs;

pub use openapi::openapi_json;

/// What streams share.
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
        .route("/v1/ledgers/find", get(find::ledgers::ledgers))
        .route("/v1/ledgers/{ledger}", get(ledger::ledger))
        .route("/v1/ledgers/{ledger}/heads", get(heads::heads))
        .route("/v1/ledgers/{ledger}/entries", get(entries::entries))
        .route("/v1/ledgers/{ledger}/entries/find", get(find::entries::entries))
        .route("/v1/ledgers/{ledger}/events/find", get(find::events::events))
        .route("/v1/ledgers/{ledger}/transactions/find", get(find::transactions::transactions))
        .route("/v1/ledgers/{ledger}/writers/find", get(find::writers::writers))
        .route("/v1/ledgers/{ledger}/aggregate", get(aggregate::aggregate))
        .route("/v1/ledgers/{ledger}/standing", get(standing::standing))
        .route("/v1/ledgers/{ledger}/entries/{index}", get(entry::entry))
        .route("/v1/ledgers/{ledger}/entries/{index}/receipt", get(receipt::receipt).with_state(logs))
        .route("/v1/ledgers/{ledger}/missing", get(missing::missing))
        .route("/v1/ledgers/{ledger}/pending", get(pending::pending))
        .route("/v1/ledgers/{ledger}/events", get(events::events))
        .route("/v1/ledgers/{ledger}/inclusion", get(inclusion::inclusion))
        .route("/v1/ledgers/{ledger}/consistency", get(consistency::consistency))
        .route("/v1/openapi.json", get(openapi::openapi))
        .route("/docs", get(docs::docs))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .with_state(reader)
}
