//! `counterfoil-api`: serves the index, with proofs.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use counterfoil_api::{Config, run};
use counterfoil_service::{StopSignals, log_to_stderr};

/// Serves the entries and events of Counterfoil ledgers with their proofs, over REST and GraphQL.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The index: postgres://USER:PASSWORD@HOST:PORT/DATABASE. Better given in the environment than here.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// Where the API is served; port 0 takes a free one.
    #[arg(long, env = "COUNTERFOIL_API_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The longest time that an answer may take, in milliseconds.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    request_timeout_ms: u64,
    /// Close GraphQL's schema to tools, and serve no GraphiQL.
    #[arg(long)]
    no_introspection: bool,
    /// Stop when standard input closes, so that a parent that dies leaves nothing behind.
    #[arg(long)]
    exit_with_stdin: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    log_to_stderr("info,sqlx=warn");
    let mut stop = StopSignals::listen(arguments.exit_with_stdin).context("cannot listen for signals")?;
    let config = Config {
        database_url: arguments.database_url,
        listen: arguments.listen,
        request_timeout: Duration::from_millis(arguments.request_timeout_ms),
        introspection: !arguments.no_introspection,
    };
    run(config, async move { stop.received().await }).await
}
