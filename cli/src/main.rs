//! `counterfoil`: one file per subcommand under `commands/`.

mod api;
mod commands;
mod context;
mod heads;
mod output;
mod program;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::context::Options;

/// Tamper-evident records: append to ledgers, fetch receipts, verify them without trusting who runs the database.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts everything on this machine: a local chain, PostgreSQL, the indexer, the API.
    Dev(commands::dev::Arguments),
    /// Creates and shows ledgers.
    #[command(subcommand)]
    Ledger(commands::ledger::Command),
    /// Grants and revokes the right to append.
    #[command(subcommand)]
    Writer(commands::writer::Command),
    /// Appends entries: an argument, a file, or JSON lines on standard input.
    Append(commands::append::Arguments),
    /// Lists entries as JSON lines; with --verify only what is shown to be whole and the chain's.
    Entries(commands::entries::Arguments),
    /// Fetches an entry with all that proves it, as one file.
    Receipt(commands::receipt::Arguments),
    /// Verifies a receipt against the chain. Exit code 0 only when verified.
    Verify(commands::verify::Arguments),
    /// Says what the program at an address is: a release or not, and who can replace it.
    Doctor,
    /// Downloads a whole ledger, recomputes it and compares it with the chain.
    Audit(commands::audit::Arguments),
    /// Records all transactions of the program's ledgers, and their accounts, into one file.
    Record(commands::record::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Dev(arguments) => commands::dev::run(&cli.options, arguments).await,
        Command::Ledger(command) => commands::ledger::run(&cli.options, command).await,
        Command::Writer(command) => commands::writer::run(&cli.options, command).await,
        Command::Append(arguments) => commands::append::run(&cli.options, arguments).await,
        Command::Entries(arguments) => commands::entries::run(&cli.options, arguments).await,
        Command::Receipt(arguments) => commands::receipt::run(&cli.options, arguments).await,
        Command::Verify(arguments) => commands::verify::run(&cli.options, arguments).await,
        Command::Doctor => commands::doctor::run(&cli.options).await,
        Command::Audit(arguments) => commands::audit::run(&cli.options, arguments).await,
        Command::Record(arguments) => commands::record::run(&cli.options, arguments).await,
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {}", output::printable(&format!("{error:#}")));
        ExitCode::FAILURE
    })
}
