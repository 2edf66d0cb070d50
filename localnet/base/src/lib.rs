//! What the two local nodes share: the command line, wallets, ports, the folder of a kept chain, and the way they
//! start, announce themselves and stop.
//!
//! `counterfoil-localnet` embeds surfpool, `counterfoil-agave` a whole validator in a workspace of its own. They take
//! the same arguments and say the same line of JSON, so that one stands in for the other. This is the common half of
//! two binaries: its errors are for whoever started them.
#![forbid(unsafe_code)]

mod args;
mod ledger;
mod ports;
mod ready;
mod wallet;

use std::future::Future;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use counterfoil_service::{StopSignals, announce};
use serde::Serialize;
use solana_pubkey::Pubkey;

pub use args::NodeArgs;
pub use ledger::{LedgerError, LedgerFolder};
pub use ports::{PortError, Reserved};

use ready::ReadyFile;

/// What a node starts with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Port of the JSON-RPC server on 127.0.0.1; a free one when `None`.
    pub rpc_port: Option<u16>,
    /// Port of the WebSocket server on 127.0.0.1; a free one when `None`.
    pub ws_port: Option<u16>,
    /// Length of a slot in milliseconds; at least 1.
    pub slot_ms: u64,
    /// Programs to deploy before the node answers.
    pub programs: Vec<Program>,
    /// Accounts to fund before the node answers.
    pub wallets: Vec<Pubkey>,
    /// What each of the wallets gets, in lamports: at least what an empty account must hold (890,880); a million SOL
    /// together at most.
    pub wallet_lamports: u64,
    /// Where the chain is kept; it is gone when the node stops when `None`.
    ///
    /// A chain that is there already goes on: its programs are not deployed again, and of the wallets only those are
    /// funded that it does not know.
    pub ledger: Option<PathBuf>,
}

/// A program to deploy under the upgradeable loader.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program's address.
    pub id: Pubkey,
    /// Who may upgrade it.
    pub upgrade_authority: Pubkey,
    /// The shared object as the SBF linker wrote it.
    pub elf: Vec<u8>,
}

/// Where a node answers, and which cluster it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoints {
    /// JSON-RPC, as `http://127.0.0.1:PORT`.
    pub rpc_url: String,
    /// WebSocket subscriptions, as `ws://127.0.0.1:PORT`.
    pub ws_url: String,
    /// Names the cluster, in base58; another one at each start, unless the chain is kept.
    pub genesis_hash: String,
}

/// A node that answers. Dropping it stops it.
pub trait Node {
    /// Where it answers.
    fn endpoints(&self) -> &Endpoints;

    /// Waits until the node ends by itself, which it does only when something is wrong, and returns its last words.
    fn ended(&mut self) -> impl Future<Output = String>;

    /// Stops the node, and returns when its ports are free, or when waiting for that is no use any more.
    fn stop(self) -> impl Future<Output = ()>;
}

/// Starts a node, says where it answers, and runs it until the process is told to stop.
///
/// A signal that comes while the node starts drops `start`'s future.
///
/// # Errors
/// When the node does not start, ends by itself, or cannot say where it answers.
pub async fn run<N, E, F>(args: &NodeArgs, start: impl FnOnce(Config) -> F) -> Result<()>
where
    N: Node,
    E: Into<anyhow::Error>,
    F: Future<Output = Result<N, E>>,
{
    let config = args.config()?;
    // Handlers first: a signal that comes while the node starts must end it cleanly too.
    let mut stop = StopSignals::listen(args.exit_with_stdin).context("cannot listen for signals")?;
    let node = tokio::select! {
        node = start(config) => node.map_err(Into::into)?,
        () = stop.received() => return Ok(()),
    };
    serve(node, args, stop).await
}

async fn serve(mut node: impl Node, args: &NodeArgs, mut stop: StopSignals) -> Result<()> {
    let ready_file = args.ready_file.as_deref().map(|path| ReadyFile::write(path, node.endpoints())).transpose()?;
    announce(node.endpoints()).context("standard output is closed: nobody learns where the node answers")?;

    tokio::select! {
        reason = node.ended() => bail!("the node ended by itself: {reason}"),
        () = stop.received() => {}
    }
    drop(ready_file);
    node.stop().await;
    Ok(())
}
