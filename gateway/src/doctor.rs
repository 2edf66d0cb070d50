//! How the gateway is, in words, and what to do about it. Reads only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use counterfoil_append::{LAMPORTS_PER_SOL, TransactionSigner};
use counterfoil_client::{Rpc, Source, fetch_settled, fetch_time, with_causes};
use counterfoil_core::LedgerId;
use counterfoil_core::limits::NEVER;
use counterfoil_http::RequestMetrics;
use counterfoil_service::counted;
use counterfoil_statement::PromiseKey;
use counterfoil_store::gateway::{
    Durability, connect_to_gateway, load_backlog, load_durability, load_origin, load_overdue, load_server,
    load_waiting_ledgers,
};
use counterfoil_store::{Cluster, PgPool, connect, load_cluster, load_lock_holder};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::budget::Budget;
use crate::ids::time_text;
use crate::ledgers::{Ledgers, Means, Terms};
use crate::metrics::Metrics;
use crate::payers::Payers;

const CONNECTIONS: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(10);
/// How far this machine's clock may be from the chain's, which itself may be off by some seconds.
const CLOCK_BOUND: i64 = 30;
/// A grant that ends sooner is to be renewed.
const GRANT_BOUND: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Fewer transactions than these in a wallet want attention.
const FEW_TRANSACTIONS: u64 = 10_000;

/// The gateway that is looked at.
pub struct Patient {
    /// The index. Holds a password: keep it out of logs.
    pub database_url: String,
    /// The gateway's own database.
    pub gateway_database_url: String,
    /// The servers of the chain.
    pub servers: Vec<Rpc>,
    /// The wallet that appends.
    pub writer: Arc<dyn TransactionSigner>,
    /// The wallets that pay.
    pub payers: Vec<Arc<dyn TransactionSigner>>,
    /// The most that a transaction bids, in lamports.
    pub max_bid: u64,
    /// The public part of the key of promises.
    pub promise_key: PromiseKey,
    /// How far ahead promises reach.
    pub promise_time: Duration,
    /// On how many machines a commit is said to stand.
    pub copies: u16,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub subject: String,
    /// How it is.
    pub state: String,
    /// Advice; none when it is well.
    pub advice: Option<String>,
}

fn well(subject: impl Into<String>, state: impl Into<String>) -> Finding {
    Finding { subject: subject.into(), state: state.into(), advice: None }
}

fn ill(subject: impl Into<String>, state: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { advice: Some(advice.into()), ..well(subject, state) }
}

/// Looks at databases, servers, keys, wallets and ledgers.
///
/// # Errors
/// When a database does not answer; all else is a finding.
pub async fn examine(patient: Patient) -> anyhow::Result<Vec<Finding>> {
    let index =
        connect(&patient.database_url, CONNECTIONS, PATIENCE).await.context("the index's database does not answer")?;
    let pool = connect_to_gateway(&patient.gateway_database_url, CONNECTIONS, PATIENCE)
        .await
        .context("the gateway's database does not answer")?;
    let mut findings = Vec::new();
    let cluster = examine_index(&index, &mut findings).await?;
    let durability = load_durability(&mut *pool.acquire().await?).await?;
    findings.extend(of_durability(&durability, patient.copies));
    if durability.version == Some(durability.known_version) {
        findings.extend(examine_origin(&pool, patient.copies == 1).await?);
        findings.extend(examine_outboxes(&pool).await?);
    }
    examine_servers(&patient.servers, cluster.as_ref(), &mut findings).await;
    findings.extend(of_keys(&patient));
    if durability.version.is_some() && durability.version <= Some(durability.known_version) {
        examine_ledgers(patient, index, pool, &mut findings).await?;
    }
    Ok(findings)
}

async fn examine_index(index: &PgPool, findings: &mut Vec<Finding>) -> anyhow::Result<Option<Cluster>> {
    let mut connection = index.acquire().await?;
    let Ok(cluster) = load_cluster(&mut connection).await else {
        findings.push(ill("index", "its tables are not there", "start counterfoil-indexer with this DATABASE_URL"));
        return Ok(None);
    };
    findings.push(match &cluster {
        Some(cluster) => well("index", format!("of cluster {}, program {}", cluster.genesis_hash, cluster.program)),
        None => ill("index", "it is bound to no cluster yet", "start counterfoil-indexer with --rpc"),
    });
    findings.push(match load_lock_holder(&mut connection).await? {
        Some(holder) => well("indexer", format!("at work since {}", holder.since)),
        None => ill("indexer", "none is at work, so that no record becomes final here", "start counterfoil-indexer"),
    });
    Ok(cluster)
}

/// Whether the database is of the server that it was.
async fn examine_origin(pool: &PgPool, with_timeline: bool) -> anyhow::Result<Option<Finding>> {
    let mut connection = pool.acquire().await?;
    let (Some(server), Some(origin)) =
        (load_server(&mut connection, with_timeline).await?, load_origin(&mut connection).await?)
    else {
        return Ok(None);
    };
    Ok(Some(if server == origin {
        well("gateway's database", format!("of server {server}, as before"))
    } else {
        let state =
            format!("of server {server}, and was of {origin}: nothing is planned or promised for about two minutes");
        ill("gateway's database", state, "wait; where it was restored, docs/gateway.md says what that means")
    }))
}

/// The ledgers for which rows of outboxes wait.
async fn examine_outboxes(pool: &PgPool) -> anyhow::Result<Vec<Finding>> {
    let waiting = load_waiting_ledgers(&mut *pool.acquire().await?).await?;
    let finding = |(_, ledger, rows): (i32, String, u64)| {
        let state = format!("{} of an outbox wait, for it takes none", counted(rows, "row", "rows"));
        ill(format!("ledger {ledger}"), state, "the log of counterfoil-gateway says why; those of other ledgers go on")
    };
    Ok(waiting.into_iter().map(finding).collect())
}

fn of_durability(durability: &Durability, copies: u16) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.push(match durability.version {
        None => ill("gateway's tables", "they are not there", "start counterfoil-gateway once, which makes them"),
        Some(version) if version < durability.known_version => {
            let state = format!("of version {version}, this program knows {}", durability.known_version);
            ill("gateway's tables", state, "start counterfoil-gateway of this version, which brings them up to date")
        }
        Some(version) if version > durability.known_version => {
            let state = format!("of version {version}, this program knows no later than {}", durability.known_version);
            ill("gateway's tables", state, "use a program as new as the one that wrote them")
        }
        Some(version) => well("gateway's tables", format!("of version {version}, the newest known")),
    });
    findings.push(if durability.off.is_empty() {
        well("commits", "on disk when they are acknowledged")
    } else {
        let state = format!("not on disk when they are acknowledged: {} is off", durability.off.join(", "));
        ill(
            "commits",
            state,
            "turn it on in the gateway's database: an accepted record would be lost with the machine's power",
        )
    });
    let machines = durability.standbys.saturating_add(1);
    findings.push(if u32::from(copies) > machines {
        let state = format!("promises say that {copies} machines hold a record; {machines} do");
        ill("copies", state, "give --copies as many as there are, or set synchronous_standby_names")
    } else if machines == 1 {
        well("copies", "one machine holds what is accepted and not on the chain: a synchronous standby makes it two")
    } else {
        well("copies", format!("{machines} machines hold what is accepted"))
    });
    findings
}

async fn examine_servers(servers: &[Rpc], cluster: Option<&Cluster>, findings: &mut Vec<Finding>) {
    for server in servers {
        let subject = format!("server {}", server.name());
        let found = match server.fetch_genesis_hash().await {
            Ok(found) => found,
            Err(error) => {
                findings.push(ill(subject, with_causes(&error), "give another --rpc if it goes on"));
                continue;
            }
        };
        if cluster.is_some_and(|cluster| cluster.genesis_hash != found) {
            findings.push(ill(
                subject,
                format!("of cluster {found}, which is not the index's"),
                "give a server of the index's cluster",
            ));
            continue;
        }
        let local = Timestamp::now().as_second();
        findings.push(match fetch_time(server).await {
            Ok(time) if time.unix_time.abs_diff(local) > CLOCK_BOUND.unsigned_abs() => {
                let state = format!("its chain's clock is {} s from this machine's", time.unix_time.abs_diff(local));
                ill(subject, state, "set this machine's clock: promises are for times of the chain's. Or the server is behind: give another")
            }
            Ok(_) => well(subject, "answers, of the index's cluster, and its clock is this machine's"),
            Err(error) => ill(subject, with_causes(&error), "give another --rpc if it goes on"),
        });
    }
}

fn of_keys(patient: &Patient) -> Vec<Finding> {
    let writer = patient.writer.wallet();
    let mut findings = Vec::new();
    let is_of_wallet = patient.promise_key.0 == writer.0
        || patient.payers.iter().any(|payer| payer.wallet().0 == patient.promise_key.0);
    findings.push(if is_of_wallet {
        let advice = "make one of its own by `counterfoil-gateway make-key`: who steals one has both otherwise";
        ill("promise key", "it is a wallet's key too", advice)
    } else {
        well("promise key", format!("{}, and no wallet's", patient.promise_key))
    });
    findings.push(if patient.payers.is_empty() {
        well(
            "writer",
            format!(
                "{writer}, which pays as well: with --payer another wallet pays, at 5,000 lamports a transaction more"
            ),
        )
    } else {
        well("writer", writer.to_string())
    });
    findings
}

async fn examine_ledgers(
    patient: Patient,
    index: PgPool,
    pool: PgPool,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<()> {
    let payers = Payers::new(patient.writer.clone(), patient.payers, patient.max_bid);
    let means = Means { servers: patient.servers, writer: patient.writer, payers, budget: Budget::new(None, 0) };
    means.payers.look(&means.servers).await;
    for state in means.payers.states() {
        let subject = format!("payer {}", state.wallet);
        findings.push(match state.lamports {
            None => ill(subject, "no server says what it has", "give another --rpc"),
            Some(lamports) => {
                let transactions = means.payers.transactions(lamports);
                let has = format!(
                    "{}.{:06} SOL, which pays {transactions} transactions and leaves the rent minimum",
                    lamports / LAMPORTS_PER_SOL,
                    lamports % LAMPORTS_PER_SOL / 1_000
                );
                if transactions < FEW_TRANSACTIONS { ill(subject, has, "send it SOL") } else { well(subject, has) }
            }
        });
    }
    let terms = Terms { promise_time: patient.promise_time, longest_wait: Duration::MAX };
    let metrics = Metrics::new(&RequestMetrics::new("counterfoil_gateway"));
    let (begun, _begun) = mpsc::unbounded_channel();
    let ledgers = Ledgers::new(index, pool, means, terms, metrics, begun);
    ledgers.resume().await?;
    for (ledger, key) in ledgers.keys().into_iter().collect::<BTreeMap<LedgerId, i32>>() {
        findings.push(examine_ledger(&ledgers, ledger, key).await?);
    }
    Ok(())
}

async fn examine_ledger(ledgers: &Ledgers, ledger: LedgerId, key: i32) -> anyhow::Result<Finding> {
    let subject = format!("ledger {ledger}");
    let mut connection = ledgers.gateway.acquire().await?;
    let backlog = load_backlog(&mut connection, key).await?;
    let (overdue, deadline) = load_overdue(&mut connection, key, Timestamp::now().as_second()).await?;
    drop(connection);
    if let Some(deadline) = deadline {
        let until = time_text(deadline);
        let state = format!("{overdue} of its oldest records were promised until {until} and are not in it");
        return Ok(ill(
            subject,
            state,
            "the log of counterfoil-gateway says what it waits for; tell those who hold the promises",
        ));
    }
    if let Err(problem) = ledgers.expect_own(ledger).await {
        return Ok(ill(
            subject,
            problem.detail,
            "docs/gateway.md, \"the gateway's database is lost\", says what to do",
        ));
    }
    let right = match ledgers.ask(ledger).await {
        Err(error) => return Ok(ill(subject, with_causes(&error), "give another --rpc if it goes on")),
        Ok(Err(problem)) => return Ok(ill(subject, problem.detail, "its records wait until that is changed")),
        Ok(Ok(right)) => right,
    };
    let oldest = backlog.oldest.unwrap_or_default();
    if oldest > ledgers.terms.promise_time / 2 {
        let state = format!("{} records wait, the oldest for {} s", backlog.records, oldest.as_secs());
        return Ok(ill(subject, state, "the log of counterfoil-gateway says what it waits for"));
    }
    if let Some(state) = stands_still(ledgers, ledger).await? {
        return Ok(ill(subject, state, "the log of counterfoil-indexer says what it waits for"));
    }
    if right.expires_at < NEVER {
        let end = Timestamp::from_second(right.expires_at)?;
        if end < Timestamp::now().checked_add(GRANT_BOUND)? {
            let advice = format!(
                "its authority renews it: counterfoil writer grant {ledger} {} --subtrees --expires TIME",
                ledgers.wallet()
            );
            return Ok(ill(subject, format!("the grant ends at {end}"), advice));
        }
    }
    Ok(well(subject, format!("takes records; {} wait", backlog.records)))
}

/// Whether the index is behind the finalized ledger and does not come nearer.
async fn stands_still(ledgers: &Ledgers, ledger: LedgerId) -> anyhow::Result<Option<String>> {
    let settled = fetch_settled(&ledgers.means.servers[0], ledger).await?;
    let load = async || ledgers.load_checked_size(ledger).await.map_err(|problem| anyhow::anyhow!(problem.detail));
    let first = load().await?;
    let mut indexed = first;
    for _ in 0..PATIENCE.as_secs() {
        if indexed >= settled.size || indexed > first {
            return Ok(None);
        }
        sleep(Duration::from_secs(1)).await;
        indexed = load().await?;
    }
    let (size, seconds) = (settled.size, PATIENCE.as_secs());
    Ok(Some(format!(
        "the index has compared {indexed} of its {size} finalized entries with the chain, and no more in {seconds} s"
    )))
}

#[cfg(test)]
mod tests {
    use counterfoil_store::gateway::Durability;

    use super::of_durability;

    #[test]
    fn what_promises_say_of_copies_and_disks_is_held_against_the_database() {
        let good = Durability { off: Vec::new(), standbys: 1, version: Some(2), known_version: 2 };
        let ill = |durability: &Durability, copies| -> Vec<String> {
            let findings = of_durability(durability, copies);
            findings.into_iter().filter(|found| found.advice.is_some()).map(|found| found.subject).collect()
        };
        assert_eq!(ill(&good, 2), [""; 0]);
        assert_eq!(ill(&good, 3), ["copies"]);
        assert_eq!(ill(&Durability { off: vec!["fsync".to_owned()], ..good.clone() }, 2), ["commits"]);
        assert_eq!(ill(&Durability { version: Some(3), ..good.clone() }, 1), ["gateway's tables"]);
        assert_eq!(ill(&Durability { version: None, ..good }, 1), ["gateway's tables"]);
    }
}
