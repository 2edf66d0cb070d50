//! `counterfoil check TABLE`: each row of a protected table, compared with its records in the ledger.
//!
//! The order makes it exact: the servers' accounts say how far the ledger is; then the database's snapshot is taken, which shows each change
//! that is recorded so far; then the ledger's entries are read up to that size, and at last the rows.

mod contents;
mod ledger;
mod page;
mod rows;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use counterfoil_core::LedgerId;
use counterfoil_outbox::TableReader;
use counterfoil_service::counted;
use counterfoil_table_check::{
    Check, LeafIndex, Listing, Pins, Report as TableReport, Scope, Seed, Verdict as TableVerdict,
};
use jiff::Timestamp;
use merkle_log::TreeHead;

use self::contents::Contents;
use super::evidence;
use super::outbox::Database;
use crate::context::Options;
use crate::heads::{self, parse_head};
use crate::verdict::{Report, Usage, Verdict};

/// The most entries whose evidence a page holds, for a person opens it.
const MOST_EVIDENCE: u64 = 100_000;

/// The most changes that a report lists.
const MOST_LISTED: usize = 1_000;

/// Arguments of `counterfoil check`.
#[derive(Args)]
pub struct Arguments {
    /// The table, as SQL names it: orders, or shop.orders.
    table: String,
    #[command(flatten)]
    database: Database,
    /// The table's ledger, from where you trust it. Without one the database's word is taken, and the verdict is CONSISTENT at best.
    #[arg(long)]
    ledger: Option<LedgerId>,
    /// The gateway that has the contents of the records. Not trusted: each is compared with the commitment in the ledger.
    #[arg(long, env = "COUNTERFOIL_GATEWAY", default_value = "http://127.0.0.1:8090", value_name = "URL")]
    gateway: String,
    /// A key of the gateway with the scopes read and write.
    #[arg(long, env = "COUNTERFOIL_GATEWAY_KEY", hide_env_values = true, value_name = "KEY")]
    gateway_key: Option<String>,
    /// Compare these rows alone: an SQL condition. Rows that were deleted are not found then.
    #[arg(long = "where", value_name = "CONDITION")]
    condition: Option<String>,
    /// Compare the row with this key alone, and list its recorded changes: the key's values in the order of its columns, --key once for each.
    #[arg(long, value_name = "VALUE", conflicts_with = "condition")]
    key: Vec<String>,
    /// List the changes that were recorded since this head, SIZE:ROOT as an earlier check told it. The ledger has to go on from it.
    #[arg(long, value_name = "HEAD", value_parser = parse_head)]
    since: Option<TreeHead>,
    /// Compare with the records up to this head, SIZE:ROOT: the database was restored from a backup of then.
    #[arg(long, value_name = "HEAD", value_parser = parse_head)]
    as_of: Option<TreeHead>,
    /// How long a change may wait in the outbox before that is a fault, in seconds.
    #[arg(long, default_value_t = 3_600)]
    longest_wait_s: u64,
    /// How many of the servers must have the ledger as it is compared. Default: more than half.
    #[arg(long)]
    quorum: Option<usize>,
    /// Write the report as a page too, for an auditor: one file, with the ledger's evidence from --api inside.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print the verdict as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let result = check(options, &arguments, &mut report).await;
    report.conclude(result, arguments.json)
}

async fn check(options: &Options, arguments: &Arguments, report: &mut Report) -> anyhow::Result<(Verdict, String)> {
    let ledger = find_ledger(options, arguments).await?;
    let mut rpcs = options.servers(&mut report.warnings);
    let quorum = options.quorum(arguments.quorum, rpcs.len())?;
    let genesis_hash = heads::genesis_hash(&mut rpcs, quorum, &mut report.warnings).await?;
    let readings = heads::read(&rpcs, ledger.address, quorum, &mut report.warnings).await?;
    let ledger_at = ledger::Head::of(&readings, quorum)?;

    let mut table = TableReader::open(&arguments.database.database, &arguments.table).await?;
    if let Some(condition) = &arguments.condition {
        table.expect_condition(condition).await.map_err(|error| Usage(format!("--where is no condition: {error}")))?;
    }
    if let Some(fault) = table.load_trigger_fault().await? {
        report.warnings.push(format!(
            "changes are not recorded now: the table does not have its triggers, or they are off: {fault}"
        ));
    }
    let held = ledger::Held { since: arguments.since, as_of: arguments.as_of };
    let ids = table.load_ids(&ledger.address.to_string()).await?;
    let mut seed = Seed([0; 32]);
    getrandom::fill(&mut seed.0).context("the operating system gives no random bytes")?;
    let is_partitioned = table.is_partitioned;
    let pins =
        Pins { scope: arguments.scope(), listing: arguments.listing(), is_partitioned, ..Pins::whole(&table.name) };
    let mut check = Check::new(pins, &seed);
    let contents = Contents::new(&arguments.gateway, arguments.gateway_key.as_deref(), ledger.address)?;
    let place = ledger::Place { genesis_hash, program: options.program(), ledger: ledger.address };
    let walked = ledger::walk(&contents, &place, &ledger_at, &held, &readings, (ids, seed.clone()), &mut check).await?;
    ensure!(
        walked.servers >= quorum,
        "{} of {} servers have what the gateway tells, {quorum} are needed",
        walked.servers,
        readings.len()
    );
    expect_replayed(&table, &check)?;
    // Changes in a backup wait since it was made, and no relay reads it.
    let longest_wait_s = if arguments.as_of.is_some() { u64::MAX } else { arguments.longest_wait_s };
    let waits = rows::take_unsent(&mut table, &walked.unsent, &walked.protections, longest_wait_s, &mut check).await?;
    let mut found = rows::compare(&mut table, arguments.condition.as_deref(), check).await?;
    ensure!(
        !table.has_another_tree().await?,
        "partitions were attached or detached while {} was checked: run the check again",
        table.name
    );
    ledger::describe(&contents, &place, &walked, &mut found).await?;
    expect_key(&arguments.key, found.key_columns())?;

    let mut verdict = conclude(&found, &ledger, &waits, ledger_at, walked.servers, report);
    if let Some(as_of) = &arguments.as_of {
        verdict.1 += &format!(", as of the ledger's first {}", counted(as_of.size.get(), "entry", "entries"));
    }
    tell_held(&held, &found, &ledger_at, report);
    report
        .not_checked
        .push("whether a recorded change was right, and what came before the table was protected".to_owned());
    report.not_checked.push("what a superuser removed from table and outbox before the relay had it".to_owned());
    report.not_checked.push("that these servers are honest: they were asked, their answers are no proof".to_owned());
    if let Some(file) = &arguments.html {
        let evidence = fetch_evidence(options, ledger.address, ledger_at.size, report).await;
        let checked_at = Timestamp::now();
        let told = page::Told { verdict: verdict.0, reason: &verdict.1, place: &place, checked_at, evidence };
        page::write(file, &told, report, &found)?;
    }
    Ok(verdict)
}

/// # Errors
/// Where a standby does not show all that the ledger has.
fn expect_replayed(table: &TableReader, check: &Check) -> anyhow::Result<()> {
    let (Some(replayed), Some(newest)) = (table.replayed, check.newest_transaction()) else { return Ok(()) };
    ensure!(
        newest.0 < replayed,
        "the standby has replayed all up to transaction {replayed}, and the ledger has changes of transaction {}: wait for it, and for long \
         transactions of the primary, or check the primary",
        newest.0
    );
    Ok(())
}

impl Arguments {
    fn scope(&self) -> Scope {
        match (&self.condition, self.key.as_slice()) {
            (Some(_), _) => Scope::Subset,
            (None, []) => Scope::Whole,
            (None, key) => Scope::Row(key.to_vec()),
        }
    }

    fn listing(&self) -> Option<Listing> {
        let since = LeafIndex(self.since.map_or(0, |head| head.size.get()));
        (!self.key.is_empty() || self.since.is_some()).then_some(Listing { since, most: MOST_LISTED })
    }
}

/// # Errors
/// [`Usage`] where the key that was given has more or fewer values than the table's.
fn expect_key(given: &[String], columns: &[String]) -> anyhow::Result<()> {
    if given.is_empty() || columns.is_empty() || given.len() == columns.len() {
        return Ok(());
    }
    let (values, columns) = (counted(given.len() as u64, "value", "values"), columns.join(", "));
    Err(Usage(format!("--key has {values}, and the table's key is {columns}: give --key once for each")).into())
}

/// The changes that were listed, and the heads that they are told about.
fn tell_held(held: &ledger::Held, found: &TableReport, head: &ledger::Head, report: &mut Report) {
    report.noted.extend(found.changes.iter().map(ToString::to_string));
    let more = found.changes_listed - found.changes.len() as u64;
    if more > 0 {
        report.noted.push(format!("{more} more changes were recorded, and are not listed"));
    }
    for (held, what) in
        [(&held.since, "what was recorded since is listed"), (&held.as_of, "the rows were compared up to there")]
    {
        if let Some(held) = held {
            report.checked.push(format!("the ledger goes on from the head {}:{}: {what}", held.size, held.root));
        }
    }
    if held.as_of.is_some() {
        report.not_checked.push("what was recorded after that head, and how long changes waited".to_owned());
    }
    let head = format!("{}:{}", head.size, head.root);
    report.checked.push(format!("the ledger's head is {head}: a later check goes on from it by --since"));
    report.facts = serde_json::json!({ "head": head });
}

/// The ledger's evidence as a file has it. Where no API gives it, a warning says why.
async fn fetch_evidence(options: &Options, ledger: LedgerId, size: u64, report: &mut Report) -> Option<Vec<u8>> {
    if size > MOST_EVIDENCE {
        report
            .warnings
            .push(format!("the report has no evidence inside: the ledger has more than {MOST_EVIDENCE} entries"));
        return None;
    }
    let fetched = async {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("evidence");
        evidence::run(options, evidence::Arguments::of(ledger, size, file.clone())).await?;
        Ok::<_, anyhow::Error>(std::fs::read(file)?)
    };
    match fetched.await {
        Ok(evidence) => Some(evidence),
        Err(error) => {
            report.warnings.push(format!("the report has no evidence inside: {error:#}"));
            None
        }
    }
}

/// The ledger, and whether the verifier named it.
struct Pinned {
    address: LedgerId,
    is_pinned: bool,
}

async fn find_ledger(options: &Options, arguments: &Arguments) -> anyhow::Result<Pinned> {
    if let Some(address) = arguments.ledger {
        return Ok(Pinned { address, is_pinned: true });
    }
    let mut table = TableReader::open(&arguments.database.database, &arguments.table).await?;
    let said = table.load_ledger().await?;
    let said = said.with_context(|| {
        format!("the database does not say in which ledger {} is protected: give it by --ledger", table.name)
    })?;
    let address: LedgerId = said.parse().map_err(|error| {
        Usage(format!("the database says that the ledger is {said:?}: {error}; give it by --ledger"))
    })?;
    Ok(Pinned { address, is_pinned: options.ledgers().contains(&address) })
}

fn conclude(
    found: &TableReport,
    ledger: &Pinned,
    waits: &rows::Waits,
    head: ledger::Head,
    servers: usize,
    report: &mut Report,
) -> (Verdict, String) {
    let counts = &found.counts;
    report.found = found.findings.iter().map(ToString::to_string).collect();
    let kept: u64 = found.findings.len() as u64;
    let all: u64 = found.findings_by_kind.values().sum();
    if all > kept {
        report.found.push(format!("{} more of these kinds", all - kept));
    }
    report.noted.extend(found.notes.iter().map(ToString::to_string));
    if counts.notes_not_kept > 0 {
        report.noted.push(format!("{} more events of the table, which are not listed", counts.notes_not_kept));
    }
    report.found.extend(waits.old.clone());
    if let Some(late) = waits.late {
        report.found.push(format!(
            "A change waits in the outbox for {} s and is not in the ledger: the relay does not work, or was kept from it, or the row was put there.",
            late.as_secs()
        ));
    }
    report.findings = serde_json::to_value(found).unwrap_or_default();
    let (rows, changes) = (
        counted(counts.rows_compared, "row", "rows"),
        counted(counts.changes_walked, "recorded change", "recorded changes"),
    );
    report.checked.push(format!(
        "{rows} of {} in {}, each in {}, against {changes} of ledger {}",
        counts.rows_of_the_table,
        found.table,
        found.columns_compared.join(", "),
        ledger.address
    ));
    report.checked.push(format!(
        "each content against the commitment in its entry, and the {} against root {}; the accounts of {} of {} servers are equal, finalized",
        counted(head.size, "entry", "entries"),
        head.root,
        servers,
        head.asked
    ));
    if counts.changes_unsent > 0 {
        report.not_checked.push(format!(
            "{}, which only the database says, for the ledger does not have them yet: {} rest on them, and {} remove rows",
            counted(counts.changes_unsent, "change that waits in the outbox", "changes that wait in the outbox"),
            counted(counts.rows_unsent, "compared row", "compared rows"),
            counts.removals_unsent
        ));
    }
    for (count, how) in [
        (counts.rows_attached, "came in with attached partitions, as they stood then"),
        (counts.rows_retired, "left with retired partitions, and what became of them"),
    ] {
        if count > 0 {
            report.not_checked.push(format!("{} that {how}", counted(count, "row", "rows")));
        }
    }
    let mut sum = format!("{} of {}, {changes}", counted(counts.rows_compared, "row", "rows"), found.table);
    if counts.changes_unsent > 0 {
        let waiting = counted(counts.changes_unsent, "change", "changes");
        sum += &format!(", and {waiting} that only the database says");
    }
    let findings = counted(all, "finding", "findings");
    let holds = match &found.scope {
        Scope::Whole => "each row is what its last recorded change made it, and none is missing",
        Scope::Subset => {
            report.not_checked.push("rows that the condition does not name, and rows that were deleted".to_owned());
            "each row that the condition names is what its last recorded change made it"
        }
        Scope::Row(_) => {
            report.not_checked.push("all other rows".to_owned());
            if counts.rows_compared == 0 {
                "no row with this key stands in the table, nor in the record"
            } else {
                "the row is what its last recorded change made it"
            }
        }
    };
    match found.verdict {
        TableVerdict::Refused => (Verdict::Refused, format!("{sum}: {findings}")),
        _ if waits.late.is_some() => (Verdict::Refused, format!("{sum}: a change waits longer than it may")),
        TableVerdict::CannotTell => (Verdict::CannotTell, format!("{sum}: {findings}")),
        _ if waits.old.is_some() => {
            (Verdict::CannotTell, format!("{sum}: a change waits whose transaction began long ago"))
        }
        TableVerdict::Verified if ledger.is_pinned => (Verdict::Verified, format!("{sum}: {holds}")),
        TableVerdict::Verified => {
            (Verdict::Consistent, format!("{sum}: {holds}, in a ledger that you did not name: {}", ledger.address))
        }
    }
}
