//! What the servers of the user's choice say of a ledger.

use anyhow::{bail, ensure};
use counterfoil_client::{AccountAt, Rpc, Source};
use counterfoil_core::{GenesisHash, LedgerId};

/// One server's reading.
pub struct Reading {
    /// The server's name, without keys.
    pub server: String,
    /// The account that it reported, finalized.
    pub at: AccountAt,
}

/// Reads the ledger's account from each server; at least `quorum` must answer. What they say is for the caller to
/// compare.
///
/// # Errors
/// When too few answer, with what the others said.
pub async fn read(rpcs: &[Rpc], ledger: LedgerId, quorum: usize) -> anyhow::Result<Vec<Reading>> {
    let (mut readings, mut errors) = (Vec::new(), Vec::new());
    for rpc in rpcs {
        match rpc.fetch_account(ledger).await {
            Ok(at) => readings.push(Reading { server: rpc.name().to_owned(), at }),
            Err(error) => errors.push(error.to_string()),
        }
    }
    ensure!(
        readings.len() >= quorum,
        "{} of {} servers reported ledger {ledger}, {quorum} are needed: {}",
        readings.len(),
        rpcs.len(),
        errors.join("; ")
    );
    Ok(readings)
}

/// The cluster that all servers are of.
///
/// # Errors
/// When they are of several, or none answers.
pub async fn genesis_hash(rpcs: &[Rpc]) -> anyhow::Result<GenesisHash> {
    let mut found: Option<(GenesisHash, &str)> = None;
    let mut last_error = None;
    for rpc in rpcs {
        match (rpc.fetch_genesis_hash().await, found) {
            (Ok(hash), None) => found = Some((hash, rpc.name())),
            (Ok(hash), Some((other, server))) if hash != other => {
                bail!("{server} is of cluster {other}, {} of cluster {hash}: give servers of one cluster", rpc.name())
            }
            (Ok(_), Some(_)) => {}
            (Err(error), _) => last_error = Some(error),
        }
    }
    match (found, last_error) {
        (Some((hash, _)), _) => Ok(hash),
        (None, Some(error)) => Err(error.into()),
        (None, None) => bail!("no server was given: use --rpc"),
    }
}
