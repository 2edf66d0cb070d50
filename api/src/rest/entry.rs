//! GET /v1/ledgers/{ledger}/entries/{index}.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_wire::{Key, ProvenEntry, U64};

use super::json::Json;
use super::parameters::EntryPath;
use super::problems::{EntryProblems, LogProblems};

/// One entry with its inclusion proof, and the event that appended it with its own.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/entries/{index}", tag = "Entries",
    params(
        ("ledger" = Key, Path, description = "The ledger's address."),
        ("index" = U64, Path, description = "The entry's index; the first is 0."),
    ),
    responses(
        (status = 200, body = ProvenEntry),
        LogProblems, EntryProblems,
    ),
)]
pub(crate) async fn entry(
    ReaderOf(reader): ReaderOf,
    EntryPath(ledger, index): EntryPath,
) -> Result<Json<ProvenEntry>, Rejection> {
    Ok(Json(read::proven_entry(&reader, ledger, index).await?.into()))
}
