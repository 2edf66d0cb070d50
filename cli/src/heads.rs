//! What the servers of the user's choice say of a ledger.

use std::time::Duration;

use anyhow::{bail, ensure};
use counterfoil_client::{AccountAt, Rpc, Source};
use counterfoil_core::receipt::{LogKind, Relation, relate};
use counterfoil_core::{GenesisHash, LedgerId};
use merkle_log::{TreeHead, verify_consistency};
use tokio::time::sleep;

use crate::api::Problem;
use crate::context::Options;

/// How often a server that is behind, or an API that is, is asked again, and after how long.
const ATTEMPTS: u32 = 30;
const ATTEMPT_INTERVAL: Duration = Duration::from_secs(1);
/// The API's codes for what its index will have later.
const INDEX_IS_BEHIND: [&str; 3] = ["size_out_of_range", "not_checked_yet", "unknown_ledger"];

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

/// Makes sure that the servers are of this cluster.
///
/// # Errors
/// When they are of another one, or of several, or none answers.
pub async fn expect_cluster(rpcs: &[Rpc], expected: GenesisHash) -> anyhow::Result<()> {
    let found = genesis_hash(rpcs).await?;
    ensure!(
        expected == found,
        "it is of cluster {expected}, the servers are of cluster {found}: give servers of its cluster with --rpc"
    );
    Ok(())
}

/// Makes sure that `quorum` servers have these heads of a ledger's logs, finalized, or ones that extend them. Gives back
/// what they have. Why others did not confirm becomes a warning.
///
/// # Errors
/// When too few confirm, and when any contradicts: a server that says otherwise is not outvoted, for one of the two
/// lines is false.
pub async fn confirm(
    options: &Options,
    rpcs: &[Rpc],
    quorum: usize,
    ledger: LedgerId,
    heads: &[(LogKind, TreeHead)],
    warnings: &mut Vec<String>,
) -> anyhow::Result<Vec<Reading>> {
    let mut confirmed = Vec::new();
    for rpc in rpcs {
        match confirm_by(options, rpc, ledger, heads).await {
            Ok(reading) => confirmed.push(reading),
            Err(Refusal::Contradiction(error)) => return Err(error),
            Err(Refusal::NoAnswer(error) | Refusal::Stale(error) | Refusal::IndexBehind(error)) => {
                warnings.push(format!("{error:#}"));
            }
        }
    }
    ensure!(
        confirmed.len() >= quorum,
        "{} of {} servers confirmed it, {quorum} are needed: {}",
        confirmed.len(),
        rpcs.len(),
        warnings.join("; ")
    );
    Ok(confirmed)
}

/// Why a server does not confirm.
enum Refusal {
    /// It says something that cannot be true beside the heads.
    Contradiction(anyhow::Error),
    /// It is behind them: ask it again.
    Stale(anyhow::Error),
    /// The API is behind the server: ask it again.
    IndexBehind(anyhow::Error),
    /// It did not answer, or what lies between cannot be bridged.
    NoAnswer(anyhow::Error),
}

/// Asks one server until its finalized heads are these or are shown to extend them. It is asked again only when it is
/// stale: a ledger that grows all the time would otherwise never be caught up with.
async fn confirm_by(
    options: &Options,
    rpc: &Rpc,
    ledger: LedgerId,
    heads: &[(LogKind, TreeHead)],
) -> Result<Reading, Refusal> {
    let mut kept: Option<Reading> = None;
    let mut last = None;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            sleep(ATTEMPT_INTERVAL).await;
        }
        let reading = match kept.take() {
            Some(reading) => reading,
            None => {
                let readings = read(std::slice::from_ref(rpc), ledger, 1).await.map_err(Refusal::NoAnswer)?;
                let Some(reading) = readings.into_iter().next() else { continue };
                reading
            }
        };
        let mut outcome = Ok(());
        for (log, head) in heads {
            if outcome.is_ok() {
                outcome = extends(options, *log, ledger, head, &reading).await;
            }
        }
        match outcome {
            Ok(()) => return Ok(reading),
            Err(Refusal::Stale(error)) => last = Some(error),
            Err(Refusal::IndexBehind(error)) => {
                last = Some(error);
                kept = Some(reading);
            }
            Err(final_refusal) => return Err(final_refusal),
        }
    }
    Err(Refusal::NoAnswer(last.unwrap_or_else(|| anyhow::anyhow!("no answer"))))
}

async fn extends(
    options: &Options,
    log: LogKind,
    ledger: LedgerId,
    earlier: &TreeHead,
    reading: &Reading,
) -> Result<(), Refusal> {
    let name = match log {
        LogKind::Entries => "entries",
        LogKind::Events => "events",
    };
    let server = &reading.server;
    match relate(log, earlier, &reading.at.account) {
        Relation::Same | Relation::InRing => Ok(()),
        Relation::Stale(current) => Err(Refusal::Stale(anyhow::anyhow!(
            "{server} is stale: it has {} {name}, what is to be confirmed {}",
            current.size,
            earlier.size
        ))),
        Relation::Contradiction(current) => Err(Refusal::Contradiction(anyhow::anyhow!(
            "{server} says that the root of the first {} {name} is {}, what is to be confirmed says {}: one of the two \
             is false",
            earlier.size,
            current.root,
            earlier.root
        ))),
        Relation::Grown(current) => bridge(options, name, ledger, earlier, &current).await,
    }
}

/// Shows with the API's help, which is not trusted, that the account extends the earlier head.
async fn bridge(
    options: &Options,
    log: &str,
    ledger: LedgerId,
    earlier: &TreeHead,
    current: &TreeHead,
) -> Result<(), Refusal> {
    let fetched = async { options.api()?.fetch_consistency(ledger, log, earlier.size.get(), current.size.get()).await };
    let proof = match fetched.await {
        Ok(consistency) => consistency.proof,
        Err(error) => {
            let is_behind =
                error.downcast_ref::<Problem>().is_some_and(|problem| INDEX_IS_BEHIND.contains(&problem.code.as_str()));
            let error = error.context(format!(
                "the ledger has grown from {} to {} {log} since; a proof of consistency is needed from an API (--api), \
                 or a refreshed receipt",
                earlier.size, current.size
            ));
            return Err(if is_behind { Refusal::IndexBehind(error) } else { Refusal::NoAnswer(error) });
        }
    };
    verify_consistency(earlier, current, &proof).map_err(|error| {
        let what = format!(
            "no proof shows that the chain's {} {log} extend the {} that are to be confirmed; the API's does not hold",
            current.size, earlier.size
        );
        Refusal::Contradiction(anyhow::Error::new(error).context(what))
    })
}
