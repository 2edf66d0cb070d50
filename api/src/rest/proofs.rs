//! Proofs: GET /v1/ledgers/{ledger}/inclusion, …/consistency and …/heads.

use axum::Extension;
use axum::response::IntoResponse;
use counterfoil_http::{Origin, ReaderOf, Rejection, pinned};
use counterfoil_read::{self as read, log_of};
use counterfoil_wire::{Consistency, Heads, Inclusion, Key, LogName, U64};
use serde::Deserialize;
use utoipa::IntoParams;

use super::json::Json;
use super::parameters::{LedgerPath, Parameters};
use super::problems::{EntryProblems, LedgerProblems, LogProblems, ProofProblems};

/// A leaf, and a size of its log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InclusionQuery {
    /// The log: the ledger's entries or its events.
    log: LogName,
    /// The leaf.
    index: U64,
    /// The size of the tree, from `index` + 1 to the checked size, which it is when absent.
    size: Option<U64>,
}

/// The proof that a leaf is in the tree of a size, and the head at that size.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/inclusion", tag = "Proofs",
    params(("ledger" = Key, Path, description = "The ledger's address."), InclusionQuery),
    responses(
        (status = 200, body = Inclusion),
        LogProblems, EntryProblems, ProofProblems,
    ),
)]
pub(crate) async fn inclusion(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<InclusionQuery>,
) -> Result<impl IntoResponse, Rejection> {
    let size = which.size.map(|size| size.0);
    let inclusion = read::inclusion(&reader, ledger, log_of(which.log), which.index.0, size).await?;
    let (index, head) = (inclusion.index.get(), &inclusion.head);
    let origin = Origin::new(&[&index.to_be_bytes(), &head.size.get().to_be_bytes(), &head.root.0]);
    Ok((pinned(size.is_some()), Extension(origin), Json(Inclusion::from(inclusion))))
}

/// Two sizes of a log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConsistencyQuery {
    /// The log: the ledger's entries or its events.
    log: LogName,
    /// The earlier size.
    first: U64,
    /// The later size, from `first` to the checked size, which it is when absent.
    second: Option<U64>,
}

/// The proof that a later tree begins with the leaves of an earlier one, and both heads.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/consistency", tag = "Proofs",
    params(("ledger" = Key, Path, description = "The ledger's address."), ConsistencyQuery),
    responses(
        (status = 200, body = Consistency),
        LogProblems, ProofProblems,
    ),
)]
pub(crate) async fn consistency(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<ConsistencyQuery>,
) -> Result<impl IntoResponse, Rejection> {
    let second = which.second.map(|second| second.0);
    let consistency = read::consistency(&reader, ledger, log_of(which.log), which.first.0, second).await?;
    Ok((pinned(second.is_some()), Json(Consistency::from(consistency))))
}

/// The answers of servers about the ledger's account when the indexer compared it, and since when they agree with the index.
/// Evidence that was recorded, not a proof.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/heads", tag = "Ledgers",
    params(("ledger" = Key, Path, description = "The ledger's address.")),
    responses(
        (status = 200, body = Heads),
        LedgerProblems,
    ),
)]
pub(crate) async fn heads(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
) -> Result<Json<Heads>, Rejection> {
    Ok(Json(read::heads(&reader, ledger).await?.into()))
}
