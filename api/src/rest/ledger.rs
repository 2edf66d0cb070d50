//! GET /v1/ledgers/{ledger}.

use counterfoil_read as read;
use counterfoil_wire::{Key, Ledger};

use super::json::Json;
use super::parameters::LedgerPath;
use crate::access::ReaderOf;
use crate::problem::{Problem, ProblemBody};

/// A ledger: its checked head, and how far behind that is.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}", tag = "Ledgers",
    params(("ledger" = Key, Path, description = "The ledger's address.")),
    responses(
        (status = 200, body = Ledger),
        (status = "4XX", description = "malformed_key, unknown_ledger", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = "5XX", description = "stored_data_corrupt, database_unavailable, timeout", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn ledger(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
) -> Result<Json<Ledger>, Problem> {
    Ok(Json(read::ledger(&reader, ledger).await?.into()))
}
