//! The rules of the process: what it waits for, and what it tells meanwhile.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use counterfoil_indexer::{Config, Selection, run};
use counterfoil_store::{PgPool, begin, halt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use crate::chain::{LEDGER, PROGRAM};
use crate::rules::{database, database_url, is_halted, psql, psql_at};

const GENESIS_HASH: &str = "11111111111111111111111111111111";
const OTHER_GENESIS_HASH: &str = "11111111111111111111111111111112";

/// A cluster without ledgers, as one JSON-RPC server tells of it.
async fn serve_chain(listener: TcpListener, genesis_hash: &'static str) {
    let answer = async move |Json(request): Json<Value>| {
        let result = match request["method"].as_str() {
            Some("getGenesisHash") => json!(genesis_hash),
            Some("getProgramAccounts") => json!([]),
            method => panic!("{method:?} is not expected"),
        };
        Json(json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }))
    };
    axum::serve(listener, Router::new().route("/", post(answer))).await.unwrap();
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

struct Process {
    health: SocketAddr,
    /// Bound and never listening: no other process gets the port before the server listens there.
    _reserved: TcpSocket,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl Process {
    async fn start(pool: &PgPool, rpc_urls: Vec<String>, quorum: usize) -> Self {
        let reserved = TcpSocket::new_v4().unwrap();
        reserved.set_reuseaddr(true).unwrap();
        reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let health = reserved.local_addr().unwrap();
        let config = Config {
            nats: None,
            database_url: database_url(pool),
            rpc_urls,
            recording: None,
            ws_url: None,
            geyser: None,
            blocks_from: None,
            quorum,
            program: PROGRAM,
            selection: Selection::default(),
            listen: health,
            poll_interval: Duration::from_millis(10),
            patience: Duration::from_secs(60),
            lease: Duration::from_secs(600),
        };
        Self { health, _reserved: reserved, ended: tokio::spawn(run(config, std::future::pending())) }
    }

    /// Waits until /readyz answers so.
    async fn wait_for(&self, status: &str, text: &str) {
        let wanted = async {
            loop {
                let answer = self.readyz().await.unwrap_or_default();
                if answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(text) {
                    return;
                }
                assert!(!self.ended.is_finished(), "it ended");
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wanted).await.unwrap();
    }

    async fn readyz(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.health).await?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer.replacen("HTTP/1.0", "HTTP/1.1", 1))
    }
}

/// A database whose ledger is forgotten again: the servers here have none.
async fn empty_database() -> PgPool {
    let pool = database().await;
    psql(&pool, "delete from evidence; delete from cursor; delete from ledger");
    pool
}

#[tokio::test]
async fn a_quorum_of_servers_is_enough_to_start() {
    let pool = empty_database().await;
    let ((dead, dead_url), (alive, alive_url)) = (listener().await, listener().await);
    drop(dead);
    let _server = tokio::spawn(serve_chain(alive, GENESIS_HASH));
    let process = Process::start(&pool, vec![dead_url, alive_url], 1).await;
    process.wait_for("200", "").await;
}

#[tokio::test]
async fn too_few_servers_are_waited_for_and_a_server_of_another_cluster_is_not() {
    let pool = empty_database().await;
    let ((late, late_url), (alive, alive_url), (other, other_url)) =
        (listener().await, listener().await, listener().await);
    let _server = tokio::spawn(serve_chain(alive, GENESIS_HASH));
    let process = Process::start(&pool, vec![alive_url.clone(), late_url], 2).await;
    // It hangs up on the first question.
    drop(late.accept().await.unwrap());
    let _late = tokio::spawn(serve_chain(late, GENESIS_HASH));
    process.wait_for("200", "").await;

    // One server of another cluster does not keep a quorum of the index's cluster from starting.
    let _other = tokio::spawn(serve_chain(other, OTHER_GENESIS_HASH));
    let process = Process::start(&pool, vec![other_url.clone(), alive_url.clone()], 1).await;
    process.wait_for("503", "standing by").await;

    let process = Process::start(&pool, vec![other_url.clone()], 1).await;
    let error = process.ended.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("use another database"), "{error}");

    // An index that is bound to none yet does not say which of two quorums is meant.
    let process = Process::start(&empty_database().await, vec![alive_url, other_url], 1).await;
    let error = process.ended.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("different clusters"), "{error}");
}

#[tokio::test]
async fn probes_are_answered_while_the_start_waits_for_servers_and_for_the_database() {
    let pool = empty_database().await;
    // It takes the question and does not answer.
    let (silent, url) = listener().await;
    let process = Process::start(&pool, vec![url], 1).await;
    let _asked = silent.accept().await.unwrap();
    process.wait_for("503", "starting: the servers are asked").await;

    let mut holder = pool.acquire().await.unwrap();
    let mut transaction = begin(&mut holder).await.unwrap();
    sqlx::raw_sql("lock table _sqlx_migrations").execute(&mut *transaction).await.unwrap();
    let (alive, url) = listener().await;
    let _server = tokio::spawn(serve_chain(alive, GENESIS_HASH));
    let process = Process::start(&pool, vec![url], 1).await;
    process.wait_for("503", "starting: the database is brought to this version").await;
    transaction.rollback().await.unwrap();
    drop(holder);
    process.wait_for("200", "").await;
}

#[tokio::test]
async fn a_database_that_goes_away_and_comes_back_is_waited_for() {
    let pool = empty_database().await;
    let (alive, url) = listener().await;
    let _server = tokio::spawn(serve_chain(alive, GENESIS_HASH));
    let process = Process::start(&pool, vec![url], 1).await;
    process.wait_for("200", "").await;

    let name = pool.connect_options().get_database().unwrap().to_owned();
    psql_at("postgres", &format!("alter database {name} with allow_connections false"));
    psql_at("postgres", &format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"));
    process.wait_for("503", "not currently accepting connections").await;
    psql_at("postgres", &format!("alter database {name} with allow_connections true"));
    process.wait_for("200", "").await;
}

#[tokio::test]
async fn a_second_indexer_stands_by_and_says_so() {
    let pool = empty_database().await;
    let (alive, url) = listener().await;
    let _server = tokio::spawn(serve_chain(alive, GENESIS_HASH));
    let first = Process::start(&pool, vec![url.clone()], 1).await;
    first.wait_for("200", "").await;
    let second = Process::start(&pool, vec![url], 1).await;
    second.wait_for("503", "another indexer is at work").await;
    first.ended.abort();
    second.wait_for("200", "").await;
}

#[tokio::test]
async fn the_operator_lets_a_halted_ledger_be_tried_again() {
    let pool = database().await;
    halt(&mut pool.acquire().await.unwrap(), LEDGER, "two heads").await.unwrap();
    let clear = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil-indexer"));
        command.args(["clear-halt", &LEDGER.to_string()]).env("DATABASE_URL", database_url(&pool)).output().unwrap()
    };
    let output = clear();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!is_halted(&pool).await);
    assert!(!clear().status.success(), "there is nothing to clear any more");
}
