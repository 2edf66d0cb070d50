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
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use counterfoil_core::LedgerId;
use counterfoil_outbox::TableReader;
use counterfoil_service::counted;
use counterfoil_table_check::{Check, Pins, Report as TableReport, Scope, Seed, Verdict as TableVerdict};

use self::contents::Contents;
use super::evidence;
use super::outbox::Database;
use crate::context::Options;
use crate::heads;
use crate::verdict::{Report, Usage, Verdict};

/// The most entries whose evidence a page holds, for a person opens it.
const MOST_EVIDENCE: u64 = 100_000;

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
    let unsent = table.load_unsent_ids(&ledger.address.to_string(), ledger_at.size).await?;
    let scope = if arguments.condition.is_some() { Scope::Subset } else { Scope::Whole };
    let mut seed = Seed([0; 32]);
    getrandom::fill(&mut seed.0).context("the operating system gives no random bytes")?;
    let mut check = Check::new(Pins { scope, ..Pins::whole(&table.name) }, &seed);
    let contents = Contents::new(&arguments.gateway, arguments.gateway_key.as_deref(), ledger.address)?;
    let place = ledger::Place { genesis_hash, program: options.program(), ledger: ledger.address };
    let walked = ledger::walk(&contents, &place, &ledger_at, &readings, unsent, &mut check).await?;
    ensure!(
        walked.servers >= quorum,
        "{} of {} servers have what the gateway tells, {quorum} are needed",
        walked.servers,
        readings.len()
    );
    let late = rows::take_unsent(&mut table, &walked.unsent, &walked.protections, arguments.longest_wait_s, &mut check)
        .await?;
    let mut found = rows::compare(&mut table, arguments.condition.as_deref(), check).await?;
    ledger::describe(&contents, &mut found).await?;

    let verdict = conclude(&found, &ledger, &late, ledger_at, walked.servers, report);
    report
        .not_checked
        .push("whether a recorded change was right, and what came before the table was protected".to_owned());
    report.not_checked.push("what a superuser removed from table and outbox before the relay had it".to_owned());
    report.not_checked.push("that these servers are honest: they were asked, their answers are no proof".to_owned());
    if let Some(file) = &arguments.html {
        let evidence = fetch_evidence(options, ledger.address, ledger_at.size, report).await;
        let told = page::Told { verdict: verdict.0, reason: &verdict.1, ledger: ledger.address.to_string(), evidence };
        page::write(file, &told, report, &found)?;
    }
    Ok(verdict)
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
    late: &Option<Duration>,
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
    report.found.extend(found.notes.iter().map(ToString::to_string));
    if let Some(late) = late {
        report.found.push(format!(
            "A change waits in the outbox for {} s and is not in the ledger: the relay does not work, or was kept from it.",
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
    if counts.rows_unsent > 0 {
        report.not_checked.push(format!(
            "{}: their last change waits in the outbox, so that only the database says it",
            counted(counts.rows_unsent, "row", "rows")
        ));
    }
    let sum = format!("{} of {}, {changes}", counted(counts.rows_compared, "row", "rows"), found.table);
    let findings = counted(all, "finding", "findings");
    let mut holds = "each row is what its last recorded change made it, and none is missing";
    if found.scope == Scope::Subset {
        holds = "each row that the condition names is what its last recorded change made it";
        report.not_checked.push("rows that the condition does not name, and rows that were deleted".to_owned());
    }
    match found.verdict {
        TableVerdict::Refused => (Verdict::Refused, format!("{sum}: {findings}")),
        _ if late.is_some() => (Verdict::Refused, format!("{sum}: a change waits longer than it may")),
        TableVerdict::CannotTell => (Verdict::CannotTell, format!("{sum}: {findings}")),
        TableVerdict::Verified if ledger.is_pinned => (
            Verdict::Verified,
            format!("{sum}: each row is what its last recorded change made it, and none is missing"),
        ),
        TableVerdict::Verified => {
            (Verdict::Consistent, format!("{sum}: {holds}, in a ledger that you did not name: {}", ledger.address))
        }
    }
}
