//! Refusals, and their form.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use counterfoil_api::Settings;
use serde_json::json;

use crate::index::{BIG, BIG_EVENTS, BIG_SIZE, EMPTY, Index, NEW, UNCHECKED, UNKNOWN, settings};

#[tokio::test]
async fn every_route_of_a_ledger_refuses_malformed_unknown_and_unchecked_ones() {
    let index = Index::open().await;
    let routes = [
        "/entries",
        "/missing",
        "/entries/0",
        "/entries/0/receipt",
        "/events",
        "/inclusion?log=entries&index=0",
        "/consistency?log=events&first=1",
    ];
    for route in routes.into_iter().chain([""]) {
        // A key with an O, one too short, one of 33 bytes, and one that is not even UTF-8.
        for key in ["O", "abc", "1111111111111111111111111111111111", "%F0%9F%98%80", "%FF"] {
            let (status, code, detail) = index.problem(&format!("/v1/ledgers/{key}{route}")).await;
            let expected = if key == "%FF" { "malformed_parameter" } else { "malformed_key" };
            assert_eq!((status, code.as_str()), (400, expected), "{key}{route}: {detail}");
        }
        let (status, code, detail) = index.problem(&format!("/v1/ledgers/{UNKNOWN}{route}")).await;
        assert_eq!((status, code.as_str()), (404, "unknown_ledger"), "{route}");
        assert!(detail.contains(&UNKNOWN.to_string()) && detail.contains("/v1/ledgers"), "{detail}");
    }
    for route in routes {
        for ledger in [UNCHECKED, NEW] {
            let (status, code, detail) = index.problem(&format!("/v1/ledgers/{ledger}{route}")).await;
            assert_eq!((status, code.as_str()), (409, "not_checked_yet"), "{route}");
            assert!(detail.contains(&ledger.to_string()), "{detail}");
        }
    }
}

#[tokio::test]
async fn what_lies_above_the_checked_watermark_is_refused_although_it_is_stored() {
    let index = Index::open().await;
    for path in [
        format!("/v1/ledgers/{BIG}/entries/{BIG_SIZE}"),
        format!("/v1/ledgers/{BIG}/entries/{}", u64::MAX),
        format!("/v1/ledgers/{BIG}/entries/{BIG_SIZE}/receipt"),
        format!("/v1/ledgers/{BIG}/entries?first={}", BIG_SIZE + 1),
        format!("/v1/ledgers/{BIG}/missing?first={}", BIG_SIZE + 1),
        format!("/v1/ledgers/{BIG}/events?first={}", BIG_EVENTS + 1),
        format!("/v1/ledgers/{BIG}/inclusion?log=entries&index={BIG_SIZE}"),
        format!("/v1/ledgers/{BIG}/inclusion?log=events&index={BIG_EVENTS}"),
        format!("/v1/ledgers/{EMPTY}/entries/0"),
        format!("/v1/ledgers/{EMPTY}/inclusion?log=entries&index=0"),
    ] {
        let (status, code, detail) = index.problem(&path).await;
        assert_eq!((status, code.as_str()), (404, "index_out_of_range"), "{path}: {detail}");
    }
    for path in [
        format!("/v1/ledgers/{BIG}/inclusion?log=entries&index=3&size=3"),
        format!("/v1/ledgers/{BIG}/inclusion?log=entries&index=3&size={}", BIG_SIZE + 1),
        format!("/v1/ledgers/{BIG}/inclusion?log=events&index=3&size={}", u64::MAX),
        format!("/v1/ledgers/{BIG}/consistency?log=entries&first={}", BIG_SIZE + 1),
        format!("/v1/ledgers/{BIG}/consistency?log=entries&first=1&second={}", BIG_SIZE + 1),
        format!("/v1/ledgers/{BIG}/consistency?log=events&first=1&second={}", BIG_EVENTS + 1),
        format!("/v1/ledgers/{BIG}/consistency?log=events&first=9&second=8"),
    ] {
        let (status, code, detail) = index.problem(&path).await;
        assert_eq!((status, code.as_str()), (404, "size_out_of_range"), "{path}: {detail}");
    }
}

#[tokio::test]
async fn parameters_are_read_strictly() {
    let index = Index::open().await;
    let routes = [
        ("/v1/ledgers?limit=0", "malformed_parameter"),
        ("/v1/ledgers?limit=1001", "page_too_large"),
        ("/v1/ledgers?limt=10", "malformed_parameter"),
        ("/v1/ledgers?after=0", "malformed_key"),
        ("/v1/ledgers/BIG/entries?limit=0", "malformed_parameter"),
        ("/v1/ledgers/BIG/entries?limit=1001", "page_too_large"),
        ("/v1/ledgers/BIG/entries?limit=18446744073709551615", "page_too_large"),
        ("/v1/ledgers/BIG/entries?first=18446744073709551616", "malformed_parameter"),
        ("/v1/ledgers/BIG/entries?first=-1", "malformed_parameter"),
        ("/v1/ledgers/BIG/entries?first=007", "malformed_parameter"),
        ("/v1/ledgers/BIG/entries?first=%2B7", "malformed_parameter"),
        ("/v1/ledgers/BIG/entries?first=1&first=2", "malformed_parameter"),
        ("/v1/ledgers/BIG/entries?first=%FF", "malformed_parameter"),
        ("/v1/ledgers/BIG/events?limit=1001", "page_too_large"),
        ("/v1/ledgers/BIG/entries/-1", "malformed_parameter"),
        ("/v1/ledgers/BIG/entries/007", "malformed_parameter"),
        ("/v1/ledgers/BIG/entries/first/receipt", "malformed_parameter"),
        ("/v1/ledgers/BIG/inclusion?log=entries", "malformed_parameter"),
        ("/v1/ledgers/BIG/inclusion?index=1", "malformed_parameter"),
        ("/v1/ledgers/BIG/inclusion?log=other&index=1", "malformed_parameter"),
        ("/v1/ledgers/BIG/consistency?log=entries", "malformed_parameter"),
    ];
    for (route, expected) in routes {
        let (status, code, detail) = index.problem(&route.replace("BIG", &BIG.to_string())).await;
        assert_eq!((status, code.as_str()), (400, expected), "{route}: {detail}");
    }
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_problems_too() {
    let index = Index::open().await;
    for path in ["/app", "/v1", "/v2/ledgers", "/v1/ledgers/", "/v1/ledgers/x/y/z"] {
        let (status, code, _) = index.problem(path).await;
        assert_eq!((status, code.as_str()), (404, "not_found"), "{path}");
    }
    let (status, code, _) = index.problem("/graphql").await;
    assert_eq!((status, code.as_str()), (405, "method_not_allowed"));
    let response = index.send(Request::delete("/v1/ledgers").body(Body::empty()).unwrap()).await;
    assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &"GET,HEAD".parse().unwrap()));
}

#[tokio::test]
async fn graphql_bodies_are_bounded_and_json() {
    let index = Index::open().await;
    let long = json!({ "query": "x".repeat(70_000) }).to_string();
    for (media_type, body, expected) in [
        ("text/plain", "{}".to_owned(), (415, "unsupported_media_type")),
        ("application/json", "{".to_owned(), (400, "malformed_body")),
        ("application/json", "[1]".to_owned(), (400, "malformed_body")),
        ("application/json", long, (413, "body_too_large")),
    ] {
        let request = Request::post("/graphql").header("content-type", media_type).body(body.into()).unwrap();
        let response = index.send(request).await;
        let status = response.status().as_u16();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, body["code"].as_str().unwrap()), expected);
    }
}

#[tokio::test]
async fn slow_answers_end_at_the_time_limit() {
    let mut index = Index::open().await;
    index.app = counterfoil_api::app(
        index.pool.clone(),
        Settings { request_timeout: Duration::from_millis(200), ..settings() },
    );
    let mut lock = index.pool.begin().await.unwrap();
    sqlx::query("lock table entry").execute(&mut *lock).await.unwrap();
    let path = format!("/v1/ledgers/{BIG}/entries");
    let (status, code, detail) = index.problem(&path).await;
    assert_eq!((status, code.as_str()), (504, "timeout"), "{detail}");
    // A request that waits for nothing is answered in the meantime, in whatever time this machine takes for it.
    index.app = counterfoil_api::app(index.pool.clone(), settings());
    index.ok("/v1/status").await;
    lock.rollback().await.unwrap();
    index.ok(&path).await;
}

#[tokio::test]
async fn settings_of_the_database_change_no_answer() {
    let mut index = Index::open().await;
    let paths: Vec<String> = crate::access::ROUTES
        .into_iter()
        .filter(|(route, ..)| route.starts_with("/v1/ledgers") && !route.ends_with("live"))
        .map(|(_, _, path)| path.replace('L', &BIG.to_string()))
        .collect();
    let ask = async |index: &Index| {
        let mut answers = Vec::new();
        for path in &paths {
            let answer = index.send(Request::get(path).body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status(), 200, "{path}");
            answers.push(axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap());
        }
        answers
    };
    let before = ask(&index).await;
    let name = index.url.rsplit('/').next().unwrap().to_owned();
    for setting in [
        "standard_conforming_strings = off",
        "bytea_output = 'escape'",
        "datestyle = 'SQL, DMY'",
        "intervalstyle = 'sql_standard'",
        "timezone = 'Pacific/Kiritimati'",
        "default_transaction_isolation = 'serializable'",
        "transform_null_equals = on",
        "extra_float_digits = -15",
        "lc_messages = 'C'",
    ] {
        index.execute(&format!("alter database {name} set {setting}")).await;
    }
    index.pool = counterfoil_store::connect(&index.url, 4, Duration::from_secs(10)).await.unwrap();
    index.app = counterfoil_api::app(index.pool.clone(), settings());
    assert_eq!(ask(&index).await, before);
}

#[tokio::test]
async fn limits_that_come_with_the_databases_url_hold_beside_the_programs_own() {
    let mut index = Index::open().await;
    let url = format!("{}?options=-c%20default_transaction_read_only%3Don%20-c%20temp_file_limit%3D1GB", index.url);
    let pool = counterfoil_store::connect(&url, 4, Duration::from_secs(10)).await.unwrap();
    let show = async |name: &str| {
        let show = sqlx::AssertSqlSafe(format!("show {name}"));
        sqlx::query_scalar::<_, String>(show).fetch_one(&pool).await.unwrap()
    };
    assert_eq!(show("default_transaction_read_only").await, "on");
    assert_eq!(show("temp_file_limit").await, "1GB");
    assert_eq!(show("statement_timeout").await, "10s");
    assert_eq!(show("standard_conforming_strings").await, "on");
    index.app = counterfoil_api::app(pool.clone(), settings());
    index.ok(&format!("/v1/ledgers/{BIG}/entries/find")).await;
}

#[tokio::test]
async fn without_the_database_only_livez_is_well() {
    let index = Index::open().await;
    index.ok("/readyz").await;
    index.pool.close().await;
    assert_eq!(index.ok("/livez").await, json!({ "status": "ok" }));
    for path in ["/readyz".to_owned(), "/v1/ledgers".to_owned(), format!("/v1/ledgers/{BIG}/entries/1")] {
        let (status, code, detail) = index.problem(&path).await;
        assert_eq!((status, code.as_str()), (503, "database_unavailable"), "{path}");
        assert!(!detail.contains("ool"), "no internals: {detail}");
    }
    let (code, _) = index.graphql_error("{ status { version } }").await;
    assert_eq!(code, "database_unavailable");
}

/// A script that a page loads from elsewhere runs with the caller's rights, or is missing where there is no network.
#[tokio::test]
async fn no_page_but_the_explorer_loads_anything_or_runs_scripts() {
    let index = Index::open().await;
    let mut pages = 0;
    for (_, _, path) in crate::access::ROUTES {
        let path = path.replace('L', &BIG.to_string());
        if path.ends_with("live") || path.contains("/live?") || crate::explorer::FILES.contains(&path.as_str()) {
            continue;
        }
        let answer = index.send(Request::get(&path).body(Body::empty()).unwrap()).await;
        let media_type = answer.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("script"), "{path}: {policy}");
        let text = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        if media_type.starts_with("text/html") {
            pages += 1;
            let text = String::from_utf8(text.to_vec()).unwrap();
            for loads in ["<script", "<link", "<img", "<iframe", "src=", "@import", "url("] {
                assert!(!text.contains(loads), "{path}: {loads}");
            }
            assert_eq!(text.contains("id=graphql"), path == "/docs", "{path}");
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(index.problem("/graphiql").await.0, 404);
}

#[tokio::test]
async fn every_answer_tells_browsers_to_load_nothing_but_what_its_page_needs() {
    let index = Index::open().await;
    for (path, policy) in [
        (format!("/v1/ledgers/{BIG}"), "default-src 'none'; frame-ancestors 'none'"),
        ("/nothing".to_owned(), "default-src 'none'; frame-ancestors 'none'"),
        ("/docs".to_owned(), "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ] {
        let answer = index.send(Request::get(&path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.headers()["content-security-policy"], policy, "{path}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer", "{path}");
    }
}
