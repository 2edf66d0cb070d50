//! GET /v1/ledgers/{ledger}/events.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_wire::{EventPage, Key, Problem};

use super::entries::Which;
use super::json::Json;
use super::parameters::{LedgerPath, Parameters};

/// Events in order, up to the checked size of the event log: every append and every administrative act.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/events", tag = "Events",
    params(("ledger" = Key, Path, description = "The ledger's address."), Which),
    responses(
        (status = 200, body = EventPage),
        (status = "4XX", description = "malformed_key, malformed_parameter, page_too_large, unknown_ledger, \
            index_out_of_range, not_checked_yet", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "stored_data_corrupt, database_unavailable, timeout", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn events(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<Which>,
) -> Result<Json<EventPage>, Rejection> {
    Ok(Json(read::events(&reader, ledger, which.into()).await?.into()))
}
