//! The table ends equal to the ledger, whatever is killed, lost, repeated or forged on the way.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test may panic")]

#[allow(dead_code, reason = "other tests need more of it")]
#[path = "../../../api/tests/api/history.rs"]
mod history;

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use counterfoil_api::{Config, Settings};
use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use counterfoil_nats::{Prefix, Publisher, Servers, StreamLimits};
use counterfoil_store::{Cluster, PgPool, bind_cluster, connect, migrate};
use counterfoil_wire::{EntriesHint, U64};
use fastrand::Rng;
use history::History;
use merkle_log::hash_leaf;
use natsserver::NatsServer;
use pgcluster::Durability;
use rusqlite::{Connection, OpenFlags};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

const LEDGERS: [LedgerId; 2] = [LedgerId([7; 32]), LedgerId([8; 32])];
const ROUNDS: u32 = 24;
/// Between two attempts.
const A_MOMENT: Duration = Duration::from_millis(20);
/// Longer than anything here takes; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process that is killed when this is dropped.
struct Projection(Child);

impl Projection {
    fn start(nats: &str, api: SocketAddr, database: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_projection"));
        command.env_clear().args([
            "--nats",
            nats,
            "--prefix",
            "test",
            "--look-ms",
            "500",
            "--api",
            &format!("http://{api}"),
        ]);
        LEDGERS.iter().for_each(|ledger| {
            command.args(["--ledger", &ledger.to_string()]);
        });
        command.arg("--database").arg(database).stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Projection {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_api(database_url: &str, listen: SocketAddr) -> JoinHandle<()> {
    let config = move |database_url| Config {
        database_url,
        listen,
        metrics: None,
        tls: None,
        max_connections: 100,
        max_connections_per_address: 100,
        settings: Settings::default(),
    };
    let url = database_url.to_owned();
    tokio::spawn(async move {
        // The address is free a moment after the last server was ended.
        while counterfoil_api::run(config(url.clone()), std::future::pending()).await.is_err() {
            tokio::time::sleep(A_MOMENT).await;
        }
    })
}

/// All rows of a ledger, as the table has them; none while there is no table.
fn rows(database: &Path, ledger: LedgerId) -> Vec<(i64, Vec<u8>, i64)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let Ok(connection) = Connection::open_with_flags(database, flags) else { return Vec::new() };
    let sql = "select entry_index, leaf_hash, bytes from entry where ledger = ?1 order by 1";
    let Ok(mut statement) = connection.prepare(sql) else { return Vec::new() };
    let rows = statement.query_map([ledger.to_string()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map_while(Result::ok).collect()
}

fn expected(history: &History) -> Vec<(i64, Vec<u8>, i64)> {
    let row = |(index, payload): (i64, &Vec<u8>)| {
        (index, merkle_log::Hash::from(hash_leaf(payload)).0.to_vec(), payload.len() as i64)
    };
    (0..).zip(&history.payloads).map(row).collect()
}

fn wait_until_equal(database: &Path, histories: &[History], log: &str) {
    let begun = Instant::now();
    for history in histories {
        let expected = expected(history);
        loop {
            let found = rows(database, history.ledger);
            if found == expected {
                break;
            }
            assert!(found.len() <= expected.len() && expected.starts_with(&found), "{log}");
            assert!(begun.elapsed() < PATIENCE, "{} of {} rows; {log}", found.len(), expected.len());
            std::thread::sleep(A_MOMENT);
        }
    }
}

fn hint(ledger: LedgerId, from: u64, to: u64) -> EntriesHint {
    EntriesHint { ledger: ledger.into(), from: U64(from), to: U64(to), appends: None }
}

async fn open_index(cluster: &pgcluster::Cluster) -> (String, PgPool) {
    cluster.create_database("index").unwrap();
    let url = cluster.url("index");
    let pool = connect(&url, 2, Duration::from_secs(60)).await.unwrap();
    migrate(&pool).await.unwrap();
    let cluster = Cluster { genesis_hash: GenesisHash([0x6e; 32]), program: ProgramId([0x9f; 32]) };
    bind_cluster(&mut pool.acquire().await.unwrap(), cluster).await.unwrap();
    (url, pool)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_ends_equal_to_the_ledger() {
    let seed = std::env::var("SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    let mut rng = Rng::with_seed(seed);
    let mut log = format!("SEED={seed}");
    let cluster = pgcluster::Cluster::start_temporary(Durability::None).unwrap();
    let (url, pool) = open_index(&cluster).await;
    let mut histories = LEDGERS.map(History::create);
    for history in &mut histories {
        history.append(3);
        history.check(&pool).await;
    }
    let mut nats = NatsServer::start().unwrap();
    let prefix: Prefix = "test".parse().unwrap();
    let publisher = Publisher::new(prefix, |_| {});
    let (sender, servers) = (publisher.clone(), Servers::new(&[nats.url()], None).unwrap());
    let limits = StreamLimits { max_age: Duration::from_secs(3_600), max_bytes: 1 << 20 };
    tokio::spawn(async move { sender.run(&servers, limits).await });
    // Bound and never listening: no other process gets the port while the API is down.
    let reserved = TcpSocket::new_v4().unwrap();
    reserved.set_reuseaddr(true).unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listen = reserved.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database: PathBuf = folder.path().join("table.sqlite");
    let mut api = start_api(&url, listen);
    let mut projection = Projection::start(&nats.url(), listen, &database);

    for _ in 0..ROUNDS {
        let history = &mut histories[rng.usize(..LEDGERS.len())];
        let ledger = history.ledger;
        let from = history.payloads.len() as u64;
        history.append(rng.usize(1..40));
        history.check(&pool).await;
        let to = history.payloads.len() as u64;
        let step = rng.u8(..10);
        write!(log, " {step}").unwrap();
        match step {
            // Told, not told, told twice, told falsely.
            0 | 1 => publisher.entries(ledger, &hint(ledger, from, to)),
            2 => {}
            3 => (0..2).for_each(|_| publisher.entries(ledger, &hint(ledger, from, to))),
            4 => publisher.entries(ledger, &hint(ledger, to + 1_000, u64::MAX >> 1)),
            // Killed.
            5 | 6 => {
                drop(projection);
                projection = Projection::start(&nats.url(), listen, &database);
            }
            7 => {
                api.abort();
                let _ = api.await;
                api = start_api(&url, listen);
            }
            8 => nats.restart().unwrap(),
            _ => nats.wipe().unwrap(),
        }
        if rng.bool() {
            wait_until_equal(&database, &histories, &log);
        }
    }
    wait_until_equal(&database, &histories, &log);
    drop(projection);
}
