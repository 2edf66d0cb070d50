//! A database that may have been restored from before: the gateway is quiet until all that was sent before has landed or expired.
//!
//! Transactions that the database does not know of may still land. So nothing is planned until the newest finalized block is beyond the
//! last one that can have them, and the index has the ledger as it is then; `Ledgers::expect_own` finds those that landed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use counterfoil_client::{CallError, Rpc};
use counterfoil_store::StoreError;
use counterfoil_store::gateway::{load_origin, load_server, note_origin};
use serde_json::json;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::ledgers::Ledgers;

const LOOK: Duration = Duration::from_secs(5);
/// A transaction is valid for 150 blocks from one that the cluster has confirmed, which is some 32 before it is finalized.
const BLOCKS: u64 = 200;

/// Looks once before anything is planned: whether the database's server is the one that it was.
pub(crate) async fn look(ledgers: &Ledgers, with_timeline: bool) -> Result<(), StoreError> {
    let mut connection = ledgers.gateway.acquire().await?;
    let Some(server) = load_server(&mut connection, with_timeline).await? else { return Ok(()) };
    match load_origin(&mut connection).await? {
        None => note_origin(&mut connection, &server).await?,
        Some(origin) if origin == server => {}
        Some(origin) => {
            warn!(
                "the gateway's database is of server {server}, and was of {origin}: it may have been restored from before, so that \
                 nothing is planned until all that may have been sent has landed or expired, in about two minutes"
            );
            ledgers.restored.is_quiet.store(true, Ordering::Release);
        }
    }
    Ok(())
}

/// Looks again and again, and ends the quiet time. It ends with the process.
pub(crate) async fn watch_origin(ledgers: Arc<Ledgers>, with_timeline: bool) {
    loop {
        if ledgers.restored.is_quiet() {
            wait(&ledgers.means.servers).await;
            match end(&ledgers, with_timeline).await {
                Ok(()) => info!("all that was sent before has landed or expired: the gateway plans again"),
                Err(error) => warn!("the database does not say which server it is of: {error}"),
            }
        }
        sleep(LOOK).await;
        if let Err(error) = look(&ledgers, with_timeline).await {
            warn!("the database does not say which server it is of: {error}");
        }
    }
}

async fn wait(servers: &[Rpc]) {
    let mut until = None;
    loop {
        match finalized_height(servers).await {
            Ok(height) if until.is_some_and(|until| height >= until) => return,
            Ok(height) => drop(until.get_or_insert(height.saturating_add(BLOCKS))),
            Err(error) => warn!("a server does not say how far the chain is: {}", error.reason()),
        }
        sleep(LOOK).await;
    }
}

async fn end(ledgers: &Ledgers, with_timeline: bool) -> Result<(), StoreError> {
    let mut connection = ledgers.gateway.acquire().await?;
    if let Some(server) = load_server(&mut connection, with_timeline).await? {
        note_origin(&mut connection, &server).await?;
    }
    ledgers.forget_own_events();
    ledgers.restored.times.fetch_add(1, Ordering::AcqRel);
    ledgers.restored.is_quiet.store(false, Ordering::Release);
    Ok(())
}

/// The lowest that the servers name.
async fn finalized_height(servers: &[Rpc]) -> Result<u64, CallError> {
    let mut lowest = u64::MAX;
    for server in servers {
        let height: u64 = server.call_at_once("getBlockHeight", json!([{ "commitment": "finalized" }])).await?;
        lowest = lowest.min(height);
    }
    Ok(lowest)
}
