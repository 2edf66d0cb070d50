//! The process and its index: GET /livez, /readyz and /v1/status.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_wire::Status;
use serde::Serialize;
use utoipa::ToSchema;

use super::json::Json;
use super::problems::IndexProblems;

/// The health of the process.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// Whether the process answers.
#[utoipa::path(get, path = "/livez", tag = "Health", responses((status = 200, body = Health)))]
pub(crate) async fn livez() -> Json<Health> {
    Json(OK)
}

/// Whether the database answers too.
#[utoipa::path(
    get, path = "/readyz", tag = "Health",
    responses(
        (status = 200, body = Health),
        IndexProblems,
    ),
)]
pub(crate) async fn readyz(ReaderOf(reader): ReaderOf) -> Result<Json<Health>, Rejection> {
    read::status(&reader).await?;
    Ok(Json(OK))
}

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
