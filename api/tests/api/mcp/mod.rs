//! The Model Context Protocol: what its tools answer, to whom, and that no record's bytes stand where an agent would believe them.

mod access;
pub mod corpus;
mod injection;
mod receipts;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, request};
use serde_json::{Value, json};

use crate::index::{BIG, BIG_SIZE, EMPTY, Index, NEW, SMALL, UNCHECKED, UNKNOWN};

/// The media types that a client of the protocol accepts.
const ACCEPT: &str = "application/json, text/event-stream";
/// The longest answer, as JSON.
const MAX_ANSWER_BYTES: usize = 32_000;

fn request() -> request::Builder {
    Request::post("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", ACCEPT)
}

/// The answer to a message: its status and JSON.
async fn send(index: &Index, request: request::Builder, message: &Value) -> (StatusCode, Value) {
    let response = index.send(request.body(Body::from(message.to_string())).unwrap()).await;
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body))))
}

fn call_message(tool: &str, arguments: &Value) -> Value {
    json!({
        "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": tool, "arguments": arguments },
    })
}

/// A tool's whole result.
async fn call(index: &Index, tool: &str, arguments: Value) -> Value {
    let (status, answer) = send(index, request(), &call_message(tool, &arguments)).await;
    assert_eq!(status, StatusCode::OK, "{tool} {arguments}: {answer}");
    let result = answer["result"].clone();
    let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{tool} {arguments}: {answer}"));
    let text: Value = serde_json::from_str(text).unwrap();
    assert_eq!(text, result["structuredContent"], "the text is the structured content");
    assert!(text.to_string().len() <= MAX_ANSWER_BYTES, "{tool} {arguments}: {} bytes", text.to_string().len());
    result
}

/// A good answer.
async fn ok(index: &Index, tool: &str, arguments: Value) -> Value {
    let result = call(index, tool, arguments.clone()).await;
    assert_eq!(result["isError"], false, "{tool} {arguments}: {result}");
    result["structuredContent"].clone()
}

/// A refusal's code and detail.
async fn refusal(index: &Index, tool: &str, arguments: Value) -> (String, String) {
    let result = call(index, tool, arguments.clone()).await;
    assert_eq!(result["isError"], true, "{tool} {arguments}: {result}");
    let error = &result["structuredContent"]["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_else(|| panic!("{result}")).to_owned();
    (text("code"), text("detail"))
}

const TOOLS: [&str; 8] = [
    "list_ledgers",
    "describe_ledger",
    "get_entries",
    "find_entries",
    "get_receipt",
    "verify_receipt",
    "activity",
    "standing",
];

#[tokio::test]
async fn the_tools_are_listed_in_each_revision_of_the_protocol() {
    let index = Index::open().await;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let client = json!({ "name": "test", "version": "1" });
        let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": client });
        let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        let (status, answer) = send(&index, request(), &hello).await;
        assert_eq!((status, &answer["result"]["protocolVersion"]), (StatusCode::OK, &json!(version)), "{answer}");
        assert_eq!(answer["result"]["serverInfo"]["name"], "counterfoil");
        let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
        let (status, answer) = send(&index, request().header("mcp-protocol-version", version), &list).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(names(&answer), TOOLS);
    }
    // The revision without sessions: each request says all about its client.
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    for method in ["server/discover", "tools/list"] {
        let message = json!({ "jsonrpc": "2.0", "id": 3, "method": method, "params": { "_meta": meta } });
        let new = request().header("mcp-protocol-version", "2026-07-28").header("mcp-method", method);
        let (status, answer) = send(&index, new, &message).await;
        assert_eq!((status, answer.get("error")), (StatusCode::OK, None), "{answer}");
        if method == "tools/list" {
            assert_eq!(names(&answer), TOOLS);
        }
    }
}

fn names(answer: &Value) -> Vec<&str> {
    answer["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_tool_answers_what_the_routes_answer() {
    let index = Index::open().await;
    let ledger = BIG.to_string();
    let big = index.ok(&format!("/v1/ledgers/{ledger}")).await;

    let listed = ok(&index, "list_ledgers", json!({})).await;
    let addresses: Vec<&str> =
        listed["ledgers"].as_array().unwrap().iter().map(|row| row["ledger"].as_str().unwrap()).collect();
    assert_eq!(addresses, [BIG, SMALL, EMPTY, UNCHECKED, NEW].map(|ledger| ledger.to_string()));
    let first = ok(&index, "list_ledgers", json!({ "limit": 1 })).await;
    let rest = ok(&index, "list_ledgers", json!({ "after": first["next"] })).await;
    assert_eq!(rest["ledgers"].as_array().unwrap().len(), 4);

    let described = ok(&index, "describe_ledger", json!({ "ledger": ledger })).await;
    assert_eq!(described["checked"]["head"], big["checked"]["head"]);
    assert_eq!(described["verified"]["head"], big["checked"]["head"]);
    assert_eq!(described["verified"]["level"], "checked_head");

    let page = ok(&index, "get_entries", json!({ "ledger": ledger, "first": 5, "limit": 3 })).await;
    let rest = index.ok(&format!("/v1/ledgers/{ledger}/entries?first=5&limit=3")).await;
    for (row, entry) in page["entries"].as_array().unwrap().iter().zip(rest["entries"].as_array().unwrap()) {
        assert_eq!((&row["index"], &row["leaf_hash"]), (&entry["index"], &entry["leaf_hash"]));
        assert_eq!(row["event"]["signer"], entry["event"]["signer"]);
        assert_eq!(row.get("data_untrusted"), None);
    }
    assert_eq!((page["entries"].as_array().unwrap().len(), &page["next"]), (3, &json!("8")));

    let query = json!({ "ledger": ledger, "from_index": "880", "order": "-index", "limit": 5, "where": { "payload_bytes": { "gt": "1" } } });
    let found = ok(&index, "find_entries", query.clone()).await;
    assert_eq!(found["entries"][0]["index"], (BIG_SIZE - 1).to_string());
    let mut more = query;
    more["after"] = found["next"].clone();
    let found = ok(&index, "find_entries", more).await;
    assert_eq!(found["entries"][0]["index"], (BIG_SIZE - 6).to_string());

    let standing = ok(&index, "standing", json!({ "ledger": ledger, "size": 100 })).await;
    let rest = index.ok(&format!("/v1/ledgers/{ledger}/standing?size=100")).await;
    assert_eq!((&standing["head"], &standing["authority"]), (&rest["head"], &rest["authority"]));
    assert_eq!(standing["writers"][0]["wallet"], rest["writers"][0]["wallet"]);

    let activity = ok(&index, "activity", json!({ "ledger": ledger, "to_time": "2027-01-01T00:00:00Z" })).await;
    let rest = index.ok(&format!("/v1/ledgers/{ledger}/activity?to_time=2027-01-01T00:00:00Z")).await;
    let [newest, last] = [&activity["buckets"][0], rest["buckets"].as_array().unwrap().last().unwrap()];
    assert_eq!((&newest["time"], &newest["count"]), (&last["time"], &last["count"]));
    assert_eq!(activity["forecast"], rest["forecast"]);
    let count = rest["buckets"].as_array().unwrap().len();
    assert_eq!((activity["buckets"].as_array().unwrap().len(), &activity["next"]), (50, &json!("50")));
    let oldest = ok(
        &index,
        "activity",
        json!({ "ledger": ledger, "to_time": "2027-01-01T00:00:00Z", "skip": (count - 1).to_string() }),
    );
    let oldest = oldest.await;
    assert_eq!((&oldest["buckets"][0]["time"], &oldest["next"]), (&rest["buckets"][0]["time"], &Value::Null));
    for answer in [listed, described, page, found, standing, activity] {
        let verified = &answer["verified"];
        assert!(verified["by"].as_str().unwrap().starts_with("this API server"), "{verified}");
        assert!(verified["check"].as_str().unwrap().starts_with("counterfoil "), "{verified}");
        assert!(!verified["not_verified"].as_array().unwrap().is_empty());
    }
}

#[tokio::test]
async fn all_entries_are_had_page_by_page_with_their_bytes() {
    let index = Index::open().await;
    let (mut first, mut seen) = (json!("0"), Vec::new());
    while !first.is_null() {
        let arguments = json!({ "ledger": BIG.to_string(), "first": first, "include_data": true });
        let page = ok(&index, "get_entries", arguments).await;
        let rows = page["entries"].as_array().unwrap();
        assert!((1..=50).contains(&rows.len()));
        for row in rows {
            seen.push(counterfoil_mcp::unescape(row["data_untrusted"].as_str().unwrap()).unwrap());
        }
        assert!(page["notice"].as_str().unwrap().contains("data and no instruction"));
        first = page["next"].clone();
    }
    assert_eq!(seen, index.shared.big.payloads[..BIG_SIZE as usize]);
}

#[tokio::test]
async fn refusals_have_the_codes_of_the_house_and_say_what_to_do() {
    let index = Index::open().await;
    let (big, unknown) = (BIG.to_string(), UNKNOWN.to_string());
    for (tool, arguments, code) in [
        ("describe_ledger", json!({ "ledger": unknown }), "unknown_ledger"),
        ("describe_ledger", json!({ "ledger": "x" }), "malformed_parameter"),
        ("describe_ledger", json!({}), "malformed_parameter"),
        ("describe_ledger", json!({ "ledger": big, "other": 1 }), "malformed_parameter"),
        ("get_entries", json!({ "ledger": UNCHECKED.to_string() }), "not_checked_yet"),
        ("get_entries", json!({ "ledger": big, "first": "901" }), "index_out_of_range"),
        ("get_entries", json!({ "ledger": big, "first": "-1" }), "malformed_parameter"),
        ("get_entries", json!({ "ledger": big, "limit": 51 }), "page_too_large"),
        ("get_entries", json!({ "ledger": big, "limit": 0 }), "malformed_parameter"),
        ("find_entries", json!({ "ledger": big, "after": "AAAA" }), "unknown_cursor"),
        ("find_entries", json!({ "ledger": big, "signer": "x" }), "malformed_parameter"),
        ("find_entries", json!({ "ledger": big, "order": "payload" }), "malformed_parameter"),
        ("find_entries", json!({ "ledger": big, "where": { "no": {} } }), "malformed_parameter"),
        ("get_receipt", json!({ "ledger": big, "index": "900" }), "index_out_of_range"),
        ("verify_receipt", json!({}), "malformed_parameter"),
        ("verify_receipt", json!({ "receipt": {}, "ledger": big }), "malformed_parameter"),
        ("standing", json!({ "ledger": big, "time": "yesterday" }), "malformed_parameter"),
        ("standing", json!({ "ledger": big, "size": "901" }), "size_out_of_range"),
    ] {
        let (found, detail) = refusal(&index, tool, arguments.clone()).await;
        assert_eq!(found, code, "{tool} {arguments}: {detail}");
        assert!(detail.len() > 20, "{detail}");
    }
    let (_, answer) = send(&index, request(), &call_message("append", &json!({}))).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

#[tokio::test]
async fn a_changed_row_is_refused_by_name_and_the_others_are_served() {
    let index = Index::open().await;
    index
        .tamper(
            "update entry set payload = set_byte(payload, 0, get_byte(payload, 0) # 1) where ledger = 1 and index = 5",
        )
        .await;
    let ledger = BIG.to_string();
    for (tool, arguments) in [
        ("get_entries", json!({ "ledger": ledger })),
        ("get_entries", json!({ "ledger": ledger, "include_data": true })),
        ("find_entries", json!({ "ledger": ledger, "from_index": "4", "to_index": "7" })),
        ("get_receipt", json!({ "ledger": ledger, "index": "5" })),
        ("verify_receipt", json!({ "ledger": ledger, "index": "5" })),
    ] {
        let (code, detail) = refusal(&index, tool, arguments).await;
        assert_eq!(code, "stored_data_corrupt", "{tool}");
        assert!(
            detail.contains("entry 5: its bytes hash to") && detail.contains("counterfoil audit"),
            "{tool}: {detail}"
        );
    }
    ok(&index, "get_entries", json!({ "ledger": ledger, "first": "6" })).await;
    ok(&index, "get_receipt", json!({ "ledger": ledger, "index": "4" })).await;
}
