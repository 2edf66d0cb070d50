//! Things that no client may do to the others by any request: cost more than its length, end the process, fill the log.

use axum::body::to_bytes;
use axum::http::Request;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::history::WRITER;
use crate::index::{BIG, Index};

/// The answer to a body of GraphQL, and how long it is.
async fn post(index: &Index, accept: &str, body: &Value) -> String {
    let request = Request::post("/graphql").header("content-type", "application/json").header("accept", accept);
    let response = index.send(request.body(body.to_string().into()).unwrap()).await;
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

/// Texts of this depth in each place where GraphQL takes a value, and of selections.
fn nested(depth: usize) -> Vec<String> {
    let list = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let open_list = "[".repeat(depth);
    let object = format!("{}1{}", "{a:".repeat(depth), "}".repeat(depth));
    let filter = format!("{}{{}}{}", "{not:".repeat(depth), "}".repeat(depth));
    let mixed = format!("{}1{}", "[{a:".repeat(depth / 2), "}]".repeat(depth / 2));
    let field = |value: &str| format!("{{ ledger(address: {value}) {{ ledger }} }}");
    vec![
        field(&list),
        field(&open_list),
        field(&object),
        field(&mixed),
        format!("query($v: [ID] = {list}) {{ __typename }}"),
        format!("query($v: {}ID{}) {{ __typename }}", "[".repeat(depth), "]".repeat(depth)),
        format!("{{ __typename @include(if: {object}) }}"),
        format!("query @d(a: {list}) {{ __typename }}"),
        format!("{{ ledger(address: \"{BIG}\") {{ findEntries(where: {filter}) {{ nodes {{ index }} }} }} }}"),
        format!("{}a{}", "{a".repeat(depth), "}".repeat(depth)),
        format!("{{ {}a{} }}", "... { ".repeat(depth), " }".repeat(depth)),
    ]
}

#[tokio::test]
async fn a_nested_text_is_refused_before_it_is_parsed() {
    let index = Index::open().await;
    // The first is beyond the bound on brackets, the last beyond that on tokens; one that the parser overflows at is between.
    for depth in [40, 325, 700, 5_000] {
        for query in nested(depth) {
            for accept in ["application/json", "text/event-stream"] {
                let body = json!({ "query": query });
                // A body that is too long is another test's.
                if body.to_string().len() > 60_000 {
                    continue;
                }
                let answer = post(&index, accept, &body).await;
                let shown = &query[..query.len().min(60)];
                let is_bounded =
                    answer.contains("brackets within each other") || answer.contains("more than 2000 tokens");
                assert!(is_bounded, "{depth} of {shown}: {answer}");
            }
        }
    }
    // Others are answered.
    index.ok("/v1/ledgers").await;
}

#[tokio::test]
async fn the_deepest_filter_and_a_tools_introspection_are_not_refused() {
    let index = Index::open().await;
    let filter = format!("{}{{index:{{eq:\"1\"}}}}{}", "{not:".repeat(14), "}".repeat(14));
    let query = format!(
        "{{ ledger(address: \"{BIG}\") {{ findEntries(first: 1, where: {filter}) {{ edges {{ node {{ index }} }} }} }} }}"
    );
    let found = index.graphql(&query).await;
    assert_eq!(found["ledger"]["findEntries"]["edges"][0]["node"]["index"], "1", "{found}");
    let types = "ofType { name ".repeat(7) + &"}".repeat(7);
    index.graphql(&format!("{{ __schema {{ types {{ fields {{ args {{ type {{ {types} }} }} }} }} }} }}")).await;
}

#[tokio::test]
async fn an_order_is_bounded_in_every_list_and_at_every_door() {
    let index = Index::open().await;
    let find = |list: &str, order: &str| match list {
        "findLedgers" => format!("{{ findLedgers(orderBy: {order}) {{ edges {{ cursor }} }} }}"),
        _ => format!("{{ ledger(address: \"{BIG}\") {{ {list}(orderBy: {order}) {{ edges {{ cursor }} }} }} }}"),
    };
    let lists = [
        ("findEntries", "TIME", "entries", "time"),
        ("findEvents", "TIME", "events", "time"),
        ("findTransactions", "TIME", "transactions", "time"),
        ("findWriters", "WALLET", "writers", "wallet"),
        ("findLedgers", "SIZE", "", ""),
    ];
    for (list, field, path, column) in lists {
        let columns = |count: usize| format!("[{}]", vec![format!("{{field: {field}}}"); count].join(","));
        let once = index.graphql(&find(list, &columns(1))).await;
        assert_eq!(index.graphql(&find(list, &columns(4))).await, once, "a column again orders nothing");
        for count in [5, 60, 300] {
            let (code, message) = index.graphql_error(&find(list, &columns(count))).await;
            assert_eq!(code, "malformed_parameter", "{list} by {count}: {message}");
            assert!(message.contains("at most 4 columns"), "{message}");
            if !path.is_empty() {
                let order = vec![column; count].join(",");
                let (status, code, _) = index.problem(&format!("/v1/ledgers/{BIG}/{path}/find?order={order}")).await;
                assert_eq!((status, code.as_str()), (400, "malformed_parameter"), "{path} by {count}");
            }
        }
    }
}

#[tokio::test]
async fn representations_are_bounded_in_all_of_a_query_whatever_carries_them() {
    let index = Index::open().await;
    let representation = json!({ "__typename": "Writer", "id": format!("writer:{BIG}:{WRITER}") });
    let one = "query Q($r: [_Any!]!) { _entities(representations: $r) { __typename } }";
    let aliased: String =
        (0..26).map(|at| format!("a{at}: _entities(representations: $r) {{ __typename }} ")).collect();
    let aliased = format!("query Q($r: [_Any!]!) {{ {aliased} }}");
    let sha256 = |text: &str| Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (query, fine, too_many) in [(one, 50, 51), (&aliased, 1, 2)] {
        let variables = |count: usize| json!({ "r": vec![&representation; count] });
        let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": sha256(query) } });
        let register = json!({ "query": query, "variables": variables(fine), "extensions": extensions });
        let by_hash = |count: usize| json!({ "variables": variables(count), "extensions": extensions });
        for (body, is_answered) in [
            (register, true),
            (by_hash(fine), true),
            (by_hash(too_many), false),
            (json!({ "query": query, "variables": variables(too_many) }), false),
        ] {
            let answer = post(&index, "application/json", &body).await;
            assert_eq!(answer.contains("more than 50 representations"), !is_answered, "{answer}");
            assert_eq!(answer.contains("\"errors\""), !is_answered, "{answer}");
        }
    }
}

#[tokio::test]
async fn a_comparison_with_null_is_refused_and_never_taken_for_no_comparison() {
    let index = Index::open().await;
    for filter in
        ["signer: {eq: null}", "index: {in: null}", "not: null", "or: null", "and: null", "payload: {prefix: null}"]
    {
        let query =
            format!("{{ ledger(address: \"{BIG}\") {{ findEntries(where: {{{filter}}}) {{ nodes {{ index }} }} }} }}");
        let (code, message) = index.graphql_error(&query).await;
        assert_eq!(code, "malformed_query", "{filter}");
        assert!(message.contains("null"), "{filter}: {message}");
    }
    let unset = format!(
        "query Q($signer: Key) {{ ledger(address: \"{BIG}\") {{
            findEntries(where: {{signer: {{eq: $signer}}}}) {{ nodes {{ index }} }} }} }}"
    );
    for variables in [json!({}), json!({ "signer": null })] {
        let answer = post(&index, "application/json", &json!({ "query": unset, "variables": variables })).await;
        assert!(answer.contains("errors") && !answer.contains("\"index\""), "{variables}: {answer}");
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_not_repeated() {
    let index = Index::open().await;
    for query in [format!("{{ a{} ) }}", " ".repeat(50_000)), format!("\"{}", "x".repeat(50_000))] {
        let answer = post(&index, "application/json", &json!({ "query": query })).await;
        assert!(answer.contains("malformed_query") && answer.len() < 2_000, "{} bytes", answer.len());
    }
}

#[tokio::test]
async fn what_is_asked_once_is_not_counted_for_each_row() {
    let index = Index::open().await;
    let find = |first: u64| {
        format!(
            "{{ ledger(address: \"{BIG}\") {{
                findEntries(first: {first}) {{ nodes {{ index }} totalCount {{ value isExact }} }} }} }}"
        )
    };
    let found = index.graphql(&find(1_000)).await;
    assert_eq!(found["ledger"]["findEntries"]["totalCount"]["isExact"], true);
    let (code, _) = index.graphql_error(&find(1_001)).await;
    assert_eq!(code, "page_too_large");
}
