//! Transactions by a WebSocket's hints.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::routing::any;
use counterfoil_client::{ClientError, Commitment, Feed, Rpc, TransactionRecord, log_feed};
use counterfoil_core::ProgramId;
use futures_util::StreamExt;
use serde_json::{Value, json};
use solana_signature::Signature;
use tokio::time::timeout;

use super::server::{Form, PROGRAM, asked_signature, record, result, serve, transaction};

/// Longer than anything here takes; a feed that hangs fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// The announcements on one connection: signatures, and whether each succeeded. The last connection stays open.
type Hints = Vec<(u8, bool)>;

async fn announce(mut socket: WebSocket, hints: Hints, is_last: bool, asked: Arc<Mutex<Vec<Value>>>) {
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(text) = message else { continue };
        let request: Value = serde_json::from_str(&text).expect("JSON");
        if request["method"] != "logsSubscribe" {
            continue;
        }
        let answer = result(&request, json!(1));
        asked.lock().expect("no panics").push(request);
        socket.send(Message::Text(answer.to_string().into())).await.expect("it listens");
        for (signature, is_ok) in &hints {
            let err = if *is_ok { Value::Null } else { json!({ "InstructionError": [0, { "Custom": 1 }] }) };
            let value = json!({ "signature": Signature::from([*signature; 64]).to_string(), "err": err, "logs": [] });
            let hint = json!({
                "jsonrpc": "2.0", "method": "logsNotification",
                "params": { "result": { "context": { "slot": 1 }, "value": value }, "subscription": 1 },
            });
            socket.send(Message::Text(hint.to_string().into())).await.expect("it listens");
        }
        if !is_last {
            return;
        }
    }
}

async fn serve_hints(connections: Vec<Hints>) -> (String, Arc<Mutex<Vec<Value>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&asked);
    let connections = Arc::new(Mutex::new(VecDeque::from(connections)));
    let handler = any(move |upgrade: WebSocketUpgrade| async move {
        let (hints, is_last) = {
            let mut connections = connections.lock().expect("no panics");
            (connections.pop_front().unwrap_or_default(), connections.is_empty())
        };
        upgrade.on_upgrade(move |socket| announce(socket, hints, is_last, record))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/SECRET", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/SECRET", handler)).await });
    (url, asked)
}

async fn next(feed: &mut Feed) -> Result<Vec<TransactionRecord>, ClientError> {
    timeout(PATIENCE, feed.next()).await.expect("it comes in time").expect("a feed never ends")
}

#[tokio::test]
async fn fetches_what_is_announced_and_says_look_where_it_cannot() {
    // Transaction 5 is there at the third look, 6 failed, 7 never is there.
    let looks = Arc::new(AtomicUsize::new(0));
    let (rpc_url, asked) = serve(move |request| {
        let answer = match asked_signature(request) {
            5 if looks.fetch_add(1, Ordering::SeqCst) < 2 => Value::Null,
            7 => Value::Null,
            signature => transaction(90, signature, Form::WithLookups),
        };
        result(request, answer).into()
    })
    .await;
    let (url, subscribed) = serve_hints(vec![vec![(5, true), (6, false), (7, true)], vec![(8, true)]]).await;
    let mut feed = log_feed(&url, Arc::new(Rpc::new(&rpc_url, ProgramId(PROGRAM))), Commitment::Confirmed);

    let mut read = Vec::new();
    for _ in 0..3 {
        read.push(next(&mut feed).await.expect("no error"));
    }
    assert_eq!(read, [vec![], vec![record(90, 5, Form::WithLookups)], vec![]]);
    let error = next(&mut feed).await.expect_err("the connection was cut");
    assert!(error.is_transient() && !error.to_string().contains("SECRET"), "{error}");
    // A new connection by itself, and what it brings.
    assert_eq!(next(&mut feed).await.expect("no error"), []);
    assert_eq!(next(&mut feed).await.expect("no error"), [record(90, 8, Form::WithLookups)]);

    let asked = asked.lock().expect("no panics");
    assert!(asked.iter().all(|request| request["params"][1]["commitment"] == "confirmed"));
    assert!(asked.iter().all(|request| asked_signature(request) != 6));
    let subscribed = subscribed.lock().expect("no panics");
    let mentions = json!([{ "mentions": [ProgramId(PROGRAM).to_string()] }, { "commitment": "confirmed" }]);
    assert_eq!((subscribed.len(), &subscribed[1]["params"]), (2, &mentions));
}

#[tokio::test]
async fn tries_for_ever_to_reach_a_server_that_is_not_there_and_shows_no_key() {
    let rpc = Arc::new(Rpc::new("http://127.0.0.1:1", ProgramId(PROGRAM)));
    let mut feed = log_feed("ws://user:SECRET@127.0.0.1:1/SECRET", rpc, Commitment::Finalized);
    for _ in 0..3 {
        let error = next(&mut feed).await.expect_err("no server is there");
        assert!(error.is_transient() && !error.to_string().contains("SECRET"), "{error}");
    }
}
