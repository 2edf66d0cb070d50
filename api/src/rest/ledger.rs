//! GET /v1/ledgers/{ledger}.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_wire::{Key, Ledger};

use super::json::Json;
use super::parameters::LedgerPath;
use super::problems::LedgerProblems;

/// A ledger: its checked head, and how far behind that is.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}", tag = "Ledgers",
    params(("ledger" = Key, Path, description = "The ledger's address.")),
    responses(
        (status = 200, body = Ledger),
        LedgerProblems,
    ),
)]
pub(crate) async fn ledger(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
) -> Result<Json<Ledger>, Rejection> {
    Ok(Json(read::ledger(&reader, ledger).await?.into()))
}
