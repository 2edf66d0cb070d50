//! The logs as C2SP tlog-tiles, <https://c2sp.org/tlog-tiles>: for readers of the Go checksum database's, Sigstore's and
//! Certificate Transparency's kind of log. Each ledger's two logs stand below `/tlog/{ledger}/entries` and
//! `/tlog/{ledger}/events`.

mod checkpoint;
mod note;
mod path;
mod tile;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use counterfoil_core::LedgerId;
use counterfoil_store::Log;

pub use note::{NoteKey, NoteKeyError};

use crate::problem::{Code, Problem};
use crate::query::View;
use crate::rest::parse_ledger;

/// What the routes share.
#[derive(Clone)]
pub(crate) struct Logs {
    view: View,
    key: Option<Arc<NoteKey>>,
}

impl FromRef<Logs> for View {
    fn from_ref(logs: &Logs) -> Self {
        logs.view.clone()
    }
}

impl Logs {
    pub(crate) fn new(view: View, key: Option<NoteKey>) -> Self {
        Self { view, key: key.map(Arc::new) }
    }

    pub(crate) fn key(&self) -> Result<&NoteKey, Problem> {
        self.key.as_deref().ok_or_else(|| {
            let detail = "This server signs nothing: its operator can start it with --note-key. Tiles and Counterfoil's own \
                          receipts are served without, and the ledger's own route tells its head.";
            Problem::new(Code::NotConfigured, detail)
        })
    }
}

/// The routes. Without a key there are tiles and no checkpoints.
pub(crate) fn router(logs: Logs) -> Router {
    Router::new()
        .route("/tlog/{ledger}/{log}/checkpoint", get(checkpoint::checkpoint))
        .route("/tlog/{ledger}/{log}/key", get(checkpoint::key))
        .route("/tlog/{ledger}/{log}/tile/{*path}", get(tile::tile))
        .with_state(logs)
}

/// One of a ledger's logs.
#[derive(Clone, Copy)]
pub(crate) struct LogId {
    pub(crate) ledger: LedgerId,
    pub(crate) log: Log,
}

impl LogId {
    fn parse(ledger: &str, log: &str) -> Result<Self, Problem> {
        let log = match log {
            "entries" => Log::Entries,
            "events" => Log::Events,
            other => {
                let detail = format!("\"{}\" is neither entries nor events.", other.escape_debug());
                return Err(Problem::new(Code::MalformedParameter, detail));
            }
        };
        Ok(Self { ledger: parse_ledger(ledger)?, log })
    }

    const fn name(self) -> &'static str {
        match self.log {
            Log::Entries => "entries",
            Log::Events => "events",
        }
    }
}
