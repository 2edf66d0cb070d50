//! How the index is, in words, and what to do about it. Reads only.

use std::collections::BTreeMap;
use std::time::Duration;

use counterfoil_client::{AccountAt, ClientError, Rpc, Source, with_causes};
use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_service::counted;
use counterfoil_store::{
    Cluster, LedgerRow, PgPool, StoreError, load_cluster, load_head_at, load_ledgers_without_cursor, load_lock_holder,
    load_migrations, load_state, load_table_sizes, snapshot,
};
use futures_util::future::join_all;
use merkle_log::TreeSize;
use tokio::time::sleep;

use crate::repair::rebuild::all_ledgers;

/// How long a ledger that is behind is given to move before it counts as held.
const MOVING_TIME: Duration = Duration::from_secs(5);
/// How many accounts are read with one call.
const LEDGERS_PER_READING: usize = 100;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub subject: String,
    /// How it is.
    pub state: String,
    /// Advice; empty when it is well.
    pub advice: Vec<String>,
}

impl Finding {
    fn well(subject: impl Into<String>, state: impl Into<String>) -> Self {
        Self { subject: subject.into(), state: state.into(), advice: Vec::new() }
    }

    fn ill(subject: impl Into<String>, state: impl Into<String>, advice: &[&str]) -> Self {
        let advice = advice.iter().map(|line| (*line).to_owned()).collect();
        Self { subject: subject.into(), state: state.into(), advice }
    }

    /// Whether nothing needs to be done.
    #[must_use]
    pub const fn is_well(&self) -> bool {
        self.advice.is_empty()
    }
}

/// A server's answer about the ledgers.
struct Told {
    server: String,
    accounts: BTreeMap<LedgerId, Result<AccountAt, ClientError>>,
}

/// Looks at all of the index and, where servers are given, at what they say of it.
///
/// # Errors
/// [`StoreError`] when the database does not answer. A fault of the index is a finding.
pub async fn examine(pool: &PgPool, rpc_urls: &[String]) -> Result<Vec<Finding>, StoreError> {
    let mut connection = pool.acquire().await?;
    let migrations = load_migrations(&mut connection).await?;
    let mut findings = Vec::new();
    match migrations.applied {
        None => {
            let advice = ["start counterfoil-indexer, which makes it; or check that this is the right database"];
            return Ok(vec![Finding::ill("index", "there is none in this database", &advice)]);
        }
        Some(applied) if applied < migrations.known => {
            let state = format!("is of version {applied}, this program knows version {}", migrations.known);
            let advice = ["start counterfoil-indexer of this version: it brings the tables up to date at its start"];
            return Ok(vec![Finding::ill("index", state, &advice)]);
        }
        Some(applied) if applied > migrations.known => {
            let state = format!("is of version {applied}, this program knows no later than {}", migrations.known);
            return Ok(vec![Finding::ill("index", state, &["use a program as new as the indexer that wrote it"])]);
        }
        Some(applied) => findings.push(Finding::well("index", format!("is of version {applied}, the newest known"))),
    }
    let cluster = load_cluster(&mut connection).await?;
    findings.push(match &cluster {
        Some(Cluster { genesis_hash, program }) => {
            Finding::well("cluster", format!("genesis hash {genesis_hash}, program {program}"))
        }
        None => Finding::ill("cluster", "the index is bound to none yet", &["start counterfoil-indexer with --rpc"]),
    });
    let holder = load_lock_holder(&mut connection).await?;
    findings.push(match &holder {
        Some(holder) => {
            let from = holder.address.as_deref().unwrap_or("this machine");
            Finding::well("indexer", format!("is at work, connected since {} from {from}", holder.since))
        }
        None => Finding::ill("indexer", "none is at work, so nothing new is indexed", &["start counterfoil-indexer"]),
    });
    for ledger in load_ledgers_without_cursor(&mut connection).await? {
        let state = "its row of table cursor is gone, which says how far it is: somebody deleted it";
        findings.push(Finding::ill(format!("ledger {ledger}"), state, &REBUILD));
    }
    let rows = all_ledgers(&mut connection).await?;
    let told = match cluster {
        Some(cluster) => ask(rpc_urls, cluster, &rows, &mut findings).await,
        None => Vec::new(),
    };
    // A ledger that is behind and moves needs no operator.
    let rows_later = if rows.iter().any(|row| is_behind(row, &told)) && holder.is_some() {
        sleep(MOVING_TIME).await;
        all_ledgers(&mut connection).await?
    } else {
        rows.clone()
    };
    let later: BTreeMap<LedgerId, &LedgerRow> = rows_later.iter().map(|row| (row.ledger, row)).collect();
    let is_followed = holder.is_some();
    for row in &rows {
        let later = later.get(&row.ledger).copied().unwrap_or(row);
        findings.push(match load_past(pool, later, &told).await {
            Ok(past) => of_ledger(row, later, &told, &past, is_followed),
            Err(error @ StoreError::Corrupt { .. }) => {
                let (subject, fsck) = (format!("ledger {}", row.ledger), fsck_of(row.ledger));
                Finding::ill(subject, format!("cannot go on: {error}"), &[&[fsck.as_str()][..], &REBUILD].concat())
            }
            Err(error) => return Err(error),
        });
    }
    for size in load_table_sizes(&mut connection).await? {
        let megabytes = |bytes: i64| bytes as f64 / 1e6;
        let (rows, data, indexes) = (size.rows, megabytes(size.row_bytes), megabytes(size.index_bytes));
        let state = format!("about {rows} rows, {data:.1} MB, and {indexes:.1} MB of indexes");
        findings.push(Finding::well(format!("table {}", size.table), state));
    }
    Ok(findings)
}

/// Asks each server for the cluster and all accounts.
async fn ask(rpc_urls: &[String], cluster: Cluster, rows: &[LedgerRow], findings: &mut Vec<Finding>) -> Vec<Told> {
    let ledgers: Vec<LedgerId> = rows.iter().map(|row| row.ledger).collect();
    let answers = join_all(rpc_urls.iter().map(|url| async {
        let rpc = Rpc::new(url, cluster.program);
        let genesis_hash = rpc.fetch_genesis_hash().await?;
        let mut accounts = BTreeMap::new();
        for chunk in ledgers.chunks(LEDGERS_PER_READING) {
            accounts.extend(chunk.iter().copied().zip(rpc.fetch_accounts(chunk).await?));
        }
        Ok::<_, ClientError>((genesis_hash, accounts))
    }));
    let mut told = Vec::new();
    for (url, answer) in rpc_urls.iter().zip(answers.await) {
        let server = counterfoil_client::without_keys(url);
        let subject = format!("server {server}");
        findings.push(match answer {
            Err(error) => Finding::ill(subject, with_causes(&error), &["give another --rpc, or wait until it answers"]),
            Ok((genesis_hash, _)) if genesis_hash != cluster.genesis_hash => {
                let state = format!("is of another cluster: genesis hash {genesis_hash}");
                Finding::ill(subject, state, &["give --rpc servers of the index's cluster"])
            }
            Ok((_, accounts)) => {
                told.push(Told { server, accounts });
                Finding::well(subject, "answers, and is of this cluster")
            }
        });
    }
    told
}

/// The heads that the index had where servers' accounts stand: at the checked watermark and before it.
///
/// Reads all that the ledger goes on from, so that rows which somebody changed are found to be so.
async fn load_past(
    pool: &PgPool,
    row: &LedgerRow,
    told: &[Told],
) -> Result<BTreeMap<TreeSize, LedgerHead>, StoreError> {
    // Of one moment, for an indexer may write meanwhile.
    let mut connection = snapshot(pool).await?;
    load_state(&mut connection, row.ledger).await?;
    let mut past = BTreeMap::new();
    if row.applied_event_seq.get() > 0 {
        load_head_at(&mut connection, row, row.applied_event_seq).await?;
    }
    let Some((checked, _)) = row.checked else { return Ok(past) };
    past.insert(checked.events.size, checked);
    for size in
        told.iter().filter_map(|told| Some(told.accounts.get(&row.ledger)?.as_ref().ok()?.account.events.size()))
    {
        if size < checked.events.size && !past.contains_key(&size) {
            past.insert(size, load_head_at(&mut connection, row, size).await?);
        }
    }
    Ok(past)
}

/// Advice for rows that were changed.
const REBUILD: [&str; 2] = [
    "rows were changed by another hand, which no server can mend: keep a copy, then",
    "  counterfoil-indexer rebuild --rpc ...",
];

fn fsck_of(ledger: LedgerId) -> String {
    format!("which rows? counterfoil-indexer fsck --ledger {ledger}")
}

fn checked_event_seq(row: &LedgerRow) -> u64 {
    row.checked.map_or(0, |(head, _)| head.events.size.get())
}

/// How many events the account has that is furthest ahead.
fn newest(row: &LedgerRow, told: &[Told]) -> u64 {
    let accounts = told.iter().filter_map(|told| told.accounts.get(&row.ledger)?.as_ref().ok());
    let newest = accounts.map(|at| at.account.events.size().get()).max().unwrap_or(0);
    newest.max(row.applied_event_seq.get())
}

fn is_behind(row: &LedgerRow, told: &[Told]) -> bool {
    row.halt.is_none() && checked_event_seq(row) < newest(row, told)
}

fn of_ledger(
    row: &LedgerRow,
    later: &LedgerRow,
    told: &[Told],
    past: &BTreeMap<TreeSize, LedgerHead>,
    is_followed: bool,
) -> Finding {
    let ledger = row.ledger;
    let subject = format!("ledger {ledger}");
    let (checked, wanted) = (checked_event_seq(later), newest(row, told));
    let heads = match &later.checked {
        Some((head, slot)) => format!("checked at event {checked} as of slot {slot}: {}", head_text(head)),
        None => "never checked".to_owned(),
    };
    let against: Vec<String> = told.iter().filter_map(|told| contradiction(row, told, past)).collect();
    let against = against.join("; ");
    let fsck = format!("counterfoil-indexer fsck --ledger {ledger}");
    let allow_less = "  counterfoil-indexer rebuild --allow-less --rpc SERVERS_TO_BE_BELIEVED ...".to_owned();
    let forget = format!(
        "  or, if there is no such ledger, counterfoil-indexer forget {ledger} --rpc SERVERS_TO_BE_BELIEVED ..."
    );
    let clear = format!("counterfoil-indexer clear-halt {ledger}");
    if let Some(halt) = &later.halt {
        let servers = if against.is_empty() { String::new() } else { format!(" Now: {against}.") };
        let state =
            format!("is HALTED since {}: {}. {heads}; that much is served on.{servers}", halt.since, halt.reason);
        return Finding::ill(
            subject,
            state,
            &[
                "what was recomputed from events is not what a quorum's accounts say; see whom others believe:",
                "  counterfoil-indexer doctor --rpc SERVER_OF_SOMEBODY_ELSE ...",
                &format!("are the rows what follows from the events? {fsck}"),
                "if fsck finds something, rows were changed: keep a copy, then counterfoil-indexer rebuild --rpc ...",
                &format!(
                    "if not, and others believe the index, the servers are false: run the indexer with others, then {clear}"
                ),
                "if not, and others say what these servers say, a quorum was false before:",
                &allow_less,
            ],
        );
    }
    if !against.is_empty() {
        return Finding::ill(
            subject,
            format!("{heads}; but {against}"),
            &[
                "either that server is false or on a fork: ask others with --rpc; or rows were changed:",
                &fsck,
                "or, when all others say the same, a quorum was false before:",
                &allow_less,
                &forget,
            ],
        );
    }
    let accounts =
        told.iter().filter_map(|told| Some(told.accounts.get(&ledger)?.as_ref().ok()?.account.events.size().get()));
    if let Some(most) = accounts.max().filter(|most| *most < checked) {
        return Finding::ill(
            subject,
            format!("{heads}; but no server that was asked has more than {most} events"),
            &[
                "the servers are out of date: ask others with --rpc; or the chain was rolled back, or a quorum was false before:",
                &allow_less,
            ],
        );
    }
    if checked >= wanted {
        let missing = match later.missing {
            0 => String::new(),
            missing => format!("; {missing} leaves' entries are missing, as `counterfoil-indexer fill` can mend"),
        };
        return Finding::well(subject, format!("{heads}{missing}"));
    }
    let behind = format!("{heads}; {} of {wanted} events are still to come", wanted - checked);
    if checked > checked_event_seq(row) {
        return Finding::well(subject, format!("{behind}, it is on its way"));
    }
    if !is_followed {
        return Finding::ill(subject, format!("waits for an indexer: {behind}"), &["start counterfoil-indexer"]);
    }
    Finding::ill(
        subject,
        format!("is HELD: {behind}, and it did not move for {} s", MOVING_TIME.as_secs()),
        &[
            "an event is missing from what the servers list, too few of them agree, or none answers:",
            "  the indexer's /readyz and log say which",
            "give it another --rpc server, one that keeps the whole history; it goes on by itself",
        ],
    )
}

/// Both logs' heads of a ledger, in words.
fn head_text(head: &LedgerHead) -> String {
    let LedgerHead { entries, events, .. } = head;
    let sizes = [counted(entries.size.get(), "entry", "entries"), counted(events.size.get(), "event", "events")];
    format!("{} with root {}, {} with root {}", sizes[0], entries.root, sizes[1], events.root)
}

/// A server's account against the checked heads.
fn contradiction(row: &LedgerRow, told: &Told, past: &BTreeMap<TreeSize, LedgerHead>) -> Option<String> {
    let server = &told.server;
    row.checked?;
    match told.accounts.get(&row.ledger)? {
        Ok(at) => {
            let account = at.account.head(row.ledger);
            let head = past.get(&account.events.size).filter(|head| **head != account)?;
            Some(format!("{server} says {} at that event, the index has {}", head_text(&account), head_text(head)))
        }
        Err(error) => Some(format!("{server} has no such account: {}", with_causes(error))),
    }
}
