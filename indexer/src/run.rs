//! The process: be the only indexer, then pass after pass until told to stop.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use counterfoil_client::{Rpc, Source, watch_program};
use counterfoil_core::{LedgerId, ProgramId};
use counterfoil_service::announce;
use counterfoil_store::{Cluster, PgPool, StoreError, bind_cluster, connect, is_only_indexer, migrate};
use futures_util::future::join_all;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::health::Health;
use crate::pass::with_causes;
use crate::{Indexer, Selection};

const STANDBY_INTERVAL: Duration = Duration::from_secs(1);
const START_INTERVAL: Duration = Duration::from_secs(1);
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECTIONS: u32 = 8;

/// How the indexer is run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The index. Holds a password: keep it out of logs.
    pub database_url: String,
    /// JSON-RPC servers; the first delivers events. Not trusted.
    pub rpc_urls: Vec<String>,
    /// A server's WebSocket URL, for hints. Not trusted.
    pub ws_url: Option<String>,
    /// How many of the servers must report the same account, 1 to all.
    pub quorum: usize,
    /// The program.
    pub program: ProgramId,
    /// The ledgers; none for all of the program's.
    pub ledgers: BTreeSet<LedgerId>,
    /// Where /livez, /readyz and /metrics are served.
    pub listen: SocketAddr,
    /// The longest time between two passes.
    pub poll_interval: Duration,
}

/// Runs until `stop` is ready.
///
/// # Errors
/// When the database cannot be reached or brought to this version at the start, the address cannot be listened on, or
/// a server is of another cluster than the index or another server.
pub async fn run(config: Config, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let servers = config.rpc_urls.len();
    let distinct: BTreeSet<&String> = config.rpc_urls.iter().collect();
    ensure!(distinct.len() == servers, "one of the --rpc servers is given twice: it would count as two");
    ensure!((1..=servers).contains(&config.quorum), "the quorum must be 1 to {servers}, the count of servers");
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}: choose another address with --listen", config.listen))?;
    let pool = open(&config.database_url).await?;
    migrate(&pool).await?;
    let health = Health::new();
    let wake = Arc::new(Notify::new());
    let work = async {
        bind_to_cluster(&config, &pool).await?;
        announce(&json!({ "url": format!("http://{}", listener.local_addr()?) }))
            .context("standard output is closed")?;
        tokio::select! {
            result = axum::serve(listener, health.router()) => result.context("the health server ended"),
            never = index(&config, &pool, &health, &wake) => never,
            () = hints(&config, &wake) => Ok(()),
        }
    };
    tokio::select! {
        result = work => result?,
        () = stop => info!("stopping"),
    }
    pool.close().await;
    Ok(())
}

/// Lets a halted ledger be tried again. Whether it was halted.
///
/// # Errors
/// When the database cannot be reached or refuses.
pub async fn clear_halt(database_url: &str, ledger: LedgerId) -> anyhow::Result<bool> {
    let pool = open(database_url).await?;
    let was_halted = counterfoil_store::clear_halt(&mut *pool.acquire().await?, ledger).await?;
    pool.close().await;
    Ok(was_halted)
}

async fn open(database_url: &str) -> anyhow::Result<PgPool> {
    let pool = connect(database_url, CONNECTIONS, STATEMENT_TIMEOUT).await;
    pool.context("cannot reach the database: check DATABASE_URL and that PostgreSQL runs")
}

/// Makes sure that the servers are of the one cluster that the index is of. Waits until a quorum has said so.
async fn bind_to_cluster(config: &Config, pool: &PgPool) -> anyhow::Result<()> {
    let servers: Vec<Rpc> = config.rpc_urls.iter().map(|url| Rpc::new(url, config.program)).collect();
    loop {
        let (mut hashes, mut errors) = (Vec::new(), Vec::new());
        for (server, answer) in servers.iter().zip(join_all(servers.iter().map(Rpc::fetch_genesis_hash)).await) {
            match answer {
                Ok(hash) => hashes.push((server.name(), hash)),
                Err(error) => errors.push(with_causes(&error)),
            }
        }
        if let Some((first, genesis_hash)) = hashes.first().copied() {
            if let Some((other, _)) = hashes.iter().find(|(_, hash)| *hash != genesis_hash) {
                bail!("{first} and {other} are of different clusters: give --rpc servers of one cluster");
            }
            if hashes.len() >= config.quorum {
                let cluster = Cluster { genesis_hash, program: config.program };
                return Ok(bind_cluster(&mut *pool.acquire().await?, cluster).await?);
            }
        }
        warn!(
            "{} of {} servers answered, {} are needed to start; trying again. If they stay away, give other --rpc \
             servers or a smaller --quorum. {}",
            hashes.len(),
            servers.len(),
            config.quorum,
            errors.join("; ")
        );
        sleep(START_INTERVAL).await;
    }
}

async fn hints(config: &Config, wake: &Notify) {
    match &config.ws_url {
        Some(url) => watch_program(url, config.program, wake).await,
        None => std::future::pending().await,
    }
}

/// Becomes the only indexer of the database, works as long as it is, and stands by again when it lost that.
async fn index(config: &Config, pool: &PgPool, health: &Health, wake: &Notify) -> ! {
    let mut is_told = false;
    loop {
        let attempt = async {
            let mut lock = pool.acquire().await?;
            Ok::<_, StoreError>((is_only_indexer(&mut lock).await?, lock))
        };
        let mut lock = match attempt.await {
            Ok((true, lock)) => lock,
            Ok((false, _)) => {
                if !is_told {
                    warn!("another indexer is at work on this database; standing by");
                    is_told = true;
                }
                health.stands_still("another indexer is at work on this database; standing by".to_owned());
                sleep(STANDBY_INTERVAL).await;
                continue;
            }
            Err(error) => {
                stands_still(health, "the database cannot be used", &error);
                sleep(STANDBY_INTERVAL).await;
                continue;
            }
        };
        is_told = false;
        let mut indexer = Indexer {
            program: config.program,
            sources: config.rpc_urls.iter().map(|url| Rpc::new(url, config.program)).collect(),
            quorum: config.quorum,
            selection: match config.ledgers.is_empty() {
                true => Selection::All,
                false => Selection::These(config.ledgers.clone()),
            },
            pool: pool.clone(),
            health: health.clone(),
            memory: BTreeMap::new(),
        };
        // The lock lives as long as its connection: asking for it again on that connection shows that it does.
        while matches!(is_only_indexer(&mut lock).await, Ok(true)) {
            pass(&mut indexer).await;
            if !indexer.has_backlog() {
                let _ = timeout(config.poll_interval, wake.notified()).await;
            }
        }
        health.stands_still("the connection to the database is gone; standing by".to_owned());
        warn!("the connection that held the lock is gone; standing by");
        drop(lock.detach());
    }
}

async fn pass<S: Source>(indexer: &mut Indexer<S>) {
    if let Err(error) = indexer.pass(Instant::now()).await {
        stands_still(&indexer.health, "the index cannot be read", &error);
    }
}

fn stands_still(health: &Health, what: &str, error: &StoreError) {
    let reason = format!("{what}, trying again: {}", with_causes(error));
    error!("{reason}");
    health.stands_still(reason);
}
