//! A function that is handed a receipt, and acts only when the receipt is of the ledger that it pins.
//!
//! The caller is not trusted, and neither is an API: the function recomputes the receipt, and asks Solana servers of its operator's choice
//! whether the ledger's account contains it (`judge.rs`).
#![deny(clippy::print_stdout, clippy::print_stderr, reason = "they panic when a pipe is closed, and escape nothing")]
#![forbid(unsafe_code)]

mod judge;

use anyhow::Context;
use clap::Parser;
use counterfoil_core::receipt::Receipt;
use counterfoil_service::{log_to_stderr, out_json_line};
use lambda_http::{Body, Error, Request, Response, run, service_fn};
use serde_json::{Value, json};

use judge::{Pins, Verdict};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    log_to_stderr("info");
    let pins = Pins::parse();
    pins.expect_quorum()?;
    let answer = service_fn(|request: Request| answer(&pins, request));
    run(answer).await.map_err(anyhow::Error::from_boxed).context("the interface of Lambda's runtime broke off")
}

/// The status tells the caller whether to ask again: 503 alone says so.
async fn answer(pins: &Pins, request: Request) -> Result<Response<Body>, Error> {
    let (status, body) = match serde_json::from_slice::<Receipt>(request.body()) {
        Err(error) => (400, json!({ "verdict": "malformed", "detail": format!("this is no receipt: {error}") })),
        Ok(receipt) => match pins.judge(&receipt).await {
            Verdict::Verified { by } => {
                act(&receipt);
                (200, json!({ "verdict": "verified", "entry": receipt.entry.index.to_string(), "confirmed_by": by }))
            }
            Verdict::Refused(detail) => (403, json!({ "verdict": "refused", "detail": detail })),
            Verdict::CannotTell(detail) => (503, json!({ "verdict": "cannot_tell", "detail": detail })),
        },
    };
    let response = Response::builder().status(status).header("content-type", "application/json");
    Ok(response.body(Body::from(body.to_string()))?)
}

/// The action; put yours here. Lambda may call a function twice for one request: ledger and index tell whether it was done already.
fn act(receipt: &Receipt) {
    let payload: Value = serde_json::from_slice(&receipt.entry.payload).unwrap_or(Value::Null);
    out_json_line(&json!({ "acted_on": format!("{}/{}", receipt.ledger, receipt.entry.index), "payload": payload }));
}
