//! Searches in entries that are JSON, by path, against serde_json; and entries' bytes as text and JSON.

use counterfoil_core::{EventBody, LedgerId};
use serde_json::{Value, json};

use crate::find::ENTRIES;
use crate::history::{History, WRITER};
use crate::index::Index;
use crate::walk::List;

const LEDGER: LedgerId = LedgerId([31; 32]);
const LIST: List = List { ledger: LEDGER, ..ENTRIES };

fn payloads() -> Vec<Vec<u8>> {
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let texts = [
        r#"{"invoice":17,"customer":{"name":"Ada"},"lines":[{"price":"12.50"},{"price":"3"}],"paid":true,"note":null}"#,
        r#"{"invoice":"17","customer":{"name":"Bob"},"lines":[],"paid":false}"#,
        r#"{ "invoice" : 18 , "customer" : { "name" : "Ada" }, "emoji": "\ud83d\ude00" }"#,
        r#"["invoice", 17]"#,
        "17",
        "\"17\"",
        "null",
        r#"{"invoice": 17"#,
        r#"{"invoice": "\u0000"}"#,
        "not JSON",
        "{\"invoice\":17}\n",
        "{\"\":{\"\":1},\"a\\\"b,c}\":2}",
    ];
    let mut payloads: Vec<Vec<u8>> = texts.map(|text| text.as_bytes().to_vec()).into();
    payloads.extend([deep.into_bytes(), vec![0xff, 0xfe], b"{\"invoice\":17,\"bad\":\"\xff\"}".to_vec(), vec![0]]);
    payloads
}

async fn open(index: &Index) -> Vec<Vec<u8>> {
    let mut history = History::create(LEDGER);
    history.grant();
    let payloads = payloads();
    for payload in &payloads {
        history.emit(WRITER, EventBody::EntriesAppended { entries: vec![payload.clone()] });
    }
    history.check(&index.pool).await;
    payloads
}

/// A JSON document as PostgreSQL reads it: without U+0000.
fn document(payload: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(payload).ok().filter(|text| !text.contains("\\u0000"))?;
    serde_json::from_str(text).ok()
}

fn at<'a>(document: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(document, |value, name| match value {
        Value::Object(members) => members.get(*name),
        Value::Array(elements) => elements.get(name.parse::<usize>().ok()?),
        _ => None,
    })
}

/// As `#>>` writes it: a string's content, no text for null, else JSON.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[tokio::test]
async fn a_path_finds_the_entries_whose_json_has_the_value_there() {
    let index = Index::open().await;
    let payloads = open(&index).await;
    let paths: [&[&str]; 7] =
        [&["invoice"], &["customer", "name"], &["lines", "1", "price"], &["paid"], &["note"], &["", ""], &["a\"b,c}"]];
    for path in paths {
        let quoted = json!(path);
        for test in [
            "eq: \"17\"",
            "eq: \"Ada\"",
            "in: [\"18\", \"true\", \"3\", \"2\", \"1\"]",
            "in: []",
            "exists: true",
            "exists: false",
        ] {
            let holds = |payload: &[u8]| {
                let document = document(payload);
                let found = document.as_ref().and_then(|document| at(document, path));
                let text = found.and_then(text);
                let is = |expected: &str| text.as_deref() == Some(expected);
                match test {
                    "exists: true" => found.is_some(),
                    "exists: false" => found.is_none(),
                    "in: []" => false,
                    "eq: \"17\"" => is("17"),
                    "eq: \"Ada\"" => is("Ada"),
                    _ => ["18", "true", "3", "2", "1"].into_iter().any(is),
                }
            };
            for negated in [false, true] {
                let expected = payloads.iter().enumerate().filter(|(_, payload)| holds(payload) != negated);
                let expected: Vec<String> = expected.map(|(at, _)| at.to_string()).collect();
                let filter = format!("{{ payload: {{ json: [{{ path: {quoted}, {test} }}] }} }}");
                let filter = if negated { format!("{{ not: {filter} }}") } else { filter };
                let found = LIST.walk(&index, &format!("where: {filter}"), true).await;
                assert_eq!(found, expected, "{filter}");
            }
        }
    }
}

#[tokio::test]
async fn rest_takes_the_same_tests_and_a_prefix_as_text() {
    let index = Index::open().await;
    open(&index).await;
    for (filter, expected) in [
        (
            json!({"payload": {"json": [{"path": ["invoice"], "eq": "17"}, {"path": ["paid"], "exists": true}]}}),
            vec!["0", "1"],
        ),
        (json!({"payload": {"prefix_text": "{\"invoice\":17"}}), vec!["0", "10", "14"]),
        (json!({"payload": {"prefix_text": "\u{0}"}}), vec!["15"]),
    ] {
        let filter = filter.to_string();
        let query = form_urlencoded(&filter);
        let page = index.ok(&format!("/v1/ledgers/{LEDGER}/entries/find?where={query}")).await;
        let found: Vec<&str> =
            page["entries"].as_array().unwrap().iter().map(|entry| entry["index"].as_str().unwrap()).collect();
        assert_eq!(found, expected, "{filter}");
    }
    for (filter, said) in [
        (json!({"payload": {"json": [{"path": [], "eq": "17"}]}}), "1 to 16 names"),
        (json!({"payload": {"json": [{"path": vec!["a"; 17], "eq": "17"}]}}), "1 to 16 names"),
        (json!({"payload": {"json": [{"path": ["a".repeat(257)]}]}}), "at most 256 bytes"),
        (json!({"payload": {"json": [{"path": ["\u{0}"], "exists": true}]}}), "U+0000"),
        (json!({"payload": {"json": [{"path": ["a"], "eq": "\u{0}"}]}}), "U+0000"),
        (json!({"payload": {"json": [{"path": ["a"], "in": vec!["x"; 251]}]}}), "250"),
    ] {
        let query = form_urlencoded(&filter.to_string());
        let (status, _, detail) = index.problem(&format!("/v1/ledgers/{LEDGER}/entries/find?where={query}")).await;
        assert_eq!(status, 400, "{detail}");
        assert!(detail.contains(said), "{detail}");
    }
}

#[tokio::test]
async fn an_entry_is_shown_as_text_and_json_where_its_bytes_are_that() {
    let index = Index::open().await;
    let payloads = open(&index).await;
    let query =
        format!("{{ ledger(address: \"{LEDGER}\") {{ address entries {{ edges {{ node {{ text json }} }} }} }} }}");
    let ledger = index.graphql(&query).await["ledger"].take();
    assert_eq!(ledger["address"], LEDGER.to_string());
    for (edge, payload) in ledger["entries"]["edges"].as_array().unwrap().iter().zip(&payloads) {
        let text = std::str::from_utf8(payload).ok();
        let json: Option<Value> = text.and_then(|text| serde_json::from_str(text).ok());
        assert_eq!(edge["node"], json!({ "text": text, "json": json }));
    }
}

fn form_urlencoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
