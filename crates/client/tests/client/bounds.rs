//! Lists that go on where few elements are due.

use counterfoil_client::{ClientError, ListedTransaction, Rpc, Source};
use counterfoil_core::{LedgerId, ProgramId};
use serde_json::{Value, json};

use super::server::{Form, PROGRAM, Reply, result, serve, transaction};

const LISTED: ListedTransaction = ListedTransaction { slot: 1_000, signature: [0; 64] };

async fn open(answer: impl Fn(&Value) -> Reply + Clone + Send + Sync + 'static) -> Rpc {
    Rpc::new(&serve(answer).await.0, ProgramId(PROGRAM))
}

fn expect_refused(error: &ClientError, most: usize) {
    let says = format!("a list of more than {most}");
    assert!(matches!(error, ClientError::Malformed { .. }) && error.to_string().contains(&says), "{error}");
}

#[tokio::test]
async fn more_accounts_than_were_asked_for_are_refused_where_they_begin() {
    let nothing = |request: &Value| {
        result(request, json!({ "context": { "slot": 1 }, "value": vec![Value::Null; 100_000] })).into()
    };
    let error = open(nothing).await.fetch_accounts(&[LedgerId([1; 32])]).await.expect_err("too many");
    expect_refused(&error, 100);
}

#[tokio::test]
async fn a_page_longer_than_asked_for_is_refused() {
    let rows = |request: &Value| result(request, json!(vec![json!({ "signature": "1", "slot": 1 }); 1_001])).into();
    let error = open(rows).await.list_transactions(LedgerId([1; 32]), 0).await.expect_err("too many");
    expect_refused(&error, 1_000);
}

#[tokio::test]
async fn more_answers_than_calls_are_refused() {
    let answers = |_: &Value| json!(vec![json!({}); 100_000]).into();
    let error = open(answers).await.fetch_transactions(&[LISTED; 2]).await.expect_err("too many");
    expect_refused(&error, 64);
}

#[tokio::test]
async fn more_addresses_than_a_transaction_can_name_are_refused() {
    let long = |request: &Value| {
        let mut transaction = transaction(LISTED.slot, 0, Form::WithLookups);
        transaction["meta"]["loadedAddresses"]["writable"] = json!(vec![""; 1_000]);
        result(request, transaction).into()
    };
    let error = open(long).await.fetch_transactions(&[LISTED]).await.expect_err("too many");
    expect_refused(&error, 256);
}

#[tokio::test]
async fn what_stands_beside_an_answer_does_not_matter() {
    let beside = |request: &Value| {
        let mut transaction = transaction(LISTED.slot, 0, Form::Legacy);
        transaction["more"] = json!([[0, 0], { "slot": 5 }]);
        let mut answer = result(request, transaction);
        (answer["id"], answer["more"]) = (json!([0, 0]), json!([0, 0]));
        answer.into()
    };
    let fetched = open(beside).await.fetch_transactions(&[LISTED]).await.expect("the transaction");
    assert_eq!((fetched.transactions.len(), fetched.unread.len()), (1, 0));
}

#[tokio::test]
async fn a_batch_of_transactions_is_read_no_further_than_any_takes() {
    let long = |_: &Value| json!("x".repeat(9 << 20)).into();
    let error = open(long).await.fetch_transactions(&[LISTED; 2]).await.expect_err("too long");
    assert!(error.to_string().contains("getTransaction answered more than the 8388608 bytes that it may"), "{error}");
}
