//! GET /v1/ledgers/{ledger}.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_wire::{Key, Ledger, Problem};

use super::json::Json;
use super::parameters::LedgerPath;

/// A ledger: its checked head, and how far behind that is.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}", tag = "Ledgers",
    params(("ledger" = Key, Path, description = "The ledger's address.")),
    responses(
        (status = 200, body = Ledger),
        (status = "4XX", description = "malformed_key, unknown_ledger", body = Problem,
            content_type = "application/problem+json"),
        (status = "5XX", description = "stored_data_corrupt, database_unavailable, timeout", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn ledger(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
) -> Result<Json<Ledger>, Rejection> {
    Ok(Json(read::ledger(&reader, ledger).await?.into()))
}
