//! A ledger's heads at the servers of the user's choice.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use counterfoil_client::{AccountAt, Rpc, Source};
use counterfoil_core::relate::{LogKind, Relation, relate};
use counterfoil_core::{GenesisHash, LedgerId};
use counterfoil_service::note;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use merkle_log::{Root, TreeHead, TreeSize, verify_consistency};
use tokio::time::{Instant, sleep, timeout};

use crate::api::Api;
use crate::context::{Options, named};
use crate::verdict::{is_refutation, refutation};

/// How long all servers together may take to answer one question.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the others may still take once enough have answered.
const GRACE: Duration = Duration::from_secs(5);
/// How often a wait says what it waits for.
const NOTE_INTERVAL: Duration = Duration::from_secs(5);
/// How often a server that is behind, or an API that is, is asked again, and after how long.
const ATTEMPTS: u32 = 30;
const ATTEMPT_INTERVAL: Duration = Duration::from_secs(1);

/// One server's reading.
pub struct Reading {
    /// The server's name, without keys.
    pub server: String,
    /// The account that it reported, finalized.
    pub at: AccountAt,
}

/// Asks all servers the same question at the same time; returns the answers in the servers' order, one for each server.
///
/// A server that does not answer in time has an error that says so. Once `enough` have answered, the others are waited for
/// only a little longer; a refutation ends the wait at once. A wait that is long says what it waits for.
pub async fn ask<'a, T, F>(
    rpcs: &'a [Rpc],
    enough: usize,
    question: &str,
    call: impl Fn(&'a Rpc) -> F,
) -> Vec<(&'a Rpc, anyhow::Result<T>)>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let mut waiting: FuturesUnordered<_> = rpcs
        .iter()
        .enumerate()
        .map(|(at, rpc)| {
            let answer = call(rpc);
            async move { (at, answer.await) }
        })
        .collect();
    let mut answers: Vec<Option<anyhow::Result<T>>> = rpcs.iter().map(|_| None).collect();
    let mut deadline = Instant::now() + PATIENCE;
    loop {
        let now = Instant::now();
        if now >= deadline {
            break;
        }
        match timeout(NOTE_INTERVAL.min(deadline - now), waiting.next()).await {
            Ok(None) => break,
            Ok(Some((at, answer))) => {
                let is_refuted = answer.as_ref().err().is_some_and(is_refutation);
                answers[at] = Some(answer);
                if is_refuted {
                    break;
                }
                if answers.iter().flatten().filter(|answer| answer.is_ok()).count() == enough {
                    deadline = deadline.min(Instant::now() + GRACE);
                }
            }
            Err(_) => {
                let missing = rpcs.iter().zip(&answers).filter(|(_, answer)| answer.is_none());
                let names: Vec<&str> = missing.map(|(rpc, _)| rpc.name()).collect();
                let left = deadline.saturating_duration_since(Instant::now()).as_secs();
                note!("waiting up to {left} s more for {}: {question}", names.join(", "));
            }
        }
    }
    let late = |rpc: &Rpc| {
        let name = rpc.name();
        Err(anyhow::anyhow!("{name}, or an API that proves for it, did not answer in time: {question}"))
    };
    rpcs.iter().zip(answers).map(|(rpc, answer)| (rpc, answer.unwrap_or_else(|| late(rpc)))).collect()
}

/// Reads the ledger's account from each server; at least `quorum` must answer. The caller compares
/// their answers. Why the others did not answer becomes a warning.
///
/// # Errors
/// When too few answer, with what the others said.
pub async fn read(
    rpcs: &[Rpc],
    ledger: LedgerId,
    quorum: usize,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Vec<Reading>> {
    let question = format!("the account of ledger {ledger}");
    let answers = ask(rpcs, quorum, &question, |rpc| async move { Ok(rpc.fetch_account(ledger).await?) }).await;
    let (mut readings, mut errors) = (Vec::new(), Vec::new());
    for (rpc, answer) in answers {
        match answer {
            Ok(at) => {
                let reading = Reading { server: rpc.name().to_owned(), at };
                warnings.extend(slot_contradiction(&reading));
                readings.push(reading);
            }
            Err(error) => errors.push(named(rpc, &error)),
        }
    }
    ensure!(
        readings.len() >= quorum,
        "{} of {} servers reported ledger {ledger}, {quorum} needed: {}",
        readings.len(),
        rpcs.len(),
        errors.join("; ")
    );
    warnings.append(&mut errors);
    Ok(readings)
}

/// A server that shows an append of a later slot than the one in which it claims to have looked contradicts itself. The
/// local chain does.
pub fn slot_contradiction(Reading { server, at }: &Reading) -> Option<String> {
    let (slot, appended) = (at.slot, at.account.appended_slot);
    (slot < appended).then(|| {
        format!("{server} says that it looked in slot {slot}, and shows an append of slot {appended}: its slots lag or are false")
    })
}

/// The cluster that all servers which answer are of. Those that do not answer are taken out of `rpcs`, so that no later
/// question waits for them; why becomes a warning.
///
/// # Errors
/// When they are of several, or fewer than `quorum` answer.
pub async fn genesis_hash(
    rpcs: &mut Vec<Rpc>,
    quorum: usize,
    warnings: &mut Vec<String>,
) -> anyhow::Result<GenesisHash> {
    let answers =
        ask(rpcs, quorum, "the cluster's genesis hash", |rpc| async move { Ok(rpc.fetch_genesis_hash().await?) });
    let (mut found, mut errors): (Vec<(GenesisHash, &str)>, Vec<String>) = (Vec::new(), Vec::new());
    for (rpc, answer) in answers.await {
        match answer {
            Ok(hash) => found.push((hash, rpc.name())),
            Err(error) => errors.push(named(rpc, &error)),
        }
    }
    let Some((first, server)) = found.first().copied() else {
        bail!("no server told which cluster it is of: {}", errors.join("; "))
    };
    if let Some((other, another)) = found.iter().find(|(hash, _)| *hash != first) {
        bail!("{server} is of cluster {first}, {another} of cluster {other}: give servers of one cluster")
    }
    ensure!(
        found.len() >= quorum,
        "{} of {} servers told which cluster they are of, {quorum} needed: {}",
        found.len(),
        rpcs.len(),
        errors.join("; ")
    );
    let answered: BTreeSet<String> = found.iter().map(|(_, server)| (*server).to_owned()).collect();
    rpcs.retain(|rpc| answered.contains(rpc.name()));
    warnings.append(&mut errors);
    Ok(first)
}

/// Makes sure that the servers are of this cluster; see [`genesis_hash`].
///
/// # Errors
/// When they are of another one, or of several, or too few answer.
pub async fn expect_cluster(
    rpcs: &mut Vec<Rpc>,
    quorum: usize,
    expected: GenesisHash,
    warnings: &mut Vec<String>,
) -> anyhow::Result<()> {
    let found = genesis_hash(rpcs, quorum, warnings).await?;
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
/// As [`enough`].
pub async fn confirm(
    options: &Options,
    rpcs: &[Rpc],
    quorum: usize,
    ledger: LedgerId,
    heads: &[(LogKind, TreeHead)],
    warnings: &mut Vec<String>,
) -> anyhow::Result<Vec<Reading>> {
    let question = format!("finalized heads of ledger {ledger} that confirm it");
    let answers = ask(rpcs, quorum, &question, |rpc| confirm_by(options, rpc, ledger, heads)).await;
    let confirmed = enough(answers, quorum, warnings)?;
    warnings.extend(confirmed.iter().filter_map(slot_contradiction));
    Ok(confirmed)
}

/// The answers of the servers that confirm what was asked. Why others do not becomes a warning.
///
/// # Errors
/// When fewer than `quorum` confirm. A refutation when any contradicts: a server that says otherwise is not outvoted, for
/// one of the two lines is false.
pub fn enough<T>(
    answers: Vec<(&Rpc, anyhow::Result<T>)>,
    quorum: usize,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Vec<T>> {
    let asked = answers.len();
    let (mut confirmed, mut errors) = (Vec::new(), Vec::new());
    let mut refuted = None;
    for (rpc, answer) in answers {
        match answer {
            Ok(answer) => confirmed.push(answer),
            Err(error) if is_refutation(&error) => refuted = refuted.or(Some(error)),
            Err(error) => errors.push(named(rpc, &error)),
        }
    }
    if let Some(error) = refuted {
        let confirmed = match confirmed.len() {
            0 => return Err(error),
            count => format!("{count} of {asked} servers confirmed it, and one that contradicts is not outvoted"),
        };
        return Err(error.context(confirmed));
    }
    ensure!(
        confirmed.len() >= quorum,
        "{} of {asked} servers confirmed it, {quorum} needed: {}",
        confirmed.len(),
        errors.join("; ")
    );
    warnings.append(&mut errors);
    Ok(confirmed)
}

/// Why nothing is shown at a server, where that may pass.
pub enum Behind {
    /// The server is behind: ask it again.
    Server(String),
    /// The API is behind the server: ask it again.
    Index(anyhow::Error),
}

/// Reads a ledger's account from one server and tries to show something by it, until that succeeds or fails. The server is
/// asked again only when it is stale: a ledger that grows all the time would otherwise never be caught up with.
///
/// # Errors
/// Those of the attempt; the last reason when something stays behind.
pub async fn until_caught_up<T>(
    rpc: &Rpc,
    ledger: LedgerId,
    attempt: impl AsyncFn(&Reading) -> anyhow::Result<Result<T, Behind>>,
) -> anyhow::Result<T> {
    let mut kept: Option<Reading> = None;
    let mut last = None;
    for number in 0..ATTEMPTS {
        if number > 0 {
            sleep(ATTEMPT_INTERVAL).await;
        }
        let reading = match kept.take() {
            Some(reading) => reading,
            None => Reading { server: rpc.name().to_owned(), at: rpc.fetch_account(ledger).await? },
        };
        match attempt(&reading).await? {
            Ok(shown) => return Ok(shown),
            Err(Behind::Server(why)) => last = Some(anyhow::anyhow!(why)),
            Err(Behind::Index(error)) => {
                last = Some(error);
                kept = Some(reading);
            }
        }
    }
    Err(last.context("no answer")?)
}

/// Asks one server until its finalized heads are these or are shown to extend them.
async fn confirm_by(
    options: &Options,
    rpc: &Rpc,
    ledger: LedgerId,
    heads: &[(LogKind, TreeHead)],
) -> anyhow::Result<Reading> {
    until_caught_up(rpc, ledger, async |reading| {
        for (log, head) in heads {
            if let Some(behind) = extends(options, *log, ledger, head, reading).await? {
                return Ok(Err(behind));
            }
        }
        Ok(Ok(Reading { server: reading.server.clone(), at: reading.at.clone() }))
    })
    .await
}

async fn extends(
    options: &Options,
    log: LogKind,
    ledger: LedgerId,
    earlier: &TreeHead,
    reading: &Reading,
) -> anyhow::Result<Option<Behind>> {
    match relate(log, earlier, &reading.at.account) {
        Relation::Same | Relation::InRing => Ok(None),
        Relation::Stale(current) => Ok(Some(Behind::Server(stale(&reading.server, log, earlier, &current)))),
        Relation::Contradiction(current) => Err(contradiction(&reading.server, log, earlier, &current)),
        Relation::Grown(current) => bridge(options, log, ledger, earlier, &current).await,
    }
}

/// The name of a log in the API's routes and in messages.
pub const fn name_of(log: LogKind) -> &'static str {
    match log {
        LogKind::Entries => "entries",
        LogKind::Events => "events",
    }
}

/// That a server has fewer leaves than what is to be confirmed.
pub fn stale(server: &str, log: LogKind, earlier: &TreeHead, current: &TreeHead) -> String {
    format!("{server} is stale: it has {} {}, what is to be confirmed {}", current.size, name_of(log), earlier.size)
}

/// That a server has another root than what is to be confirmed.
pub fn contradiction(server: &str, log: LogKind, earlier: &TreeHead, current: &TreeHead) -> anyhow::Error {
    refutation(anyhow::anyhow!(
        "{server} says that the root of the first {} {} is {}, what is to be confirmed says {}: one of the two is false",
        earlier.size,
        name_of(log),
        current.root,
        earlier.root
    ))
}

/// Shows with the help of any of the APIs that the account extends the earlier head.
async fn bridge(
    options: &Options,
    log: LogKind,
    ledger: LedgerId,
    earlier: &TreeHead,
    current: &TreeHead,
) -> anyhow::Result<Option<Behind>> {
    let mut last = anyhow::anyhow!("no API is given");
    for api in options.apis()? {
        match prove_growth(&api, ledger, log, earlier, current).await {
            Ok(()) => return Ok(None),
            Err(error) => last = error,
        }
    }
    let is_behind = Api::is_behind(&last);
    let error = last.context(format!(
        "the ledger has grown from {} to {} {} since; a proof of consistency is needed from an API (--api)",
        earlier.size,
        current.size,
        name_of(log)
    ));
    if is_behind { Ok(Some(Behind::Index(error))) } else { Err(error) }
}

/// Shows with an API's help, which is not trusted, that a log of the ledger's account extends an earlier head.
///
/// # Errors
/// When the API gives no proof, or one that does not hold. It does not refute the earlier head: the API may be the one that
/// is false.
pub async fn prove_growth(
    api: &Api,
    ledger: LedgerId,
    log: LogKind,
    earlier: &TreeHead,
    current: &TreeHead,
) -> anyhow::Result<()> {
    let name = name_of(log);
    let proof = api.fetch_consistency(ledger, name, earlier.size.get(), current.size.get()).await;
    verify_consistency(earlier, current, &proof.with_context(|| api.name())?).with_context(|| {
        format!(
            "the proof of {} that the chain's {} {name} extend the {} that are to be confirmed does not hold: it is \
             false, or they are",
            api.name(),
            current.size,
            earlier.size
        )
    })
}

/// Parses SIZE:ROOT.
///
/// # Errors
/// A sentence that says the form.
pub fn parse_head(text: &str) -> Result<TreeHead, String> {
    let parse = || {
        let (size, root) = text.split_once(':')?;
        let root: Root = root.parse().ok()?;
        Some(TreeHead { size: TreeSize::new(size.parse().ok()?).ok()?, root })
    };
    parse().ok_or_else(|| "a head is SIZE:ROOT, the root in 64 lowercase hexadecimal digits".to_owned())
}
