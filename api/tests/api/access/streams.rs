//! How many streams a caller may have.

use axum::body::Body;
use axum::http::{Request, Response};
use counterfoil_api::{AccessSettings, Mode, Settings, app};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::setting::{LIFETIME, PUBLIC, READER, STRANGER, Setting, access, key};
use crate::index::settings;
use crate::sockets::{Socket, serve};

/// A service that allows two streams a caller, and believes its peer, which tests have none of, about addresses.
async fn open() -> Setting {
    let mut setting = Setting::open().await;
    let access = access(Mode::Public, &setting.secret, LIFETIME);
    let access = AccessSettings { trusted_proxies: vec!["0.0.0.0/32".parse().unwrap()], ..access };
    let settings = Settings { access, max_streams_per_caller: 2, ..settings() };
    setting.index.app = app(setting.index.pool.clone(), settings);
    setting
}

async fn follow(setting: &Setting, address: &str, token: Option<&str>) -> Response<Body> {
    let request = Request::get(format!("/v1/ledgers/{PUBLIC}/live")).header("x-forwarded-for", address);
    let request = match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    setting.index.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_caller_has_so_many_streams_and_takes_nobody_elses() {
    let setting = open().await;
    let keys = [key(&setting.index, vec![]).await, key(&setting.index, vec![]).await];
    let sessions = [setting.session(READER).await, setting.session(READER).await, setting.session(STRANGER).await];
    let mut streams = Vec::new();
    for (address, token, status) in [
        ("2001:db8::1", None, 200),
        ("2001:db8::2", None, 200),
        // Both are of one caller.
        ("2001:db8::ffff:3", None, 429),
        ("2001:db8:0:1::1", None, 200),
        ("192.0.2.1", None, 200),
        // Keys and wallets are not counted by where they come from, and no wallet by its sessions.
        ("2001:db8::1", Some(&keys[0]), 200),
        ("192.0.2.1", Some(&keys[0]), 200),
        ("192.0.2.2", Some(&keys[0]), 429),
        ("2001:db8::1", Some(&keys[1]), 200),
        ("2001:db8::1", Some(&sessions[0]), 200),
        ("192.0.2.1", Some(&sessions[1]), 200),
        ("192.0.2.1", Some(&sessions[0]), 429),
        ("192.0.2.1", Some(&sessions[2]), 200),
        ("192.0.2.1", None, 200),
        ("192.0.2.1", None, 429),
    ] {
        let response = follow(&setting, address, token.map(String::as_str)).await;
        assert_eq!(response.status(), status, "{address} {token:?}");
        if status == 429 {
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
            let problem: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(problem["code"], "too_many_streams_of_caller", "{problem}");
        } else {
            streams.push(response);
        }
    }
    streams.remove(0);
    let again = follow(&setting, "2001:db8::9", None).await;
    assert_eq!(again.status(), 200, "a stream that ended makes room");
    assert_eq!(follow(&setting, "2001:db8::1", None).await.status(), 429);
}

#[tokio::test]
async fn each_subscription_of_a_socket_is_a_stream() {
    let setting = open().await;
    let query = format!("subscription {{ ledger(address: \"{PUBLIC}\") {{ ledger }} }}");
    let mut socket = Socket::sign_on(serve(&setting.index).await, None).await.unwrap();
    for id in ["a", "b"] {
        socket.subscribe(id, query.clone()).await;
        assert_eq!(socket.next().await.unwrap()["payload"]["data"]["ledger"]["ledger"], PUBLIC.to_string());
    }
    socket.subscribe("c", query.clone()).await;
    let refused = socket.next().await.unwrap();
    let code = &refused["payload"]["errors"][0]["extensions"]["code"];
    assert_eq!((&refused["id"], code), (&json!("c"), &json!("too_many_streams_of_caller")), "{refused}");

    let request = Request::post("/graphql").header("content-type", "application/json");
    let request = request.header("accept", "text/event-stream").body(json!({ "query": query }).to_string().into());
    let response = setting.index.send(request.unwrap()).await;
    let first = response.into_body().into_data_stream().next().await.unwrap().unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    assert!(first.contains("too_many_streams_of_caller"), "{first}");
}
