//! GET /v1/ledgers/{ledger}/events.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_wire::{EventPage, Key};

use super::entries::Which;
use super::json::Json;
use super::parameters::{LedgerPath, Parameters};
use super::problems::{LeafProblems, LogProblems, PageProblems};

/// Events in order, up to the checked size of the event log: every append and every administrative act.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/events", tag = "Events",
    params(("ledger" = Key, Path, description = "The ledger's address."), Which),
    responses(
        (status = 200, body = EventPage),
        LogProblems, LeafProblems, PageProblems,
    ),
)]
pub(crate) async fn events(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<Which>,
) -> Result<Json<EventPage>, Rejection> {
    Ok(Json(read::events(&reader, ledger, which.into()).await?.into()))
}
