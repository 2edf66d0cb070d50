//! Servers of tests: made-up ones, and proxies before the chain that alter what it says.

use serde_json::{Value, json};

use crate::http::serve;
use crate::stack::stack;

/// A server that answers every request with this.
pub fn server_that_says(status: u16, answer: Value) -> String {
    server_that(status, move |_| answer.clone())
}

/// A server that passes requests on to the chain, and may alter the answers; it is given the request and the answer.
pub fn proxy_that(alter: impl Fn(&Value, Value) -> Value + Send + 'static) -> String {
    let client = reqwest::blocking::Client::new();
    server_that(200, move |request| {
        let answer = client.post(&stack().rpc).json(request).send().unwrap().json().unwrap();
        alter(request, answer)
    })
}

/// A server that passes requests on to the chain, but answers those of one method with a status of HTTP.
pub fn proxy_that_refuses(method: &'static str, status: u16) -> String {
    let client = reqwest::blocking::Client::new();
    serve(move |request| {
        if request["method"] == method {
            return (status, json!({}));
        }
        (200, client.post(&stack().rpc).json(request).send().unwrap().json().unwrap())
    })
}

/// A server that answers each request by a function of it.
pub fn server_that(status: u16, answer_to: impl Fn(&Value) -> Value + Send + 'static) -> String {
    serve(move |request| (status, answer_to(request)))
}
