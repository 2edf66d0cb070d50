//! It ends when it is told to, whatever is under way.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::net::TcpSocket;

use crate::history::{Shape, record};
use crate::support::{Database, Indexer, signal, wait};

#[test]
fn in_the_middle_of_a_backfill_it_ends_and_leaves_a_whole_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    record(&recording, Shape { ledgers: 2, entries: 60_000, has_subtree: false });
    let database = Database::new();
    let indexer = Indexer::start(&database, &recording, &[]);
    wait("rows", || database.sql("select coalesce(sum(size), 0) > 0 from cursor") == "t");
    assert_eq!(indexer.stop(), Some(0));
    let is_in_the_middle = "select sum(size) between 1 and 119999 from cursor";
    assert_eq!(database.sql(is_in_the_middle), "t", "it was done before it was told to end");
    database.expect_whole();
}

/// Stands between the program and PostgreSQL, and stops passing anything on.
struct Proxy {
    url: String,
    hangs: Arc<AtomicBool>,
}

impl Proxy {
    fn start(database_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (rest, name) = database_url.rsplit_once('/').unwrap();
        let (user, server) = rest.rsplit_once('@').unwrap();
        let (server, hangs) = (server.to_owned(), Arc::new(AtomicBool::new(false)));
        let url = format!("{user}@{}/{name}", listener.local_addr().unwrap());
        let shared = hangs.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                let (back, forth) = ((server.try_clone().unwrap(), client.try_clone().unwrap()), (client, server));
                for (from, to) in [back, forth] {
                    let hangs = shared.clone();
                    thread::spawn(move || pass_on(from, to, &hangs));
                }
            }
        });
        Self { url, hangs }
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, hangs: &AtomicBool) {
    let mut buffer = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if hangs.load(Ordering::Relaxed) {
            // Neither an answer nor an end.
            thread::park();
        }
        if to.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

#[test]
fn with_a_database_that_hangs_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    record(&recording, Shape { ledgers: 2, entries: 60_000, has_subtree: false });
    let database = Database::new();
    let proxy = Proxy::start(&database.url);
    let indexer = Indexer::start_at(&proxy.url, &recording, &[]);
    wait("rows", || database.sql("select coalesce(sum(size), 0) > 0 from cursor") == "t");
    proxy.hangs.store(true, Ordering::Relaxed);
    assert_eq!(indexer.stop(), Some(0));
    database.expect_whole();
}

#[test]
fn at_the_start_it_ends_when_it_is_told_to_whatever_it_waits_for() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    record(&recording, Shape { ledgers: 1, entries: 10, has_subtree: false });
    let database = Database::indexed(&recording);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let proxy = Proxy::start(&database.url);
    // Bound and never listening: no other process gets the port before the indexer listens there.
    let reserved = TcpSocket::new_v4().unwrap();
    reserved.set_reuseaddr(true).unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listen = reserved.local_addr().unwrap();
    proxy.hangs.store(true, Ordering::Relaxed);
    // A database that does not answer; a server that does not.
    for (url, rpc) in [(&proxy.url, "http://127.0.0.1:1"), (&database.url, silent_url.as_str())] {
        let mut command = database.command(&["--rpc", rpc, "--listen", &listen.to_string()]);
        let mut child = command.env("DATABASE_URL", url).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        wait("the probe to be answered", || {
            TcpStream::connect(listen).is_ok_and(|mut stream| {
                let mut answer = String::new();
                stream.write_all(b"GET /livez HTTP/1.0\r\n\r\n").unwrap();
                stream.read_to_string(&mut answer).is_ok_and(|_| answer.starts_with("HTTP/1.0 200"))
            })
        });
        signal(&child, "TERM");
        assert_eq!(child.wait().unwrap().code(), Some(0), "{url}");
    }
}

#[test]
fn a_leader_that_is_frozen_loses_its_place_and_takes_it_back_from_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    record(&recording, Shape { ledgers: 1, entries: 10, has_subtree: false });
    let database = Database::new();
    let first = Indexer::start(&database, &recording, &["--lease-s", "600"]);
    first.wait_until_ready();
    first.signal("STOP");
    let second = Indexer::start(&database, &recording, &["--lease-s", "5"]);
    second.wait_until_ready();
    let epoch = database.sql("select epoch from lease");
    assert_eq!(epoch, "2");
    first.signal("CONT");
    wait("the first to stand by", || first.fetch("/readyz").contains("standing by"));
    assert!(first.fetch("/readyz").starts_with("HTTP/1.0 503"));
    assert!(first.fetch("/readyz?standby=ready").starts_with("HTTP/1.0 200"), "an orchestrator waits for no standby");
    assert!(first.fetch("/readyz?standby=maybe").starts_with("HTTP/1.0 400"));
    assert!(second.fetch("/readyz").starts_with("HTTP/1.0 200"));
    assert_eq!(database.sql("select epoch from lease"), epoch);
    assert_eq!((first.stop(), second.stop()), (Some(0), Some(0)));
    database.expect_whole();
}
