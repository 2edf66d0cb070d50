//! Following the chain: what the program does when no other command is given.

use std::net::SocketAddr;

use anyhow::Context;
use clap::Args;
use counterfoil_indexer::Config;
use counterfoil_service::StopSignals;

use crate::commands::nats::NatsArguments;
use crate::commands::sources::Sources;

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    nats: NatsArguments,
    /// Where /livez, /readyz and /metrics are served.
    #[arg(long, env = "COUNTERFOIL_LISTEN", default_value = "127.0.0.1:9300")]
    listen: SocketAddr,
    /// Stop when standard input closes, so that a parent that dies leaves nothing behind.
    #[arg(long)]
    exit_with_stdin: bool,
}

pub async fn run(database_url: String, arguments: Arguments) -> anyhow::Result<()> {
    let mut stop = StopSignals::listen(arguments.exit_with_stdin).context("cannot listen for signals")?;
    let (listen, nats) = (arguments.listen, arguments.nats.settings()?);
    let config = Config { listen, nats, ..arguments.sources.config(database_url)? };
    counterfoil_indexer::run(config, async move { stop.received().await }).await
}
