//! Rebuilding the index in a second schema, and swapping the two.
//!
//! The new index is made as an empty one is: from the chain or a recording, every event recomputed and compared with a
//! quorum's accounts. Entries that somebody filled in are not on the chain: they come from the old index, and must lead
//! to the roots that the new one has from events. The new one is derived once more from its own rows before it is swapped
//! in, in one SQL transaction; until then, however this ends, the old one stays as it was.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use counterfoil_archive::Archive;
use counterfoil_core::LedgerId;
use counterfoil_service::Progress;
use counterfoil_store::{
    Difference, Fill, FillError, LedgerRow, MissingSubtree, PgConnection, PgPool, StoreError, Swap, analyze, begin,
    begin_rebuild, connect_to_rebuild, find_differences, find_obstacles, load_cluster, load_entries, load_ledger,
    load_ledgers, load_missing, load_missing_at, migrate,
};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::database::Database;
use crate::health::Condition;
use crate::metrics::Metrics;
use crate::repair::fill::fill_from_archive;
use crate::repair::fsck::{extent, fsck};
use crate::run::{CONNECTIONS, Work, alone, bind_to_cluster};
use crate::{Config, Indexer, Round, open};

const SUBTREES_PER_PAGE: u32 = 1_000;
const ENTRIES_PER_CHUNK: u64 = 8_192;
/// How long readers are let pass between two attempts to swap.
const SWAP_INTERVAL: Duration = Duration::from_millis(200);
/// How often a recording alone is read without leading any further.
const FRUITLESS_READINGS: u64 = 3;
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// The result.
#[derive(Clone, Debug, Default)]
pub struct Rebuilt {
    /// Ledgers of the new index.
    pub ledgers: u64,
    /// Their events.
    pub events: u64,
    /// Their entries.
    pub entries: u64,
    /// Of these, entries that came from the old index.
    pub taken_over: u64,
    /// Entries that came from the archive.
    pub from_archive: u64,
    /// Why the archive's entries of a ledger were not filled in.
    pub archive_faults: Vec<String>,
    /// Subtrees whose entries only the old index has, for they are false.
    pub left_behind: Vec<LeftBehind>,
    /// The parts of the old index that the new one does not have.
    pub missing: Vec<String>,
    /// The first rows of each table in which the old index was not what the chain says.
    pub differences: Vec<Difference>,
}

/// A subtree whose entries in the old index do not lead to its root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ledger {ledger}: the {leaves} entries from {first_index} on were filled in and are false now: {problem}")]
pub struct LeftBehind {
    /// The ledger.
    pub ledger: LedgerId,
    /// The subtree's first leaf.
    pub first_index: u64,
    /// How many leaves it has.
    pub leaves: u64,
    /// The fault.
    pub problem: String,
}

/// The choices of a rebuild.
#[derive(Clone, Default)]
pub struct Wanted {
    /// Keep the old index, in a schema of its own.
    pub keep_old: bool,
    /// Swap also when the new index serves less than the old one, for a quorum may have invented that.
    pub allow_less: bool,
    /// Where to find entries that the old index does not have.
    pub archive: Option<Archive>,
}

/// Rebuilds the index and swaps it in. `config` names the servers; its listening addresses are not used.
///
/// # Errors
/// When an indexer is at work; when the servers do not lead as far as the old index is checked, or halt a ledger; when
/// the database refuses. The old index is in place then, as it was.
pub async fn rebuild(config: &Config, wanted: &Wanted) -> anyhow::Result<Rebuilt> {
    let servers = config.servers()?;
    let pool = open(&config.database_url).await?;
    // The connection that holds the lock makes the swap: when it is lost, there is none.
    let mut lock = alone(&pool).await?;
    let obstacles = find_obstacles(&mut lock).await?;
    ensure!(obstacles.is_empty(), "the index cannot be swapped: {}", obstacles.join("; "));
    begin_rebuild(&mut lock).await.context("a schema for the new index cannot be made")?;
    let new = connect_to_rebuild(&config.database_url, CONNECTIONS, config.patience).await?;
    migrate(&new).await?;
    bind_to_cluster(config, &servers, &new, None).await?;
    let (bound, found) = (load_cluster(&mut lock).await?, load_cluster(&mut *new.acquire().await?).await?);
    ensure!(
        bound.is_none() || bound == found,
        "the servers are of another cluster than the index: give others, or another database"
    );

    let database = Database::new(new.clone(), config.patience, Metrics::new());
    let selection = config.selection.clone();
    build(config, Indexer::new(config.program, servers, config.quorum, selection, database)).await?;
    analyze(&mut *new.acquire().await?).await?;
    let mut rebuilt = Rebuilt::default();
    loop {
        let old_rows = all_ledgers(&mut lock).await?;
        let new_rows = all_ledgers(&mut *new.acquire().await?).await?;
        rebuilt.missing = find_missing(&old_rows, &new_rows);
        ensure!(
            wanted.allow_less || rebuilt.missing.is_empty(),
            "the new index would have less than the old one, so there is no swap: {}. Give servers that have it all, or a \
             newer recording, and no --ledger or --authority that leaves some out; or --allow-less, when a quorum of servers \
             was false before",
            rebuilt.missing.join("; ")
        );
        take_over(&pool, &new, &old_rows, &mut rebuilt).await?;
        if let Some(archive) = &wanted.archive {
            fill_in(archive, &new, &new_rows, &mut rebuilt).await?;
        }
        check(&new, &mut rebuilt).await?;
        rebuilt.differences = compare(&mut lock, &old_rows, &new_rows).await?;
        if swap(&mut lock, &old_rows, wanted.keep_old).await? {
            break;
        }
        info!("entries were filled in meanwhile; they are taken over too");
    }
    drop(lock);
    for pool in [new, pool] {
        let _ = timeout(CLOSING_TIME, pool.close()).await;
    }
    Ok(rebuilt)
}

/// Passes, until all ledgers are checked where a quorum's accounts stand.
async fn build(config: &Config, indexer: Indexer<crate::Server>) -> anyhow::Result<()> {
    let mut work = Work::begin(config, indexer).await?;
    let progress = Progress::begin("verified", "events", 0, 0);
    let (mut known, mut applied, mut readings) = (None, 0, 0);
    loop {
        let round = work.round().await?;
        let health = &work.indexer.health;
        let extent = health.extent();
        progress.set(extent.applied, extent.account);
        if extent.applied > applied {
            (applied, readings) = (extent.applied, work.feeds_ended);
        }
        let (is_ready, problems) = health.readiness();
        let halted = health.ledgers().into_iter().find_map(|(ledger, health)| match health.condition {
            Condition::Halted { reason } => Some((ledger, reason)),
            _ => None,
        });
        if let Some((ledger, reason)) = halted {
            bail!("ledger {ledger} halts in the new index, so there is no swap: {reason}");
        }
        if round == Round::All {
            // A pass makes a bounded number of ledgers known: all are known once a pass finds no new one.
            if is_ready && known == Some(extent.ledgers) {
                return Ok(());
            }
            known = Some(extent.ledgers);
        }
        let is_fruitless = work.feeds_ended.saturating_sub(readings) >= FRUITLESS_READINGS;
        if is_fruitless && config.rpc_urls.is_empty() && !is_ready {
            let problems: Vec<String> =
                problems.iter().map(|(ledger, problem)| format!("{ledger}: {problem}")).collect();
            bail!("the recording leads no further; give --rpc servers as well. {}", problems.join("; "));
        }
    }
}

/// The parts of the old index that the new one does not have.
fn find_missing(old: &[LedgerRow], new: &[LedgerRow]) -> Vec<String> {
    let checked = |row: &LedgerRow| row.checked.map_or(0, |(head, _)| head.events.size.get());
    let new: BTreeMap<LedgerId, u64> = new.iter().map(|row| (row.ledger, checked(row))).collect();
    let mut missing = Vec::new();
    for row in old.iter().filter(|row| row.checked.is_some()) {
        let (ledger, before) = (row.ledger, checked(row));
        match new.get(&ledger) {
            None => missing.push(format!("ledger {ledger} is in none of the servers' lists")),
            Some(after) if *after < before => {
                missing
                    .push(format!("ledger {ledger} is checked to event {after}, in the old index to event {before}"));
            }
            Some(_) => {}
        }
    }
    missing
}

/// Takes filled-in entries over from the old index.
async fn take_over(old: &PgPool, new: &PgPool, old_rows: &[LedgerRow], rebuilt: &mut Rebuilt) -> anyhow::Result<()> {
    rebuilt.left_behind.clear();
    for old_row in old_rows {
        let row = match load_ledger(&mut *new.acquire().await?, old_row.ledger).await {
            Err(StoreError::UnknownLedger(_)) => continue,
            row => row?,
        };
        let progress = Progress::begin("looked for", "filled-in entries", 0, row.missing);
        let mut from = Some(0);
        while let Some(first) = from {
            let page = load_missing(&mut *new.acquire().await?, &row, first, SUBTREES_PER_PAGE).await?;
            from = page.last().map(|last| last.first_index() + 1);
            for subtree in page {
                let (first_index, leaves) = (subtree.first_index(), subtree.leaves());
                match take_over_subtree(old, new, old_row, &subtree).await? {
                    Taken::All => rebuilt.taken_over += leaves,
                    Taken::NotThere => {}
                    Taken::False(problem) => {
                        let left = LeftBehind { ledger: row.ledger, first_index, leaves, problem };
                        rebuilt.left_behind.push(left);
                    }
                }
                progress.add(leaves);
            }
        }
    }
    Ok(())
}

/// Fills in from the archive what is still missing. A ledger whose archive is away or false is told and left as it is.
async fn fill_in(archive: &Archive, new: &PgPool, rows: &[LedgerRow], rebuilt: &mut Rebuilt) -> anyhow::Result<()> {
    rebuilt.archive_faults.clear();
    for row in rows {
        let missing = load_ledger(&mut *new.acquire().await?, row.ledger).await?.missing;
        if missing == 0 {
            continue;
        }
        let progress = Progress::begin("read from the archive", "missing entries", 0, missing);
        match fill_from_archive(new, row.ledger, archive, &mut |entries| progress.add(entries)).await {
            Ok(filled) => {
                rebuilt.from_archive += filled.entries;
                let still = load_ledger(&mut *new.acquire().await?, row.ledger).await?;
                let mut rest = Vec::new();
                for left in rebuilt.left_behind.drain(..) {
                    let is_missing = left.ledger != row.ledger
                        || load_missing_at(&mut *new.acquire().await?, &still, left.first_index).await?.is_some();
                    rest.extend(is_missing.then_some(left));
                }
                rebuilt.left_behind = rest;
            }
            Err(fault) => rebuilt.archive_faults.push(format!("ledger {}: {fault:#}", row.ledger)),
        }
    }
    Ok(())
}

enum Taken {
    All,
    NotThere,
    False(String),
}

async fn take_over_subtree(
    old: &PgPool,
    new: &PgPool,
    old_row: &LedgerRow,
    subtree: &MissingSubtree,
) -> anyhow::Result<Taken> {
    let (mut next, end) = (subtree.first_index(), subtree.first_index() + subtree.leaves());
    let mut old = old.acquire().await?;
    let mut connection = new.acquire().await?;
    let mut transaction = begin(&mut connection).await?;
    let mut fill = Fill::begin(&mut transaction, old_row.ledger, next).await?;
    while next < end {
        let limit = ENTRIES_PER_CHUNK.min(end - next);
        let chunk = match load_entries(&mut old, old_row, next, u32::try_from(limit).unwrap_or(u32::MAX)).await {
            Err(error @ StoreError::Corrupt { .. }) => return Ok(Taken::False(error.to_string())),
            chunk => chunk?,
        };
        let mut entries = Vec::with_capacity(chunk.len());
        for (entry, index) in chunk.into_iter().zip(next..) {
            if entry.index.get() == index {
                entries.push(entry.payload);
            }
        }
        if entries.len() as u64 != limit {
            let is_empty = entries.is_empty() && next == subtree.first_index();
            return Ok(if is_empty { Taken::NotThere } else { Taken::False("some of them are missing".to_owned()) });
        }
        next += limit;
        fill.push(&entries).await?;
    }
    match fill.finish().await {
        Ok(()) => {}
        Err(error @ FillError::RootMismatch { .. }) => return Ok(Taken::False(error.to_string())),
        Err(error) => return Err(error.into()),
    }
    transaction.commit().await.context("the entries of a subtree were not committed")?;
    Ok(Taken::All)
}

/// Derives every row of the new index again and compares.
async fn check(new: &PgPool, rebuilt: &mut Rebuilt) -> anyhow::Result<()> {
    let progress = Progress::begin("derived again", "events and entries", 0, extent(new, &[]).await?);
    let report = fsck(new, &[], |derived| progress.add(derived)).await?;
    (rebuilt.ledgers, rebuilt.events, rebuilt.entries) = (report.ledgers, report.events, report.entries);
    if let Some(finding) = report.findings.first() {
        bail!("the new index is not what follows from the events, so there is no swap: {}", finding.problem);
    }
    Ok(())
}

/// Where the old index was wrong.
async fn compare(
    lock: &mut PgConnection,
    old_rows: &[LedgerRow],
    new_rows: &[LedgerRow],
) -> Result<Vec<Difference>, StoreError> {
    let new_rows: BTreeMap<LedgerId, &LedgerRow> = new_rows.iter().map(|row| (row.ledger, row)).collect();
    let mut differences = Vec::new();
    for old in old_rows {
        if let Some(new) = new_rows.get(&old.ledger) {
            differences.extend(find_differences(lock, old, new).await?);
        }
    }
    for difference in &differences {
        warn!(ledger.id = %difference.ledger, "the old index was wrong: {difference}");
    }
    Ok(differences)
}

/// Swaps, unless the old index has changed since its rows were read: somebody may fill in entries at any time.
async fn swap(lock: &mut PgConnection, old_rows: &[LedgerRow], keep_old: bool) -> anyhow::Result<bool> {
    let start = Instant::now();
    loop {
        if let Some(mut swap) = Swap::begin(lock).await? {
            let is_same = |(now, before): (&LedgerRow, &LedgerRow)| {
                now.ledger == before.ledger && now.missing == before.missing && now.checked == before.checked
            };
            let now = all_ledgers(swap.connection()).await?;
            if now.len() != old_rows.len() || !now.iter().zip(old_rows).all(is_same) {
                return Ok(false);
            }
            swap.finish(keep_old).await.context("the swap did not come about")?;
            info!("swapped after {} ms of waiting for readers", start.elapsed().as_millis());
            return Ok(true);
        }
        sleep(SWAP_INTERVAL).await;
    }
}

pub(crate) async fn all_ledgers(connection: &mut PgConnection) -> Result<Vec<LedgerRow>, StoreError> {
    let mut rows: Vec<LedgerRow> = Vec::new();
    loop {
        let page = load_ledgers(connection, rows.last().map(|row| row.ledger), 1_000).await?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page);
    }
}
