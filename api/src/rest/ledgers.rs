//! GET /v1/ledgers.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_wire::{Key, LedgerPage, U64};
use serde::Deserialize;
use utoipa::IntoParams;

use super::json::Json;
use super::parameters::{Limit, Parameters};
use super::problems::{AddressProblems, IndexProblems, PageProblems};
use crate::address::parse_ledger;

/// Which ledgers.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only ledgers after this one.
    after: Option<Key>,
    /// At most how many, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// The ledgers of the index, in the order of their addresses' bytes.
#[utoipa::path(
    get, path = "/v1/ledgers", tag = "Ledgers", params(Which),
    responses(
        (status = 200, body = LedgerPage),
        IndexProblems, PageProblems, AddressProblems,
    ),
)]
pub(crate) async fn ledgers(
    ReaderOf(reader): ReaderOf,
    Parameters(which): Parameters<Which>,
) -> Result<Json<LedgerPage>, Rejection> {
    let after = which.after.map(|after| parse_ledger(&after.0)).transpose()?;
    Ok(Json(read::ledgers(&reader, after, which.limit.map(|limit| limit.0)).await?.into()))
}
