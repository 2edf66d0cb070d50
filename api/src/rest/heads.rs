//! GET /v1/ledgers/{ledger}/heads.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_wire::{Heads, Key};

use super::json::Json;
use super::parameters::LedgerPath;
use super::problems::LedgerProblems;

/// Which servers said what of the ledger's account when the indexer compared it, and since when they agree with the index.
/// Evidence that was kept, not a proof.
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
