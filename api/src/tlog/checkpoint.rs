//! GET /tlog/{ledger}/{log}/checkpoint and …/key.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_signed::tlog::checkpoint as checkpoint_of;

use super::log::LogId;
use super::state::Logs;

/// The checked head as a signed note: name, size, root. Source: <https://c2sp.org/tlog-checkpoint>.
pub(super) async fn checkpoint(
    State(logs): State<Logs>,
    ReaderOf(reader): ReaderOf,
    Path((ledger, log)): Path<(String, String)>,
) -> Result<impl IntoResponse, Rejection> {
    let log = LogId::parse(&ledger, &log)?;
    let key = logs.key()?;
    let head = read::head(&reader, log.ledger, log.log).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], checkpoint_of(&head, &key.signer(log))))
}

/// The key that verifies the log's checkpoints. It must come from the operator: a reader that takes it from here trusts this server.
pub(super) async fn key(
    State(logs): State<Logs>,
    Path((ledger, log)): Path<(String, String)>,
) -> Result<String, Rejection> {
    Ok(logs.key()?.verifier(LogId::parse(&ledger, &log)?) + "\n")
}
