//! JSON-RPC servers that answer what a test says, and transactions as bytes on the wire, built by hand.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use solana_signature::Signature;

/// The requests to a server.
pub type Asked = Arc<Mutex<Vec<Value>>>;

/// An answer by HTTP.
pub struct Reply {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: String,
}

impl From<Value> for Reply {
    fn from(body: Value) -> Self {
        Self { status: 200, retry_after: None, body: body.to_string() }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::from_u16(self.status).expect("a status"), self.body).into_response();
        if let Some(retry_after) = self.retry_after {
            response.headers_mut().insert("retry-after", retry_after.parse().expect("a header"));
        }
        response
    }
}

/// Serves what `answer` makes of each request, a single call or a batch. Gives back the URL and the requests.
pub async fn serve<F>(answer: F) -> (String, Asked)
where
    F: Fn(&Value) -> Reply + Clone + Send + Sync + 'static,
{
    let asked = Asked::default();
    let record = Arc::clone(&asked);
    let handler = post(move |body: Bytes| async move {
        let request: Value = serde_json::from_slice(&body).expect("JSON");
        record.lock().expect("no panics").push(request.clone());
        answer(&request)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/?api-key=SECRET", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", handler)).await });
    (url, asked)
}

/// A good answer to a call.
pub fn result(request: &Value, result: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": request["id"], "result": result })
}

/// A JSON-RPC error.
pub fn error(request: &Value, code: i64, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": request["id"], "error": { "code": code, "message": message } })
}

/// Which keys a transaction has.
#[derive(Clone, Copy, PartialEq)]
pub enum Form {
    /// All in the message.
    Legacy,
    /// The program and one more by a lookup table.
    WithLookups,
    /// Version 1, which has its signatures at the end and no lookup tables.
    Version1,
}

pub const PROGRAM: [u8; 32] = [7; 32];

/// A transaction of one signature as bytes, by the wire format. It names [`PROGRAM`] when `names_program`.
fn wire(signature: u8, form: Form, names_program: bool) -> Vec<u8> {
    if form == Form::Version1 {
        let program = if names_program { PROGRAM } else { [8; 32] };
        // The version, the header, no settings; the blockhash; one instruction and two keys.
        let head = [&[0x81, 1, 0, 1, 0, 0, 0, 0][..], &[5; 32], &[1, 2], &[1; 32], &program].concat();
        // Program 1, no accounts, three bytes of data.
        return [&head[..], &[1, 0, 3, 0], &[1, 2, 3], &[signature; 64]].concat();
    }
    let mut bytes = vec![1];
    bytes.extend([signature; 64]);
    if form == Form::WithLookups {
        bytes.push(0x80);
    }
    let program = if names_program && form == Form::Legacy { PROGRAM } else { [8; 32] };
    bytes.extend([1, 0, 1, 2]);
    bytes.extend([[1; 32], program].concat());
    bytes.extend([5; 32]);
    // One instruction: program 1, no accounts, three bytes.
    bytes.extend([1, 1, 0, 3, 1, 2, 3]);
    if form == Form::WithLookups {
        bytes.push(1);
        bytes.extend([6; 32]);
        bytes.extend([1, 0, 1, 1]);
    }
    bytes
}

/// A transaction with its execution, as getBlock and getTransaction give it.
pub fn executed(signature: u8, form: Form, names_program: bool, error: Value) -> Value {
    let loaded = match (form, names_program) {
        (Form::Legacy | Form::Version1, _) => json!({ "writable": [], "readonly": [] }),
        (Form::WithLookups, true) => json!({ "writable": [key(&[2; 32])], "readonly": [key(&PROGRAM)] }),
        (Form::WithLookups, false) => json!({ "writable": [key(&[2; 32])], "readonly": [key(&[3; 32])] }),
    };
    let inner = json!([{ "index": 0, "instructions": [
        { "programIdIndex": 1, "accounts": [0], "data": bs58::encode([9; 40]).into_string(), "stackHeight": 2 },
    ] }]);
    json!({
        "transaction": [BASE64_STANDARD.encode(wire(signature, form, names_program)), "base64"],
        "version": match form {
            Form::Legacy => json!("legacy"),
            Form::WithLookups => json!(0),
            Form::Version1 => json!(1),
        },
        "meta": {
            "err": error, "status": { "Ok": null }, "fee": 5000, "preBalances": [1], "postBalances": [1],
            "innerInstructions": inner, "logMessages": ["Log truncated"], "loadedAddresses": loaded, "rewards": [],
        },
    })
}

/// A getTransaction's result.
pub fn transaction(slot: u64, signature: u8, form: Form) -> Value {
    let mut transaction = executed(signature, form, true, Value::Null);
    transaction["slot"] = json!(slot);
    transaction["blockTime"] = Value::Null;
    transaction
}

/// The record that such a transaction is read as.
pub fn record(slot: u64, signature: u8, form: Form) -> counterfoil_client::TransactionRecord {
    let accounts = match form {
        Form::Legacy | Form::Version1 => vec![[1; 32], PROGRAM],
        Form::WithLookups => vec![[1; 32], [8; 32], [2; 32], PROGRAM],
    };
    let inner = counterfoil_client::InnerInstruction { program: 1, accounts: vec![0], data: vec![9; 40] };
    counterfoil_client::TransactionRecord {
        signature: [signature; 64],
        slot,
        is_ok: true,
        accounts,
        inner_instructions: vec![inner],
    }
}

/// A key as text.
pub fn key(key: &[u8; 32]) -> String {
    bs58::encode(key).into_string()
}

/// The first byte of the signature that a getTransaction call names.
pub fn asked_signature(call: &Value) -> u8 {
    let signature: Signature = call["params"][0].as_str().expect("a signature").parse().expect("base58");
    signature.as_ref()[0]
}
