//! GET /v1/ledgers/find.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read as read;
use counterfoil_wire::{FoundLedgers, U64};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Bounds, cursors};
use crate::rest::json::Json;
use crate::rest::parameters::{Limit, Parameters};
use crate::rest::problems::{IndexProblems, SearchProblems};
use crate::search::{LedgerFilter, parse_filter};

/// Which ledgers.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichLedgers {
    /// What they must satisfy, as JSON: `and`, `or`, `not`, and the fields of this list with their operators.
    #[serde(rename = "where")]
    #[param(value_type = LedgerFilter, required = false)]
    filter: Option<String>,
    /// By what they are put in order, each with - before it for the largest first; by the addresses' bytes when absent.
    #[param(
        pattern = "^-?(ledger|size|event_seq|checked_slot|missing_leaves|is_halted)\
            (,-?(ledger|size|event_seq|checked_slot|missing_leaves|is_halted)){0,3}$",
        example = "-size"
    )]
    order: Option<String>,
    /// `next` or `previous` of another page.
    after: Option<String>,
    /// At most how many, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// The ledgers of the index that satisfy a filter, in any order. That none was left out is the database's word.
#[utoipa::path(
    get, path = "/v1/ledgers/find", tag = "Ledgers", operation_id = "find_ledgers", params(WhichLedgers),
    responses(
        (status = 200, body = FoundLedgers),
        IndexProblems, SearchProblems,
    ),
)]
pub(crate) async fn ledgers(
    ReaderOf(reader): ReaderOf,
    Parameters(mut which): Parameters<WhichLedgers>,
) -> Result<Json<FoundLedgers>, Rejection> {
    let bounds = Bounds::new(&mut which.order, &mut which.after, which.limit);
    let search = bounds.search(parse_filter::<LedgerFilter>(which.filter.as_deref())?)?;
    let found = read::find_ledgers(&reader, search).await?;
    let (next, previous) = cursors(&found);
    let ledgers = found.items.into_iter().map(|(_, ledger)| ledger.into()).collect();
    Ok(Json(FoundLedgers { ledgers, next, previous }))
}
