//! GET /v1/openapi.json: the description of the routes, for clients and their generators.

use axum::http::header;
use axum::response::IntoResponse;
use counterfoil_wire::{Acceptance, EntryContent, Key, LineAnswer, LinesEnd, Problem, PromiseKey, Record, Usage};
use serde_json::Value;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// The document.
///
/// # Panics
/// Never: it is made of plain values.
#[must_use]
pub fn openapi_json() -> String {
    let mut text = Description::openapi().to_pretty_json().expect("plain values can be written as JSON");
    text.push('\n');
    text
}

pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json())
}

/// Takes records, keeps them, brings them to their ledgers on the chain, and answers with promises and receipts.
///
/// A record is on disk when its request is answered. 64-bit numbers are strings, keys are base58, times are RFC 3339 in UTC. Promises
/// and receipts are documents of Counterfoil's protocol, which `counterfoil verify` checks without this server.
#[derive(OpenApi)]
#[openapi(
    info(title = "Counterfoil gateway"),
    modifiers(&Bearer),
    components(schemas(LineAnswer, LinesEnd<Value>, Problem)),
    paths(post_records, contents, record, record_events, usage, promise_key, livez, readyz)
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let description = "A key `cfk_...`, which the operator makes by `counterfoil-api key create`. Where the gateway is served on \
            a loopback address alone it needs none.";
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description));
        document.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(scheme.build()));
    }
}

/// Takes one record, or one a line.
///
/// The body is the record, 1 byte to 1 MiB unless the operator says otherwise. Of `application/x-ndjson` each line is one, to 10,000
/// lines and 16 MiB, and each line of the answer is a `LineAnswer`, the last one a `LinesEnd`. CloudEvents are taken in both modes.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/records", tag = "Records", security(("bearer" = [])),
    params(
        ("ledger" = Key, Path, description = "The ledger's address."),
        ("form" = Option<String>, Query, description = "`statement` when absent. `raw`: the body itself becomes the entry, public for ever; it needs the scope `raw`."),
        ("lines" = Option<String>, Query, description = "What each line is: `contents`, or `envelopes` with stream, subject and time."),
        ("wait" = Option<String>, Query, description = "Answer when the record is `confirmed`, `finalized` or `checked`, after 30 s at most."),
        ("Idempotency-Key" = Option<String>, Header, description = "A name for the request, 1 to 255 characters: under one name it is accepted once, and gets one answer. Kept for at least 7 days."),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`: answer with the receipt, or after that time."),
        ("Counterfoil-Stream" = Option<String>, Header, description = "The stream that the record belongs to."),
        ("Counterfoil-Subject" = Option<String>, Header, description = "What the record is about."),
        ("Counterfoil-Time" = Option<String>, Header, description = "When it happened, by your word, RFC 3339."),
    ),
    request_body(
        content((Value = "application/json"), (String = "text/plain"), (Value = "application/cloudevents+json"), (String = "application/x-ndjson"), (Vec<u8> = "application/octet-stream")),
        description = "The record, or the records."
    ),
    responses(
        (status = 202, description = "The records are on disk.", content((Acceptance<Value> = "application/json"), (String = "application/x-ndjson")),
            headers(("Location" = String, description = "Where the first record is read."))),
        (status = 201, description = "The record is as far as was waited for.", body = Record<Value>,
            headers(("Location" = String, description = "Where the record is read."))),
        (status = "4XX", description = "Nothing was accepted; the code says why.", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Send it again, with the same Idempotency-Key: whether it was accepted may be unknown.", body = Problem, content_type = "application/problem+json",
            headers(("Retry-After" = String, description = "After how many seconds to try again."))),
    ),
)]
#[expect(dead_code, reason = "it carries the description")]
fn post_records() {}

/// Tells a ledger's entries with the contents that they commit to.
///
/// A line of JSON an entry, in their order, up to the checked size; none where there is no further one. A key needs the scopes `read` and
/// `write`, and of records that came by HTTP it is told those that came with it.
#[utoipa::path(
    get, path = "/v1/ledgers/{ledger}/contents", tag = "Records", security(("bearer" = [])),
    params(
        ("ledger" = Key, Path, description = "The ledger's address."),
        ("from" = Option<u64>, Query, description = "The first index; 0 when absent."),
        ("limit" = Option<u32>, Query, description = "The most entries, 1 to 2,048, which is the most when absent.")
    ),
    responses(
        (status = 200, description = "The entries.", body = EntryContent, content_type = "application/x-ndjson"),
        (status = "4XX", description = "Refused.", body = Problem, content_type = "application/problem+json")
    )
)]
#[expect(dead_code, reason = "it carries the description")]
fn contents() {}

/// A record: how far it is, its promise, and its receipt once it is checked.
#[utoipa::path(
    get, path = "/v1/records/{id}", tag = "Records", security(("bearer" = [])),
    params(("id" = String, Path, description = "The record's id, a UUID.")),
    responses(
        (status = 200, description = "The record.", body = Record<Value>),
        (status = "4XX", description = "The code says why.", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again.", body = Problem, content_type = "application/problem+json"),
    ),
)]
#[expect(dead_code, reason = "it carries the description")]
fn record() {}

/// The states of a record as server-sent events named `record`, until it is checked.
#[utoipa::path(
    get, path = "/v1/records/{id}/events", tag = "Records", security(("bearer" = [])),
    params(("id" = String, Path, description = "The record's id, a UUID.")),
    responses(
        (status = 200, description = "Each event's data is the record as it is then.", content((String = "text/event-stream"))),
        (status = "4XX", description = "The code says why.", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again.", body = Problem, content_type = "application/problem+json"),
    ),
)]
#[expect(dead_code, reason = "it carries the description")]
fn record_events() {}

/// The use of each ledger by the caller's key in the last 24 hours; where no key is needed, what all did.
#[utoipa::path(
    get, path = "/v1/usage", tag = "Operation", security(("bearer" = [])),
    responses(
        (status = 200, description = "By key and ledger.", body = Usage),
        (status = "4XX", description = "The code says why.", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Try again.", body = Problem, content_type = "application/problem+json"),
    ),
)]
#[expect(dead_code, reason = "it carries the description")]
fn usage() {}

/// The public key of this gateway's promises. A verifier takes it from elsewhere.
#[utoipa::path(
    get, path = "/v1/promise-key", tag = "Operation",
    responses((status = 200, description = "The key.", body = PromiseKey)),
)]
#[expect(dead_code, reason = "it carries the description")]
fn promise_key() {}

/// Whether the process runs.
#[utoipa::path(get, path = "/livez", tag = "Operation", responses((status = 200, description = "It does.")))]
#[expect(dead_code, reason = "it carries the description")]
fn livez() {}

/// Whether records can be accepted. The chain may be away.
#[utoipa::path(
    get, path = "/readyz", tag = "Operation",
    responses(
        (status = 200, description = "They can."),
        (status = 503, description = "The database does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
)]
#[expect(dead_code, reason = "it carries the description")]
fn readyz() {}
