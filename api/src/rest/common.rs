//! The common parts of the operations of the OpenAPI document: problems by status, caching, links.
//!
//! A route names sets of problems ([`super::problems`]). Here their codes become one response for each status, with the document
//! of each code as an example.

use std::collections::BTreeMap;

use counterfoil_http::Rejection;
use counterfoil_wire::Code;
use serde_json::json;
use utoipa::Modify;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::link::Link;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, HttpMethod, OpenApi, PathItem, Ref, RefOr, Required, Response, ResponseBuilder};

use crate::paths::OPEN;

/// Parameters by name, each with where in an answer it stands.
type Known = &'static [(&'static str, &'static str)];

/// From which operation's answer the parameters of which other one are known.
const LINKS: &[(&str, &str, Known)] = &[
    ("ledgers", "ledger", &[("ledger", "$response.body#/ledgers/0/ledger")]),
    ("ledgers", "entries", &[("ledger", "$response.body#/ledgers/0/ledger")]),
    ("ledgers", "events", &[("ledger", "$response.body#/ledgers/0/ledger")]),
    ("entries", "entry", &[("ledger", "$request.path.ledger"), ("index", "$response.body#/entries/0/index")]),
    ("entries", "receipt", &[("ledger", "$request.path.ledger"), ("index", "$response.body#/entries/0/index")]),
    ("ledger", "consistency", &[("ledger", "$request.path.ledger"), ("first", "$response.body#/checked/head/size")]),
    ("ledger", "missing", &[("ledger", "$request.path.ledger")]),
];

/// The name of the one scheme by which callers say who they are.
const BEARER: &str = "bearer";

/// Adds the common parts to each operation.
pub(super) struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(BEARER, bearer());
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in operations(item) {
                join_by_status(operation);
                add_refusals(path, operation);
                leave_bytes_alone(operation);
                if method == HttpMethod::Get && is_tagged(operation) {
                    describe_tag(operation);
                }
                add_links(operation);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    let all = [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Put, &mut item.put),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Delete, &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Replaces the responses of codes by one response for each status.
fn join_by_status(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in Code::ALL {
        if responses.remove(code.text()).is_some() {
            by_status.entry(code.status()).or_default().push(*code);
        }
    }
    responses.extend(by_status.into_iter().map(|(status, codes)| (status.to_string(), problem(&codes).into())));
}

fn bearer() -> SecurityScheme {
    let description = "A key `cfk_...`, which the operator makes, or a session `cfs_...`, which signing in with a \
        wallet answers. By the operator's choice a server requires it of no caller, or only to read private ledgers; \
        then requests without it are answered too.";
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description));
    SecurityScheme::Http(scheme.build())
}

/// The problems of authentication and rates.
fn add_refusals(path: &str, operation: &mut Operation) {
    let mut codes = vec![Code::RateLimited];
    if !OPEN.contains(&path) {
        operation.security = Some(vec![SecurityRequirement::new(BEARER, Vec::<String>::new())]);
        codes.push(Code::Unauthorized);
    }
    // The liveness probe is never refused.
    codes.retain(|_| path != "/livez");
    for code in codes {
        let response = problem(&[code]);
        operation.responses.responses.entry(code.status().to_string()).or_insert_with(|| response.into());
    }
}

/// Bytes have a media type and no schema in OpenAPI 3.1.
fn leave_bytes_alone(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        for (_, content) in response.content.iter_mut().filter(|(kind, _)| kind.as_str() == "application/cose") {
            content.schema = None;
        }
    }
}

/// The response with which problems of these codes, which have one status, are answered.
fn problem(codes: &[Code]) -> Response {
    let names: Vec<&str> = codes.iter().map(|code| code.text()).collect();
    let examples = codes.iter().map(|code| {
        let body = Rejection::new(*code, format!("{}.", code.title())).into_body();
        let example = ExampleBuilder::new().summary(code.title()).value(Some(json!(body))).build();
        (code.text().to_owned(), example)
    });
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build();
    let mut response =
        ResponseBuilder::new().description(names.join(", ")).content("application/problem+json", content);
    if codes.iter().all(|code| code.is_temporary()) {
        response = response.header("Retry-After", text_header("After how many seconds to try again.", "^[0-9]+$"));
    }
    response.build()
}

/// Whether answers pass [`crate::cache::tag`]: streams do not.
fn is_tagged(operation: &Operation) -> bool {
    match operation.responses.responses.get("200") {
        Some(RefOr::T(response)) => {
            !response.content.keys().any(|kind| kind == "application/x-ndjson" || kind == "text/event-stream")
        }
        _ => false,
    }
}

fn describe_tag(operation: &mut Operation) {
    let tag = || text_header("For If-None-Match.", "^\"[A-Za-z0-9_-]{22}\"$");
    let cache = || {
        text_header(
            "no-cache, or immutable for what is pinned to a size.",
            "^(no-cache|(public|private), .*immutable)$",
        )
    };
    let responses = &mut operation.responses.responses;
    if let Some(RefOr::T(answer)) = responses.get_mut("200") {
        answer.headers.extend([("ETag".to_owned(), tag()), ("Cache-Control".to_owned(), cache())]);
    }
    let same = ResponseBuilder::new().description("The answer is still the one that If-None-Match names.");
    responses.insert("304".to_owned(), same.header("ETag", tag()).header("Cache-Control", cache()).build().into());
    operation.parameters.get_or_insert_default().push(if_none_match());
}

fn if_none_match() -> Parameter {
    ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The tags of answers that the client has: if one is the answer's, it is 304 and empty."))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .example(Some(json!("\"AAAAAAAAAAAAAAAAAAAAAA\"")))
        .build()
}

fn text_header(description: &str, pattern: &str) -> utoipa::openapi::Header {
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build();
    HeaderBuilder::new().schema(schema).description(Some(description)).build()
}

fn add_links(operation: &mut Operation) {
    let own = operation.operation_id.clone().unwrap_or_default();
    let Some(RefOr::T(answer)) = operation.responses.responses.get_mut("200") else { return };
    for (_, to, parameters) in LINKS.iter().filter(|(from, ..)| *from == own) {
        let mut link = Link::builder().operation_id(*to);
        for (name, expression) in *parameters {
            link = link.parameter(*name, json!(expression));
        }
        answer.links.insert((*to).to_owned(), link.build().into());
    }
}
