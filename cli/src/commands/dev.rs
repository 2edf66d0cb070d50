//! `counterfoil dev`: a local chain, PostgreSQL, the indexer, the API and the gateway, as one process tree.
//!
//! The services are programs of their own, found in the folder of this one; each stops when its standard input closes, so
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
use reqwest::Url;
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
    /// The folder for the chain, PostgreSQL's data, logs and the wallet. Default: counterfoil/dev in the user's data folder; for
    /// root, whose home is closed to the user that PostgreSQL then runs as, /var/lib/counterfoil/dev.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Empty that folder first: a new chain, without the ledgers of before.
    #[arg(long)]
    fresh: bool,
    /// Use this database in place of a PostgreSQL server of its own. The tables stand in a schema of their own,
    /// `counterfoil`; they belong to the chain in the data folder, and must be used with it. DATABASE_URL is not read: it may be
    /// meant for something else.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// A database with protected tables, whose changes the gateway records; several times for several. Another one than --database-url
    /// names, which has its index in a schema of the same name.
    #[arg(
        long,
        env = "COUNTERFOIL_GATEWAY_RELAY_DATABASE_URL",
        hide_env_values = true,
        value_delimiter = ' ',
        value_name = "URL"
    )]
    relay_database_url: Vec<String>,
    /// Port of the API; 0 for any free one.
    #[arg(long, default_value_t = 8080)]
    api_port: u16,
    /// Port of the gateway, which takes records by HTTP; 0 for any free one.
    #[arg(long, default_value_t = 8090)]
    gateway_port: u16,
    /// Port of the local chain's JSON-RPC; 0 for any free one.
    #[arg(long, default_value_t = 8899)]
    rpc_port: u16,
    /// The validator.
    #[arg(long, value_enum, default_value_t = Validator::Surfpool)]
    validator: Validator,
    /// Length of the local chain's slots in milliseconds.
    #[arg(long, default_value_t = 400)]
    slot_ms: u64,
    /// Once all answer, write their addresses to this file as JSON.
    #[arg(long)]
    ready_file: Option<PathBuf>,
}

/// The password of an API's role; here it shares the superuser's.
const API_LIMITS: &str = "?options=-c%20default_transaction_read_only%3Don%20-c%20temp_file_limit%3D1GB";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Validator {
    /// Light and quick; what was just sent counts as finalized at once.
    Surfpool,
    /// Agave's own, with real confirmations and finality; costs a core all the time, and 1.3 GB of disk an hour, for it
    /// keeps all of its blocks. tools/agave/build builds it.
    Agave,
}

impl Validator {
    /// As `--validator` takes it.
    const fn name(self) -> &'static str {
        match self {
            Self::Surfpool => "surfpool",
            Self::Agave => "agave",
        }
    }

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
    expect_free(arguments.gateway_port, "--gateway-port")?;
    expect_free(arguments.rpc_port, "--rpc-port")?;
    let (folder, _lock) = folder::prepare(arguments.data.as_deref(), arguments.fresh)?;

    let database = arguments.database_url.as_deref().map(shown_database);
    if database.is_none() && env::var_os("DATABASE_URL").is_some() {
        note!("DATABASE_URL is set and not used: a database is given by --database-url");
    }
    if let Some(told) = other_chain(arguments.validator, &folder) {
        note!("{told}");
    }
    let (mut parts, mut ends) = Parts::new(folder.clone());
    let started = tokio::select! {
        started = start(options, &arguments, &folder, &mut parts) => started,
        Some(end) = ends.recv() => Err(end.tell("before everything had started", database.as_deref())),
        () = stop.received() => Err(anyhow!("stopped before everything had started")),
    };
    let result = match started {
        Ok(()) => tokio::select! {
            Some(end) = ends.recv() => Err(end.tell("by itself", database.as_deref())),
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

    let (is_ours, database_url) = match &arguments.database_url {
        Some(url) => {
            note!("using {}, schema counterfoil, which --database-url names", shown_database(url));
            (false, in_own_schema(url))
        }
        None => {
            note!("starting PostgreSQL ...");
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
    // The API caches nothing, so that a changed row shows at once.
    api.args(["--listen", &format!("127.0.0.1:{}", arguments.api_port), "--memory-mib", "0"]);
    api.env("DATABASE_URL", if is_ours { database_url.clone() + API_LIMITS } else { database_url.clone() });
    let api: Service = parts.start("api", api).await?;

    note!("starting the gateway ...");
    let mut gateway = Command::new(sibling("counterfoil-gateway")?);
    gateway.args(["--listen", &format!("127.0.0.1:{}", arguments.gateway_port), "--rpc", &chain.rpc_url]);
    gateway.args(["--program", &options.program().to_string()]).arg("--writer").arg(&wallet);
    let promise_key = make_key(&folder.join("promise.key")).await?;
    gateway.arg("--promise-key").arg(&promise_key).arg("--names-key").arg(make_key(&folder.join("names.key")).await?);
    gateway.env("DATABASE_URL", &database_url);
    if !arguments.relay_database_url.is_empty() {
        // Not as arguments: all users of the machine see those.
        gateway.env("COUNTERFOIL_GATEWAY_RELAY_DATABASE_URL", arguments.relay_database_url.join(" "));
    }
    let gateway: Service = parts.start("gateway", gateway).await?;

    let addresses = json!({
        "gateway_url": gateway.url,
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
    print_addresses(&chain, &api, &gateway, &indexer, &wallet, folder);
    // For a look into the tables; the password is this machine's alone.
    if is_ours {
        file::write_private(&folder.join("database.url"), database_url.as_bytes())?;
        out!("  database         psql \"$(cat {})\"", folder.join("database.url").display());
    }
    out!("");
    let same = match arguments.validator {
        Validator::Surfpool => String::new(),
        other => format!(" with --validator {}", other.name()),
    };
    out!("Ctrl-C stops everything; the next start{same} goes on with the same ledgers, `--fresh` without them.");
    Ok(())
}

/// A database by what of its URL may be shown: neither user nor password.
fn shown_database(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return "the database".to_owned() };
    let (name, host) = (url.path().trim_start_matches('/'), url.host_str().unwrap_or_default());
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("the database {name} at {}://{host}{port}", url.scheme())
}

/// The error where the folder has a chain of another validator.
fn other_chain(validator: Validator, folder: &Path) -> Option<String> {
    let has = |validator: Validator| folder.join(validator.chain_folder()).is_dir();
    let other = Validator::value_variants().iter().find(|other| **other != validator && has(**other))?;
    let (this, other) = (validator.name(), other.name());
    let which = if has(validator) { "the folder's other chain" } else { "a new chain, with ledgers of its own" };
    Some(format!(
        "{} has a chain of {other}'s, which is not used now: {this} plays {which}. --validator {other} goes on with that one",
        folder.display()
    ))
}

/// The URL of a database of somebody's, with the tables apart from others that stand there.
fn in_own_schema(url: &str) -> String {
    format!("{url}{}options=-c%20search_path%3Dcounterfoil", if url.contains('?') { '&' } else { '?' })
}

/// The file of a key of the gateway's, made where there is none.
async fn make_key(file: &Path) -> anyhow::Result<PathBuf> {
    if !file.is_file() {
        let made = Command::new(sibling("counterfoil-gateway")?).arg("make-key").arg(file).output().await;
        let made = made.context("the gateway's program cannot be started")?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr).trim());
    }
    Ok(file.to_owned())
}

fn print_addresses(
    chain: &Localnet,
    api: &Service,
    gateway: &Service,
    indexer: &Service,
    wallet: &Path,
    folder: &Path,
) {
    out!("Counterfoil runs:");
    out!("  explorer         {}/#rpc={}   open it in a browser", api.url, chain.rpc_url);
    out!("  API              {}/v1/ledgers   {}/docs   {}/graphql", api.url, api.url, api.url);
    out!("  gateway          {}/v1/ledgers/LEDGER/records   takes records by POST", gateway.url);
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
    out!("  LEDGER=$(counterfoil ledger create --allow-subtrees)");
    out!(
        "  curl -H 'Content-Type: application/json' -d '{{\"order\": 1}}' \"{}/v1/ledgers/$LEDGER/records?wait=checked\"",
        gateway.url
    );
}

/// A program of the project in the folder of this one.
fn sibling(name: &str) -> anyhow::Result<PathBuf> {
    let this = env::current_exe().context("cannot tell where this program is")?;
    let path = this.with_file_name(name);
    ensure!(
        path.is_file(),
        "{name} is not in the folder of {}: build or install all programs together",
        this.display()
    );
    Ok(path)
}

fn expect_free(port: u16, flag: &str) -> anyhow::Result<()> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .with_context(|| format!("port {port} is in use: end what uses it, or choose another with {flag} (0: any)"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Validator, other_chain, shown_database};

    #[test]
    fn a_database_is_told_without_user_and_password() {
        for (url, shown) in [
            (
                "postgres://user:SECRET@db.example.com:5433/shop?sslmode=require",
                "shop at postgres://db.example.com:5433",
            ),
            ("postgres:///shop", "shop at postgres://"),
            ("postgres://127.0.0.1", " at postgres://127.0.0.1"),
        ] {
            assert_eq!(shown_database(url), format!("the database {shown}"));
        }
        assert_eq!(shown_database("postgres://user:SEC/RET@host/shop"), "the database");
    }

    #[test]
    fn a_chain_of_another_validators_is_told_and_which_one_is_used() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(other_chain(Validator::Agave, folder.path()), None);
        fs::create_dir(folder.path().join("chain-surfpool")).unwrap();
        assert_eq!(other_chain(Validator::Surfpool, folder.path()), None);
        let told = other_chain(Validator::Agave, folder.path()).unwrap();
        assert!(told.contains("has a chain of surfpool's") && told.contains("agave plays a new chain"), "{told}");
        fs::create_dir(folder.path().join("chain-agave")).unwrap();
        let told = other_chain(Validator::Agave, folder.path()).unwrap();
        assert!(told.contains("agave plays the folder's other chain"), "{told}");
    }
}
