//! The logs as C2SP tlog-tiles, <https://c2sp.org/tlog-tiles>: for readers of the Go checksum database's, Sigstore's and
//! Certificate Transparency's kind of log. Each ledger's two logs stand below `/tlog/{ledger}/entries` and
//! `/tlog/{ledger}/events`.

mod checkpoint;
mod log;
mod note;
mod path;
mod state;
mod tile;

use axum::Router;
use axum::routing::get;

pub(crate) use log::LogId;
pub use note::{NoteKey, NoteKeyError};
pub(crate) use state::Logs;

/// The routes. Without a key there are tiles and no checkpoints.
pub(crate) fn router(logs: Logs) -> Router {
    Router::new()
        .route("/tlog/{ledger}/{log}/checkpoint", get(checkpoint::checkpoint))
        .route("/tlog/{ledger}/{log}/key", get(checkpoint::key))
        .route("/tlog/{ledger}/{log}/tile/{*path}", get(tile::tile))
        .with_state(logs)
}
