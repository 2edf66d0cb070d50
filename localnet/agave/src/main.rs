//! `counterfoil-agave`: runs a local validator, Agave's own, until it is told to stop.
//!
//! Prints one line of JSON on standard output when the validator answers; messages go to standard error. It takes the
//! arguments of `counterfoil-localnet` and says the same line, so that one stands in for the other.

mod deploy;
mod folder;
mod genesis;
mod node;
mod validator;

use std::process::ExitCode;

use clap::Parser;
use counterfoil_localnet_base::{NodeArgs, run};
use counterfoil_service::{end, log_to_stderr};

// The one that Agave's own binaries use; the system's is much slower under this number of threads.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A local Solana validator (Agave), with programs deployed to it and funded wallets, for tests that judge commitment,
/// finality, block order or errors.
///
/// Prints one line of JSON on standard output when it answers: {"rpc_url", "ws_url", "genesis_hash"}. Runs until Ctrl-C
/// or SIGTERM, and needs no network. The ledger lies in a folder of its own below TMPDIR, which is removed at the end,
/// unless --ledger names a folder to keep it in. A kept ledger keeps the length of its slots and all of its blocks: it
/// grows by some 0.15 MB with each slot, 1.3 GB in an hour of slots of 400 ms. A finalized transaction outlives a kill; one that was
/// only confirmed usually does.
///
/// All servers listen on 127.0.0.1 only: besides the two below those of what validators say to each other, from port
/// 20000 on, and that of the faucet. The socket that Agave sends its votes from is its own choice: UDP, on all
/// interfaces, from port 8000 on.
///
/// Programs are deployed by transactions of the upgradeable loader, as on any cluster: a buffer is written, deployed,
/// and its authority handed on. When this answers, that is confirmed; it is finalized 31 slots later. One thread of
/// Agave's spins all the time, so an idle validator costs a core: run it under `nice`.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    node: NodeArgs,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    // Unless asked, only ours.
    log_to_stderr("off,counterfoil_agave=info");
    end(run(&args.node, node::start).await.map(|()| ExitCode::SUCCESS))
}
