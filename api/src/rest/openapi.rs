//! GET /v1/openapi.json: the description of the routes, generated from them.

use axum::http::header;
use axum::response::IntoResponse;
use counterfoil_wire::Problem;
use utoipa::OpenApi;

use super::common::Common;
use super::{activity, entries, events, export, ledgers, live, proofs, search, sign_in, status};
use crate::search::{EntryFilter, EventFilter, LedgerFilter, TransactionFilter, WriterFilter};

/// Entries of Counterfoil ledgers, who appended them and when, and proofs of both.
///
/// Every proof was verified against a head that the indexer compared with the ledger's account on the chain, before
/// it was answered. That the head is the chain's is for you to check: `counterfoil verify` does.
///
/// 64-bit numbers are strings, hashes are lowercase hex, keys are base58, bytes are base64, times are RFC 3339 in UTC.
/// There is a GraphQL endpoint with the same content at `POST /graphql`.
#[derive(OpenApi)]
#[openapi(
    info(title = "Counterfoil"),
    modifiers(&Common),
    components(schemas(Problem, EntryFilter, EventFilter, LedgerFilter, TransactionFilter, WriterFilter)),
    paths(
        status::status,
        ledgers::ledgers,
        ledgers::ledger,
        proofs::heads,
        entries::entries,
        search::find_ledgers,
        search::find_entries,
        entries::entry,
        entries::receipt,
        entries::missing,
        events::pending,
        events::events,
        search::find_events,
        search::find_transactions,
        search::find_writers,
        entries::aggregate,
        activity::activity,
        ledgers::standing,
        export::export,
        live::ledger,
        live::entries,
        live::events,
        proofs::inclusion,
        proofs::consistency,
        sign_in::message,
        sign_in::sign_in,
        status::livez,
        status::readyz,
    )
)]
struct Description;

/// The OpenAPI document.
///
/// # Panics
/// Never: the document is made of plain values.
#[must_use]
pub fn openapi_json() -> String {
    let text = Description::openapi().to_pretty_json().expect("plain values can be written as JSON");
    // utoipa 5.5 writes this field of links in another case than OpenAPI has it.
    let mut text = in_json(&text.replace("\"operation_id\": ", "\"operationId\": "));
    text.push('\n');
    text
}

/// The parameters that are JSON: utoipa describes a parameter by a schema alone, as if it were text.
fn in_json(text: &str) -> String {
    const FILTERS: [&str; 5] = ["EntryFilter", "EventFilter", "LedgerFilter", "TransactionFilter", "WriterFilter"];
    let mut text = text.to_owned();
    for filter in FILTERS {
        let reference = format!("{{\n              \"$ref\": \"#/components/schemas/{filter}\"\n            }}");
        let schema = format!("\"schema\": {reference}");
        let content = format!("\"content\": {{ \"application/json\": {{ {schema} }} }}");
        text = text.replace(&schema, &content);
    }
    text
}

pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json())
}
