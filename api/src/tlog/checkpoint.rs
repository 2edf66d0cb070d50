//! GET /tlog/{ledger}/{log}/checkpoint and …/key.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{LogId, Logs};
use crate::problem::Problem;
use crate::query::{self, View};

/// The checked head as a signed note: name, size, root. Source: <https://c2sp.org/tlog-checkpoint>.
pub(super) async fn checkpoint(
    State(logs): State<Logs>,
    view: View,
    Path((ledger, log)): Path<(String, String)>,
) -> Result<impl IntoResponse, Problem> {
    let log = LogId::parse(&ledger, &log)?;
    let key = logs.key()?;
    let head = query::head(&view, log.ledger, log.log).await?;
    let text = format!("{}\n{}\n{}\n", key.origin(log), head.size, STANDARD.encode(head.root.0));
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], key.sign(log, &text)))
}

/// The key that verifies the log's checkpoints. Whoever takes it from here believes this server; take it from its operator.
pub(super) async fn key(
    State(logs): State<Logs>,
    Path((ledger, log)): Path<(String, String)>,
) -> Result<String, Problem> {
    Ok(logs.key()?.verifier(LogId::parse(&ledger, &log)?) + "\n")
}
