//! The process: it says where it is, answers what is under way when it stops, and says what is wrong.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::index::{BIG, Index, eventually};
use crate::sockets::Socket;

/// The service, started as its user starts it; it ends with this value.
pub struct Process {
    child: Child,
    pub address: String,
    metrics: Option<String>,
}

impl Process {
    pub fn start(database_url: &str, flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_counterfoil-api"))
            .env("COUNTERFOIL_API_LISTEN", "127.0.0.1:0")
            .arg("--exit-with-stdin")
            .args(flags)
            .env("DATABASE_URL", database_url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let announced: Value = serde_json::from_str(&line).unwrap();
        let address = announced["url"].as_str().unwrap().split_once("://").unwrap().1.to_owned();
        Self { child, address, metrics: announced["metrics_url"].as_str().map(str::to_owned) }
    }

    /// Takes the log as it comes: a process whose log no one reads waits when the pipe is full.
    pub fn drain_log(&mut self) {
        let mut log = self.child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    }

    fn request(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        stream
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_what_is_under_way_when_its_input_closes() {
    let index = Index::open().await;
    let mut process = Process::start(&index.url, &[]);
    assert!(read(process.request("/readyz")).starts_with("HTTP/1.1 200 OK"));

    let mut lock = index.pool.begin().await.unwrap();
    sqlx::query("lock table entry").execute(&mut *lock).await.unwrap();
    let under_way = process.request(&format!("/v1/ledgers/{BIG}/entries/3"));
    // Outside of the transaction, which would see the same activities for ever.
    let is_waiting = "select exists (select from pg_stat_activity where wait_event_type = 'Lock'
        and datname = current_database())";
    let waits = async || {
        let is_there = sqlx::query_scalar::<_, bool>(is_waiting).fetch_one(&index.pool).await.unwrap();
        if is_there { Ok(()) } else { Err("no one waits for the lock") }
    };
    eventually("the request is under way", waits).await;
    drop(process.child.stdin.take());
    let log = BufReader::new(process.child.stderr.take().unwrap());
    assert!(log.lines().any(|line| line.unwrap().contains("stopping")));
    lock.rollback().await.unwrap();

    assert!(read(under_way).starts_with("HTTP/1.1 200 OK"));
    assert!(process.child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_open_streams_at_once_and_cleanly() {
    let index = Index::open().await;
    let mut process = Process::start(&index.url, &[]);
    let mut streams = Vec::new();
    for path in ["entries/live", "events/live", "live"] {
        streams.push(process.request(&format!("/v1/ledgers/{BIG}/{path}")));
    }
    let query = format!("subscription {{ entries(ledger: \\\"{BIG}\\\") {{ edges {{ cursor }} }} }}");
    let body = format!("{{\"query\":\"{query}\"}}");
    let mut graphql = TcpStream::connect(&process.address).unwrap();
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nconnection: close";
    write!(graphql, "{head}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .unwrap();
    streams.push(graphql);
    for stream in &streams {
        // The head of the answer: the stream is open.
        assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
    }
    let address = process.address.parse().unwrap();
    let (mut idle, mut following) = (Socket::connect(address).await, Socket::connect(address).await);
    following.subscribe("a", format!("subscription {{ ledger(address: \"{BIG}\") {{ ledger }} }}")).await;
    assert_eq!(following.next().await.unwrap()["type"], "next");

    drop(process.child.stdin.take());
    for stream in streams {
        let answer = read(stream);
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("0\r\n\r\n"), "{answer}");
        assert!(answer.contains("stream_ended"), "{answer}");
    }
    assert_eq!((idle.close_code().await, following.close_code().await), (Some(1001), Some(1001)));
    let mut log = String::new();
    process.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("stopping") && !log.contains("WARN"), "{log}");
    assert!(process.child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_served_apart_and_count_what_was_asked() {
    let index = Index::open().await;
    let process = Process::start(&index.url, &["--metrics-listen", "127.0.0.1:0"]);
    let address = process.metrics.as_ref().unwrap().split('/').nth(2).unwrap().to_owned();
    let metrics = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        read(stream)
    };
    for path in ["/v1/status", "/v1/status", "/nothing", "/metrics"] {
        read(process.request(path));
    }
    let stream = process.request(&format!("/v1/ledgers/{BIG}/live"));
    assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
    let text = metrics();
    for line in [
        "counterfoil_api_requests_total{status=\"200\"} 3",
        "counterfoil_api_requests_total{status=\"404\"} 2",
        "counterfoil_api_request_seconds_count 5",
        "counterfoil_api_request_seconds_bucket{le=\"+Inf\"} 5",
        "counterfoil_api_streams 1",
        "counterfoil_api_searches 0",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}: {text}");
    }
    drop(stream);
}

#[tokio::test]
async fn a_file_with_a_secret_is_for_its_owner_and_told_to_nobody() {
    let index = Index::open().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let path = file.to_str().unwrap();
    let secret = "it-is-a-secret-of-more-than-32-letters";
    // Malformed all of them, so that whatever is not refused for its mode is refused for what it holds.
    let uses = [
        (&["--sign-in-uri", "https://app.example.com", "--sign-in-secret", path][..], "too-few-letters"),
        (&["--note-key", path], secret),
        (&["--tls-certificate", path, "--tls-key", path], secret),
    ];
    for (flags, text) in uses {
        for (mode, is_refused, is_warned) in [
            (0o600, false, false),
            (0o640, false, false),
            (0o644, false, true),
            (0o660, true, false),
            (0o602, true, false),
            (0o666, true, false),
        ] {
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil-api"));
            let command = command.args(flags).args(["--listen", "127.0.0.1:0"]).env("DATABASE_URL", &index.url);
            let output = command.output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{flags:?}");
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains(path) && !said.contains(text), "{flags:?} {mode:o}: {said}");
            assert_eq!(said.contains("chmod 600") && said.contains("may write to it"), is_refused, "{mode:o}: {said}");
            assert_eq!(said.contains("WARN") && said.contains("may read it"), is_warned, "{mode:o}: {said}");
        }
    }
}

fn fail(database_url: &str, listen: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil-api"));
    let output = command.args(["--listen", listen]).env("DATABASE_URL", database_url).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "nothing is announced");
    output
}

#[tokio::test]
async fn says_what_to_do_when_it_cannot_start() {
    let index = Index::open().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let message = String::from_utf8(fail(&index.url, &address).stderr).unwrap();
    assert!(message.contains(&address) && message.contains("--listen"), "{message}");

    let url = "postgres://somebody:secret@127.0.0.1:1/none";
    let message = String::from_utf8(fail(url, "127.0.0.1:0").stderr).unwrap();
    assert!(message.contains("check DATABASE_URL"), "{message}");
    assert!(!message.contains("secret"), "{message}");
}

#[tokio::test]
async fn a_span_of_each_request_arrives_where_traces_are_sent() {
    let index = Index::open().await;
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", receiver.local_addr().unwrap());
    let mut process = Process::start(&index.url, &["--otlp", &url]);
    read(process.request("/v1/status"));
    // The rest is sent at the stop, which the end of the input is.
    drop(process.child.stdin.take());
    let mut client = receiver.accept().unwrap().0;
    let mut said = Vec::new();
    let has = |said: &[u8], part: &str| said.windows(part.len()).any(|window| window == part.as_bytes());
    let mut chunk = [0; 65_536];
    while !["POST /v1/traces", "counterfoil-api", "request", "/v1/status", "http.response.status_code"]
        .iter()
        .all(|part| has(&said, part))
    {
        let length = client.read(&mut chunk).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&chunk[..length]);
    }
    client.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n").unwrap();
    assert!(process.child.wait().unwrap().success());
}
