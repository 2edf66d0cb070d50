//! Taking a ledger out of the index that no server reports any more: what a quorum invented once.

use anyhow::{Context, bail, ensure};
use counterfoil_client::{ClientError, Source, with_causes};
use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{Evidence, StoreError, begin, forget_ledger, load_evidence, load_ledger};

use crate::gather::gather;
use crate::run::{SERVER_GRACE, alone, bind_to_cluster};
use crate::{Config, open};

/// More than are kept of a ledger that a hundred servers were asked about.
const MAX_EVIDENCE: u32 = 10_000;

/// The rows that were deleted.
#[derive(Clone, Debug)]
pub struct Forgotten {
    /// How many events the index held.
    pub events: u64,
    /// The heads that were checked, and in which slot.
    pub checked: Option<(LedgerHead, u64)>,
    /// The servers' accounts of the ledger: evidence against them, which is deleted with it.
    pub evidence: Vec<Evidence>,
    /// The servers that say now that there is no such ledger.
    pub servers: Vec<String>,
}

/// Deletes a ledger of which a quorum of servers says that there is none, and of which none says otherwise.
///
/// # Errors
/// When an indexer is at work, a server reports the ledger, too few answer, or the database refuses. Nothing is changed
/// then.
pub async fn forget(config: &Config, ledger: LedgerId) -> anyhow::Result<Forgotten> {
    let servers = config.servers()?;
    let pool = open(&config.database_url).await?;
    let mut lock = alone(&pool).await?;
    let row = load_ledger(&mut lock, ledger).await?;
    bind_to_cluster(config, &servers, &pool, None).await?;
    let accounts = [ledger];
    let questions = servers.iter().map(|server| async {
        // That there is no such ledger is the answer that is asked for.
        match server.fetch_accounts(&accounts).await?.pop() {
            Some(Err(ClientError::NoLedger { .. })) => Ok(None),
            Some(Ok(at)) => Ok(Some(at)),
            Some(Err(error)) => Err(error),
            None => {
                let (server, what) = (server.name().to_owned(), "no account where one was asked for".to_owned());
                Err(ClientError::Malformed { server, method: "getMultipleAccounts", what })
            }
        }
    });
    let (mut without, mut errors) = (Vec::new(), Vec::new());
    for (server, answer) in servers.iter().zip(gather(questions, servers.len(), SERVER_GRACE).await) {
        match answer {
            Some(Ok(None)) => without.push(server.name().to_owned()),
            Some(Ok(Some(at))) => bail!(
                "{} reports ledger {ledger} with {} events: it is not forgotten. If the index holds another history of it, \
                 rebuild the index: counterfoil-indexer rebuild",
                server.name(),
                at.account.events.size().get()
            ),
            Some(Err(error)) => errors.push(with_causes(&error)),
            None => errors.push(format!("{}: no answer in time", server.name())),
        }
    }
    ensure!(
        without.len() >= config.quorum,
        "{} of {} servers say that there is no ledger {ledger}, {} are needed: {}",
        without.len(),
        servers.len(),
        config.quorum,
        errors.join("; ")
    );
    let evidence = load_evidence(&mut lock, &row, MAX_EVIDENCE).await?;
    let mut transaction = begin(&mut lock).await?;
    let events = forget_ledger(&mut transaction, ledger).await?;
    transaction.commit().await.map_err(StoreError::from).context("whether the ledger was forgotten is not known")?;
    drop(lock);
    pool.close().await;
    Ok(Forgotten { events, checked: row.checked, evidence, servers: without })
}
