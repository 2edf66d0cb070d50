//! Events: GET /v1/ledgers/{ledger}/events and …/pending.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_wire::{EventPage, Key, Pending, PendingEvent, U64};
use serde::Deserialize;
use utoipa::IntoParams;

use super::entries::Range;
use super::json::Json;
use super::parameters::{LedgerPath, Limit, Parameters};
use super::problems::{LeafProblems, LedgerProblems, LogProblems, PageProblems};

/// Events in order, up to the checked size of the event log: every append and every administrative act.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/events", tag = "Events",
    params(("ledger" = Key, Path, description = "The ledger's address."), Range),
    responses(
        (status = 200, body = EventPage),
        LogProblems, LeafProblems, PageProblems,
    ),
)]
pub(crate) async fn events(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<Range>,
) -> Result<Json<EventPage>, Rejection> {
    Ok(Json(read::events(&reader, ledger, which.into()).await?.into()))
}

/// The length of the page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HowMany {
    /// The longest page, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// Events that the cluster has confirmed and not finalized. A fork can still revert them: nothing here is proven.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/pending", tag = "Events",
    params(("ledger" = Key, Path, description = "The ledger's address."), HowMany),
    responses(
        (status = 200, body = Pending),
        LedgerProblems, PageProblems,
    ),
)]
pub(crate) async fn pending(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(how_many): Parameters<HowMany>,
) -> Result<Json<Pending>, Rejection> {
    let events = read::pending(&reader, ledger, how_many.limit.map(|limit| limit.0)).await?;
    Ok(Json(Pending { events: events.into_iter().map(PendingEvent::from).collect() }))
}
