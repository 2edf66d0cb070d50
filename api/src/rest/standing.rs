//! GET /v1/ledgers/{ledger}/standing.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read::{self as read, When};
use counterfoil_wire::{Key, Standing, Time, U64};
use serde::Deserialize;
use utoipa::IntoParams;

use super::json::Json;
use super::parameters::{LedgerPath, Parameters};
use super::problems::{CostProblems, LogProblems, ProofProblems};
use crate::search::seconds;

/// When. Where several are given, no further than each of them; as it is when none is.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct At {
    /// With so many entries, at most the checked size.
    size: Option<U64>,
    /// At the end of a slot.
    slot: Option<U64>,
    /// At the end of a second of the chain's clock.
    #[param(inline)]
    time: Option<Time>,
}

/// The ledger as it is, or as it was with so many entries, or at the end of a slot or second: who could do what, and the
/// events that say so.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/standing", tag = "Ledgers",
    params(("ledger" = Key, Path, description = "The ledger's address."), At),
    responses(
        (status = 200, body = Standing),
        LogProblems, ProofProblems, CostProblems,
    ),
)]
pub(crate) async fn standing(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(at): Parameters<At>,
) -> Result<Json<Standing>, Rejection> {
    let (size, slot) = (at.size.map(|size| size.0), at.slot.map(|slot| slot.0));
    let when = When { size, slot, time: at.time.as_ref().map(seconds).transpose()?, ..When::default() };
    Ok(Json(read::standing(&reader, ledger, when).await?.into()))
}
