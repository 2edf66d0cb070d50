//! The process: listening, serving, and stopping.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use counterfoil_append::LAMPORTS_PER_SIGNATURE;
use counterfoil_client::with_causes;
use counterfoil_core::GenesisHash;
use counterfoil_http::{Certificate, Places, TlsFiles, serve};
use counterfoil_service::announce;
use counterfoil_store::gateway::{connect_to_gateway, migrate_gateway};
use counterfoil_store::{PgPool, connect, load_cluster};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::Settings;
use crate::app::{app, sol_a_year};

/// For requests, group commits and sequencers.
const CONNECTIONS: u32 = 24;
const STATEMENT_TIME: Duration = Duration::from_secs(30);
/// Prometheus' own, a second one, and people who look.
const MAX_METRICS_CONNECTIONS: u32 = 64;
/// The time that requests under way have when the process stops.
const GRACE: Duration = Duration::from_secs(5);
/// The least that a promise should reach beyond the window: a transaction that expires is signed again after about a minute.
const ROOM_FOR_A_RETRY: Duration = Duration::from_secs(90);
/// The time that a record needs at least on a busy ledger: a window, a confirmation and finality.
const TIME_TO_FINALITY: Duration = Duration::from_secs(30);
/// How often servers are asked again which cluster they are of.
const PAUSE: Duration = Duration::from_secs(1);

/// The configuration of the process.
pub struct Config {
    /// The index. Holds a password: keep it out of logs. Entries are filled in there.
    pub database_url: String,
    /// The gateway's own database; what is accepted and not on the chain yet is there alone.
    pub gateway_database_url: String,
    /// The address of the gateway.
    pub listen: SocketAddr,
    /// The address of the metrics, which need no authentication; not served when absent.
    pub metrics: Option<SocketAddr>,
    /// The certificate; without it the gateway is served without TLS.
    pub tls: Option<TlsFiles>,
    /// The number of connections at a time.
    pub max_connections: u32,
    /// The number of them that one address may have.
    pub max_connections_per_address: u32,
    /// The service's settings; the genesis hash is that of the servers.
    pub settings: Settings,
}

/// Runs until `stop` is ready, then answers what is under way. Accepted records are on disk.
///
/// # Errors
/// When a database cannot be reached or holds another cluster's ledgers, or an address cannot be listened on.
pub async fn run(config: Config, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let Config { mut settings, .. } = config;
    let mut stop = std::pin::pin!(stop);
    let certificate = config.tls.map(Certificate::read).transpose()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}: choose another address with --listen", config.listen))?;
    let index = connect(&config.database_url, CONNECTIONS, STATEMENT_TIME)
        .await
        .context("cannot reach the index's database: check DATABASE_URL and that PostgreSQL runs")?;
    let pool = connect_to_gateway(&config.gateway_database_url, CONNECTIONS, STATEMENT_TIME).await.context(
        "cannot reach the gateway's database: check COUNTERFOIL_GATEWAY_DATABASE_URL and that PostgreSQL runs",
    )?;
    migrate_gateway(&pool).await.context("the gateway's tables cannot be brought to this version")?;
    tokio::select! {
        genesis_hash = find_cluster(&settings, &index) => settings.genesis_hash = genesis_hash?,
        () = &mut stop => return Ok(()),
    }
    tell_costs(&settings);
    let trusted_proxies = settings.access.trusted_proxies.clone();
    let service = app(index.clone(), pool.clone(), settings).await?;

    let scheme = if certificate.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", listener.local_addr()?);
    let metrics_listener =
        match config.metrics {
            Some(address) => Some(TcpListener::bind(address).await.with_context(|| {
                format!("cannot listen on {address}: choose another address with --metrics-listen")
            })?),
            None => None,
        };
    let metrics_address = metrics_listener.as_ref().map(TcpListener::local_addr).transpose()?;
    let metrics_url = metrics_address.map(|address| format!("http://{address}/metrics"));
    announce(&json!({ "url": url, "metrics_url": metrics_url })).context("standard output is closed")?;
    info!("taking records on {url}");

    let (stop_serving, stopping) = oneshot::channel::<()>();
    let tls = certificate.map(Certificate::serve).transpose()?;
    let places = Places::new(config.max_connections, config.max_connections_per_address, trusted_proxies);
    if let Some(listener) = metrics_listener {
        let (service, places) = (service.clone(), places.clone());
        let text = async move || match service.metrics(places.taken()) {
            Ok(text) => (StatusCode::OK, text),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string().into_bytes()),
        };
        let routes = Router::new().route("/metrics", get(text));
        let places = Places::new(MAX_METRICS_CONNECTIONS, MAX_METRICS_CONNECTIONS, Vec::new());
        tokio::spawn(serve(listener, None, routes, places, std::future::pending()));
    }
    let mut server = tokio::spawn(serve(listener, tls, service, places, async move {
        // Sent below, or dropped with this function: stop in both cases.
        let _ = stopping.await;
    }));
    tokio::select! {
        ended = &mut server => ended.context("the server ended")?,
        () = &mut stop => {
            info!("stopping");
            let _ = stop_serving.send(());
            match timeout(GRACE, &mut server).await {
                Ok(ended) => ended.context("the server ended")?,
                Err(_) => {
                    warn!("requests still under way after {} s are dropped", GRACE.as_secs());
                    server.abort();
                }
            }
        }
    }
    Ok(())
}

/// Which cluster this is: the index's, which each server that answers must be of. Waits for the first server.
async fn find_cluster(settings: &Settings, index: &PgPool) -> anyhow::Result<GenesisHash> {
    loop {
        let bound = load_cluster(&mut *index.acquire().await?)
            .await
            .context("the index's tables are not there: start the indexer once")?;
        for server in &settings.servers {
            match server.fetch_genesis_hash().await {
                Ok(found) => {
                    if let Some(bound) = &bound {
                        ensure!(
                            bound.genesis_hash == found && bound.program == settings.program,
                            "the index holds ledgers of cluster {}, program {}; the server is of cluster {found}, and the \
                             gateway's program is {}: use the index of this chain",
                            bound.genesis_hash,
                            bound.program,
                            settings.program
                        );
                        return Ok(found);
                    }
                    info!("waiting for the index to have its first ledger's cluster");
                }
                Err(error) => warn!("{}", with_causes(&error)),
            }
        }
        // An index that knows its cluster is enough to accept records: the chain may be away.
        if let Some(bound) = bound {
            return Ok(bound.genesis_hash);
        }
        sleep(PAUSE).await;
    }
}

/// Tells the most that a ledger costs which is always busy.
fn tell_costs(settings: &Settings) {
    let signatures = if settings.payers.is_empty() { 1 } else { 2 };
    let lamports = signatures * LAMPORTS_PER_SIGNATURE + settings.max_bid;
    let sol = sol_a_year(settings.window, lamports, settings.lamports_a_day);
    let least = settings.window.saturating_add(ROOM_FOR_A_RETRY);
    if settings.promise_time < least {
        warn!(
            "promises reach {} s ahead, which one expired transaction breaks: give --promise-s {} or more",
            settings.promise_time.as_secs(),
            least.as_secs()
        );
    }
    if settings.longest_wait < TIME_TO_FINALITY {
        warn!(
            "records wait for about {} s until they are final, so that --longest-wait-s {} refuses ordinary traffic: give more",
            TIME_TO_FINALITY.as_secs(),
            settings.longest_wait.as_secs()
        );
    }
    info!(
        "a ledger that gets records all the time costs at most {sol:.0} SOL a year with this --window-ms, {lamports} lamports a transaction; \
         an idle one, nothing"
    );
}
