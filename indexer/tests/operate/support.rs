//! A PostgreSQL, and the program as an operator starts it.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pgcluster::{Cluster, Durability};
use serde_json::Value;

/// Longer than anything here takes; a test that reaches it has failed.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A database of one's own.
pub struct Database {
    pub url: String,
}

impl Database {
    pub fn new() -> Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let cluster = CLUSTER.get_or_init(|| Cluster::start_temporary(Durability::None).unwrap());
        let name = format!("operate_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        cluster.create_database(&name).unwrap();
        Self { url: cluster.url(&name) }
    }

    /// A database with the index of a recording.
    pub fn indexed(recording: &Path) -> Self {
        let database = Self::new();
        let indexer = Indexer::start(&database, recording, &[]);
        indexer.wait_until_ready();
        assert_eq!(indexer.stop(), Some(0));
        database
    }

    /// Runs SQL that no program of ours contains; gives back what it prints.
    pub fn sql(&self, sql: &str) -> String {
        let output = self.psql(sql);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The output of SQL; none when PostgreSQL refuses.
    pub fn try_sql(&self, sql: &str) -> Option<String> {
        let output = self.psql(sql);
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    fn psql(&self, sql: &str) -> Output {
        Command::new("psql").args(["-XAtq", "-v", "ON_ERROR_STOP=1", &self.url, "-c", sql]).output().unwrap()
    }

    /// A digest of every row that is served, in an order that does not depend on how they came.
    pub fn digest(&self) -> String {
        let tables = [
            ("event", "address, seq, signature, leaf_hash, leaf"),
            ("entry", "address, index, event_seq, leaf_hash, payload"),
            ("tile", "address, log, level, index, root, hashes"),
            ("subtree", "address, level, index, root, event_seq, is_tile"),
            ("cursor", "address, event_seq, size, checked_event_seq, checked_root, checked_event_root, missing"),
        ];
        let digest = |(table, columns): (&str, &str)| {
            self.sql(&format!(
                "select md5(coalesce(string_agg(md5(row::text), '' order by md5(row::text)), ''))
                 from (select {columns} from {table} join ledger on ledger.id = {table}.ledger) as row"
            ))
        };
        tables.map(digest).join(" ")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command();
        command.args(arguments).env("DATABASE_URL", &self.url);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn expect_whole(&self) {
        let output = self.run(&["fsck"]);
        assert!(output.status.success(), "{}", text(&output));
    }
}

/// The program, with nothing of this process's settings.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil-indexer"));
    command.env_clear().env("RUST_LOG", "info,sqlx=warn");
    command
}

/// All that a program said.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A running indexer. Dropping it ends it.
pub struct Indexer {
    child: Child,
    _stdin: ChildStdin,
    url: String,
}

impl Indexer {
    pub fn start(database: &Database, recording: &Path, more: &[&str]) -> Self {
        Self::start_at(&database.url, recording, more)
    }

    pub fn start_at(database_url: &str, recording: &Path, more: &[&str]) -> Self {
        let mut command = command();
        command.arg("--recording").arg(recording).args(["--listen", "127.0.0.1:0", "--poll-ms", "20"]);
        command.args(more).arg("--exit-with-stdin").env("DATABASE_URL", database_url);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let announced: Value = serde_json::from_str(&line).unwrap();
        let url = announced["url"].as_str().unwrap().to_owned();
        Self { _stdin: child.stdin.take().unwrap(), child, url }
    }

    pub fn fetch(&self, path: &str) -> String {
        use std::io::Write;
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub fn wait_until_ready(&self) {
        wait("the indexer to be ready", || self.fetch("/readyz").starts_with("HTTP/1.0 200"));
    }

    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Asks it to end, and gives back the exit code.
    pub fn stop(mut self) -> Option<i32> {
        signal(&self.child, "TERM");
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::yield_now();
        }
        panic!("it did not end");
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Asks again and again.
pub fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::yield_now();
    }
}
