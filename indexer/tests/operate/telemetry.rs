//! Traces arrive at an OTLP/HTTP receiver: each pass, what it does with a ledger, and what that writes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use crate::history::{Shape, record};
use crate::support::{Database, Indexer, PATIENCE};

/// The bodies that are posted to `/v1/traces`.
fn receive() -> (String, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, sender) = (client.unwrap(), sender.clone());
            thread::spawn(move || {
                while let Some(body) = read_request(&client) {
                    let _ = sender.send(body);
                }
            });
        }
    });
    (url, receiver)
}

fn read_request(client: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(client);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    if line.is_empty() {
        return None;
    }
    assert!(line.starts_with("POST /v1/traces HTTP/1.1"), "{line}");
    let mut length = 0;
    let mut is_protobuf = false;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        is_protobuf |= header == "content-type: application/x-protobuf";
    }
    assert!(is_protobuf);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut answer = client;
    answer.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n").ok()?;
    Some(body)
}

/// The fields of a protobuf message that are messages, bytes or strings.
fn fields(mut message: &[u8]) -> Vec<(u64, &[u8])> {
    fn varint(message: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (first, rest) = message.split_first().unwrap();
            *message = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        let length = match tag & 7 {
            0 => {
                varint(&mut message);
                continue;
            }
            1 => 8,
            5 => 4,
            2 => usize::try_from(varint(&mut message)).unwrap(),
            kind => panic!("wire type {kind}"),
        };
        let (bytes, rest) = message.split_at(length);
        found.push((tag >> 3, bytes));
        message = rest;
    }
    found
}

fn all(messages: Vec<Vec<u8>>, number: u64) -> Vec<Vec<u8>> {
    let of = |message: Vec<u8>| -> Vec<Vec<u8>> {
        fields(&message).into_iter().filter(|(found, _)| *found == number).map(|(_, bytes)| bytes.to_vec()).collect()
    };
    messages.into_iter().flat_map(of).collect()
}

#[test]
fn spans_of_passes_arrive_with_what_they_did() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    record(&recording, Shape { ledgers: 1, entries: 100, has_subtree: false });
    let (url, receiver) = receive();
    let database = Database::new();
    let indexer = Indexer::start(&database, &recording, &["--otlp", &url]);
    indexer.wait_until_ready();
    assert_eq!(indexer.stop(), Some(0));
    let mut bodies = vec![receiver.recv_timeout(PATIENCE).unwrap()];
    bodies.extend(receiver.try_iter());
    let said = String::from_utf8_lossy(&bodies.concat()).into_owned();
    assert!(said.contains("service.name") && said.contains("counterfoil-indexer"), "{said}");

    // ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans.
    let spans = all(all(all(bodies, 1), 2), 2);
    // Span: 2 its id, 4 its parent's, 5 its name.
    let field =
        |span: &[u8], number| fields(span).iter().find(|(found, _)| *found == number).map(|field| field.1.to_vec());
    let names: BTreeMap<Vec<u8>, String> = spans
        .iter()
        .map(|span| (field(span, 2).unwrap(), String::from_utf8(field(span, 5).unwrap()).unwrap()))
        .collect();
    let chain = spans.iter().any(|span| {
        let name = |span: Option<Vec<u8>>| span.and_then(|id| names.get(&id).cloned()).unwrap_or_default();
        let parent = field(span, 4);
        let parents = spans.iter().find(|other| field(other, 2) == parent).and_then(|other| field(other, 4));
        (name(field(span, 2)), name(parent), name(parents))
            == ("write".to_owned(), "follow".to_owned(), "pass".to_owned())
    });
    assert!(chain, "{names:?}");
}
