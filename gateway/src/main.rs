//! `counterfoil-gateway`: takes records by HTTP, and brings them to the chain.
#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic when a pipe is closed, and escape nothing: out!, note!"
)]

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand};
use counterfoil_append::{LAMPORTS_PER_SOL, TransactionSigner};
use counterfoil_client::{Rpc, idl, parse_rpc_url};
use counterfoil_core::{GenesisHash, ProgramId};
use counterfoil_gateway::{
    AccessSettings, Archive, Config, Finding, Mode, Patient, Settings, TlsFiles, examine, read_keypair, read_names_key,
    read_promise_key, run, write_new_key,
};
use counterfoil_http::read_secret_file;
use counterfoil_service::{
    LogFormat, SettingsRules, StopSignals, Telemetry, end, log_in_format, note, out, out_json, parse_settings,
};
use counterfoil_statement::{PromiseKey, SigningKey};
use ipnet::IpNet;
use mimalloc::MiMalloc;
use serde_json::json;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const SETTINGS: SettingsRules = SettingsRules {
    file_env: "COUNTERFOIL_GATEWAY_CONFIG",
    commands: &["doctor"],
    urls: &["rpc", "otlp"],
    database_urls: &["database-url", "gateway-database-url", "relay-database-url"],
};

/// Takes records over HTTP, keeps them, brings them to their ledgers, and answers with promises and receipts.
///
/// Each setting comes from its flag, else from its environment variable, else from the file that --config names, else it
/// is the one built in.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// A TOML file of settings: the keys are the flags' names.
    #[arg(long, env = "COUNTERFOIL_GATEWAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the settings in effect as such a file, with the source of each and without secrets, and end.
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    sources: Sources,
    /// The bound of what transactions cost in a day, in SOL. Busy ledgers get them less often then; where a promise would break, the budget
    /// is exceeded. No bound when absent.
    #[arg(long, value_name = "SOL")]
    sol_a_day: Option<Sol>,
    /// The file of the key under which streams' and subjects' names are hidden. Keep it: without it names give other streams.
    #[arg(long, env = "COUNTERFOIL_GATEWAY_NAMES_KEY", value_name = "FILE")]
    names_key: Option<PathBuf>,
    /// The address on which the gateway is served; port 0 takes a free one.
    #[arg(long, env = "COUNTERFOIL_GATEWAY_LISTEN", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// How often a busy ledger gets a transaction, in milliseconds; an idle one gets it at once. Each costs 5,000 lamports.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(0..=3_600_000))]
    window_ms: u64,
    /// How old the oldest record that waits for the chain may be, in seconds: then no more are accepted until it moves.
    #[arg(long, default_value_t = 86_400, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    longest_wait_s: u64,
    /// After what time without a sign of life another gateway on the same database takes a ledger over, in milliseconds.
    #[arg(long, default_value_t = 5_000)]
    lease_ms: u64,
    /// Where entries get a second copy, which is read back: a folder, or s3://BUCKET/PREFIX with credentials and endpoint in the
    /// environment as AWS' tools have them. `counterfoil-indexer rebuild --archive` uses it.
    #[arg(long, env = "COUNTERFOIL_ARCHIVE", value_name = "PLACE")]
    archive: Option<String>,
    /// A user's database whose outbox is relayed: each of its rows becomes a record, and gets its receipt there. `counterfoil outbox
    /// install` makes the outbox. Several are parted by spaces in the environment.
    #[arg(
        long,
        env = "COUNTERFOIL_GATEWAY_RELAY_DATABASE_URL",
        hide_env_values = true,
        value_delimiter = ' ',
        value_name = "URL"
    )]
    relay_database_url: Vec<String>,
    /// For how many hours rows of these outboxes stay once they have their receipts. The receipts stay. For ever when absent.
    #[arg(long, env = "COUNTERFOIL_GATEWAY_OUTBOX_HOURS", value_name = "HOURS")]
    outbox_hours: Option<u32>,
    /// The most bytes of a record.
    #[arg(long, default_value_t = 1 << 20, value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    record_bytes: u32,
    /// The callers that must send a key. When absent: `off` where the gateway is served on a loopback address and without
    /// --trusted-proxy, `required` elsewhere.
    #[arg(long, env = "COUNTERFOIL_GATEWAY_ACCESS", value_enum)]
    access: Option<Mode>,
    /// Requests a minute from one address that come without a good key; 600 when absent, no limit with --access off.
    #[arg(long, value_name = "REQUESTS")]
    address_rate: Option<NonZeroU32>,
    /// A proxy, or a network of them, whose X-Forwarded-For is believed.
    #[arg(long, value_name = "CIDR")]
    trusted_proxy: Vec<IpNet>,
    /// A name by which clients may call this server, besides localhost and addresses, as gateway.example.com. When absent: none with
    /// --access off and on a loopback address without --trusted-proxy; any name elsewhere.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// The certificate with its chain, in PEM: serve TLS. Both files are reloaded when they change.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// The number of connections at a time; further ones wait.
    #[arg(long, default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,
    /// The number of connections from one address; an eighth of --max-connections when absent.
    #[arg(long, value_name = "CONNECTIONS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections_per_address: Option<u32>,
    /// The address on which metrics are served for Prometheus, without authentication. Not served when absent.
    #[arg(long, value_name = "ADDRESS", env = "COUNTERFOIL_GATEWAY_METRICS_LISTEN")]
    metrics_listen: Option<SocketAddr>,
    /// The format of the log: text or json.
    #[arg(long, env = "COUNTERFOIL_LOG_FORMAT", default_value_t)]
    log_format: LogFormat,
    /// The URL to which traces are sent by OTLP over HTTP. None are sent when absent.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true, value_name = "URL")]
    otlp: Option<String>,
    /// Stop when standard input closes, so that a parent that dies leaves nothing behind.
    #[arg(long)]
    exit_with_stdin: bool,
}

/// The settings that both the gateway and its doctor need.
#[derive(Args)]
struct Sources {
    /// The index: postgres://USER:PASSWORD@HOST:PORT/DATABASE. Better given in the environment than here.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The gateway's own database, in its schema `gateway`. It holds what is accepted and not on the chain yet, so give it a
    /// server with a synchronous standby. The index's when absent.
    #[arg(long, env = "COUNTERFOIL_GATEWAY_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    gateway_database_url: Option<String>,
    /// A Solana JSON-RPC server. Transactions go to the first; whether a ledger takes records is asked of all in turn. The
    /// index alone decides what became of a transaction.
    #[arg(long, env = "COUNTERFOIL_RPC", value_delimiter = ',', hide_env_values = true, value_parser = parse_rpc_url, value_name = "URL")]
    rpc: Vec<String>,
    /// The program's address. The one that its IDL declares when absent.
    #[arg(long, env = "COUNTERFOIL_PROGRAM", default_value_t = idl::declared_program())]
    program: ProgramId,
    /// The wallet that appends, a Solana CLI key file. Each ledger's authority grants it subtrees.
    #[arg(long, env = "COUNTERFOIL_GATEWAY_WRITER", value_name = "FILE")]
    writer: Option<PathBuf>,
    /// A wallet that pays, a Solana CLI key file; give several to spread ledgers over them. The appender pays when absent. Another wallet's
    /// signature costs 5,000 lamports a transaction more.
    #[arg(long = "payer", env = "COUNTERFOIL_GATEWAY_PAYERS", value_delimiter = ',', value_name = "FILE")]
    payers: Vec<PathBuf>,
    /// The most that a transaction bids for a place in a block, in lamports beyond its signatures' fee. It bids what three of four
    /// that wrote to the ledger lately did at most.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(0..=100_000_000))]
    max_bid_lamports: u64,
    /// The file of the key that signs promises: `counterfoil-gateway make-key FILE` makes one. Publish its public part.
    #[arg(long, env = "COUNTERFOIL_GATEWAY_PROMISE_KEY", value_name = "FILE")]
    promise_key: Option<PathBuf>,
    /// How far ahead promises reach, in seconds: by then a record is on the chain, or the operator is convicted.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=2_592_000))]
    promise_s: u64,
    /// On how many machines a commit of the gateway's database stands, as promises say: 1 and the synchronous standbys.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    copies: u16,
}

#[derive(Subcommand)]
enum Command {
    /// Writes a new random key for --promise-key or --names-key to a file that is not there yet, and prints its public part.
    MakeKey {
        /// The file.
        file: PathBuf,
    },
    /// Says in words how databases, servers, keys, wallets and ledgers are, and what to do about it. Exit code 0 only when all is well.
    Doctor {
        #[command(flatten)]
        sources: Box<Sources>,
        /// Print what was found as JSON.
        #[arg(long)]
        json: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    end(run_command().await)
}

async fn run_command() -> anyhow::Result<ExitCode> {
    let Some(arguments) = parse_settings::<Arguments>(&SETTINGS)? else { return Ok(ExitCode::SUCCESS) };
    match arguments.command {
        Some(Command::MakeKey { file }) => {
            write_new_key(&file).with_context(|| format!("the key {}", file.display()))?;
            note!("{}: as a promise key it is known as {}", file.display(), public_part(&file)?);
            return Ok(ExitCode::SUCCESS);
        }
        Some(Command::Doctor { sources, json }) => return tell(examine(sources.patient()?).await?, json),
        None => {}
    }
    let telemetry = arguments.otlp.as_deref();
    let telemetry = telemetry
        .map(|url| Telemetry::start(url, "counterfoil-gateway", &["counterfoil_gateway", "counterfoil_http"]))
        .transpose()?;
    let (telemetry, more) = telemetry.unzip();
    log_in_format("info,sqlx=warn", arguments.log_format, more);
    let mut stop = StopSignals::listen(arguments.exit_with_stdin).context("cannot listen for signals")?;
    let outcome = run(config(arguments)?, async move { stop.received().await }).await;
    if let Some(telemetry) = telemetry {
        tokio::task::spawn_blocking(|| telemetry.stop()).await?;
    }
    outcome.map(|()| ExitCode::SUCCESS)
}

fn tell(findings: Vec<Finding>, json: bool) -> anyhow::Result<ExitCode> {
    let ills = findings.iter().filter(|finding| finding.advice.is_some()).count();
    let code = if ills > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    if json {
        let found = findings
            .iter()
            .map(|Finding { subject, state, advice }| json!({ "subject": subject, "state": state, "advice": advice }));
        out_json(&json!({ "well": ills == 0, "findings": found.collect::<Vec<_>>() }));
        return Ok(code);
    }
    for Finding { subject, state, advice } in &findings {
        out!("{} {subject}: {state}", if advice.is_none() { "ok" } else { "!!" });
        if let Some(advice) = advice {
            out!("     {advice}");
        }
    }
    match ills {
        0 => out!("all is well"),
        ills => out!("{ills} of {} things looked at need attention", findings.len()),
    }
    Ok(code)
}

impl Sources {
    fn patient(&self) -> anyhow::Result<Patient> {
        let promise_key = self.promise_key()?;
        Ok(Patient {
            gateway_database_url: self.gateway_database_url()?,
            database_url: self.database_url()?,
            servers: self.servers()?,
            writer: self.writer()?,
            payers: self.payers()?,
            max_bid: self.max_bid_lamports,
            promise_key: PromiseKey(promise_key.verifying_key().to_bytes()),
            promise_time: Duration::from_secs(self.promise_s),
            copies: self.copies,
        })
    }

    fn database_url(&self) -> anyhow::Result<String> {
        self.database_url.clone().context("give the index by --database-url or DATABASE_URL")
    }

    fn gateway_database_url(&self) -> anyhow::Result<String> {
        self.gateway_database_url.clone().map_or_else(|| self.database_url(), Ok)
    }

    fn servers(&self) -> anyhow::Result<Vec<Rpc>> {
        ensure!(!self.rpc.is_empty(), "give a server of the chain by --rpc or COUNTERFOIL_RPC");
        Ok(self.rpc.iter().map(|url| Rpc::new(url, self.program)).collect())
    }

    fn writer(&self) -> anyhow::Result<Arc<dyn TransactionSigner>> {
        read_wallet(self.writer.as_deref().context("give a file by --writer")?)
    }

    fn payers(&self) -> anyhow::Result<Vec<Arc<dyn TransactionSigner>>> {
        self.payers.iter().map(|file| read_wallet(file)).collect()
    }

    fn promise_key(&self) -> anyhow::Result<SigningKey> {
        let file = self.promise_key.as_deref().context("give a file by --promise-key")?;
        read_promise_key(file).with_context(|| format!("the key {}", file.display()))
    }
}

fn config(arguments: Arguments) -> anyhow::Result<Config> {
    ensure!(
        arguments.tls_certificate.is_some() == arguments.tls_key.is_some(),
        "--tls-certificate and --tls-key are given together"
    );
    let sources = &arguments.sources;
    let names_key = arguments.names_key.context("give a file by --names-key")?;
    let is_local = arguments.listen.ip().is_loopback() && arguments.trusted_proxy.is_empty();
    let mode = arguments.access.unwrap_or(if is_local { Mode::Off } else { Mode::Required });
    const ADDRESS_RATE: NonZeroU32 = NonZeroU32::new(600).expect("not zero");
    Ok(Config {
        gateway_database_url: sources.gateway_database_url()?,
        database_url: sources.database_url()?,
        listen: arguments.listen,
        metrics: arguments.metrics_listen,
        tls: arguments.tls_certificate.zip(arguments.tls_key).map(|(certificate, key)| TlsFiles { certificate, key }),
        max_connections: arguments.max_connections,
        max_connections_per_address: arguments
            .max_connections_per_address
            .unwrap_or_else(|| arguments.max_connections.div_ceil(8)),
        settings: Settings {
            writer: sources.writer()?,
            payers: sources.payers()?,
            max_bid: sources.max_bid_lamports,
            lamports_a_day: arguments.sol_a_day.map(|Sol(lamports)| lamports),
            promise_key: sources.promise_key()?,
            names: read_names_key(&names_key).with_context(|| format!("the key {}", names_key.display()))?,
            servers: sources.servers()?,
            genesis_hash: GenesisHash([0; 32]),
            program: sources.program,
            promise_time: Duration::from_secs(sources.promise_s),
            longest_wait: Duration::from_secs(arguments.longest_wait_s),
            copies: sources.copies,
            window: Duration::from_millis(arguments.window_ms),
            lease: Duration::from_millis(arguments.lease_ms),
            archive: arguments.archive.as_deref().map(Archive::open).transpose()?,
            relays: arguments.relay_database_url,
            outbox_hours: arguments.outbox_hours,
            record_bytes: arguments.record_bytes as usize,
            access: AccessSettings {
                mode,
                address_rate: arguments.address_rate.or_else(|| (mode != Mode::Off).then_some(ADDRESS_RATE)),
                hosts: (mode == Mode::Off || is_local || !arguments.host.is_empty()).then_some(arguments.host),
                trusted_proxies: arguments.trusted_proxy,
                ..AccessSettings::default()
            },
        },
    })
}

fn read_wallet(file: &Path) -> anyhow::Result<Arc<dyn TransactionSigner>> {
    let name = || format!("the wallet {}", file.display());
    // Refused where others may write to it, as all keys are.
    read_secret_file(file).with_context(name)?;
    Ok(Arc::new(read_keypair(file).with_context(name)?))
}

/// An amount of SOL, in lamports. Written as 0.25 or 3; in a file of settings as a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sol(u64);

impl FromStr for Sol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const DIGITS: usize = 9;
        let wrong = || format!("{text:?} is no amount of SOL, such as 0.25 or 3");
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        if part.is_empty() || part.len() > DIGITS || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let part: u64 = format!("{part:0<DIGITS$}").parse().map_err(|_| wrong())?;
        let lamports = whole.checked_mul(LAMPORTS_PER_SOL).and_then(|lamports| lamports.checked_add(part));
        match lamports.ok_or_else(wrong)? {
            0 => Err("no transaction could be paid, and no record would get into its ledger".to_owned()),
            lamports => Ok(Self(lamports)),
        }
    }
}

fn public_part(file: &Path) -> anyhow::Result<String> {
    let key = read_promise_key(file)?;
    Ok(PromiseKey(key.verifying_key().to_bytes()).to_string())
}

#[cfg(test)]
mod tests {
    use super::Sol;

    #[test]
    fn an_amount_of_sol_is_read_to_the_lamport() {
        for (text, lamports) in
            [("3", 3_000_000_000), ("0.25", 250_000_000), ("0.000000001", 1), ("18446744073.709551615", u64::MAX)]
        {
            assert_eq!(text.parse(), Ok(Sol(lamports)));
        }
        for text in ["", ".5", "1.", "-1", "0.0000000001", "18446744073.709551616", "1e3", "1,5"] {
            assert!(text.parse::<Sol>().is_err(), "{text}");
        }
    }
}
