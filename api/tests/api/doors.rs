//! Each way in has the bounds of all others.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use counterfoil_api::{AccessSettings, Admin, Mode, Settings, administer, app};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::index::{BIG, Index, settings};
use crate::live::Messages;
use crate::memory::until_it_costs_nothing;
use crate::sockets::{Socket, serve};

const QUERY: &str = "{ status { version } }";

/// Sends a query so often, and tells the code of each refusal in the order of the operations.
async fn codes(socket: &mut Socket, query: &str, count: usize) -> Vec<Option<String>> {
    let mut codes = vec![None; count];
    for id in 0..count {
        socket.subscribe(&id.to_string(), query.to_owned()).await;
    }
    let mut ended = 0;
    while ended < count {
        let message = socket.next().await.unwrap();
        let id: usize = message["id"].as_str().unwrap().parse().unwrap();
        match message["type"].as_str().unwrap() {
            "next" => {
                let code = &message["payload"]["errors"][0]["extensions"]["code"];
                codes[id] = code.as_str().map(str::to_owned);
            }
            "complete" => ended += 1,
            other => panic!("{other}"),
        }
    }
    codes
}

#[tokio::test]
async fn each_operation_of_a_socket_is_a_request_of_its_caller() {
    let mut index = Index::open().await;
    for mode in [Mode::Off, Mode::Public] {
        let access = AccessSettings { mode, address_rate: Some(4.try_into().unwrap()), ..AccessSettings::default() };
        index.app = app(index.pool.clone(), Settings { access, ..settings() });
        // To open it is one of them.
        let mut socket = Socket::connect(serve(&index).await).await;
        let refused = Some("rate_limited".to_owned());
        assert_eq!(codes(&mut socket, QUERY, 5).await, [None, None, None, refused.clone(), refused]);
    }
}

#[tokio::test]
async fn each_operation_of_a_socket_is_a_request_of_its_key() {
    let mut index = Index::open().await;
    let access = AccessSettings { mode: Mode::Required, ..AccessSettings::default() };
    let admin = Admin::CreateKey {
        name: "slow".to_owned(),
        scopes: Vec::new(),
        ledgers: vec![],
        rate: 3.try_into().unwrap(),
        quota: counterfoil_api::Quota::default(),
        expires: None,
    };
    let key = administer(&index.url, admin).await.unwrap()[0]["key"].as_str().unwrap().to_owned();
    index.app = app(index.pool.clone(), Settings { access, ..settings() });
    let mut socket = Socket::sign_on(serve(&index).await, Some(&format!("Bearer {key}"))).await.unwrap();
    assert_eq!(codes(&mut socket, QUERY, 3).await, [None, None, Some("rate_limited".to_owned())]);
}

#[tokio::test]
async fn a_socket_carries_so_many_operations_at_a_time() {
    let index = Index::open().await;
    let mut socket = Socket::connect(serve(&index).await).await;
    let query = format!("subscription {{ ledger(address: \"{BIG}\") {{ ledger }} }}");
    for id in 0..32 {
        socket.subscribe(&id.to_string(), query.clone()).await;
        assert_eq!(socket.next().await.unwrap()["payload"]["errors"], Value::Null);
    }
    socket.subscribe("more", query.clone()).await;
    let refused = socket.next().await.unwrap();
    assert_eq!(refused["payload"]["errors"][0]["extensions"]["code"], "too_many_operations", "{refused}");
    assert_eq!(socket.next().await.unwrap(), json!({ "type": "complete", "id": "more" }));
    socket.send(json!({ "type": "complete", "id": "7" })).await;
    socket.subscribe("more", query).await;
    assert_eq!(socket.next().await.unwrap()["payload"]["data"]["ledger"]["ledger"], BIG.to_string());
}

#[tokio::test]
async fn a_query_ends_when_an_answer_is_due_whichever_way_it_came() {
    let mut index = Index::open().await;
    index.app = app(index.pool.clone(), Settings { request_timeout: Duration::from_millis(200), ..settings() });
    let mut socket = Socket::connect(serve(&index).await).await;
    let mut lock = index.pool.begin().await.unwrap();
    sqlx::query("lock table entry").execute(&mut *lock).await.unwrap();
    let query = format!("{{ ledger(address: \"{BIG}\") {{ entries {{ edges {{ cursor }} }} }} }}");
    assert_eq!(codes(&mut socket, &query, 1).await, [Some("timeout".to_owned())]);
    let request = Request::post("/graphql").header("content-type", "application/json");
    let request = request.header("accept", "text/event-stream").body(json!({ "query": query }).to_string().into());
    let mut stream = Messages::open(&index.app, request.unwrap()).await;
    let (name, _, answer) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), &answer["errors"][0]["extensions"]["code"]), ("next", &json!("timeout")), "{answer}");
    assert_eq!(stream.next().await.unwrap().0, "complete");
    assert_eq!(stream.next().await, None);
    lock.rollback().await.unwrap();
}

#[tokio::test]
async fn a_subscription_goes_on_after_an_answer_would_be_due() {
    let mut index = Index::open().await;
    // Longer than it takes to begin a stream on a busy machine; the query below waits for as long.
    index.app = app(index.pool.clone(), Settings { request_timeout: Duration::from_secs(3), ..settings() });
    let mut socket = Socket::connect(serve(&index).await).await;
    socket.subscribe("a", format!("subscription {{ entries(ledger: \"{BIG}\") {{ edges {{ cursor }} }} }}")).await;
    // A query that waits as long as it may has begun after it.
    let mut lock = index.pool.begin().await.unwrap();
    sqlx::query("lock table entry").execute(&mut *lock).await.unwrap();
    socket.subscribe("b", format!("{{ ledger(address: \"{BIG}\") {{ entries {{ edges {{ cursor }} }} }} }}")).await;
    let late = socket.next().await.unwrap();
    assert_eq!(late["payload"]["errors"][0]["extensions"]["code"], "timeout", "{late}");
    assert_eq!(socket.next().await.unwrap(), json!({ "type": "complete", "id": "b" }));
    lock.rollback().await.unwrap();
    // The id is still taken.
    socket.subscribe("a", QUERY.to_owned()).await;
    assert_eq!(socket.close_code().await, Some(4409));
}

#[tokio::test]
async fn proofs_keys_and_health_are_answered_while_many_searches_wait() {
    let mut index = Index::open().await;
    let admin = Admin::CreateKey {
        name: "other".to_owned(),
        scopes: Vec::new(),
        ledgers: vec![],
        rate: 3.try_into().unwrap(),
        quota: counterfoil_api::Quota::default(),
        expires: None,
    };
    let key = administer(&index.url, admin).await.unwrap()[0]["key"].as_str().unwrap().to_owned();
    // One holds the lock, two listen, one searches, and two are left.
    index.pool = counterfoil_store::connect(&index.url, 6, Duration::from_secs(10)).await.unwrap();
    index.app =
        app(index.pool.clone(), Settings { search_connections: 1, search_time: Duration::from_secs(3), ..settings() });
    // A proof reads the table that is locked below, unless it is in memory.
    let proof = format!("/v1/ledgers/{BIG}/inclusion?log=entries&index=5");
    until_it_costs_nothing(async || index.ok(&proof).await).await;
    let mut lock = index.pool.begin().await.unwrap();
    // Held for as long as this test takes.
    sqlx::query("set local idle_in_transaction_session_timeout = 0").execute(&mut *lock).await.unwrap();
    sqlx::query("lock table entry").execute(&mut *lock).await.unwrap();
    let path = format!("/v1/ledgers/{BIG}/entries/find");
    // All of them are under way when the others ask, as each is polled in turn.
    let mut searches: FuturesUnordered<_> = (0..1_000).map(|_| index.problem(&path)).collect();
    let access = AccessSettings { mode: Mode::Required, ..AccessSettings::default() };
    let asked = app(index.pool.clone(), Settings { access, ..settings() });
    let others = async {
        index.ok("/readyz").await;
        index.ok("/v1/status").await;
        index.ok(&proof).await;
        // Keys are read from the same pool.
        let request = Request::get("/v1/status").header("authorization", format!("Bearer {key}")).body(Body::empty());
        assert_eq!(asked.oneshot(request.unwrap()).await.unwrap().status(), 200);
    };
    let mut others = std::pin::pin!(others);
    let mut ends = BTreeSet::new();
    // However long the others take on a busy machine: each search that ends is followed by another.
    loop {
        tokio::select! {
            biased;
            Some((status, code, _)) = searches.next() => {
                ends.insert((status, code));
                searches.push(index.problem(&path));
            }
            () = &mut others => break,
        }
    }
    while let Some((status, code, _)) = searches.next().await {
        ends.insert((status, code));
    }
    let expected = [(422, "too_expensive".to_owned()), (503, "too_many_searches".to_owned())];
    assert_eq!(ends, BTreeSet::from(expected));
    lock.rollback().await.unwrap();
    index.ok(&path).await;
}

#[tokio::test]
async fn an_export_is_a_stream_of_its_caller() {
    let mut index = Index::open().await;
    index.app = app(index.pool.clone(), Settings { max_streams_per_caller: 1, ..settings() });
    let path = format!("/v1/ledgers/{BIG}/export?log=entries");
    let first = index.send(Request::get(&path).body(Body::empty()).unwrap()).await;
    assert_eq!(first.status(), 200);
    for path in [&path, &format!("/v1/ledgers/{BIG}/live")] {
        let (status, code, _) = index.problem(path).await;
        assert_eq!((status, code.as_str()), (429, "too_many_streams_of_caller"), "{path}");
    }
    drop(first);
    assert_eq!(index.send(Request::get(&path).body(Body::empty()).unwrap()).await.status(), 200);
}

#[tokio::test]
async fn an_encoded_body_is_refused() {
    let index = Index::open().await;
    let body = json!({ "query": QUERY }).to_string();
    for (coding, status) in [("identity", 200), ("gzip", 415)] {
        let request = Request::post("/graphql").header("content-type", "application/json");
        let request = request.header("content-encoding", coding).body(Body::from(body.clone())).unwrap();
        assert_eq!(index.send(request).await.status(), status, "{coding}");
    }
}
