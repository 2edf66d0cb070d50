//! `counterfoil`: one file per subcommand under `commands/`.
#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic when a pipe is closed, and escape nothing: out!, note!"
)]

mod api;
mod bridge;
mod commands;
mod context;
mod entries;
mod file;
mod heads;
mod output;
mod program;
mod trust;
mod verdict;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use counterfoil_service::end;

use crate::context::Options;

/// Tamper-evident records: append to ledgers, fetch receipts, verify them without trusting who runs the database.
///
/// Exit codes of verify, audit, entries --verify and doctor: 0 verified, 1 refused, 2 cannot tell, 3 consistent, but no
/// ledger was pinned. Of the others: 0 done, 1 failed, 2 the outcome is not known. Of all: 64 the command line is wrong,
/// 74 standard output could not be written.
#[derive(Parser)]
#[command(name = "counterfoil", version, propagate_version = true)]
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
    /// Shows the wallet in use, what it has, and gets it SOL on a local chain.
    #[command(subcommand)]
    Wallet(commands::wallet::Command),
    /// Appends entries: an argument, a file, or JSON lines on standard input.
    Append(commands::append::Arguments),
    /// Lists entries as JSON lines; with --verify only what is shown to be whole and the chain's.
    Entries(commands::entries::Arguments),
    /// Fetches an entry with all that proves it, as one file.
    Receipt(commands::receipt::Arguments),
    /// Fetches a range of entries with all that proves it, as one file.
    Evidence(commands::evidence::Arguments),
    /// Verifies a receipt, evidence or an export against the chain.
    Verify(commands::verify::Arguments),
    /// Writes verify.html, a page that verifies in a browser without a request, and prints its SHA-256.
    Page(commands::page::Arguments),
    /// Writes and shows the file of what you rely on.
    #[command(subcommand)]
    Trust(commands::trust::Command),
    /// Says what the program at an address is: a release or not, and who can replace it.
    Doctor(commands::doctor::Arguments),
    /// Downloads a whole ledger, recomputes it and compares it with the chain.
    Audit(commands::audit::Arguments),
    /// Gives agents tools to read records, over standard input and output (Model Context Protocol). Every answer is verified here.
    Mcp,
    /// Installs and removes the outbox in a database of yours.
    #[command(subcommand)]
    Outbox(commands::outbox::Command),
    /// Protects a table: each committed change becomes a record, and so does each row that stands there.
    Protect(commands::protect::Arguments),
    /// Compares each row of a protected table with its records in the ledger, and names those that were changed outside the record.
    Check(commands::check::Arguments),
    /// Fetches the receipts of a database's recorded changes.
    #[command(subcommand)]
    Receipts(commands::receipts::Command),
    /// Records all transactions of the program's ledgers, and their accounts, into one file.
    Record(commands::record::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => {
            // Help and version are no mistake. There is no other place to tell what cannot be printed.
            let _ = message.print();
            return if message.use_stderr() { ExitCode::from(verdict::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    if let Err(error) = cli.options.read_trust() {
        return end(Ok::<_, anyhow::Error>(verdict::tell_error(&error)));
    }
    let result = match cli.command {
        Command::Dev(arguments) => commands::dev::run(&cli.options, arguments).await,
        Command::Ledger(command) => commands::ledger::run(&cli.options, command).await,
        Command::Writer(command) => commands::writer::run(&cli.options, command).await,
        Command::Wallet(command) => commands::wallet::run(&cli.options, command).await,
        Command::Append(arguments) => commands::append::run(&cli.options, arguments).await,
        Command::Entries(arguments) => commands::entries::run(&cli.options, arguments).await,
        Command::Receipt(arguments) => commands::receipt::run(&cli.options, arguments).await,
        Command::Evidence(arguments) => commands::evidence::run(&cli.options, arguments).await,
        Command::Verify(arguments) => commands::verify::run(&cli.options, arguments).await,
        Command::Page(arguments) => commands::page::run(&arguments),
        Command::Trust(command) => commands::trust::run(&cli.options, command),
        Command::Doctor(arguments) => commands::doctor::run(&cli.options, arguments).await,
        Command::Audit(arguments) => commands::audit::run(&cli.options, arguments).await,
        Command::Mcp => commands::mcp::run(cli.options).await,
        Command::Outbox(command) => commands::outbox::run(command).await,
        Command::Protect(arguments) => commands::protect::run(&cli.options, arguments).await,
        Command::Check(arguments) => commands::check::run(&cli.options, arguments).await,
        Command::Receipts(command) => commands::receipts::run(&cli.options, command).await,
        Command::Record(arguments) => commands::record::run(&cli.options, arguments).await,
    };
    end(result.or_else(|error| Ok::<_, anyhow::Error>(verdict::tell_error(&error))))
}
