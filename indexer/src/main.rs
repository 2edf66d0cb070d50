//! `counterfoil-indexer`: follows ledgers, verifies every event, keeps the index. One file a command.
#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic when a pipe is closed, and escape nothing: out!, note!"
)]

mod commands;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use counterfoil_service::{LogFormat, MoreLog, SettingsRules, Telemetry, end, log_in_format, parse_settings};

use crate::commands::{clear_halt, doctor, fill, forget, fsck, migrate, rebuild, run};

const SETTINGS: SettingsRules = SettingsRules {
    file_env: "COUNTERFOIL_CONFIG",
    commands: &["rebuild", "forget", "doctor"],
    urls: &["rpc", "ws", "geyser", "otlp", "nats"],
    database_urls: &["database-url"],
};

/// Copies the events of Counterfoil ledgers into PostgreSQL and proves the copy against the chain.
///
/// Each setting comes from its flag, else from its environment variable, else from the file that --config names, else it
/// is the one built in.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// The index: postgres://USER:PASSWORD@HOST:PORT/DATABASE. Better given in the environment than here.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    database_url: Option<String>,
    /// A TOML file of settings: the keys are the flags' names.
    #[arg(long, env = "COUNTERFOIL_CONFIG", global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the settings in effect as such a file, with where each comes from and without secrets, and end.
    #[arg(long)]
    print_config: bool,
    /// How the log looks: text or json.
    #[arg(long, env = "COUNTERFOIL_LOG_FORMAT", global = true, default_value_t)]
    log_format: LogFormat,
    /// Where traces are sent by OTLP over HTTP, such as http://127.0.0.1:4318. Default: nowhere.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true, global = true, value_name = "URL")]
    otlp: Option<String>,
    #[command(flatten)]
    run: run::Arguments,
}

#[derive(Subcommand)]
enum Command {
    /// Derives the index again from its events and entries, and compares every row. Exit code 0 only when all are right.
    Fsck(fsck::Arguments),
    /// Rebuilds the index in a second schema, proves it, and swaps the two.
    Rebuild(Box<rebuild::Arguments>),
    /// Says in words how the index is and what to do about it. Exit code 0 only when all is well.
    Doctor(doctor::Arguments),
    /// Fills in entries that the ledger has by the hashes of their subtrees, from a file or from another log.
    Fill(fill::Arguments),
    /// Takes a ledger out of the index that no server reports any more: what a quorum invented.
    Forget(Box<forget::Arguments>),
    /// Brings the tables to this version, as an indexer does at its start; or waits until they are.
    Migrate(migrate::Arguments),
    /// Lets a halted ledger be tried again.
    ClearHalt(clear_halt::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    end(start().await)
}

async fn start() -> anyhow::Result<ExitCode> {
    let Some(cli) = parse_settings::<Cli>(&SETTINGS)? else { return Ok(ExitCode::SUCCESS) };
    let (telemetry, more) = cli.otlp.as_deref().map(start_telemetry).transpose()?.unzip();
    log_in_format("info,sqlx=warn,async_nats=error", cli.log_format, more);
    let outcome = work(cli).await;
    if let Some(telemetry) = telemetry {
        tokio::task::spawn_blocking(|| telemetry.stop()).await?;
    }
    outcome
}

fn start_telemetry(url: &str) -> anyhow::Result<(Telemetry, MoreLog)> {
    Telemetry::start(url, "counterfoil-indexer", &["counterfoil_indexer"])
}

async fn work(cli: Cli) -> anyhow::Result<ExitCode> {
    let database_url = cli.database_url.context("give the index by --database-url or DATABASE_URL")?;
    match cli.command {
        None => run::run(database_url, cli.run).await?,
        Some(Command::Fsck(arguments)) => fsck::run(&database_url, &arguments).await?,
        Some(Command::Rebuild(arguments)) => rebuild::run(database_url, *arguments).await?,
        Some(Command::Doctor(arguments)) => return doctor::run(&database_url, &arguments).await,
        Some(Command::Fill(arguments)) => fill::run(&database_url, &arguments).await?,
        Some(Command::Forget(arguments)) => forget::run(database_url, *arguments).await?,
        Some(Command::Migrate(arguments)) => migrate::run(&database_url, &arguments).await?,
        Some(Command::ClearHalt(arguments)) => clear_halt::run(&database_url, &arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}
