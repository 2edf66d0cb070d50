//! The limits of what HTTP and JSON allow: routes that compute nothing, with the API's settings of hyper.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use axum::body::Bytes;
use axum::http::header;
use axum::routing::get;
use axum::{Json, Router};
use clap::Args;
use counterfoil_service::{StopSignals, announce};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[derive(Args)]
pub struct Arguments {
    /// The answer.
    body: PathBuf,
}

/// Serves on a free port, which is printed, until standard input ends: at `/` the bytes as they are, at `/json` the value that
/// they are, written again for each answer.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut stop = StopSignals::listen(true)?;
    let path = &arguments.body;
    let body = Bytes::from(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?);
    // Not every answer is JSON.
    let value: &'static Value = Box::leak(Box::new(serde_json::from_slice(&body).unwrap_or_default()));
    let ready = move || async move { ([(header::CONTENT_TYPE, "application/json")], body) };
    let written = move || async move { Json(value) };
    let service = TowerToHyperService::new(Router::new().route("/", get(ready)).route("/json", get(written)));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(&json!({ "url": format!("http://{}", listener.local_addr()?) }))?;
    tokio::select! {
        () = stop.received() => Ok(()),
        failed = accept(listener, service) => failed,
    }
}

async fn accept(listener: TcpListener, service: TowerToHyperService<Router>) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(10))
            .max_buf_size(32 * 1024)
            .serve_connection(TokioIo::new(stream), service.clone())
            .with_upgrades();
        // A client that breaks off is counted by itself.
        tokio::spawn(async { drop(connection.await) });
    }
}
