//! `counterfoil-indexer`: follows ledgers, verifies every event, keeps the index.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use counterfoil_client::{idl, parse_rpc_url};
use counterfoil_core::{LedgerId, ProgramId};
use counterfoil_indexer::{Config, clear_halt, run};
use counterfoil_service::{StopSignals, log_to_stderr};
use tracing::info;

/// Copies the events of Counterfoil ledgers into PostgreSQL and proves the copy against the chain.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The index: postgres://USER:PASSWORD@HOST:PORT/DATABASE. Better given in the environment than here.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// A JSON-RPC server; give it several times for several. The first delivers events.
    #[arg(long = "rpc", env = "COUNTERFOIL_RPC", value_delimiter = ',', hide_env_values = true, value_parser = parse_rpc_url)]
    #[arg(required_unless_present = "clear_halt")]
    rpc_urls: Vec<String>,
    /// A server's WebSocket URL, to hear of news sooner.
    #[arg(long = "ws", env = "COUNTERFOIL_WS", hide_env_values = true)]
    ws_url: Option<String>,
    /// How many of the servers must report the same account before it counts. Default: more than half.
    #[arg(long)]
    quorum: Option<usize>,
    /// The program's address. Default: the one that its IDL declares.
    #[arg(long, default_value_t = idl::declared_program())]
    program: ProgramId,
    /// A ledger to follow; give it several times for several. Default: all of the program's.
    #[arg(long = "ledger")]
    ledgers: Vec<LedgerId>,
    /// Where /livez, /readyz and /metrics are served.
    #[arg(long, default_value = "127.0.0.1:9300")]
    listen: SocketAddr,
    /// The longest time between two looks at the chain, in milliseconds.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(10..))]
    poll_ms: u64,
    /// Let a halted ledger be tried again, and exit; an indexer that runs sees it in its next pass.
    #[arg(long, value_name = "LEDGER")]
    clear_halt: Option<LedgerId>,
    /// Stop when standard input closes, so that a parent that dies leaves nothing behind.
    #[arg(long)]
    exit_with_stdin: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    log_to_stderr("info,sqlx=warn");
    if let Some(ledger) = arguments.clear_halt {
        let was_halted = clear_halt(&arguments.database_url, ledger).await?;
        ensure!(was_halted, "ledger {ledger} is not halted in this index");
        info!("ledger {ledger} is tried again");
        return Ok(());
    }
    let mut stop = StopSignals::listen(arguments.exit_with_stdin).context("cannot listen for signals")?;
    let majority = arguments.rpc_urls.len() / 2 + 1;
    let config = Config {
        database_url: arguments.database_url,
        rpc_urls: arguments.rpc_urls,
        ws_url: arguments.ws_url,
        quorum: arguments.quorum.unwrap_or(majority),
        program: arguments.program,
        ledgers: BTreeSet::from_iter(arguments.ledgers),
        listen: arguments.listen,
        poll_interval: Duration::from_millis(arguments.poll_ms),
    };
    run(config, async move { stop.received().await }).await
}
