//! GraphQL: the same content as REST, and its bounds.

use counterfoil_api::Settings;
use serde_json::{Value, json};

use crate::history::History;
use crate::index::{BIG, BIG_EVENTS, BIG_SIZE, Index, UNCHECKED, UNKNOWN, settings};
use crate::lists::{self, heads};
use crate::oracle::assert_included;
use crate::statements::count_statements;

/// REST's names in GraphQL's spelling.
pub fn camel(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                let mut words = name.split('_');
                let first = words.next().unwrap_or_default().to_owned();
                let name = words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..]);
                (name, camel(value))
            })
            .collect(),
        Value::Array(items) => items.iter().map(camel).collect(),
        other => other.clone(),
    }
}

const LEDGER: &str = "ledger status halt { since reason } applied { size eventSeq }
    checked { head { size root } eventHead { size root } slot frontier } behind { entries events } missingLeaves";

fn ledger(address: impl std::fmt::Display, fields: &str) -> String {
    format!("{{ ledger(address: \"{address}\") {{ {fields} }} }}")
}

fn entry(history: &History, index: u64) -> Value {
    camel(&lists::entry(history, index))
}

const ENTRY: &str = "index payload leafHash event { seq kind slot time signer firstIndex count transaction }";

#[tokio::test]
async fn ledgers_are_those_of_rest() {
    let index = Index::open().await;
    let rest = index.ok("/v1/ledgers").await;
    let expected: Vec<Value> = rest["ledgers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ledger| {
            let mut ledger = camel(ledger);
            ledger["status"] = ledger["status"].as_str().unwrap().to_uppercase().into();
            ledger
        })
        .collect();
    let (mut found, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let query = format!(
            "{{ ledgers(first: 2 {after}) {{ totalCount {{ value }} pageInfo {{ hasNextPage endCursor }} edges {{ node {{ {LEDGER} }} }} }} }}"
        );
        let page = index.graphql(&query).await["ledgers"].take();
        found.extend(page["edges"].as_array().unwrap().iter().map(|edge| edge["node"].clone()));
        pages += 1;
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = format!("after: {}", page["pageInfo"]["endCursor"]);
    }
    assert_eq!((found, pages), (expected.clone(), 3));
    assert_eq!(index.graphql(&ledger(BIG, LEDGER)).await["ledger"], expected[0]);
    let status = index.graphql("{ status { version genesisHash program } }").await["status"].take();
    assert_eq!(status, camel(&index.ok("/v1/status").await));
}

/// Rows are answered at once, or by a resolver for each field where one of them needs it (`head` does). Both give the same.
#[tokio::test]
async fn a_row_is_the_same_however_its_fields_are_asked_for() {
    let index = Index::open().await;
    let fields = "__typename id i: index payload leafHash proof
        event { __typename id seq kind slot time signer firstIndex count transaction leaf leafHash proof }";
    let plain = format!("edges {{ __typename cursor node {{ {fields} }} }}");
    let general = format!("edges {{ __typename cursor node {{ {fields} head {{ size }} index }} }}");
    let by_fragments = "edges { ...Row }";
    let fragments = format!(
        "fragment Row on EntryEdge {{ __typename cursor node {{ ...Fields }} }} fragment Fields on Entry {{ {fields} }}"
    );
    let ask = async |edges: &str, fragments: &str| {
        let query = ledger(BIG, &format!("entries(first: 30, after: \"244\") {{ {edges} }}"));
        index.graphql(&format!("{query} {fragments}")).await["ledger"]["entries"]["edges"].take()
    };
    let expected = ask(&plain, "").await;
    assert_eq!(expected.as_array().unwrap().len(), 30);
    assert_eq!(expected[0]["node"]["event"].as_object().unwrap().len(), 13);
    let mut in_general = ask(&general, "").await;
    for edge in in_general.as_array_mut().unwrap() {
        let node = edge["node"].as_object_mut().unwrap();
        assert!(node.remove("head").is_some() && node.remove("index").is_some());
    }
    assert_eq!(in_general, expected);
    assert_eq!(ask(by_fragments, &fragments).await, expected);
    let split = "edges { cursor node { index } node { payload } }";
    let together = "edges { cursor node { index payload } }";
    assert_eq!(ask(split, "").await, ask(together, "").await);
}

#[tokio::test]
async fn entries_with_proofs_follow_relays_pages_both_ways() {
    let index = Index::open().await;
    let history = &index.shared.big;
    let (head, event_head) = heads(history, BIG_SIZE, BIG_EVENTS);
    for (arguments, first, end) in [
        ("first: 3", 0, 3),
        ("first: 60, after: \"239\"", 240, 300),
        ("last: 2", 898, 900),
        ("last: 2, before: \"256\"", 254, 256),
        ("first: 10, after: \"99\", last: 4", 106, 110),
        ("after: \"897\"", 898, 900),
        ("after: \"5000\"", 900, 900),
        ("before: \"0\"", 0, 0),
        ("", 0, 100),
    ] {
        let query = ledger(BIG, &format!(
            "entries({arguments}) {{ head {{ size root }} eventHead {{ size root }} totalCount {{ value isExact }}
             pageInfo {{ hasPreviousPage hasNextPage startCursor endCursor }} edges {{ cursor node {{ proof {ENTRY} }} }} }}"
        ).replace("()", ""));
        let mut page = index.graphql(&query).await["ledger"]["entries"].take();
        for (edge, at) in page["edges"].as_array_mut().unwrap().iter_mut().zip(first..) {
            let proof = edge["node"].as_object_mut().unwrap().remove("proof").unwrap();
            assert_included(&head, at, &history.payloads[at as usize], &proof);
        }
        let edges: Vec<Value> =
            (first..end).map(|at| json!({ "cursor": at.to_string(), "node": entry(history, at) })).collect();
        let expected = json!({
            "head": head,
            "eventHead": event_head,
            "totalCount": { "value": BIG_SIZE.to_string(), "isExact": true },
            "pageInfo": {
                "hasPreviousPage": first > 0,
                "hasNextPage": end < BIG_SIZE,
                "startCursor": (first < end).then(|| first.to_string()),
                "endCursor": (first < end).then(|| (end - 1).to_string()),
            },
            "edges": edges,
        });
        assert_eq!(page, expected, "{arguments}");
    }
}

#[tokio::test]
async fn events_have_their_proofs() {
    let index = Index::open().await;
    let history = &index.shared.big;
    let (_, event_head) = heads(history, BIG_SIZE, BIG_EVENTS);
    let fields = "seq kind leaf leafHash slot time signer transaction proof";
    let query = ledger(BIG, &format!("events(first: 20, after: \"245\") {{ edges {{ node {{ {fields} }} }} }}"));
    let page = index.graphql(&query).await["ledger"]["events"]["edges"].take();
    assert_eq!(page.as_array().unwrap().len(), 20);
    for (edge, seq) in page.as_array().unwrap().iter().zip(246..) {
        let mut event = edge["node"].clone();
        let proof = event.as_object_mut().unwrap().remove("proof").unwrap();
        assert_eq!(event, camel(&lists::event(history, seq)));
        assert_included(&event_head, seq, &history.events[seq as usize].0, &proof);
    }
    let one = index.graphql(&ledger(BIG, &format!("event(seq: \"246\") {{ {fields} }}"))).await;
    assert_eq!(one["ledger"]["event"], page[0]["node"]);
}

#[tokio::test]
async fn pages_have_the_certificates_of_rest() {
    let index = Index::open().await;
    for (list, first) in [("entries", 250), ("events", 7)] {
        let query = format!("{list}(after: \"{}\", first: 30) {{ certificate }}", first - 1);
        let found = index.graphql(&ledger(BIG, &query)).await["ledger"][list]["certificate"].take();
        let page = index.ok(&format!("/v1/ledgers/{BIG}/{list}?first={first}&limit=30")).await;
        assert_eq!(found, page["certificate"]);
    }
}

#[tokio::test]
async fn one_entry_is_that_of_rest_with_receipt_and_by_id() {
    let index = Index::open().await;
    let mut rest = camel(&index.ok(&format!("/v1/ledgers/{BIG}/entries/300")).await);
    rest["receipt"] = index.ok(&format!("/v1/ledgers/{BIG}/entries/300/receipt")).await;
    rest["id"] = format!("entry:{BIG}:300").into();
    let fields = "id index payload leafHash proof receipt head { size root } eventHead { size root }
        event { seq kind slot time signer firstIndex count transaction leaf proof }";
    let found = index.graphql(&ledger(BIG, &format!("entry(index: \"300\") {{ {fields} }}"))).await;
    assert_eq!(found["ledger"]["entry"], rest);
    let by_id = format!("{{ node(id: \"entry:{BIG}:300\") {{ __typename id ... on Entry {{ {fields} }} }} }}");
    rest["__typename"] = "Entry".into();
    assert_eq!(index.graphql(&by_id).await["node"], rest);
    for id in [format!("ledger:{BIG}"), format!("event:{BIG}:5")] {
        let found = index.graphql(&format!("{{ node(id: \"{id}\") {{ id }} }}")).await;
        assert_eq!(found["node"]["id"], id);
    }
}

#[tokio::test]
async fn proofs_for_earlier_sizes_are_those_of_rest() {
    let index = Index::open().await;
    let query = ledger(
        BIG,
        "inclusion(log: ENTRIES, index: \"5\", size: \"300\")
        { log index leafHash head { size root } proof }
        consistency(log: EVENTS, first: \"7\") { log first { size root } second { size root } proof }",
    );
    let found = index.graphql(&query).await["ledger"].take();
    let mut inclusion = camel(&index.ok(&format!("/v1/ledgers/{BIG}/inclusion?log=entries&index=5&size=300")).await);
    inclusion["log"] = "ENTRIES".into();
    let mut consistency = camel(&index.ok(&format!("/v1/ledgers/{BIG}/consistency?log=events&first=7")).await);
    consistency["log"] = "EVENTS".into();
    assert_eq!(found, json!({ "inclusion": inclusion, "consistency": consistency }));
}

#[tokio::test]
async fn refusals_have_rests_codes() {
    let index = Index::open().await;
    let entries = |arguments: &str| format!("entries({arguments}) {{ edges {{ cursor }} }}");
    for (query, expected) in [
        (ledger("0", "ledger"), "malformed_key"),
        (ledger(UNKNOWN, "ledger"), "unknown_ledger"),
        (ledger(UNCHECKED, &entries("first: 1")), "not_checked_yet"),
        (ledger(BIG, "entry(index: \"900\") { index }"), "index_out_of_range"),
        (ledger(BIG, "event(seq: \"302\") { seq }"), "index_out_of_range"),
        (ledger(BIG, &entries("first: 0")), "malformed_parameter"),
        (ledger(BIG, &entries("first: -1")), "malformed_parameter"),
        (ledger(BIG, &entries("first: 1001")), "page_too_large"),
        (ledger(BIG, &entries("last: 1001")), "page_too_large"),
        (ledger(BIG, &entries("after: \"x\"")), "malformed_parameter"),
        (ledger(BIG, "inclusion(log: ENTRIES, index: \"1\", size: \"901\") { proof }"), "size_out_of_range"),
        (ledger(BIG, "nothing"), "malformed_query"),
        (ledger(BIG, "entry(index: \"007\") { index }"), "malformed_query"),
        ("{ node(id: \"x\") { id } }".to_owned(), "malformed_parameter"),
        ("{".to_owned(), "malformed_query"),
    ] {
        let (code, message) = index.graphql_error(&query).await;
        assert_eq!(code, expected, "{query}: {message}");
    }
}

#[tokio::test]
async fn depth_and_complexity_are_bounded() {
    let index = Index::open().await;
    let full = format!("entries(first: 1000) {{ edges {{ node {{ id proof {ENTRY} event {{ proof }} }} }} }}");
    index.graphql(&ledger(BIG, &full)).await;
    let twice = format!("a: {full} b: {full} c: {full}");
    let nested = format!("{{ ledgers(first: 1000) {{ edges {{ node {{ {full} }} }} }} }}");
    let deep = format!("{{ __schema {{ types {}name{} }} }}", "{ ofType ".repeat(20), "}".repeat(20));
    for query in [ledger(BIG, &twice), nested] {
        let (code, message) = index.graphql_error(&query).await;
        assert_eq!((code.as_str(), message.as_str()), ("malformed_query", "Query is too complex."));
    }
    let (code, _) = index.graphql_error(&deep).await;
    assert_eq!(code, "malformed_query");
    let chain = format!("{{ __type(name: \"Entry\") {{ {}name{} }} }}", "ofType { ".repeat(20), "}".repeat(20));
    let (_, message) = index.graphql_error(&chain).await;
    assert_eq!(message, "Query is nested too deep.");
}

/// The query that tools for people send first.
const INTROSPECTION: &str = "query { __schema { queryType { name } types { kind name fields(includeDeprecated: true) {
    name args { name type { ...T } defaultValue } type { ...T } } interfaces { ...T } possibleTypes { ...T } } } }
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
    ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";

#[tokio::test]
async fn introspection_is_open_to_tools_unless_switched_off() {
    let mut index = Index::open().await;
    assert_eq!(index.graphql(INTROSPECTION).await["__schema"]["queryType"]["name"], "Query");

    index.app = counterfoil_api::app(
        index.pool.clone(),
        counterfoil_api::Settings { introspection: false, ..counterfoil_api::Settings::default() },
    );
    let response = index.graphql_response(INTROSPECTION).await;
    assert!(response["data"]["__schema"].is_null(), "{response}");
    index.graphql(&ledger(BIG, LEDGER)).await;
}

#[tokio::test]
async fn a_page_of_proofs_takes_as_many_statements_as_one_proof() {
    let index = Index::open_with(Settings { memory_bytes: 0, ..settings() }).await;
    let query = |count: u32| {
        let fields = format!("proof {ENTRY} event {{ proof }}");
        ledger(BIG, &format!("entries(first: {count}) {{ edges {{ node {{ {fields} }} }} }}"))
    };
    let one = count_statements(index.graphql(&query(1))).await;
    let fifty = count_statements(index.graphql(&query(50))).await;
    // The ledger and its frontier; the page and its certificate; the proofs of its entries; the proofs of their events.
    assert_eq!((one, fifty), (2 + 5 + 2 + 2, 2 + 5 + 2 + 2));
}
