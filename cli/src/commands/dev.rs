//! `counterfoil dev`: a local chain, PostgreSQL, the indexer and the API, as one process tree.
//!
//! The services are programs of their own, found beside this one; each stops when its standard input closes, so
//! that nothing is left behind however this process ends.

mod folder;
mod parts;

use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, ensure};
use clap::{Args, ValueEnum};
use counterfoil_service::{StopSignals, log_to_stderr, note, out};
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;

use self::parts::Parts;
use crate::context::Options;
use crate::file;

const PROGRAM: &[u8] = include_bytes!("../../../programs/counterfoil/release/counterfoil.so");

/// How to start.
#[derive(Args)]
pub struct Arguments {
    /// The folder for the chain, PostgreSQL's data, logs and the wallet. Default: the user's data folder.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Empty that folder first: a new chain, without the ledgers of before.
    #[arg(long)]
    fresh: bool,
    /// Use this database in place of a PostgreSQL server of its own. The tables stand in a schema of their own,
    /// `counterfoil`; they belong to the chain in the data folder, and must be used with it.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Port of the API; 0 for any free one.
    #[arg(long, default_value_t = 8080)]
    api_port: u16,
    /// Port of the local chain's JSON-RPC; 0 for any free one.
    #[arg(long, default_value_t = 8899)]
    rpc_port: u16,
    /// What plays the chain.
    #[arg(long, value_enum, default_value_t = Validator::Surfpool)]
    validator: Validator,
    /// Length of the local chain's slots in milliseconds.
    #[arg(long, default_value_t = 400)]
    slot_ms: u64,
    /// Once all answer, write their addresses to this file as JSON.
    #[arg(long)]
    ready_file: Option<PathBuf>,
}

/// What an operator gives the role of an API; here it shares the superuser's.
const API_LIMITS: &str = "?options=-c%20default_transaction_read_only%3Don%20-c%20temp_file_limit%3D1GB";

#[derive(Clone, Copy, ValueEnum)]
enum Validator {
    /// Light and quick; what was just sent counts as finalized at once.
    Surfpool,
    /// Agave's own, with real confirmations and finality; costs a core all the time, and 1.3 GB of disk an hour, for it
    /// keeps all of its blocks. tools/agave/build builds it.
    Agave,
}

impl Validator {
    /// Where its chain is kept, in the data folder.
    const fn chain_folder(self) -> &'static str {
        match self {
            Self::Surfpool => "chain-surfpool",
            Self::Agave => "chain-agave",
        }
    }

    /// Both take the same arguments and say the same.
    fn command(self) -> anyhow::Result<Command> {
        match self {
            Self::Surfpool => Ok(Command::new(sibling("counterfoil-localnet")?)),
            Self::Agave => {
                let path = sibling("counterfoil-agave")
                    .context("Agave's validator is not built with the others: run tools/agave/build in the clone")?;
                // One of its threads spins: what has something to do goes first.
                let mut command = Command::new("nice");
                command.arg(path);
                Ok(command)
            }
        }
    }
}

#[derive(Deserialize)]
struct Localnet {
    rpc_url: String,
    ws_url: String,
    genesis_hash: String,
}

#[derive(Deserialize)]
struct Service {
    url: String,
}

/// Runs until Ctrl-C.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    log_to_stderr("warn");
    let mut stop = StopSignals::listen(false).context("cannot listen for signals")?;
    expect_free(arguments.api_port, "--api-port")?;
    expect_free(arguments.rpc_port, "--rpc-port")?;
    let (folder, _lock) = folder::prepare(arguments.data.as_deref(), arguments.fresh)?;

    let has_own_database = arguments.database_url.is_none();
    let (mut parts, mut ends) = Parts::new(folder.clone());
    let started = tokio::select! {
        started = start(options, &arguments, &folder, &mut parts) => started,
        Some(end) = ends.recv() => Err(end.tell("before everything had started", has_own_database)),
        () = stop.received() => Err(anyhow!("stopped before everything had started")),
    };
    let result = match started {
        Ok(()) => tokio::select! {
            Some(end) = ends.recv() => Err(end.tell("by itself", has_own_database)),
            () = stop.received() => Ok(ExitCode::SUCCESS),
        },
        Err(error) => Err(error),
    };
    parts.stop().await;
    if let Some(path) = &arguments.ready_file {
        file::remove(path);
    }
    result
}

async fn start(options: &Options, arguments: &Arguments, folder: &Path, parts: &mut Parts) -> anyhow::Result<()> {
    let wallet = folder.join("wallet.json");
    let program = folder.join("counterfoil.so");
    fs::write(&program, PROGRAM).with_context(|| format!("cannot write {}", program.display()))?;
    note!("starting a local chain ...");
    let mut localnet = arguments.validator.command()?;
    localnet.args(["--slot-ms", &arguments.slot_ms.to_string()]);
    localnet.arg("--wallet").arg(&wallet);
    localnet.arg("--ledger").arg(folder.join(arguments.validator.chain_folder()));
    localnet.arg("--program").arg(format!("{}={}", options.program(), program.display()));
    if arguments.rpc_port != 0 {
        localnet.args(["--rpc-port", &arguments.rpc_port.to_string()]);
    }
    let chain: Localnet = parts.start("localnet", localnet).await?;

    note!("starting PostgreSQL ...");
    let (is_ours, database_url) = match &arguments.database_url {
        Some(url) => (false, in_own_schema(url)),
        None => {
            let cluster = folder::start_postgres(folder)?;
            // One database a chain: an index is bound to its chain.
            let database = format!("counterfoil_{}", chain.genesis_hash.to_lowercase());
            cluster.ensure_database(&database)?;
            let url = cluster.url(&database);
            parts.watch(cluster);
            (true, url)
        }
    };
    note!("starting the indexer ...");
    let mut indexer = Command::new(sibling("counterfoil-indexer")?);
    indexer.args(["--rpc", &chain.rpc_url, "--ws", &chain.ws_url, "--listen", "127.0.0.1:0"]);
    indexer.args(["--program", &options.program().to_string()]).env("DATABASE_URL", &database_url);
    let indexer: Service = parts.start("indexer", indexer).await?;

    note!("starting the API ...");
    let mut api = Command::new(sibling("counterfoil-api")?);
    // Whoever changes a row here wants to see at once what comes of it, so the API keeps nothing in memory.
    api.args(["--listen", &format!("127.0.0.1:{}", arguments.api_port), "--memory-mib", "0"]);
    api.env("DATABASE_URL", if is_ours { database_url.clone() + API_LIMITS } else { database_url.clone() });
    let api: Service = parts.start("api", api).await?;

    let addresses = json!({
        "rpc_url": chain.rpc_url,
        "ws_url": chain.ws_url,
        "genesis_hash": chain.genesis_hash,
        "program": options.program().to_string(),
        "api_url": api.url,
        "indexer_url": indexer.url,
        "wallet": wallet,
        "logs": folder,
        "pids": parts.pids(),
    });
    if let Some(path) = &arguments.ready_file {
        file::write(path, format!("{addresses:#}\n").as_bytes())?;
    }
    print_addresses(&chain, &api, &indexer, &wallet, folder);
    // For whoever wants to look into the tables; the password is this machine's alone.
    if is_ours {
        file::write_private(&folder.join("database.url"), database_url.as_bytes())?;
        out!("  database         psql \"$(cat {})\"", folder.join("database.url").display());
    }
    out!("");
    out!("Ctrl-C stops everything; the next start goes on with the same ledgers, `--fresh` without them.");
    Ok(())
}

/// The URL of a database of somebody's, with the tables apart from others that stand there.
fn in_own_schema(url: &str) -> String {
    format!("{url}{}options=-c%20search_path%3Dcounterfoil", if url.contains('?') { '&' } else { '?' })
}

fn print_addresses(chain: &Localnet, api: &Service, indexer: &Service, wallet: &Path, folder: &Path) {
    out!("Counterfoil runs:");
    out!("  API              {}/v1/ledgers   {}/docs   {}/graphql", api.url, api.url, api.url);
    out!("  local chain      {}   {}", chain.rpc_url, chain.ws_url);
    out!("  indexer          {}/readyz   {}/metrics", indexer.url, indexer.url);
    out!("  logs             {}", folder.display());
    out!("");
    out!("In another terminal:");
    if let Ok(program) = env::current_exe()
        && let Some(programs) = program.parent()
    {
        out!("  export PATH=\"{}:$PATH\"", programs.display());
    }
    out!("  export COUNTERFOIL_RPC={} COUNTERFOIL_API={}", chain.rpc_url, api.url);
    out!("  export COUNTERFOIL_WALLET={}", wallet.display());
    out!("  counterfoil ledger create");
}

/// A program of ours that was built or installed beside this one.
fn sibling(name: &str) -> anyhow::Result<PathBuf> {
    let this = env::current_exe().context("cannot tell where this program is")?;
    let path = this.with_file_name(name);
    ensure!(path.is_file(), "{name} is not beside {}: build or install all programs together", this.display());
    Ok(path)
}

fn expect_free(port: u16, flag: &str) -> anyhow::Result<()> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .with_context(|| format!("port {port} is in use: end what uses it, or choose another with {flag} (0: any)"))?;
    Ok(())
}
