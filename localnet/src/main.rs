//! `counterfoil-localnet`: runs a local node until it is told to stop.
//!
//! Prints one line of JSON on standard output when the node answers; messages go to standard error.

use std::process::ExitCode;

use clap::Parser;
use counterfoil_localnet_base::{NodeArgs, run};
use counterfoil_service::{end, log_to_stderr};

/// A local Solana node with programs and funded wallets in it, for development and tests.
///
/// Prints one line of JSON on standard output when it answers: {"rpc_url", "ws_url", "genesis_hash"}. Runs until Ctrl-C
/// or SIGTERM, and needs no network. Everything is in memory, and gone at the end, unless --ledger names a folder to
/// keep the chain in. A kept transaction is on disk before the node shows it.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    node: NodeArgs,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    // Unless asked, only ours: the node that is embedded logs much that says nothing to its user.
    log_to_stderr("off,counterfoil_localnet=info");
    end(run(&args.node, counterfoil_localnet::start).await.map(|()| ExitCode::SUCCESS))
}
