//! Ledgers: GET /v1/ledgers, /v1/ledgers/{ledger} and …/standing.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read::{self as read, When};
use counterfoil_wire::{Key, Ledger, LedgerPage, Standing, Time, U64};
use serde::Deserialize;
use utoipa::IntoParams;

use super::json::Json;
use super::parameters::{LedgerPath, Limit, Parameters};
use super::problems::{
    AddressProblems, CostProblems, IndexProblems, LedgerProblems, LogProblems, PageProblems, ProofProblems,
};
use crate::address::parse_ledger;
use crate::search::seconds;

/// A selection of the ledgers.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only ledgers after this one.
    pub(super) after: Option<Key>,
    /// The longest page, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    pub(super) limit: Option<U64>,
}

/// The ledgers of the index, in the order of their addresses' bytes.
#[utoipa::path(
    get, path = "/v1/ledgers", tag = "Ledgers", params(Which),
    responses(
        (status = 200, body = LedgerPage),
        IndexProblems, PageProblems, AddressProblems,
    ),
)]
pub(crate) async fn ledgers(
    ReaderOf(reader): ReaderOf,
    Parameters(which): Parameters<Which>,
) -> Result<Json<LedgerPage>, Rejection> {
    let after = which.after.map(|after| parse_ledger(&after.0)).transpose()?;
    Ok(Json(read::ledgers(&reader, after, which.limit.map(|limit| limit.0)).await?.into()))
}

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

/// A past moment of the ledger. Where several are given, the earliest; now when none is.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct At {
    /// A number of entries, at most the checked size.
    size: Option<U64>,
    /// At the end of a slot.
    slot: Option<U64>,
    /// At the end of a second of the chain's clock.
    #[param(inline)]
    time: Option<Time>,
}

/// The ledger as of now, at a number of entries, or at the end of a slot or second: its authority and writers, and the events
/// from which they follow.
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
    Ok(Json(read::ledger_at(&reader, ledger, when).await?.into()))
}
