//! Access to the tools: callers, origins, names, sizes, rates.

use axum::http::{HeaderValue, StatusCode};
use counterfoil_api::{AccessSettings, Mode, Settings, app};
use serde_json::{Value, json};

use super::{ACCEPT, call_message, refusal, request, send};
use crate::access::Shows;
use crate::access::setting::{CALLERS, Caller, LIFETIME, PRIVATE, PUBLIC, Setting, access};
use crate::index::{Index, UNKNOWN, settings};

fn list() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" })
}

#[tokio::test]
async fn each_caller_reads_those_ledgers_that_are_for_them() {
    let mut setting = Setting::open().await;
    for mode in [Mode::Off, Mode::Public, Mode::Required] {
        let secret = setting.secret.clone();
        setting.serve(access(mode, &secret, LIFETIME));
        for caller in CALLERS {
            for ledger in [PRIVATE, PUBLIC] {
                let tools = [
                    ("describe_ledger", json!({ "ledger": ledger.to_string() })),
                    ("get_entries", json!({ "ledger": ledger.to_string() })),
                    ("find_entries", json!({ "ledger": ledger.to_string() })),
                    ("get_receipt", json!({ "ledger": ledger.to_string(), "index": "1" })),
                    ("verify_receipt", json!({ "ledger": ledger.to_string(), "index": "1" })),
                    ("standing", json!({ "ledger": ledger.to_string() })),
                    ("activity", json!({ "ledger": ledger.to_string() })),
                ];
                for (tool, arguments) in tools {
                    let request =
                        setting.request(caller, "POST", "/mcp").header("host", "localhost").header("accept", ACCEPT);
                    let (status, answer) = send(&setting.index, request, &call_message(tool, &arguments)).await;
                    let at = format!("{mode:?} {caller:?} {tool}: {answer}");
                    match caller.refused(mode, Shows::Ledger, ledger) {
                        Some("unauthorized") => {
                            assert_eq!(
                                (status, &answer["code"]),
                                (StatusCode::UNAUTHORIZED, &json!("unauthorized")),
                                "{at}"
                            );
                        }
                        Some(code) => {
                            let error = &answer["result"]["structuredContent"]["error"];
                            assert_eq!((status, &error["code"]), (StatusCode::OK, &json!(code)), "{at}");
                        }
                        None => assert_eq!(answer["result"]["isError"], false, "{at}"),
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn lists_leave_out_private_ledgers_and_they_are_as_unknown_as_others() {
    let mut setting = Setting::open().await;
    let secret = setting.secret.clone();
    setting.serve(access(Mode::Public, &secret, LIFETIME));
    for caller in [Caller::Nobody, Caller::Reader] {
        let request = setting.request(caller, "POST", "/mcp").header("host", "localhost").header("accept", ACCEPT);
        let (_, answer) = send(&setting.index, request, &call_message("list_ledgers", &json!({}))).await;
        let listed = answer.to_string().contains(&PRIVATE.to_string());
        assert_eq!(listed, caller == Caller::Reader, "{caller:?}: {answer}");
    }
    let mut refusals = Vec::new();
    for ledger in [PRIVATE, UNKNOWN].map(|ledger| ledger.to_string()) {
        let (code, detail) = refusal(&setting.index, "describe_ledger", json!({ "ledger": ledger })).await;
        refusals.push((code, detail.replace(&ledger, "L")));
    }
    assert_eq!(refusals[0], refusals[1]);
}

#[tokio::test]
async fn pages_of_other_origins_and_other_names_are_refused() {
    let index = Index::open().await;
    let mut index = index;
    let access = AccessSettings {
        cors_origins: vec![HeaderValue::from_static("https://agent.example.com")],
        hosts: Some(vec!["records.example.com".to_owned()]),
        ..AccessSettings::default()
    };
    index.app = app(index.pool.clone(), Settings { access, ..settings() });
    for (host, origin, expected) in [
        ("localhost", None, None),
        ("records.example.com", None, None),
        ("127.0.0.1:8080", Some("https://agent.example.com"), None),
        ("localhost:8080", Some("http://localhost:8080"), None),
        ("localhost:8080", Some("http://localhost:3000"), Some((403, "forbidden"))),
        ("localhost", Some("https://attacker.example"), Some((403, "forbidden"))),
        ("localhost", Some("null"), Some((403, "forbidden"))),
        ("attacker.example", None, Some((421, "unknown_host"))),
        ("attacker.example", Some("http://attacker.example"), Some((421, "unknown_host"))),
    ] {
        let mut request = request();
        request.headers_mut().unwrap().insert("host", HeaderValue::from_static(host));
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let (status, answer) = send(&index, request, &list()).await;
        match expected {
            None => assert_eq!(status, StatusCode::OK, "{host} {origin:?}: {answer}"),
            Some((code, name)) => {
                assert_eq!((status.as_u16(), &answer["code"]), (code, &json!(name)), "{host} {origin:?}")
            }
        }
    }
}

#[tokio::test]
async fn malformed_and_oversize_requests_are_refused() {
    let index = Index::open().await;
    let oversize = call_message("describe_ledger", &json!({ "ledger": "x".repeat(70_000) }));
    let (status, answer) = send(&index, request(), &oversize).await;
    assert_eq!((status, &answer["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("body_too_large")));
    for body in ["", "{", "[]", "null", "{\"jsonrpc\":\"2.0\"}", "\u{0}"] {
        let response = index.send(request().body(body.to_owned().into()).unwrap()).await;
        assert!(response.status().is_client_error(), "{body:?}: {}", response.status());
    }
    // Other methods than POST have nothing here, and other media types are not taken.
    for method in ["GET", "DELETE", "PUT"] {
        let request = axum::http::Request::builder()
            .method(method)
            .uri("/mcp")
            .header("host", "localhost")
            .header("accept", ACCEPT);
        let response = index.send(request.body(String::new().into()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    let plain = axum::http::Request::post("/mcp")
        .header("host", "localhost")
        .header("content-type", "text/plain")
        .header("accept", ACCEPT);
    let response = index.send(plain.body(list().to_string().into()).unwrap()).await;
    assert!(response.status().is_client_error());
}

#[tokio::test]
async fn calls_are_counted_by_the_rate_of_their_caller() {
    let mut index = Index::open().await;
    let access = AccessSettings { address_rate: 3.try_into().ok(), ..AccessSettings::default() };
    index.app = app(index.pool.clone(), Settings { access, ..settings() });
    for _ in 0..3 {
        assert_eq!(send(&index, request(), &list()).await.0, StatusCode::OK);
    }
    let (status, answer) = send(&index, request(), &list()).await;
    assert_eq!((status, &answer["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("rate_limited")));
}
