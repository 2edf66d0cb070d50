//! GET /v1/ledgers/{ledger}/entries.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read::{self as read, Window};
use counterfoil_wire::{EntryPage, Key, U64};
use serde::Deserialize;
use utoipa::IntoParams;

use super::json::Json;
use super::parameters::{LedgerPath, Limit, Parameters};
use super::problems::{LeafProblems, LogProblems, PageProblems};

/// Which leaves of a log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// The first index; 0 when absent. The checked size itself gives an empty page.
    first: Option<U64>,
    /// At most how many, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

impl From<Which> for Window {
    fn from(which: Which) -> Self {
        Self::From { first: which.first.map_or(0, |first| first.0), limit: which.limit.map(|limit| limit.0) }
    }
}

/// Entries in order, up to the checked size. Each was verified to be in the checked tree; proofs are on other routes.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/entries", tag = "Entries",
    params(("ledger" = Key, Path, description = "The ledger's address."), Which),
    responses(
        (status = 200, body = EntryPage),
        LogProblems, LeafProblems, PageProblems,
    ),
)]
pub(crate) async fn entries(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<Which>,
) -> Result<Json<EntryPage>, Rejection> {
    Ok(Json(read::entries(&reader, ledger, which.into()).await?.into()))
}
