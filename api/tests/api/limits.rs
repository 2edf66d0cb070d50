//! GraphQL's bounds, persisted queries, and federation.

use std::fmt::Write;

use axum::body::to_bytes;
use axum::http::{Request, StatusCode};
use counterfoil_api::{AllowedQueries, Settings};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::history::WRITER;
use crate::index::{BIG, Index, SMALL, UNKNOWN, settings};

async fn post(index: &Index, body: Value) -> Value {
    let request = Request::post("/graphql").header("content-type", "application/json");
    let response = index.send(request.body(body.to_string().into()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap()
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

fn aliases(count: usize) -> String {
    (0..count).fold("{".to_owned(), |query, at| query + &format!(" a{at}: __typename")) + " }"
}

#[tokio::test]
async fn aliases_tokens_and_fields_are_bounded() {
    let index = Index::open().await;
    index.graphql(&aliases(50)).await;
    let ledger = |fields: &str| format!("{{ ledger(address: \"{BIG}\") {{ {fields} }} }}");
    for (query, expected) in [
        (aliases(51), "more than 50 aliases"),
        (aliases(3_000), "more than 2000 tokens"),
        (ledger(&"ledger ".repeat(1_000)), "more than 1000 fields"),
        (ledger(&"ledger,,, # x\n".repeat(2_000)), "more than 2000 tokens"),
        (format!("{{ ledger(address: \"{BIG}"), " --> 1:"),
        ("{".repeat(1_900), "more than 32 brackets within each other"),
    ] {
        let (code, message) = index.graphql_error(&query).await;
        assert_eq!(code, "malformed_query");
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn fragments_in_circles_and_those_that_double_are_refused_at_once() {
    let index = Index::open().await;
    let circle = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }";
    let own = "{ ...A } fragment A on Query { __typename ...A }";
    let mut doubling = "{ ...F0 ...F0 }".to_owned();
    for at in 0..60 {
        write!(doubling, " fragment F{at} on Query {{ ...F{0} ...F{0} }}", at + 1).unwrap();
    }
    doubling.push_str(" fragment F60 on Query { __typename }");
    for (query, expected) in
        [(circle, "is a part of itself"), (own, "is a part of itself"), (&doubling, "more than 1000 fields")]
    {
        let (code, message) = index.graphql_error(query).await;
        assert_eq!(code, "malformed_query");
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn a_body_of_5_mb_or_ten_thousand_aliases_is_not_read_to_its_end() {
    let index = Index::open().await;
    for body in [json!({ "query": aliases(10_000) }), json!({ "query": "#".repeat(5 << 20) })] {
        let request = Request::post("/graphql").header("content-type", "application/json");
        let response = index.send(request.body(body.to_string().into()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}

fn persisted(hash: &str, query: Option<&str>) -> Value {
    let mut body = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } });
    if let Some(query) = query {
        body["query"] = query.into();
    }
    body
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_persisted_query_is_named_by_its_hash_once_it_is_known() {
    let index = Index::open().await;
    let query = format!("{{ ledger(address: \"{BIG}\") {{ ledger }} }}");
    let hash = sha256(&query);
    let unknown = post(&index, persisted(&hash, None)).await;
    // The persisted query, which clients of this protocol look for before they send the whole.
    assert_eq!(unknown["errors"][0]["message"], "PersistedQueryNotFound");
    let other = post(&index, persisted(&sha256("other"), Some(&query))).await;
    assert_eq!(code(&other), "malformed_query");
    let expected = json!({ "data": { "ledger": { "ledger": BIG.to_string() } } });
    assert_eq!(post(&index, persisted(&hash, Some(&query))).await, expected);
    assert_eq!(post(&index, persisted(&hash, None)).await, expected);
    let too_long = aliases(51);
    let refused = post(&index, persisted(&sha256(&too_long), Some(&too_long))).await;
    assert_eq!(code(&refused), "malformed_query");
    let unknown = post(&index, persisted(&sha256(&too_long), None)).await;
    assert_eq!(unknown["errors"][0]["message"], "PersistedQueryNotFound");
}

#[tokio::test]
async fn with_a_list_of_queries_no_other_is_answered() {
    let mut index = Index::open().await;
    let query = "query Ledgers { ledgers(first: 1) { edges { cursor } } }";
    let manifest = |id: &str, version: u64| {
        let operations = json!([{ "id": id, "name": "Ledgers", "type": "query", "body": query }]);
        json!({ "format": "apollo-persisted-query-manifest", "version": version, "operations": operations }).to_string()
    };
    let allowed = AllowedQueries::parse(&manifest(&sha256(query), 1)).unwrap();
    let settings = Settings { allowed_queries: Some(allowed), ..settings() };
    index.app = counterfoil_api::app(index.pool.clone(), settings);
    let expected = index.graphql(query).await;
    assert_eq!(post(&index, persisted(&sha256(query), None)).await["data"], expected);
    for body in [
        json!({ "query": format!("{query} ") }),
        json!({ "query": "{ __typename }" }),
        persisted(&sha256("{ __typename }"), None),
        persisted(&sha256(query), Some("{ __typename }")),
        json!({ "query": "" }),
        json!({ "query": "", "extensions": { "persistedQuery": 1 } }),
    ] {
        assert_eq!(code(&post(&index, body.clone()).await), "query_not_allowed", "{body}");
    }
    for manifest in [manifest(&sha256("other"), 1), manifest(&sha256(query), 2), "{}".to_owned()] {
        AllowedQueries::parse(&manifest).unwrap_err();
    }
}

#[tokio::test]
async fn a_federated_gateway_reads_the_schema_and_entities_by_their_keys() {
    let mut index = Index::open().await;
    let service = index.graphql("{ _service { sdl } }").await;
    let sdl = service["_service"]["sdl"].as_str().unwrap();
    for name in ["Ledger", "Entry", "Event", "Transaction", "Writer"] {
        assert!(sdl.contains(&format!("type {name} implements Node @key(fields: \"id\")")), "{sdl}");
    }
    let entities = |ids: &[(&str, String)]| {
        let representations: Vec<Value> =
            ids.iter().map(|(name, id)| json!({ "__typename": name, "id": id })).collect();
        json!({
            "query": "query Q($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Entry { index } } }",
            "variables": { "r": representations },
        })
    };
    let (ledger, entry, event) = (format!("ledger:{SMALL}"), format!("entry:{BIG}:7"), format!("event:{BIG}:1"));
    let transaction = format!("transaction:{BIG}:1");
    let writer = format!("writer:{BIG}:{WRITER}");
    let ids = [
        ("Ledger", ledger.clone()),
        ("Entry", entry.clone()),
        ("Event", event),
        ("Transaction", transaction),
        ("Writer", writer),
    ];
    let found = post(&index, entities(&ids)).await;
    let mut names = ids.map(|(name, _)| json!({ "__typename": name }));
    names[1]["index"] = "7".into();
    assert_eq!(found["data"]["_entities"], json!(names), "{found}");
    for (ids, expected) in [
        (vec![("Ledger", entry.clone())], "malformed_parameter"),
        (vec![("Entry", ledger)], "malformed_parameter"),
        (vec![("Entry", format!("entry:{UNKNOWN}:0"))], "unknown_ledger"),
        (vec![("Entry", entry); 51], "malformed_query"),
    ] {
        assert_eq!(code(&post(&index, entities(&ids)).await), expected);
    }
    index.app = counterfoil_api::app(index.pool.clone(), Settings { introspection: false, ..settings() });
    let (code, _) = index.graphql_error("{ _service { sdl } }").await;
    assert_eq!(code, "malformed_query");
}
