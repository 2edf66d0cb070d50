//! It ends when it is told to, whatever is under way.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::history::{Shape, record};
use crate::support::{Database, Indexer, wait};

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
