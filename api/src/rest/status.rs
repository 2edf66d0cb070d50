//! GET /v1/status.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_wire::Status;

use super::json::Json;
use super::problems::IndexProblems;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The server's version, and the cluster and program that its index is of.
#[utoipa::path(
    get, path = "/v1/status", tag = "Index",
    responses(
        (status = 200, body = Status),
        IndexProblems,
    ),
)]
pub(crate) async fn status(ReaderOf(reader): ReaderOf) -> Result<Json<Status>, Rejection> {
    Ok(Json(read::status_body(VERSION, read::status(&reader).await?)))
}
