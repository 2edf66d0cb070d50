//! `counterfoil-api`: serves the index, with proofs.
#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic when a pipe is closed, and escape nothing: out!, note!"
)]

mod arguments;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use counterfoil_api::{
    Admin, AllowedQueries, Config, NoteKey, Settings, TlsFiles, administer, is_function, read_secret_file, run,
    run_function,
};
use counterfoil_service::{
    LogFormat, SettingsRules, StopSignals, Telemetry, end, log_in_format, log_to_stderr, out, out_json_line,
    parse_settings,
};
use mimalloc::MiMalloc;

use arguments::{AccessArguments, KeyCommand, LedgerCommand, NatsArguments, ReaderCommand, Write};

/// An answer is made of many small pieces, above all GraphQL's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const NO_DATABASE: &str = "give the index by --database-url or DATABASE_URL";
const SETTINGS: SettingsRules = SettingsRules {
    file_env: "COUNTERFOIL_API_CONFIG",
    commands: &["key", "ledger", "reader"],
    urls: &["otlp", "nats"],
    database_urls: &["database-url"],
};

/// Serves the entries and events of Counterfoil ledgers with their proofs, over REST, GraphQL and as tlog-tiles.
///
/// Each setting comes from its flag, else from its environment variable, else from the file that --config names, else it
/// is the one built in.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The index: postgres://USER:PASSWORD@HOST:PORT/DATABASE. Better given in the environment than here.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// A TOML file of settings: the keys are the flags' names.
    #[arg(long, env = "COUNTERFOIL_API_CONFIG", global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the settings in effect as such a file, with the source of each and without secrets, and end.
    #[arg(long)]
    print_config: bool,
    /// The address on which the API is served; port 0 takes a free one.
    #[arg(long, env = "COUNTERFOIL_API_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The longest time that a response may take to begin, in milliseconds.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    request_timeout_ms: u64,
    /// The number of streams that may be open at a time.
    #[arg(long, default_value_t = 20_000)]
    max_streams: usize,
    /// The number of streams that one caller may have open: one key, one wallet, or, without either, one address.
    #[arg(long, value_name = "STREAMS", default_value_t = 100)]
    max_streams_per_caller: usize,
    /// The number of searches that run at a time, each with a connection to the database; one caller has half of them. Further
    /// searches wait.
    #[arg(long, value_name = "SEARCHES", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    search_connections: u32,
    /// How long the database may take for each step of a search, in milliseconds.
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    search_time_ms: u64,
    /// The size of the cache of tiles and entries, in MiB; with 0 nothing is cached.
    #[arg(long, default_value_t = 256)]
    memory_mib: u32,
    /// Refuse GraphQL introspection.
    #[arg(long)]
    no_introspection: bool,
    /// A file of the only GraphQL queries that are answered: an Apollo persisted query manifest.
    #[arg(long, env = "COUNTERFOIL_ALLOWED_QUERIES")]
    allowed_queries: Option<PathBuf>,
    /// The file of the key that signs checkpoints of logs and receipts in standard formats; `counterfoil-api note-key` makes one.
    #[arg(long, env = "COUNTERFOIL_NOTE_KEY")]
    note_key: Option<PathBuf>,
    #[command(flatten)]
    nats: NatsArguments,
    #[command(flatten)]
    access: AccessArguments,
    /// The certificate with its chain, in PEM: serve TLS. Both files are reloaded when they change.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// The number of connections at a time; further ones wait. The process must be allowed somewhat more open files than this.
    #[arg(long, default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,
    /// The number of connections from one address, or from one IPv6 /64; further ones are closed at once. An eighth of
    /// --max-connections when absent. Connections of a --trusted-proxy are not counted.
    #[arg(long, value_name = "CONNECTIONS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections_per_address: Option<u32>,
    /// The address on which metrics are served for Prometheus, without authentication, as 127.0.0.1:9101. Not served when absent.
    #[arg(long, value_name = "ADDRESS", env = "COUNTERFOIL_API_METRICS_LISTEN")]
    metrics_listen: Option<SocketAddr>,
    /// The format of the log: text or json.
    #[arg(long, env = "COUNTERFOIL_LOG_FORMAT", default_value_t)]
    log_format: LogFormat,
    /// The URL to which traces are sent by OTLP over HTTP, such as http://127.0.0.1:4318. None are sent when absent.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true, value_name = "URL")]
    otlp: Option<String>,
    /// Stop when standard input closes, so that a parent that dies leaves nothing behind.
    #[arg(long)]
    exit_with_stdin: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Prints a new key for --note-key. It is secret: write it to a file that only this service can read.
    NoteKey {
        /// The key's name, with which the names of all logs begin: a host name of the operator's, as log.example.com.
        name: String,
    },
    /// Makes, lists and revokes API keys.
    Key(Write<KeyCommand>),
    /// Makes ledgers private, and public again.
    Ledger(Write<LedgerCommand>),
    /// Puts wallets on a private ledger's list of readers, and takes them off.
    Reader(Write<ReaderCommand>),
}

#[tokio::main]
async fn main() -> ExitCode {
    end(run_command().await.map(|()| ExitCode::SUCCESS))
}

async fn run_command() -> anyhow::Result<()> {
    let Some(arguments) = parse_settings::<Arguments>(&SETTINGS)? else { return Ok(()) };
    match arguments.command {
        Some(Command::NoteKey { name }) => {
            out!("{}", NoteKey::generate(&name)?.to_secret_text());
            return Ok(());
        }
        Some(Command::Key(Write { database_url, what })) => return write(database_url, what.into()).await,
        Some(Command::Ledger(Write { database_url, what })) => return write(database_url, what.into()).await,
        Some(Command::Reader(Write { database_url, what })) => return write(database_url, what.into()).await,
        None => {}
    }
    let telemetry = arguments.otlp.as_deref();
    let telemetry = telemetry
        .map(|url| Telemetry::start(url, "counterfoil-api", &["counterfoil_api", "counterfoil_http"]))
        .transpose()?;
    let (telemetry, more) = telemetry.unzip();
    log_in_format("info,sqlx=warn,async_nats=error", arguments.log_format, more);
    let mut stop = StopSignals::listen(arguments.exit_with_stdin).context("cannot listen for signals")?;
    // A file can give one of them, which clap takes for none.
    ensure!(
        arguments.tls_certificate.is_some() == arguments.tls_key.is_some(),
        "--tls-certificate and --tls-key are given together"
    );
    // Lambda alone reaches a function, and everybody reaches Lambda.
    let listen = if is_function() { SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)) } else { arguments.listen };
    let config = Config {
        database_url: arguments.database_url.context(NO_DATABASE)?,
        listen,
        metrics: arguments.metrics_listen,
        tls: arguments.tls_certificate.zip(arguments.tls_key).map(|(certificate, key)| TlsFiles { certificate, key }),
        max_connections: arguments.max_connections,
        max_connections_per_address: arguments
            .max_connections_per_address
            .unwrap_or_else(|| arguments.max_connections.div_ceil(8)),
        settings: Settings {
            request_timeout: Duration::from_millis(arguments.request_timeout_ms),
            allowed_queries: arguments.allowed_queries.as_deref().map(read_allowed_queries).transpose()?,
            max_streams: arguments.max_streams,
            max_streams_per_caller: arguments.max_streams_per_caller,
            search_connections: arguments.search_connections as usize,
            search_time: Duration::from_millis(arguments.search_time_ms),
            memory_bytes: u64::from(arguments.memory_mib) << 20,
            introspection: !arguments.no_introspection,
            note_key: arguments.note_key.as_deref().map(read_note_key).transpose()?,
            nats: arguments.nats.settings()?,
            access: arguments.access.settings(listen)?,
            background: true,
        },
    };
    let outcome = if is_function() {
        run_function(&config.database_url, config.settings).await
    } else {
        run(config, async move { stop.received().await }).await
    };
    if let Some(telemetry) = telemetry {
        tokio::task::spawn_blocking(|| telemetry.stop()).await?;
    }
    outcome
}

fn read_allowed_queries(path: &Path) -> anyhow::Result<AllowedQueries> {
    let what = || format!("the list of queries {}", path.display());
    let text = std::fs::read_to_string(path).with_context(what)?;
    AllowedQueries::parse(&text).with_context(what)
}

async fn write(database_url: Option<String>, admin: Admin) -> anyhow::Result<()> {
    log_to_stderr("warn");
    let database_url = database_url.context(NO_DATABASE)?;
    for line in administer(&database_url, admin).await? {
        out_json_line(&line);
    }
    Ok(())
}

fn read_note_key(path: &Path) -> anyhow::Result<NoteKey> {
    let what = || format!("the note key {}: make one with `counterfoil-api note-key NAME`", path.display());
    let text = String::from_utf8_lossy(&read_secret_file(path).with_context(what)?).into_owned();
    NoteKey::parse(&text).with_context(what)
}
