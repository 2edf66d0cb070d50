//! `counterfoil dev`: a local chain, PostgreSQL, the indexer and the API, as one process tree.
//!
//! The services are programs of their own, found beside this one; each stops when its standard input closes, so
//! that nothing is left behind however this process ends.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};
use counterfoil_service::{StopSignals, log_to_stderr, note, out};
use pgcluster::{Cluster, Durability};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::context::Options;

const READY_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
const PROGRAM: &[u8] = include_bytes!("../../../programs/counterfoil/release/counterfoil.so");
/// A folder with this file is ours: it can be emptied, and is locked while in use.
const MARKER: &str = "counterfoil-dev";

/// How to start.
#[derive(Args)]
pub struct Arguments {
    /// The folder for the chain, PostgreSQL's data, logs and the wallet. Default: the user's data folder.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Empty that folder first: a new chain, without the ledgers of before.
    #[arg(long)]
    fresh: bool,
    /// Use this database in place of a PostgreSQL server of its own. It must be new, or that of the same chain.
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
    /// Agave's own, with real confirmations and finality; costs a core all the time. tools/agave/build builds it.
    Agave,
}

impl Validator {
    /// Where its chain is kept, in the data folder; a validator that keeps none begins a new one each time.
    const fn chain_folder(self) -> Option<&'static str> {
        match self {
            Self::Surfpool => Some("chain-surfpool"),
            Self::Agave => None,
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
    let (folder, _lock) = prepare_folder(&arguments)?;

    let mut tree = Tree { folder: folder.clone(), children: Vec::new() };
    let started = tokio::select! {
        started = start(options, &arguments, &folder, &mut tree) => started,
        () = stop.received() => bail!("stopped before everything had started"),
    };
    // The cluster outlives the services: it is dropped at the end, after them.
    let (result, _cluster) = match started {
        Ok(cluster) => {
            let result = tokio::select! {
                error = tree.first_end() => Err(error),
                () = stop.received() => Ok(ExitCode::SUCCESS),
            };
            (result, cluster)
        }
        Err(error) => (Err(error), None),
    };
    tree.stop().await;
    if let Some(path) = &arguments.ready_file {
        let _ = fs::remove_file(path);
    }
    result
}

async fn start(
    options: &Options,
    arguments: &Arguments,
    folder: &Path,
    tree: &mut Tree,
) -> anyhow::Result<Option<Cluster>> {
    let wallet = folder.join("wallet.json");
    let program = folder.join("counterfoil.so");
    fs::write(&program, PROGRAM).with_context(|| format!("cannot write {}", program.display()))?;
    note!("starting a local chain ...");
    let mut localnet = arguments.validator.command()?;
    localnet.args(["--slot-ms", &arguments.slot_ms.to_string()]);
    localnet.arg("--wallet").arg(&wallet);
    if let Some(chain) = arguments.validator.chain_folder() {
        localnet.arg("--ledger").arg(folder.join(chain));
    }
    localnet.arg("--program").arg(format!("{}={}", options.program(), program.display()));
    if arguments.rpc_port != 0 {
        localnet.args(["--rpc-port", &arguments.rpc_port.to_string()]);
    }
    let chain: Localnet = tree.spawn("localnet", localnet).await?;

    note!("starting PostgreSQL ...");
    let (cluster, database_url) = match &arguments.database_url {
        Some(url) => (None, url.clone()),
        None => {
            let cluster = Cluster::start(&folder.join("postgres"), Durability::Full)?;
            // One database a chain: an index is bound to its chain.
            let database = format!("counterfoil_{}", chain.genesis_hash.to_lowercase());
            cluster.ensure_database(&database)?;
            let url = cluster.url(&database);
            (Some(cluster), url)
        }
    };
    note!("starting the indexer ...");
    let mut indexer = Command::new(sibling("counterfoil-indexer")?);
    indexer.args(["--rpc", &chain.rpc_url, "--ws", &chain.ws_url, "--listen", "127.0.0.1:0"]);
    indexer.args(["--program", &options.program().to_string()]).env("DATABASE_URL", &database_url);
    let indexer: Service = tree.spawn("indexer", indexer).await?;

    note!("starting the API ...");
    let mut api = Command::new(sibling("counterfoil-api")?);
    // Whoever changes a row here wants to see at once what comes of it, so the API keeps nothing in memory.
    api.args(["--listen", &format!("127.0.0.1:{}", arguments.api_port), "--memory-mib", "0"]);
    let api_database_url = cluster.as_ref().map_or_else(|| database_url.clone(), |_| database_url.clone() + API_LIMITS);
    api.env("DATABASE_URL", api_database_url);
    let api: Service = tree.spawn("api", api).await?;

    let addresses = json!({
        "rpc_url": chain.rpc_url,
        "ws_url": chain.ws_url,
        "genesis_hash": chain.genesis_hash,
        "program": options.program().to_string(),
        "api_url": api.url,
        "indexer_url": indexer.url,
        "wallet": wallet,
        "logs": folder,
        "pids": tree.pids(),
    });
    if let Some(path) = &arguments.ready_file {
        write_whole(path, &format!("{addresses:#}\n"))?;
    }
    print_addresses(&chain, &api, &indexer, &wallet, folder);
    // For whoever wants to look into the tables; the password is this machine's alone.
    if cluster.is_some() {
        write_private(&folder.join("database.url"), &database_url)?;
        out!("  database         psql \"$(cat {})\"", folder.join("database.url").display());
    }
    out!("");
    out!("Ctrl-C stops everything; the next start goes on with the same ledgers, `--fresh` without them.");
    Ok(cluster)
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

/// The services, in the order of their start.
struct Tree {
    folder: PathBuf,
    children: Vec<(&'static str, Child)>,
}

impl Tree {
    /// Starts a service and waits for the line of JSON that says that it answers.
    async fn spawn<T: for<'de> Deserialize<'de>>(
        &mut self,
        name: &'static str,
        mut command: Command,
    ) -> anyhow::Result<T> {
        let log_path = self.log(name);
        let log = fs::File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
        // Ctrl-C in a terminal goes to the whole process group; the services are stopped by us, in order.
        command.arg("--exit-with-stdin").process_group(0).kill_on_drop(true);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start the {name}"))?;
        let stdout = child.stdout.take().context("standard output is piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(READY_TIMEOUT, lines.next_line()).await;
        self.children.push((name, child));
        match line {
            Ok(Ok(Some(line))) => serde_json::from_str(&line).with_context(|| format!("the {name} said: {line}")),
            _ => {
                self.tell_log_tail(name);
                bail!("the {name} did not start; the end of its log, {}, stands above", log_path.display())
            }
        }
    }

    /// Waits until a service ends by itself, which none should.
    async fn first_end(&mut self) -> anyhow::Error {
        loop {
            for (name, child) in &mut self.children {
                if let Ok(Some(status)) = child.try_wait() {
                    let name = *name;
                    self.tell_log_tail(name);
                    let log = self.log(name);
                    return anyhow::anyhow!(
                        "the {name} ended by itself ({status}); the end of its log, {}, stands above",
                        log.display()
                    );
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Ends the services, the last started first.
    async fn stop(&mut self) {
        while let Some((name, mut child)) = self.children.pop() {
            drop(child.stdin.take());
            if timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
                note!("the {name} did not stop within {} s and is killed", STOP_TIMEOUT.as_secs());
                let _ = child.kill().await;
            }
        }
    }

    fn pids(&self) -> serde_json::Map<String, serde_json::Value> {
        self.children.iter().map(|(name, child)| ((*name).to_owned(), json!(child.id()))).collect()
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    fn tell_log_tail(&self, name: &str) {
        let log = fs::read_to_string(self.log(name)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].iter().for_each(|line| note!("{name}: {line}"));
    }
}

/// A program of ours that was built or installed beside this one.
fn sibling(name: &str) -> anyhow::Result<PathBuf> {
    let this = env::current_exe().context("cannot tell where this program is")?;
    let path = this.with_file_name(name);
    ensure!(path.is_file(), "{name} is not beside {}: build or install all programs together", this.display());
    Ok(path)
}

/// Makes the folder, or takes one that an earlier `dev` made; it is ours alone as long as the lock lives.
fn prepare_folder(arguments: &Arguments) -> anyhow::Result<(PathBuf, fs::File)> {
    let folder = match &arguments.data {
        Some(folder) => folder.clone(),
        None => default_folder()?,
    };
    let shown = folder.display();
    let marker = folder.join(MARKER);
    let is_new = fs::read_dir(&folder).map_or(true, |mut files| files.next().is_none());
    ensure!(
        is_new || marker.exists(),
        "{shown} holds files that are not from `counterfoil dev`: choose another --data"
    );
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {shown}: choose another --data"))?;
    let lock = fs::File::create(&marker).with_context(|| format!("cannot write to {shown}"))?;
    if lock.try_lock().is_err() {
        bail!("another `counterfoil dev` runs on {shown}: end it, or choose another --data");
    }
    if arguments.fresh {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {shown}"))? {
            let path = entry.with_context(|| format!("cannot read {shown}"))?.path();
            let removed = match path.is_dir() {
                true => fs::remove_dir_all(&path),
                false if path == marker => Ok(()),
                false => fs::remove_file(&path),
            };
            removed.with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    let folder = folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))?;
    Ok((folder, lock))
}

/// The user's data folder. Root's home is closed to the user that PostgreSQL then runs as, so root has another.
fn default_folder() -> anyhow::Result<PathBuf> {
    let user_folder = env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(|| {
        let home = env::var_os("HOME")?;
        Some(Path::new(&home).join(".local/share"))
    });
    match user_folder {
        _ if pgcluster::is_root() => Ok(PathBuf::from("/var/lib/counterfoil/dev")),
        Some(folder) => Ok(folder.join("counterfoil/dev")),
        None => bail!("HOME is not set, so there is no data folder: give one with --data"),
    }
}

fn expect_free(port: u16, flag: &str) -> anyhow::Result<()> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .with_context(|| format!("port {port} is in use: end what uses it, or choose another with {flag} (0: any)"))?;
    Ok(())
}

/// A reader finds the file whole or not at all.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let unfinished = path.with_extension("new");
    fs::write(&unfinished, text)
        .and_then(|()| fs::rename(&unfinished, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Readable by its owner alone.
fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}
