//! Pacing: the waits that a server asks for, and those that it is given.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use counterfoil_client::{ClientError, Limits, Rpc};
use counterfoil_core::{GenesisHash, ProgramId};
use futures_util::future::join_all;
use serde_json::json;

use super::server::{Reply, error, key, result, serve};

const PROGRAM: ProgramId = ProgramId([7; 32]);

fn limits(longest_wait: Duration) -> Limits {
    Limits { longest_wait, ..Limits::default() }
}

/// A server that asks for one pause, and then answers; the moments at which it was asked.
async fn pausing(status: u16, retry_after: Option<String>) -> (String, Arc<Mutex<Vec<Instant>>>) {
    let moments = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&moments);
    let (url, _) = serve(move |request| {
        let mut moments = record.lock().expect("no panics");
        moments.push(Instant::now());
        match moments.len() {
            1 => Reply { status, retry_after: retry_after.clone(), body: "slow down".to_owned() },
            _ => result(request, json!(key(&[4; 32]))).into(),
        }
    })
    .await;
    (url, moments)
}

#[tokio::test]
async fn a_pause_that_one_call_is_told_holds_for_all() {
    let in_seconds = |_: SystemTime| "1".to_owned();
    let as_date = |now| httpdate::fmt_http_date(now + Duration::from_secs(3));
    type RetryAfter = fn(SystemTime) -> String;
    let cases: [(u16, RetryAfter); 3] = [(429, in_seconds), (503, in_seconds), (429, as_date)];
    for (status, retry_after) in cases {
        let retry_after = retry_after(SystemTime::now());
        let (url, moments) = pausing(status, Some(retry_after.clone())).await;
        let rpc = Rpc::new(&url, PROGRAM);
        let told = async {
            while rpc.health().failures.rate_limited + rpc.health().failures.http == 0 {
                tokio::task::yield_now().await;
            }
            join_all((0..5).map(|_| rpc.fetch_genesis_hash())).await
        };
        let (first, others) = tokio::join!(rpc.fetch_genesis_hash(), told);
        for answer in others.into_iter().chain([first]) {
            assert_eq!(answer.expect("an answer"), GenesisHash([4; 32]));
        }
        let moments = moments.lock().expect("no panics");
        assert_eq!(moments.len(), 7, "the one that was refused and six that were answered");
        let earliest = moments[1..].iter().min().expect("six").duration_since(moments[0]);
        assert!(earliest > Duration::from_millis(900), "{status} {retry_after}: asked again after {earliest:?}");
    }
}

#[tokio::test]
async fn a_pause_without_a_length_is_a_short_one() {
    for retry_after in [None, Some("soon".to_owned()), Some("0".to_owned())] {
        let (url, moments) = pausing(429, retry_after).await;
        Rpc::new(&url, PROGRAM).fetch_genesis_hash().await.expect("an answer");
        let moments = moments.lock().expect("no panics");
        let pause = moments[1].duration_since(moments[0]);
        assert!((Duration::from_millis(200)..Duration::from_secs(5)).contains(&pause), "{pause:?}");
    }
}

#[tokio::test]
async fn a_pause_longer_than_a_call_waits_fails_all_calls_at_once_and_asks_nothing() {
    let (url, moments) = pausing(429, Some("3000".to_owned())).await;
    let rpc = Rpc::with_limits(&url, PROGRAM, limits(Duration::from_secs(5)));
    let started = Instant::now();
    for _ in 0..3 {
        let error = rpc.fetch_genesis_hash().await.expect_err("it is to wait");
        assert!(error.is_transient() && error.to_string().contains("too many requests"), "{error}");
    }
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(moments.lock().expect("no panics").len(), 1);
    assert_eq!(rpc.health().failures.rate_limited, 1);
    assert!(rpc.health().score < 0.6, "{:?}", rpc.health());
}

#[tokio::test]
async fn too_many_requests_in_jsons_words_is_a_pause_too() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let (url, _) = serve(move |request| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => error(request, -32_429, "too many").into(),
        1 => error(request, 429, "too many").into(),
        _ => result(request, json!(key(&[4; 32]))).into(),
    })
    .await;
    let rpc = Rpc::new(&url, PROGRAM);
    rpc.fetch_genesis_hash().await.expect("an answer");
    assert_eq!((count.load(Ordering::SeqCst), rpc.health().failures.rate_limited), (3, 2));
}

#[tokio::test]
async fn failures_are_counted_by_cause_and_show_no_key() {
    let (url, _) = serve(|request| match request["method"].as_str() {
        Some("getGenesisHash") => error(request, -32_005, "behind http://127.0.0.1/SECRET by 9 slots").into(),
        _ => Reply { status: 500, retry_after: None, body: String::new() },
    })
    .await;
    let rpc = Rpc::new(&url, PROGRAM);
    let mut errors = vec![rpc.fetch_genesis_hash().await.expect_err("an error")];
    errors.push(rpc.fetch_transaction([1; 64], counterfoil_client::Commitment::Finalized).await.expect_err("status"));
    let failures = rpc.health().failures;
    assert_eq!((failures.rpc, failures.http, failures.malformed), (1, 1, 0));

    let (url, _) = serve(|_| json!("x".repeat(100_000)).into()).await;
    let rpc = Rpc::with_limits(&url, PROGRAM, Limits { answer_bytes: 50_000, ..Limits::default() });
    errors.push(rpc.fetch_genesis_hash().await.expect_err("too long"));
    assert!(errors[2].to_string().contains("50000 bytes"), "{}", errors[2]);
    let rpc = Rpc::new(&url, PROGRAM);
    errors.push(rpc.fetch_genesis_hash().await.expect_err("no answer"));
    assert_eq!(rpc.health().failures.malformed, 1);

    // Takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/SECRET", silent.local_addr().expect("it is bound"));
    let rpc = Rpc::with_limits(&url, PROGRAM, Limits { timeout: Duration::from_millis(200), ..Limits::default() });
    errors.push(rpc.fetch_genesis_hash().await.expect_err("silence"));
    assert_eq!((rpc.health().failures.timeout, rpc.health().failures.connection), (1, 0));

    let rpc = Rpc::new("http://user:SECRET@127.0.0.1:1/SECRET", PROGRAM);
    errors.push(rpc.fetch_genesis_hash().await.expect_err("no server"));
    assert_eq!((rpc.health().failures.timeout, rpc.health().failures.connection), (0, 1));
    for error in errors {
        assert!(error.is_transient() && !error.to_string().contains("SECRET"), "{error}");
        assert!(matches!(error, ClientError::Rpc { .. } | ClientError::Malformed { .. }));
    }
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_the_limit_says() {
    // Each connection is held until the test has seen that no more come.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let limits = Limits { concurrent_requests: 2, timeout: Duration::from_millis(300), ..Limits::default() };
    let rpc = Rpc::with_limits(&url, PROGRAM, limits);
    let mut held = Vec::new();
    let accept = async {
        let mut counts = Vec::new();
        let mut next = std::pin::pin!(tokio::time::sleep(Duration::from_millis(250)));
        loop {
            tokio::select! {
                connection = listener.accept() => held.push(connection.expect("a connection")),
                () = &mut next => {
                    counts.push(held.len());
                    return counts;
                }
            }
        }
    };
    let (_, counts) = tokio::join!(join_all((0..2).map(|_| rpc.fetch_genesis_hash())), async {
        let others = join_all((0..6).map(|_| rpc.fetch_genesis_hash()));
        tokio::select! { _ = others => Vec::new(), counts = accept => counts }
    });
    assert_eq!(counts, [2]);
}

#[tokio::test]
async fn a_pause_is_told_in_whole_seconds_and_as_the_servers_wish_only_where_it_said_so() {
    for (status, retry_after, words) in [
        (429, Some("3000"), "too many requests: the server wants a pause of 60 s"),
        (429, None, "too many requests: it is given a pause of 1 s"),
        (503, Some("3000"), "the server is unavailable: the server wants a pause of 60 s"),
    ] {
        let (url, _) = pausing(status, retry_after.map(str::to_owned)).await;
        let rpc = Rpc::with_limits(&url, PROGRAM, limits(Duration::ZERO));
        let error = rpc.fetch_genesis_hash().await.expect_err("it is to wait").to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_as_what_it_is() {
    for (answer, words) in [
        ("<html>", "getGenesisHash answered what cannot be read: expected value"),
        ("{\"result\":\"short\"}", "getGenesisHash answered what is no hash"),
    ] {
        let (url, _) = serve(move |_| Reply { status: 200, retry_after: None, body: answer.to_owned() }).await;
        let error = Rpc::new(&url, PROGRAM).fetch_genesis_hash().await.expect_err("nonsense").to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}
