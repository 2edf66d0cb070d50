//! GET /v1/ledgers/{ledger}/entries/{index}/receipt.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use counterfoil_http::{ReaderOf, Rejection};
use counterfoil_read::{self as read, SignedFormat};
use counterfoil_store::Log;
use counterfoil_wire::{Key, ReceiptForm, U64};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::json::Json;
use super::parameters::{EntryPath, Parameters};
use super::problems::{EntryProblems, LogProblems, OptionalProblems};
use crate::tlog::{LogId, Logs};

/// In which format.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
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

/// An entry's receipt: all that `counterfoil verify` needs beside the chain; or, signed by the operator, what other
/// people's tools verify.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/entries/{index}/receipt", tag = "Entries",
    params(
        ("ledger" = Key, Path, description = "The ledger's address."),
        ("index" = U64, Path, description = "The entry's index; the first is 0."),
        Which,
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
    Parameters(which): Parameters<Which>,
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
