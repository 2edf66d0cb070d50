//! GET /v1/ledgers/{ledger}/consistency.

use axum::response::IntoResponse;
use counterfoil_http::{ReaderOf, Rejection, pinned};
use counterfoil_read::{self as read, log_of};
use counterfoil_wire::{Consistency, Key, LogName, U64};
use serde::Deserialize;
use utoipa::IntoParams;

use super::json::Json;
use super::parameters::{LedgerPath, Parameters};
use super::problems::{LogProblems, ProofProblems};

/// Which two trees.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Which of the ledger's logs.
    log: LogName,
    /// The earlier size.
    first: U64,
    /// The later size, from `first` to the checked size, which it is when absent.
    second: Option<U64>,
}

/// The proof that a later tree begins with the leaves of an earlier one, and both heads.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/consistency", tag = "Proofs",
    params(("ledger" = Key, Path, description = "The ledger's address."), Which),
    responses(
        (status = 200, body = Consistency),
        LogProblems, ProofProblems,
    ),
)]
pub(crate) async fn consistency(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<Which>,
) -> Result<impl IntoResponse, Rejection> {
    let second = which.second.map(|second| second.0);
    let consistency = read::consistency(&reader, ledger, log_of(which.log), which.first.0, second).await?;
    Ok((pinned(second.is_some()), Json(Consistency::from(consistency))))
}
