//! GET /v1/ledgers/{ledger}/aggregate.

use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read::{self as read, MAX_PAGE};
use counterfoil_store::{Bucket, Comparison, Condition, EntryColumn, Value};
use counterfoil_wire::{Aggregates, Key, Time};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::json::Json;
use super::parameters::{LedgerPath, Parameters};
use super::problems::{CostProblems, LogProblems};
use crate::search::ToValue;

/// How entries are put together.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum By {
    /// By the wallet whose signature allowed them.
    Signer,
    /// By the hour, in UTC, of the chain's clock.
    Hour,
    /// By the day, in UTC, of the chain's clock.
    Day,
}

/// Which entries, and how they are put together.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// All in one when absent.
    #[param(inline)]
    by: Option<By>,
    /// The wallet whose signature allowed them.
    signer: Option<Key>,
    /// The first second of the chain's clock.
    #[param(inline)]
    from_time: Option<Time>,
    /// The second before which they end.
    #[param(inline)]
    to_time: Option<Time>,
}

/// How many entries there are and how many bytes they have, in all, or by signer, hour or day. The database counts: nothing
/// proves it.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/aggregate", tag = "Entries",
    params(("ledger" = Key, Path, description = "The ledger's address."), Which),
    responses(
        (status = 200, body = Aggregates),
        LogProblems, CostProblems,
    ),
)]
pub(crate) async fn aggregate(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<Which>,
) -> Result<Json<Aggregates>, Rejection> {
    let bucket = match which.by {
        None => Bucket::Whole,
        Some(By::Signer) => Bucket::Signer,
        Some(By::Hour) => Bucket::Hour,
        Some(By::Day) => Bucket::Day,
    };
    let condition = which.condition()?;
    let found = read::aggregate(&reader, ledger, &condition, bucket, None, Some(MAX_PAGE.into())).await?;
    Ok(Json(read::aggregates_body(found, bucket)))
}

impl Which {
    fn condition(self) -> Result<Condition<EntryColumn>, Rejection> {
        let mut parts = Vec::new();
        let mut push = |column, comparison, value: Option<Value>| {
            parts.extend(value.map(|value| Condition::Compare(column, comparison, value)));
        };
        push(EntryColumn::Signer, Comparison::Equal, self.signer.map(Key::to_value).transpose()?);
        push(EntryColumn::Time, Comparison::AtLeast, self.from_time.map(Time::to_value).transpose()?);
        push(EntryColumn::Time, Comparison::Less, self.to_time.map(Time::to_value).transpose()?);
        Ok(Condition::All(parts))
    }
}
