//! The built binary as a child process, and JSON-RPC over a plain socket.
#![allow(dead_code, reason = "each test target uses some of it")]

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use solana_pubkey::Pubkey;
use solana_transaction::Transaction;

/// The longest that anything here may take; only a broken node takes as long.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The program that these nodes are for, as it is released.
pub const RELEASE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../programs/counterfoil/release/counterfoil.so");

/// A node that is killed when a test fails.
pub struct Node {
    pub child: Child,
    pub stdin: Option<ChildStdin>,
    pub ready: Value,
}

impl Node {
    /// Starts the binary and waits for its line of JSON.
    pub fn start<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Self {
        Self::start_command(command(args))
    }

    /// Starts a [`command`].
    pub fn start_command(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("text");
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| {
            let _ = child.kill();
            panic!("the first line is {line:?}: {error}")
        });
        Self { stdin: child.stdin.take(), child, ready }
    }

    pub fn text(&self, field: &str) -> &str {
        self.ready[field].as_str().expect("a string")
    }

    pub fn rpc_addr(&self) -> SocketAddr {
        self.text("rpc_url").strip_prefix("http://").expect("http").parse().expect("an address")
    }

    pub fn ws_addr(&self) -> SocketAddr {
        self.text("ws_url").strip_prefix("ws://").expect("ws").parse().expect("an address")
    }

    /// Calls a method and returns its result; an error is a failed test.
    pub fn call(&self, method: &str, params: Value) -> Value {
        let mut answer = rpc(self.rpc_addr(), method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Calls a method until `wanted` holds of its result.
    pub fn call_until(&self, method: &str, params: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let result = self.call(method, params.clone());
            if wanted(&result) {
                return result;
            }
            assert!(start.elapsed() < DEADLINE, "{method} still says {result}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }
}

impl Drop for Node {
    /// Asks it to end, so that it can clean up after itself.
    fn drop(&mut self) {
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < DEADLINE {
            let _ = Command::new("kill").arg(self.child.id().to_string()).status();
            std::thread::sleep(Duration::from_millis(20));
        }
        // It has usually ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn command<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let ours = env!("CARGO_BIN_EXE_counterfoil-localnet").into();
    let mut command = Command::new(env::var_os("COUNTERFOIL_LOCALNET").unwrap_or(ours));
    command.args(args);
    command
}

/// Runs the binary where it should refuse, and returns its exit code and what it says.
pub fn refused<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> (Option<i32>, String) {
    let mut child =
        command(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let status = wait(&mut child);
    let output = child.wait_with_output().expect("its output");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "a node that refuses announces nothing");
    (status.code(), String::from_utf8(output.stderr).expect("text"))
}

fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        if start.elapsed() > DEADLINE {
            let _ = child.kill();
            panic!("the process did not end within {DEADLINE:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn rpc(addr: SocketAddr, method: &str, params: Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let mut stream = TcpStream::connect(addr).expect("the node answers");
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{method}: {error} in {body:?}"))
}

pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().chain(&[0, 0]).take(3).fold(0u32, |bits, &byte| bits << 8 | u32::from(byte));
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

pub fn program_arg(id: &Pubkey, path: impl AsRef<Path>) -> String {
    format!("{id}={}", path.as_ref().display())
}

/// A legacy transaction on the wire: its signatures, counted in one byte, then its message.
pub fn bincode(transaction: &Transaction) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(transaction.signatures.len()).expect("few")];
    for signature in &transaction.signatures {
        bytes.extend_from_slice(signature.as_ref());
    }
    bytes.extend(transaction.message_data());
    bytes
}
