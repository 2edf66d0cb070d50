//! `counterfoil-indexer`: follows ledgers, verifies every event, keeps the index. One file a command.

mod commands;

use clap::{Parser, Subcommand};
use counterfoil_service::log_to_stderr;

use crate::commands::{clear_halt, fill, fsck, run};

/// Copies the events of Counterfoil ledgers into PostgreSQL and proves the copy against the chain.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// The index: postgres://USER:PASSWORD@HOST:PORT/DATABASE. Better given in the environment than here.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true, default_value = "")]
    database_url: String,
    #[command(flatten)]
    run: run::Arguments,
}

#[derive(Subcommand)]
enum Command {
    /// Derives the index anew from its events and entries, and compares every row. Exit code 0 only when all are right.
    Fsck(fsck::Arguments),
    /// Fills in entries that the ledger has by the hashes of their subtrees, from a file or from another log.
    Fill(fill::Arguments),
    /// Lets a halted ledger be tried again.
    ClearHalt(clear_halt::Arguments),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    log_to_stderr("info,sqlx=warn");
    anyhow::ensure!(!cli.database_url.is_empty(), "give the index by --database-url or DATABASE_URL");
    match cli.command {
        None => run::run(cli.database_url, cli.run).await,
        Some(Command::Fsck(arguments)) => fsck::run(&cli.database_url, &arguments).await,
        Some(Command::Fill(arguments)) => fill::run(&cli.database_url, &arguments).await,
        Some(Command::ClearHalt(arguments)) => clear_halt::run(&cli.database_url, &arguments).await,
    }
}
