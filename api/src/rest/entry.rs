//! GET /v1/ledgers/{ledger}/entries/{index}.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_wire::{Key, Problem, ProvenEntry, U64};

use super::json::Json;
use super::parameters::EntryPath;

/// One entry with its inclusion proof, and the event that appended it with its own.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/entries/{index}", tag = "Entries",
    params(
        ("ledger" = Key, Path, description = "The ledger's address."),
        ("index" = U64, Path, description = "The entry's index; the first is 0."),
    ),
    responses(
        (status = 200, body = ProvenEntry),
        (status = "4XX", description = "malformed_key, malformed_parameter, unknown_ledger, index_out_of_range, \
            entry_missing, not_checked_yet", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "stored_data_corrupt, database_unavailable, timeout", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn entry(
    ReaderOf(reader): ReaderOf,
    EntryPath(ledger, index): EntryPath,
) -> Result<Json<ProvenEntry>, Rejection> {
    Ok(Json(read::proven_entry(&reader, ledger, index).await?.into()))
}
