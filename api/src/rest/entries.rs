//! Entries: GET /v1/ledgers/{ledger}/entries, …/entries/{index}, …/entries/{index}/receipt, …/missing and …/aggregate.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read::{self as read, MAX_PAGE, SignedFormat, Window};
use counterfoil_store::{Bucket, Comparison, Condition, EntryColumn, Log, Value};
use counterfoil_wire::{Aggregates, EntryPage, Key, Missing, ProvenEntry, ReceiptForm, Time, U64};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::json::Json;
use super::parameters::{EntryPath, LedgerPath, Limit, Parameters};
use super::problems::{CostProblems, EntryProblems, LeafProblems, LogProblems, OptionalProblems, PageProblems};
use crate::search::ToValue;
use crate::tlog::{LogId, Logs};

/// A range of a log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Range {
    /// The first index; 0 when absent. The checked size itself gives an empty page.
    first: Option<U64>,
    /// The longest page, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

impl From<Range> for Window {
    fn from(which: Range) -> Self {
        Self::From { first: which.first.map_or(0, |first| first.0), limit: which.limit.map(|limit| limit.0) }
    }
}

/// Entries in order, up to the checked size. Each was verified to be in the checked tree; proofs are on other routes.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/entries", tag = "Entries",
    params(("ledger" = Key, Path, description = "The ledger's address."), Range),
    responses(
        (status = 200, body = EntryPage),
        LogProblems, LeafProblems, PageProblems,
    ),
)]
pub(crate) async fn entries(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<Range>,
) -> Result<Json<EntryPage>, Rejection> {
    Ok(Json(read::entries(&reader, ledger, which.into()).await?.into()))
}

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

/// The wanted form of a receipt.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReceiptQuery {
    /// The format; `json` when absent.
    #[param(inline)]
    format: Option<Format>,
}

/// The format of a receipt. Only `json` shows what the chain says; the others are signed by the server's operator, whom
/// their reader believes about the head.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// Counterfoil's own.
    Json,
    /// C2SP tlog-proof.
    TlogProof,
    /// A COSE receipt, RFC 9942.
    Cose,
}

/// An entry's receipt: all that `counterfoil verify` needs besides the chain; or, signed by the operator, a receipt of a standard
/// format, which other tools verify.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/entries/{index}/receipt", tag = "Entries",
    params(
        ("ledger" = Key, Path, description = "The ledger's address."),
        ("index" = U64, Path, description = "The entry's index; the first is 0."),
        ReceiptQuery,
    ),
    responses(
        (status = 200, content(
            (ReceiptForm = "application/json"),
            (String = "text/plain"),
            (Vec<u8> = "application/cose"),
        )),
        LogProblems, EntryProblems, OptionalProblems,
    ),
)]
pub(crate) async fn receipt(
    State(logs): State<Logs>,
    ReaderOf(reader): ReaderOf,
    EntryPath(ledger, index): EntryPath,
    Parameters(which): Parameters<ReceiptQuery>,
) -> Result<Response, Rejection> {
    let (format, content_type) = match which.format.unwrap_or(Format::Json) {
        Format::Json => return Ok(Json(read::receipt(&reader, ledger, index).await?).into_response()),
        Format::TlogProof => (SignedFormat::TlogProof, "text/plain; charset=utf-8"),
        Format::Cose => (SignedFormat::Cose, "application/cose; cose-type=\"cose-sign1\""),
    };
    let signer = logs.key()?.signer(LogId { ledger, log: Log::Entries });
    let receipt = read::signed_receipt(&reader, ledger, index, format, &signer).await?;
    Ok(([(header::CONTENT_TYPE, content_type)], receipt).into_response())
}

/// A range of the missing subtrees.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MissingQuery {
    /// Only subtrees that begin at this leaf or after it; 0 when absent.
    first: Option<U64>,
    /// The longest page, 1 to 1,000; 100 when absent.
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<U64>,
}

/// The subtrees whose entries are missing from the index: they were appended by their hashes, and have not been filled in.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/missing", tag = "Entries",
    params(("ledger" = Key, Path, description = "The ledger's address."), MissingQuery),
    responses(
        (status = 200, body = Missing),
        LogProblems, LeafProblems, PageProblems,
    ),
)]
pub(crate) async fn missing(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<MissingQuery>,
) -> Result<Json<Missing>, Rejection> {
    let (first, limit) = (which.first.map_or(0, |first| first.0), which.limit.map(|limit| limit.0));
    Ok(Json(read::missing(&reader, ledger, first, limit).await?.into()))
}

/// The grouping of entries.
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

/// A selection of entries, and the grouping.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AggregateQuery {
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

/// The number of entries and of their bytes, in all, or by signer, hour or day. The database counts: no proof covers it.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/aggregate", tag = "Entries",
    params(("ledger" = Key, Path, description = "The ledger's address."), AggregateQuery),
    responses(
        (status = 200, body = Aggregates),
        LogProblems, CostProblems,
    ),
)]
pub(crate) async fn aggregate(
    ReaderOf(reader): ReaderOf,
    LedgerPath(ledger): LedgerPath,
    Parameters(which): Parameters<AggregateQuery>,
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

impl AggregateQuery {
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
