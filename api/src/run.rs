//! The process: listening, serving, and stopping.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use counterfoil_http::{Certificate, Places, TlsFiles, serve};
use counterfoil_service::announce;
use counterfoil_store::connect;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::{Settings, app};

/// For all but searches, which have their own.
const CONNECTIONS: u32 = 16;
/// Prometheus' own, a second one, and people who look.
const MAX_METRICS_CONNECTIONS: u32 = 64;
/// The time that requests under way have when the process stops. Streams end at once.
const GRACE: Duration = Duration::from_secs(5);

/// The configuration of the process.
pub struct Config {
    /// The index. Holds a password: keep it out of logs. The API only reads.
    pub database_url: String,
    /// The address of the API.
    pub listen: SocketAddr,
    /// The address of the metrics, which need no authentication; not served when absent.
    pub metrics: Option<SocketAddr>,
    /// The certificate; without it the API is served without TLS.
    pub tls: Option<TlsFiles>,
    /// The number of connections at a time.
    pub max_connections: u32,
    /// The number of them that one address may have.
    pub max_connections_per_address: u32,
    /// The service's settings; a statement of the database has as much time as a response.
    pub settings: Settings,
}

/// Runs until `stop` is ready, then ends streams and answers what is under way.
///
/// # Errors
/// When the database cannot be reached, or the address cannot be listened on.
pub async fn run(config: Config, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let certificate = config.tls.map(Certificate::read).transpose()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}: choose another address with --listen", config.listen))?;
    let searches = u32::try_from(config.settings.search_connections).unwrap_or(u32::MAX);
    let connections = CONNECTIONS.saturating_add(searches);
    let pool = connect(&config.database_url, connections, config.settings.request_timeout)
        .await
        .context("cannot reach the database: check DATABASE_URL and that PostgreSQL runs")?;
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
    info!("serving on {url}");

    let (stop_serving, stopping) = oneshot::channel::<()>();
    let tls = certificate.map(Certificate::serve).transpose()?;
    let trusted_proxies = config.settings.access.trusted_proxies.clone();
    let places = Places::new(config.max_connections, config.max_connections_per_address, trusted_proxies);
    let service = app(pool.clone(), config.settings);
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
        () = stop => {
            info!("stopping");
            let _ = stop_serving.send(());
            match tokio::time::timeout(GRACE, &mut server).await {
                Ok(ended) => ended.context("the server ended")?,
                Err(_) => {
                    warn!("requests still under way after {} s are dropped", GRACE.as_secs());
                    server.abort();
                }
            }
        }
    }
    // A request that was dropped may still hold a connection.
    let _ = tokio::time::timeout(GRACE, pool.close()).await;
    Ok(())
}
