//! The parts that both local nodes share: the command line, wallets, ports, the folder of a kept chain, and the way they
//! start, announce themselves and stop.
//!
//! `counterfoil-localnet` embeds surfpool, `counterfoil-agave` a whole validator in a workspace of its own. They take
//! the same arguments and say the same line of JSON, so that one stands in for the other. This is the common half of
//! two binaries: its errors are for the user who started them.
#![forbid(unsafe_code)]

mod args;
mod ledger;
mod node;
mod ports;
mod ready;
mod wallet;

use std::future::Future;

use anyhow::{Context, Result, bail};
use counterfoil_service::{StopSignals, announce};

pub use args::NodeArgs;
pub use ledger::{LedgerError, LedgerFolder};
pub use node::{Config, Endpoints, Node, Program};
pub use ports::{PortError, Reserved};

use ready::ReadyFile;

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
    announce(node.endpoints()).context("standard output is closed: the node cannot say where it answers")?;

    tokio::select! {
        reason = node.ended() => bail!("the node ended by itself: {reason}"),
        () = stop.received() => {}
    }
    drop(ready_file);
    node.stop().await;
    Ok(())
}
