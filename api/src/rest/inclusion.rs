//! GET /v1/ledgers/{ledger}/inclusion.

use axum::Extension;
use axum::response::IntoResponse;
use counterfoil_http::{Origin, ReaderOf, Rejection, pinned};
use counterfoil_read::{self as read, log_of};
use counterfoil_wire::{Inclusion, Key, LogName, U64};
use serde::Deserialize;
use utoipa::IntoParams;

use super::json::Json;
use super::parameters::{LedgerPath, Parameters};
use super::problems::{EntryProblems, LogProblems, ProofProblems};

/// Which leaf in which tree.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Which of the ledger's logs.
    log: LogName,
    /// The leaf.
    index: U64,
    /// The size of the tree, from `index` + 1 to the checked size, which it is when absent.
    size: Option<U64>,
}

/// The proof that a leaf is in the tree of a size, and the head at that size.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/inclusion", tag = "Proofs",
    params(("ledger" = Key, Path, description = "The ledger's address."), Which),
    responses(
        (status = 200, body = Inclusion),
        LogProblems, EntryProblems, ProofProblems,
    ),
)]
pub(crate) async fn inclusion(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<Which>,
) -> Result<impl IntoResponse, Rejection> {
    let size = which.size.map(|size| size.0);
    let inclusion = read::inclusion(&reader, ledger, log_of(which.log), which.index.0, size).await?;
    let (index, head) = (inclusion.index.get(), &inclusion.head);
    let origin = Origin::new(&[&index.to_be_bytes(), &head.size.get().to_be_bytes(), &head.root.0]);
    Ok((pinned(size.is_some()), Extension(origin), Json(Inclusion::from(inclusion))))
}
