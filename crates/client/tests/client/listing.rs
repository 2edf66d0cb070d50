use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

use counterfoil_client::{Rpc, Source};
use counterfoil_core::{LedgerId, ProgramId};
use serde_json::{Value, json};
use solana_signature::Signature;

/// A JSON-RPC server that gives two rows a page, however many are asked for. Row N is in slot N, the newest first.
fn serve_short_pages(rows: u8) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let (mut line, mut length) = (String::new(), 0);
            while stream.read_line(&mut line).expect("a header") > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).expect("a body");
            let request: Value = serde_json::from_slice(&body).expect("JSON");
            let before = request["params"][1]["before"].as_str().map(|text| text.parse::<Signature>().expect("base58"));
            let before = before.map_or(rows, |signature| signature.as_ref()[0]);
            let row = |slot: u8| {
                json!({
                    "signature": Signature::from([slot; 64]).to_string(), "slot": slot, "err": null,
                    "memo": null, "blockTime": null, "confirmationStatus": "finalized",
                })
            };
            let page: Vec<Value> = (0..before).rev().take(2).map(row).collect();
            let body = json!({ "jsonrpc": "2.0", "id": request["id"], "result": page }).to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            write!(stream.get_mut(), "{head}content-length: {}\r\n\r\n{body}", body.len()).expect("it is read");
        }
    });
    url
}

#[tokio::test]
async fn a_short_page_does_not_end_the_listing() {
    let rpc = Rpc::new(&serve_short_pages(7), ProgramId([7; 32]));
    let slots = async |since| {
        let listed = rpc.list_transactions(LedgerId([1; 32]), since).await.expect("it answers");
        listed.transactions.iter().map(|transaction| transaction.slot).collect::<Vec<_>>()
    };
    assert_eq!(slots(0).await, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(slots(3).await, [3, 4, 5, 6]);
}
