//! `examples/function`, in Rust under an emulator of Lambda's runtime interface and in Node.js: it acts on what is the pinned ledger's alone.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::stack::{expect_success, index, program, stack, text, typescript_client};

const PROGRAM: &str = include_str!("../../idls/counterfoil.json");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn program_id() -> String {
    let idl: Value = serde_json::from_str(PROGRAM).unwrap();
    idl["address"].as_str().unwrap().to_owned()
}

/// A function's pins, and the server that it asks.
#[derive(Clone)]
struct Pins {
    ledger: String,
    rpc: String,
}

impl Pins {
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("COUNTERFOIL_LEDGER", &self.ledger).env("COUNTERFOIL_PROGRAM", program_id());
        command.env("COUNTERFOIL_RPC", &self.rpc).env("COUNTERFOIL_API", index().api.url());
        command
    }
}

/// A function's answer, and whether it acted.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u64,
    verdict: String,
    acted: bool,
}

fn answer(status: u64, verdict: &str) -> Answer {
    Answer { status, verdict: verdict.to_owned(), acted: status == 200 }
}

/// Ends with this.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One call of the function in Rust, by Lambda's runtime interface as cargo-lambda emulates it.
fn call_rust(pins: &Pins, body: &str) -> Answer {
    let output = Command::new("tools/venv").arg("deploy/lambda/requirements.txt").current_dir(root()).output().unwrap();
    expect_success(&output);
    let emulator = PathBuf::from(text(&output.stdout).trim()).join("cargo-lambda");
    // Bound and never listening: no other process gets the port before the emulator listens there.
    let reserved = TcpSocket::new_v4().unwrap();
    reserved.set_reuseaddr(true).unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = reserved.local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut command = Command::new(emulator);
    command
        .args(["lambda", "watch", "--only-lambda-apis", "-A", "127.0.0.1", "-P", &port.to_string()])
        .current_dir(root());
    let _emulator = Ended(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    while TcpStream::connect(&address).is_err() {
        std::thread::yield_now();
    }
    let mut command = pins.command(&program("counterfoil-function"));
    command.env("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/.rt")).env("AWS_LAMBDA_FUNCTION_NAME", "_");
    command.env("AWS_LAMBDA_FUNCTION_VERSION", "1").env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128");
    let mut function = Ended(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut stream = TcpStream::connect(&address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST / HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{said}"));
    function.0.kill().unwrap();
    let mut acts = String::new();
    function.0.stdout.take().unwrap().read_to_string(&mut acts).unwrap();
    Answer { status, verdict: body["verdict"].as_str().unwrap().to_owned(), acted: acts.contains("acted_on") }
}

/// One call of the function in Node.js, which is installed first, once.
fn call_node(pins: &Pins, body: &str) -> Answer {
    static READY: OnceLock<()> = OnceLock::new();
    let folder = root().join("examples/function/node");
    READY.get_or_init(|| {
        typescript_client();
        let script = "npm install --install-links=false --ignore-scripts --no-audit --no-fund --no-package-lock";
        expect_success(&Command::new("bash").args(["-euc", script]).current_dir(&folder).output().unwrap());
    });
    let mut child = pins.command(Path::new("node"));
    child.arg("invoke.mjs").current_dir(&folder);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(json!({ "body": body, "isBase64Encoded": false }).to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    expect_success(&output);
    let said = text(&output.stdout);
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let body: Value = serde_json::from_str(last["body"].as_str().unwrap()).unwrap();
    Answer {
        status: last["statusCode"].as_u64().unwrap(),
        verdict: body["verdict"].as_str().unwrap().to_owned(),
        acted: said.contains("acted_on"),
    }
}

fn expect_rules(call: fn(&Pins, &str) -> Answer) {
    let [ledger, other] = [0, 1].map(|_| {
        let ledger = stack().new_ledger(&[]);
        let index = index();
        stack().append_lines(&ledger, &["{\"pay\":1}".to_owned(), "{\"pay\":2}".to_owned()]);
        index.wait_for(&ledger, 2);
        ledger
    });
    let receipt = index().get(&format!("/v1/ledgers/{ledger}/entries/1/receipt")).1.to_string();
    let foreign = index().get(&format!("/v1/ledgers/{other}/entries/1/receipt")).1.to_string();
    let pins = Pins { ledger: ledger.clone(), rpc: stack().rpc.clone() };
    assert_eq!(call(&pins, &receipt), answer(200, "verified"));
    // The account's ring has forgotten the head by then: the API proves the growth.
    for number in 0..20 {
        stack().append_lines(&ledger, &[format!("{{\"later\":{number}}}")]);
    }
    index().wait_for(&ledger, 22);
    assert_eq!(call(&pins, &receipt), answer(200, "verified"));

    assert_eq!(call(&pins, "nonsense"), answer(400, "malformed"));
    assert_eq!(call(&pins, &foreign), answer(403, "refused"));
    // The twin: where the other ledger is pinned, nothing else speaks against its receipt.
    assert_eq!(call(&Pins { ledger: other, ..pins.clone() }, &foreign), answer(200, "verified"));
    let mut altered: Value = serde_json::from_str(&receipt).unwrap();
    altered["entry"]["payload"] = json!("eyJwYXkiOjl9");
    assert_eq!(call(&pins, &altered.to_string()), answer(403, "refused"));
    // A server that is not there says nothing against the receipt.
    let away = Pins { rpc: "http://127.0.0.1:1".to_owned(), ..pins };
    assert_eq!(call(&away, &receipt), answer(503, "cannot_tell"));
}

#[test]
fn the_function_in_rust_acts_on_what_is_the_pinned_ledgers_alone() {
    expect_rules(call_rust);
}

#[test]
fn the_function_in_node_acts_on_what_is_the_pinned_ledgers_alone() {
    expect_rules(call_node);
}
