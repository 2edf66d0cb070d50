//! GET /v1/ledgers/{ledger}/entries/{index}/receipt.

use axum::Json;

use counterfoil_core::receipt::Receipt;

use super::body::ReceiptForm;
use super::parameters::EntryPath;
use crate::problem::{Problem, ProblemBody};
use crate::query::{self, View};
use crate::value::{Key, U64};

/// An entry's receipt: all that `counterfoil verify` needs beside the chain.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/entries/{index}/receipt", tag = "Entries",
    params(
        ("ledger" = Key, Path, description = "The ledger's address."),
        ("index" = U64, Path, description = "The entry's index; the first is 0."),
    ),
    responses(
        (status = 200, body = ReceiptForm),
        (status = "4XX", description = "malformed_key, malformed_parameter, unknown_ledger, index_out_of_range, \
            entry_missing, not_checked_yet", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", description = "stored_data_corrupt, database_unavailable, timeout", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn receipt(view: View, EntryPath(ledger, index): EntryPath) -> Result<Json<Receipt>, Problem> {
    Ok(Json(query::receipt(&view, ledger, index).await?))
}
