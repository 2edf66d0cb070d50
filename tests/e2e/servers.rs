//! Servers of tests: made-up ones, and proxies before the chain that alter what it says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};

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

fn serve(answer_to: impl Fn(&Value) -> (u16, Value) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            for line in reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()) {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let request: Value = serde_json::from_slice(&body).unwrap_or_default();
            let (status, mut answer) = answer_to(&request);
            answer["id"] = request["id"].clone();
            let body = answer.to_string();
            let head = format!(
                "HTTP/1.1 {status} \r\ncontent-type: application/json\r\nretry-after: 60\r\nconnection: close\r\n"
            );
            let _ = write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len());
        }
    });
    url
}
