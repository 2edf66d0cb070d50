//! Hints over NATS: what was committed is told by its numbers, and NATS delays no one.

use std::time::Duration;

use async_nats::jetstream;
use counterfoil_wire::{EntriesHint, HeadHint};
use futures_util::StreamExt;
use natsserver::NatsServer;

use crate::history::{Shape, record};
use crate::support::{Database, Indexer, PATIENCE, wait};

/// The messages of a stream, the oldest first: subject and body.
async fn kept(client: &async_nats::Client, stream: &str, count: u64) -> Vec<(String, Vec<u8>)> {
    let stream = jetstream::new(client.clone()).get_stream(stream).await.unwrap();
    let consumer = stream.create_consumer(jetstream::consumer::pull::Config::default()).await.unwrap();
    let messages =
        consumer.fetch().max_messages(count as usize).expires(Duration::from_secs(30)).messages().await.unwrap();
    messages.map(|message| message.unwrap()).map(|m| (m.subject.to_string(), m.payload.to_vec())).collect().await
}

fn published(indexer: &Indexer) -> u64 {
    let metrics = indexer.fetch("/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix("counterfoil_nats_published_total "));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_told_by_numbers_that_leave_no_hole() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    record(&recording, Shape { ledgers: 2, entries: 100, has_subtree: true });
    let server = NatsServer::start_with_login("indexer", "SECRET").unwrap();
    let credentials = folder.path().join("credentials");
    std::fs::write(&credentials, "indexer:SECRET\n").unwrap();
    let database = Database::new();
    let (url, credentials) = (server.url(), credentials.display().to_string());
    let arguments = ["--nats", &url, "--nats-credentials", &credentials, "--nats-prefix", "test"];
    let indexer = Indexer::start(&database, &recording, &arguments);
    indexer.wait_until_ready();
    // Of each ledger: applied or checked, and what was checked.
    wait("hints to be taken", || published(&indexer) >= 4);

    let options = async_nats::ConnectOptions::with_user_and_password("indexer".into(), "SECRET".into());
    let client = tokio::time::timeout(PATIENCE, options.connect(&url)).await.unwrap().unwrap();
    let messages = kept(&client, "COUNTERFOIL_test", published(&indexer)).await;
    let rows = database.sql(
        "select address, checked_size, checked_event_seq from cursor join ledger on ledger.id = cursor.ledger order by 1",
    );
    assert_eq!(rows.lines().count(), 2);
    let ledgers: std::collections::BTreeSet<String> =
        messages.iter().map(|(subject, _)| subject.split('.').nth(3).unwrap().to_owned()).collect();
    assert_eq!(ledgers.len(), 2);
    let mut ends: Vec<String> = Vec::new();
    for ledger in &ledgers {
        let of = |kind: &str| {
            let subject = format!("counterfoil.test.ledger.{ledger}.{kind}");
            messages.iter().filter(move |message| message.0 == subject).map(|message| message.1.as_slice())
        };
        let mut next = 0;
        for body in of("entries") {
            let hint: EntriesHint = serde_json::from_slice(body).unwrap();
            assert_eq!((hint.ledger.0.as_str(), hint.from.0), (ledger.as_str(), next));
            let appends = hint.appends.expect("the range is short");
            let mut index = next;
            for append in &appends {
                assert_eq!(append.from.0, index);
                index = append.to.0;
                let hashes = append.leaf_hashes.as_ref().map(|hashes| hashes.0.len() as u64);
                assert!(hashes.is_none_or(|count| count == append.to.0 - append.from.0));
            }
            assert_eq!(index, hint.to.0);
            next = hint.to.0;
        }
        let last: HeadHint = serde_json::from_slice(of("head").next_back().unwrap()).unwrap();
        let checked = last.checked.unwrap();
        assert_eq!((checked, last.halted), (last.applied, false));
        assert_eq!(checked.size.0, next);
        ends.push(format!("{next}|{}", checked.event_seq.0));
    }
    let mut expected: Vec<String> = rows.lines().map(|row| row.split_once('|').unwrap().1.to_owned()).collect();
    ends.sort();
    expected.sort();
    assert_eq!(ends, expected);
    assert_eq!(indexer.stop(), Some(0));
}

#[test]
fn a_nats_that_is_away_delays_no_one_and_its_password_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    record(&recording, Shape { ledgers: 1, entries: 100, has_subtree: false });
    let database = Database::new();
    let log = folder.path().join("log");
    let mut command = database.command(&["--recording", recording.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    command.args(["--nats", "nats://me:SECRET@127.0.0.1:1", "--exit-with-stdin"]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
    let mut child = command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let stdin = child.stdin.take();
    wait("all to be checked", || {
        let sql = "select checked_size from cursor where checked_size = 100";
        database.try_sql(sql).is_some_and(|size| size == "100")
    });
    drop(stdin);
    child.wait().unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("hints go to") && !log.contains("SECRET"), "{log}");
    let printed = database.run(&["--nats", "nats://me:SECRET@127.0.0.1:1", "--print-config"]);
    let printed = crate::support::text(&printed);
    assert!(printed.contains("nats = [\"nats://(hidden)@127.0.0.1:1\"]") && !printed.contains("SECRET"), "{printed}");
}
