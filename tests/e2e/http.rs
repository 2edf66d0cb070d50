//! A made-up HTTP server, for JSON-RPC: one connection at a time, one request each.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::Value;

/// A server that answers each request by a function of it: a status and a body, whose `id` is the request's. A caller that goes away is
/// forgotten.
pub fn serve(mut answer_to: impl FnMut(&Value) -> (u16, Value) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Ok(request) = read(&stream) else { continue };
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

fn read(stream: &TcpStream) -> io::Result<Value> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}
