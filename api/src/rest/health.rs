//! GET /livez and /readyz.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use serde::Serialize;
use utoipa::ToSchema;

use super::json::Json;
use super::problems::IndexProblems;

/// How the process is.
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
