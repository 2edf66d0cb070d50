//! GET /v1/ledgers/{ledger}/missing.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_wire::{Key, Missing, U64};
use serde::Deserialize;
use utoipa::IntoParams;

use super::json::Json;
use super::parameters::{LedgerPath, Limit, Parameters};
use super::problems::{LeafProblems, LogProblems, PageProblems};

/// Which subtrees.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only subtrees that begin at this leaf or after it; 0 when absent.
    first: Option<U64>,
    /// At most how many, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// The subtrees whose entries the index lacks: they were appended by their hashes, and nobody has filled them in.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/missing", tag = "Entries",
    params(("ledger" = Key, Path, description = "The ledger's address."), Which),
    responses(
        (status = 200, body = Missing),
        LogProblems, LeafProblems, PageProblems,
    ),
)]
pub(crate) async fn missing(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<Which>,
) -> Result<Json<Missing>, Rejection> {
    let (first, limit) = (which.first.map_or(0, |first| first.0), which.limit.map(|limit| limit.0));
    Ok(Json(read::missing(&reader, ledger, first, limit).await?.into()))
}
