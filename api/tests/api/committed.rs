//! The committed descriptions are those of the code. `UPDATE=1` writes them.

use std::path::Path;

use serde_json::Value;

use crate::index::{BIG, Index};

fn assert_current(name: &str, current: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == current, "api/{name} is not current: run the test with UPDATE=1 and look at the difference");
}

#[test]
fn openapi_document_is_current() {
    assert_current("openapi.json", &counterfoil_api::openapi_json());
}

#[test]
fn graphql_schema_is_current() {
    assert_current("schema.graphql", &counterfoil_api::schema_graphql());
}

#[tokio::test]
async fn every_described_route_answers_with_the_described_fields() {
    let index = Index::open().await;
    let description = index.ok("/v1/openapi.json").await;
    assert_eq!(description["openapi"], "3.1.0");
    let paths = description["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 28);
    // These answers are no documents but streams of them, which their own tests read.
    let is_stream = |path: &str| path.ends_with("/export") || path.ends_with("/live");
    let is_read = |operations: &Value| operations.get("get").is_some();
    for (path, operations) in paths.iter().filter(|(path, operations)| !is_stream(path) && is_read(operations)) {
        let mut real = path.replace("{ledger}", &BIG.to_string()).replace("{index}", "5");
        match path.rsplit('/').next() {
            Some("inclusion") => real.push_str("?log=entries&index=5"),
            Some("consistency") => real.push_str("?log=events&first=7"),
            _ => {}
        }
        let body = index.ok(&real).await;
        let schema = &operations["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        assert_described(&description, schema, &body, path);
    }
}

#[tokio::test]
async fn every_operation_is_described_whole() {
    let index = Index::open().await;
    let description = index.ok("/v1/openapi.json").await;
    let mut names = std::collections::BTreeSet::new();
    let operations = description["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap());
    for (_, operation) in operations {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name} names two operations");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{name}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(!parameter["description"].as_str().unwrap().is_empty(), "{name}: {parameter}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let status: u16 = status.parse().unwrap_or_else(|_| panic!("{name}: {status} is no one status"));
            let examples = &response["content"]["application/problem+json"]["examples"];
            for (code, example) in examples.as_object().into_iter().flatten() {
                assert_eq!(
                    (&example["value"]["code"], &example["value"]["status"]),
                    (&code.as_str().into(), &status.into())
                );
            }
            assert_eq!(examples.is_object(), status >= 400, "{name}: {status}");
        }
    }
    let text = description.to_string();
    for reference in text.split("\"#/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(description.pointer(&format!("/{reference}")).is_some(), "{reference} is not there");
    }
}

/// Compares the names of all fields, and whether a field may be null, all the way down.
fn assert_described(description: &Value, schema: &Value, body: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let named = description.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        return assert_described(description, named, body, at);
    }
    if let Some(variants) = schema["oneOf"].as_array() {
        let schema = variants.iter().find(|variant| (variant["type"] == "null") == body.is_null());
        return assert_described(description, schema.unwrap_or_else(|| panic!("{at}: {body}")), body, at);
    }
    match body {
        Value::Object(fields) => {
            let mut described = serde_json::Map::new();
            let parts = schema["allOf"].as_array().cloned().unwrap_or_default();
            for part in parts.iter().chain([schema]) {
                let reference = part["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
                let part = reference.map_or(part, |pointer| description.pointer(pointer).unwrap());
                described.extend(part["properties"].as_object().cloned().unwrap_or_default());
            }
            let names = |map: &serde_json::Map<String, Value>| -> std::collections::BTreeSet<String> {
                map.keys().cloned().collect()
            };
            assert_eq!(names(fields), names(&described), "{at}");
            for (name, value) in fields {
                assert_described(description, &described[name], value, &format!("{at}.{name}"));
            }
        }
        Value::Array(items) => {
            assert_eq!(schema["type"], "array", "{at}");
            items.iter().for_each(|item| assert_described(description, &schema["items"], item, at));
        }
        Value::String(_) => assert!(schema["type"] == "string" || may_be_null(schema), "{at}: {schema}"),
        Value::Bool(_) => assert_eq!(schema["type"], "boolean", "{at}"),
        Value::Null => assert!(may_be_null(schema), "{at}: {schema}"),
        other => panic!("{at}: {other} is a number"),
    }
}

fn may_be_null(schema: &Value) -> bool {
    schema["type"] == "null" || schema["type"].as_array().is_some_and(|types| types.contains(&"null".into()))
}

#[tokio::test]
async fn docs_page_names_every_route_and_code_and_loads_nothing() {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;

    let index = Index::open().await;
    let response = index.send(Request::get("/docs").body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let page = String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap();
    let description = index.ok("/v1/openapi.json").await;
    for (path, operations) in description["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            assert!(page.contains(&format!("{} {path}<", method.to_uppercase())), "{path}");
        }
    }
    let catalogue = include_str!("../../../docs/api.md");
    for code in counterfoil_wire::Code::ALL {
        assert!(catalogue.contains(&format!("| `{}` | {} |", code.text(), code.status())), "{code:?}");
        assert!(page.contains(&format!("id={}>", code.text())), "{code:?}");
        assert_eq!(serde_json::to_value(code).unwrap(), code.text());
    }
    for loading in ["<script", "<link", "<img", "src=", "http://", "https://"] {
        assert!(!page.contains(loading), "{loading}");
    }
}
