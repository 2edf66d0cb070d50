//! Streams of a replica, which hears of changes over NATS or sees them by itself: each leaf once and in order, whatever NATS does.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use counterfoil_api::{App, Nats, Settings};
use counterfoil_core::LedgerId;
use counterfoil_nats::{Prefix, Servers};
use counterfoil_store::{PgPool, connect};
use natsserver::NatsServer;
use pgcluster::{Cluster, Durability};
use tempfile::TempDir;

use crate::history::History;
use crate::index::{BIG, Index, UNKNOWN, eventually, settings};
use crate::live::{LIVE, Messages, open_live};

const SUBJECT: &str = "counterfoil.test.ledger";

/// An API over a replica, with a NATS.
struct Replica {
    index: Index,
    app: App,
    history: History,
    server: NatsServer,
    client: async_nats::Client,
    _cluster: Cluster,
    _folder: TempDir,
}

impl Replica {
    async fn start() -> Self {
        let index = Index::open().await;
        let history = open_live(&index, 250).await;
        let folder = tempfile::tempdir().unwrap();
        let cluster = index.start_replica(folder.path(), Durability::None);
        let name = index.url.rsplit_once('/').unwrap().1;
        let pool = connect(&cluster.url(name), 4, Duration::from_secs(30)).await.unwrap();
        let is_there = async || if has_live(&pool).await { Ok(()) } else { Err("it has not") };
        eventually("the ledger comes over", is_there).await;
        let server = tokio::task::spawn_blocking(NatsServer::start).await.unwrap().unwrap();
        let servers = Servers::new(&[server.url()], None).unwrap();
        let nats = Nats { servers, prefix: Some("test".parse::<Prefix>().unwrap()) };
        let app = counterfoil_api::app(pool, Settings { nats: Some(nats), ..settings() });
        let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
        let client = options.connect(server.url()).await.unwrap();
        Self { index, app, history, server, client, _cluster: cluster, _folder: folder }
    }

    async fn follow(&self, path: &str) -> Messages {
        Messages::open(&self.app, Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Appends to the primary; answers the log's size before and after.
    async fn append(&mut self) -> (u64, u64) {
        let size = self.history.payloads.len() as u64;
        self.history.append(2);
        self.history.check(&self.index.pool).await;
        (size, size + 2)
    }

    /// Sends a message, true or not.
    async fn tell(&self, ledger: LedgerId, body: &str) {
        // It waits in the client while the server is away.
        let _ = self.client.publish(format!("{SUBJECT}.{ledger}.head"), body.to_owned().into()).await;
    }
}

async fn has_live(replica: &PgPool) -> bool {
    let sql = "select exists (select from cursor join ledger on ledger.id = cursor.ledger where address = $1 and checked_size = 250)";
    sqlx::query_scalar(sql).bind(&LIVE.0[..]).fetch_one(replica).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_serves_streams_with_nats_and_while_nats_lies_or_is_away() {
    let mut replica = Replica::start().await;
    let mut entries = replica.follow(&format!("/v1/ledgers/{LIVE}/entries/live")).await;
    let mut again = replica.follow(&format!("/v1/ledgers/{LIVE}/entries/live?from=3")).await;
    let mut ledger = replica.follow(&format!("/v1/ledgers/{LIVE}/live")).await;
    let first = 250;

    // Told truly.
    let (from, to) = replica.append().await;
    replica.tell(LIVE, r#"{"checked":{"size":"252"}}"#).await;
    entries.expect_entries(&replica.index, LIVE, from, to).await;
    // Not told.
    let (from, to) = replica.append().await;
    entries.expect_entries(&replica.index, LIVE, from, to).await;
    // Told by a stranger: false, lower, of other ledgers, not JSON, again and again.
    let lies = [r#"{"checked":{"size":"99999"}}"#, r#"{"checked":{"size":"0"}}"#, "SECRET", ""];
    for _ in 0..200 {
        for body in lies {
            for ledger in [LIVE, BIG, UNKNOWN] {
                replica.tell(ledger, body).await;
            }
        }
        let _ = replica.client.publish(format!("{SUBJECT}.no-ledger.head"), "".into()).await;
    }
    let (from, to) = replica.append().await;
    entries.expect_entries(&replica.index, LIVE, from, to).await;
    // Killed, and started again with what it had.
    replica.server.kill();
    let (from, to) = replica.append().await;
    entries.expect_entries(&replica.index, LIVE, from, to).await;
    replica.server.restart().unwrap();
    let (from, to) = replica.append().await;
    replica.tell(LIVE, "").await;
    entries.expect_entries(&replica.index, LIVE, from, to).await;
    // Started again with nothing.
    replica.server.wipe().unwrap();
    let (from, to) = replica.append().await;
    entries.expect_entries(&replica.index, LIVE, from, to).await;
    // Frozen, and thawed.
    replica.server.freeze().unwrap();
    let (from, to) = replica.append().await;
    entries.expect_entries(&replica.index, LIVE, from, to).await;
    replica.server.thaw().unwrap();
    let (from, to) = replica.append().await;
    replica.tell(LIVE, "").await;
    entries.expect_entries(&replica.index, LIVE, from, to).await;

    again.expect_entries(&replica.index, LIVE, 3, to).await;
    // The ledger's own stream ends at the same size; states in between may be left out.
    assert!(to > first);
    loop {
        let (_, _, body) = ledger.next().await.unwrap();
        if body["checked"]["head"]["size"].as_str() == Some(to.to_string().as_str()) {
            return;
        }
    }
}
