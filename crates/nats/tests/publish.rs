//! The publisher and the listener against a real server that is killed, wiped and frozen.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test may panic")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::{ConnectOptions, Event};
use counterfoil_core::LedgerId;
use counterfoil_nats::{Outcome, Prefix, Publisher, Servers, StreamLimits, ledger_of, listen};
use counterfoil_wire::{HeadHint, Reached, U64};
use natsserver::NatsServer;
use tokio::sync::Notify;

const LEDGER: LedgerId = LedgerId([7; 32]);
const LIMITS: StreamLimits = StreamLimits { max_age: Duration::from_secs(3_600), max_bytes: 1 << 20 };
/// Longer than anything here takes; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// A publisher and a listener at one server.
struct Pair {
    publisher: Publisher,
    published: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
    /// The numbers that were heard.
    heard: Arc<Mutex<Vec<u64>>>,
}

impl Pair {
    fn start(server: &NatsServer, prefix: &str) -> Self {
        let prefix: Prefix = prefix.parse().unwrap();
        let (published, dropped) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let counts = (published.clone(), dropped.clone());
        let publisher = Publisher::new(prefix.clone(), move |outcome| {
            match outcome {
                Outcome::Published => counts.0.fetch_add(1, Ordering::Relaxed),
                Outcome::Dropped => counts.1.fetch_add(1, Ordering::Relaxed),
            };
        });
        let servers = Servers::new(&[server.url()], None).unwrap();
        let heard = Arc::<Mutex<Vec<u64>>>::default();
        let (sender, receiver) = (publisher.clone(), heard.clone());
        let same = servers.clone();
        tokio::spawn(async move { sender.run(&same, LIMITS).await });
        tokio::spawn(async move {
            let take = |subject: &str, body: &[u8]| {
                assert_eq!(ledger_of(subject), Some(LEDGER));
                let hint: HeadHint = serde_json::from_slice(body).unwrap();
                receiver.lock().unwrap().push(hint.applied.size.0);
            };
            listen(&servers, "test", &prefix.heads_of_all(), take).await
        });
        Self { publisher, published, dropped, heard }
    }

    fn publish(&self, number: u64) {
        let applied = Reached { size: U64(number), event_seq: U64(number) };
        self.publisher.head(
            LEDGER,
            "applied",
            number,
            &HeadHint { ledger: LEDGER.into(), applied, checked: None, halted: false },
        );
    }

    /// Publishes higher and higher numbers until one is heard; answers the next one.
    async fn publish_until_heard(&self, mut number: u64) -> u64 {
        let first = number;
        let begun = Instant::now();
        while !self.heard.lock().unwrap().iter().any(|heard| *heard >= first) {
            assert!(begun.elapsed() < PATIENCE, "no hint came; from {first}");
            self.publish(number);
            number += 1;
            // One a moment, as commits come.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        number
    }
}

/// Notified when a client that pings as ours do has left the server.
async fn witness(server: &NatsServer) -> Arc<Notify> {
    let left = Arc::<Notify>::default();
    let told = left.clone();
    let options = ConnectOptions::new().ping_interval(Duration::from_secs(2)).event_callback(move |event| {
        let told = told.clone();
        async move {
            if matches!(event, Event::Disconnected) {
                told.notify_one();
            }
        }
    });
    // It connects again as long as there is a runtime.
    std::mem::forget(options.connect(server.url()).await.unwrap());
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_come_again_after_a_kill_a_wipe_and_a_freeze() {
    let mut server = NatsServer::start().unwrap();
    let pair = Pair::start(&server, "again");
    let mut next = pair.publish_until_heard(1).await;
    server.kill();
    pair.publish(next);
    server.restart().unwrap();
    next = pair.publish_until_heard(next + 1).await;
    // Its stream is gone, and numbers begin again.
    server.wipe().unwrap();
    next = pair.publish_until_heard(next).await;
    let left = witness(&server).await;
    server.freeze().unwrap();
    pair.publish(next);
    // Frozen for longer than a connection without answers is kept.
    tokio::time::timeout(PATIENCE, left.notified()).await.unwrap();
    server.thaw().unwrap();
    pair.publish_until_heard(next + 1).await;
    assert!(pair.published.load(Ordering::Relaxed) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_are_dropped_and_counted_while_a_server_is_away() {
    let mut server = NatsServer::start().unwrap();
    server.kill();
    let pair = Pair::start(&server, "away");
    let begun = Instant::now();
    (1..=3_000).for_each(|number| pair.publish(number));
    assert!(begun.elapsed() < Duration::from_secs(30), "publishing waits for no one");
    assert_eq!(pair.dropped.load(Ordering::Relaxed), 3_000 - 1_024);
    server.restart().unwrap();
    let begun = Instant::now();
    while pair.published.load(Ordering::Relaxed) < 1_024 {
        assert!(begun.elapsed() < PATIENCE, "{} are published", pair.published.load(Ordering::Relaxed));
        tokio::task::yield_now().await;
    }
    // The newest is among them.
    assert_eq!(pair.dropped.load(Ordering::Relaxed), 3_000 - 1_024);
}
