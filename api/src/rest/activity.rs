//! Activity: GET /v1/ledgers/{ledger}/activity.

use counterfoil_core::LedgerId;
use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read::{self as read, Reader};
use counterfoil_wire::{Activity, ActivityStep, Key, Time, U64};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::json::Json;
use super::parameters::{LedgerPath, Parameters};
use super::problems::{CostProblems, LogProblems};
use crate::search::{seconds, wallet};

/// The length of a forecast, as the document describes it.
#[derive(ToSchema)]
#[schema(pattern = "^([1-9][0-9]?|1[0-5][0-9]|16[0-8])$", example = "24")]
#[allow(dead_code, reason = "only describes")]
struct Horizon(String);

/// A span of time, and whose entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ActivityQuery {
    /// The length of a bucket; `hour` when absent.
    #[param(inline)]
    step: Option<ActivityStep>,
    /// The first second of the chain's clock: the buckets that begin at it or later. 672 hours or 364 days before `to_time` when absent.
    /// No bucket is before the ledger's first event.
    #[param(inline)]
    from_time: Option<Time>,
    /// The second before which the last bucket ends; when absent, the bucket of the last checked event, which is not over yet, is the
    /// first one left out. With the time of now, a silence up to now is found.
    #[param(inline)]
    to_time: Option<Time>,
    /// One writer alone: the wallet whose signature allowed the entries.
    writer: Option<Key>,
    /// How many buckets to forecast, 1 to 168; 48 hours or 14 days when absent.
    #[param(inline, value_type = Option<Horizon>)]
    horizon: Option<U64>,
}

/// The number of entries and of their bytes by hour or day, of the newest 1,000 at most, each with the certificates by which a reader counts
/// again; which of them stand out (burst, silence, a new writer), and a forecast.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/activity", tag = "Entries",
    params(("ledger" = Key, Path, description = "The ledger's address."), ActivityQuery),
    responses(
        (status = 200, body = Activity),
        LogProblems, CostProblems,
    ),
)]
pub(crate) async fn activity(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<ActivityQuery>,
) -> Result<Json<Activity>, Rejection> {
    Ok(Json(which.load(&reader, ledger).await?))
}

impl ActivityQuery {
    /// The activity.
    pub(crate) async fn load(self, reader: &Reader, ledger: LedgerId) -> Result<Activity, Rejection> {
        let span = read::Span {
            step: self.step.unwrap_or(ActivityStep::Hour).into(),
            from: self.from_time.as_ref().map(seconds).transpose()?,
            to: self.to_time.as_ref().map(seconds).transpose()?,
        };
        let writer = self.writer.as_ref().map(wallet).transpose()?;
        let horizon = self.horizon.map(|horizon| horizon.0);
        Ok(read::activity(reader, ledger, span, writer, horizon).await?.into())
    }
}
