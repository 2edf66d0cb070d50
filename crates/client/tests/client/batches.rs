//! Transactions by batches of calls.

use counterfoil_client::{ClientError, Commitment, Fetched, ListedTransaction, Rpc, Source, TransactionRecord};
use counterfoil_core::ProgramId;
use serde_json::{Value, json};

use super::server::{Asked, Form, PROGRAM, Reply, asked_signature, error, record, result, serve, transaction};

const FORMS: [Form; 3] = [Form::Legacy, Form::WithLookups, Form::Version1];

fn form(signature: u8) -> Form {
    FORMS[usize::from(signature) % 3]
}

fn slot(signature: u8) -> u64 {
    1_000 + u64::from(signature)
}

fn listed(count: u8) -> Vec<ListedTransaction> {
    (0..count).map(|each| ListedTransaction { slot: slot(each), signature: [each; 64] }).collect()
}

fn records(count: u8) -> Vec<TransactionRecord> {
    (0..count).map(|each| record(slot(each), each, form(each))).collect()
}

/// The true answer to one call.
fn truth(call: &Value) -> Value {
    let signature = asked_signature(call);
    result(call, transaction(slot(signature), signature, form(signature)))
}

fn batch(request: &Value) -> Option<Vec<Value>> {
    request.as_array().cloned()
}

fn rpc(url: &str) -> Rpc {
    Rpc::new(url, ProgramId(PROGRAM))
}

/// How many calls each request had; 0 for one that is no batch.
fn shape(asked: &Asked) -> Vec<usize> {
    let asked = asked.lock().expect("no panics");
    asked.iter().map(|request| request.as_array().map_or(0, Vec::len)).collect()
}

#[tokio::test]
async fn answers_in_any_order_are_given_in_the_order_asked_for() {
    let (url, asked) = serve(|request| {
        let mut answers: Vec<Value> = batch(request).expect("a batch").iter().map(truth).collect();
        answers.reverse();
        answers.rotate_left(1);
        json!(answers).into()
    })
    .await;
    assert_eq!(rpc(&url).fetch_transactions(&listed(100)).await.expect("all").transactions, records(100));
    let mut shape = shape(&asked);
    shape.sort_unstable();
    assert_eq!(shape, [4, 32, 32, 32]);
}

#[tokio::test]
async fn a_server_that_refuses_batches_is_asked_singly_and_not_again() {
    for status in [200, 400, 405, 413] {
        let (url, asked) = serve(move |request| match batch(request) {
            None => truth(request).into(),
            Some(_) if status == 200 => error(&json!({}), -32_600, "batch requests are not supported").into(),
            Some(_) => Reply { status, retry_after: None, body: "no batches".to_owned() },
        })
        .await;
        let rpc = rpc(&url);
        for _ in 0..2 {
            assert_eq!(rpc.fetch_transactions(&listed(10)).await.expect("all").transactions, records(10));
        }
        let shape = shape(&asked);
        assert_eq!((shape.iter().filter(|calls| **calls > 0).count(), shape.len()), (1, 21), "status {status}");
    }
}

#[tokio::test]
async fn a_batch_is_asked_again_after_a_pause() {
    let (url, asked) = serve({
        let first = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        move |request| {
            let is_first = first.swap(false, std::sync::atomic::Ordering::SeqCst);
            let calls = batch(request).expect("a batch");
            let answer = |(number, call)| match is_first && number == 3 {
                true => error(call, -32_429, "too many"),
                false => truth(call),
            };
            json!(calls.iter().enumerate().map(answer).collect::<Vec<Value>>()).into()
        }
    })
    .await;
    let rpc = rpc(&url);
    assert_eq!(rpc.fetch_transactions(&listed(10)).await.expect("all").transactions, records(10));
    assert_eq!((shape(&asked), rpc.health().failures.rate_limited), (vec![10, 10], 1));
}

/// The answer of `fetch_transactions` when the answer to the third of ten calls is changed, in a batch and singly.
async fn with_third(takes_batches: bool, change: fn(&mut Value)) -> Result<Fetched, ClientError> {
    let (url, _) = serve(move |request| match batch(request) {
        Some(_) if !takes_batches => Reply { status: 400, retry_after: None, body: String::new() },
        Some(calls) => {
            let mut answers: Vec<Value> = calls.iter().map(truth).collect();
            change(&mut answers[3]);
            json!(answers).into()
        }
        None => {
            let mut answer = truth(request);
            if asked_signature(request) == 3 {
                change(&mut answer);
            }
            answer.into()
        }
    })
    .await;
    rpc(&url).fetch_transactions(&listed(10)).await
}

#[tokio::test]
async fn one_transaction_that_cannot_be_read_is_named_and_the_others_are_given() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 6] = [
        ("lists it and does not have it", |answer| answer["result"] = Value::Null),
        ("it is in slot 9 and was listed in slot 1003", |answer| answer["result"]["slot"] = json!(9)),
        ("another transaction", |answer| answer["result"] = transaction(1_003, 4, Form::Legacy)),
        ("without its execution", |answer| answer["result"]["meta"] = Value::Null),
        ("without its inner instructions", |answer| {
            answer["result"]["meta"]["innerInstructions"] = Value::Null;
        }),
        ("(error -32015)", |answer| *answer = error(answer, -32_015, "Transaction version (2) is not supported")),
    ];
    let signature = bs58::encode([3; 64]).into_string();
    for (says, change) in cases {
        for takes_batches in [true, false] {
            let Fetched { transactions, unread } = with_third(takes_batches, change).await.expect("the others");
            let mut others = records(10);
            others.remove(3);
            assert_eq!(transactions, others, "{says}");
            let unread: Vec<String> = unread.iter().map(ToString::to_string).collect();
            assert_eq!(unread.len(), 1, "{says}: {unread:?}");
            assert!(unread[0].contains(&signature) && unread[0].contains(says), "{says}: {unread:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_fails_as_a_whole_is_an_error_to_try_elsewhere() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 2] = [
        ("without an answer to each call", |answer| answer["id"] = json!(2)),
        ("(error -32000)", |answer| *answer = error(answer, -32_000, "a bad day")),
    ];
    for (says, change) in cases {
        let error = with_third(true, change).await.expect_err("one is bad");
        assert!(error.is_transient() && error.to_string().contains(says), "{says}: {error}");
    }
}

#[tokio::test]
async fn version_1_is_asked_for_by_every_call() {
    let (url, asked) = serve(|request| truth(request).into()).await;
    let rpc = rpc(&url);
    rpc.fetch_transactions(&listed(1)).await.expect("one");
    rpc.fetch_transaction([2; 64], Commitment::Confirmed).await.expect("one");
    let asked = asked.lock().expect("no panics");
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|call| call["params"][1]["maxSupportedTransactionVersion"] == 1), "{asked:?}");
}
