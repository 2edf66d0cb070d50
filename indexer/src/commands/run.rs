//! Following the chain: what the program does when no other command is given.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use counterfoil_client::{idl, parse_rpc_url};
use counterfoil_core::{LedgerId, ProgramId, Wallet};
use counterfoil_indexer::{Config, Geyser, Selection};
use counterfoil_service::StopSignals;

#[derive(Args)]
pub struct Arguments {
    /// A JSON-RPC server; give it several times for several. The first delivers events.
    #[arg(long = "rpc", env = "COUNTERFOIL_RPC", value_delimiter = ',', hide_env_values = true, value_parser = parse_rpc_url)]
    #[arg(required_unless_present = "recording")]
    rpc_urls: Vec<String>,
    /// A recording that `counterfoil record` made: one more server, and the first to deliver.
    #[arg(long, env = "COUNTERFOIL_RECORDING")]
    recording: Option<PathBuf>,
    /// A server's WebSocket URL, to hear of news sooner and to show what is confirmed before it is final.
    #[arg(long = "ws", env = "COUNTERFOIL_WS", hide_env_values = true)]
    ws_url: Option<String>,
    /// A Yellowstone gRPC server's URL: streams transactions, sooner than a WebSocket.
    #[arg(long = "geyser", env = "COUNTERFOIL_GEYSER", hide_env_values = true)]
    geyser_url: Option<String>,
    /// The token that the Yellowstone server asks for. Better given in the environment than here.
    #[arg(long, env = "COUNTERFOIL_GEYSER_TOKEN", hide_env_values = true, requires = "geyser_url")]
    geyser_token: Option<String>,
    /// Follow by whole blocks of the first server from this slot on, or from where the index stands if that is later:
    /// for a program with much traffic.
    #[arg(long, env = "COUNTERFOIL_BLOCKS_FROM", value_name = "SLOT")]
    blocks_from: Option<u64>,
    /// How many of the servers must report the same account before it counts. Default: more than half.
    #[arg(long)]
    quorum: Option<usize>,
    /// The program's address. Default: the one that its IDL declares.
    #[arg(long, default_value_t = idl::declared_program())]
    program: ProgramId,
    /// A ledger to follow; give it several times for several. Default: all of the program's.
    #[arg(long = "ledger")]
    ledgers: Vec<LedgerId>,
    /// An authority whose ledgers are followed; give it several times for several.
    #[arg(long = "authority")]
    authorities: Vec<Wallet>,
    /// Where /livez, /readyz and /metrics are served.
    #[arg(long, default_value = "127.0.0.1:9300")]
    listen: SocketAddr,
    /// The longest time between two looks at the chain, in milliseconds.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(10..))]
    poll_ms: u64,
    /// How long a step in the database may take before it is given up and tried again, in seconds.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    database_patience_s: u64,
    /// Stop when standard input closes, so that a parent that dies leaves nothing behind.
    #[arg(long)]
    exit_with_stdin: bool,
}

pub async fn run(database_url: String, arguments: Arguments) -> anyhow::Result<()> {
    let mut stop = StopSignals::listen(arguments.exit_with_stdin).context("cannot listen for signals")?;
    let servers = arguments.rpc_urls.len() + usize::from(arguments.recording.is_some());
    let majority = servers / 2 + 1;
    let config = Config {
        database_url,
        rpc_urls: arguments.rpc_urls,
        recording: arguments.recording,
        ws_url: arguments.ws_url,
        geyser: arguments.geyser_url.map(|endpoint| Geyser { endpoint, token: arguments.geyser_token }),
        blocks_from: arguments.blocks_from,
        quorum: arguments.quorum.unwrap_or(majority),
        program: arguments.program,
        selection: Selection {
            ledgers: BTreeSet::from_iter(arguments.ledgers),
            authorities: BTreeSet::from_iter(arguments.authorities),
        },
        listen: arguments.listen,
        poll_interval: Duration::from_millis(arguments.poll_ms),
        patience: Duration::from_secs(arguments.database_patience_s),
    };
    counterfoil_indexer::run(config, async move { stop.received().await }).await
}
