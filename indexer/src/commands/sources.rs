//! The settings that say what is indexed, and from where.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use counterfoil_client::{idl, one_machine_warning, parse_rpc_url};
use counterfoil_core::{LedgerId, ProgramId, Wallet};
use counterfoil_indexer::{Config, Geyser, Selection};
use tracing::warn;

#[derive(Args)]
pub struct Sources {
    /// A JSON-RPC server; give it several times for several. The first delivers events.
    #[arg(long = "rpc", env = "COUNTERFOIL_RPC", value_delimiter = ',', hide_env_values = true, value_parser = parse_rpc_url)]
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
    #[arg(long, env = "COUNTERFOIL_GEYSER_TOKEN", hide_env_values = true)]
    geyser_token: Option<String>,
    /// Follow by whole blocks of the first server from this slot on, or from where the index stands if that is later:
    /// for a program with much traffic.
    #[arg(long, env = "COUNTERFOIL_BLOCKS_FROM", value_name = "SLOT")]
    blocks_from: Option<u64>,
    /// How many of the servers must report the same account before it counts. Default: more than half.
    #[arg(long, env = "COUNTERFOIL_QUORUM")]
    quorum: Option<usize>,
    /// The program's address. Default: the one that its IDL declares.
    #[arg(long, env = "COUNTERFOIL_PROGRAM", default_value_t = idl::declared_program())]
    program: ProgramId,
    /// A ledger to follow; give it several times for several. Default: all of the program's.
    #[arg(long = "ledger", env = "COUNTERFOIL_LEDGER", value_delimiter = ',')]
    ledgers: Vec<LedgerId>,
    /// An authority whose ledgers are followed; give it several times for several.
    #[arg(long = "authority", env = "COUNTERFOIL_AUTHORITY", value_delimiter = ',')]
    authorities: Vec<Wallet>,
    /// The longest time between two looks at the chain, in milliseconds.
    #[arg(long, env = "COUNTERFOIL_POLL_MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(10..))]
    poll_ms: u64,
    /// How long a step in the database may take before it is given up and tried again, in seconds.
    #[arg(long, env = "COUNTERFOIL_DATABASE_PATIENCE_S", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    database_patience_s: u64,
    /// After how long another indexer takes the place of one that is stopped or frozen, in seconds.
    #[arg(long, env = "COUNTERFOIL_LEASE_S", default_value_t = 20, value_parser = clap::value_parser!(u64).range(5..))]
    lease_s: u64,
}

impl Sources {
    /// How the indexer is to work; where it listens, and where hints go, is left to the caller.
    pub fn config(self, database_url: String) -> anyhow::Result<Config> {
        ensure!(
            self.geyser_token.is_none() || self.geyser_url.is_some(),
            "--geyser-token is given without --geyser: give the server's URL too"
        );
        if let Some(warning) = one_machine_warning(self.rpc_urls.iter().map(String::as_str)) {
            warn!("{warning}");
        }
        let servers = self.rpc_urls.len() + usize::from(self.recording.is_some());
        Ok(Config {
            database_url,
            rpc_urls: self.rpc_urls,
            recording: self.recording,
            ws_url: self.ws_url,
            geyser: self.geyser_url.map(|endpoint| Geyser { endpoint, token: self.geyser_token }),
            blocks_from: self.blocks_from,
            quorum: self.quorum.unwrap_or(servers / 2 + 1),
            program: self.program,
            selection: Selection {
                ledgers: BTreeSet::from_iter(self.ledgers),
                authorities: BTreeSet::from_iter(self.authorities),
            },
            listen: ([127, 0, 0, 1], 0).into(),
            poll_interval: Duration::from_millis(self.poll_ms),
            patience: Duration::from_secs(self.database_patience_s),
            lease: Duration::from_secs(self.lease_s),
            nats: None,
        })
    }
}
