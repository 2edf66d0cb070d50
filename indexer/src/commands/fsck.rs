//! Checking the index against itself.

use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use counterfoil_core::LedgerId;
use counterfoil_indexer::fsck::{Report, extent, fsck};
use counterfoil_indexer::open;
use counterfoil_service::{Progress, counted, out, out_json};
use serde_json::json;

#[derive(Args)]
pub struct Arguments {
    /// A ledger to check; give it several times for several. Default: all, and what belongs to none.
    #[arg(long = "ledger")]
    ledgers: Vec<LedgerId>,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(database_url: &str, arguments: &Arguments) -> anyhow::Result<()> {
    let pool = open(database_url).await?;
    let start = Instant::now();
    let extent = extent(&pool, &arguments.ledgers).await?;
    let progress = Progress::begin("derived again", "events and entries", 0, extent);
    let report = fsck(&pool, &arguments.ledgers, |derived| progress.add(derived)).await?;
    drop(progress);
    pool.close().await;
    let (ledgers, events, entries) = (report.ledgers, report.events, report.entries);
    if arguments.json {
        let findings = report.findings.iter().map(
            |finding| json!({ "ledger": finding.ledger.map(|ledger| ledger.to_string()), "problem": finding.problem }),
        );
        let [ledgers, events, entries] = [ledgers, events, entries].map(|count| count.to_string());
        out_json(&json!({
            "ledgers": ledgers, "events": events, "entries": entries, "findings": findings.collect::<Vec<_>>(),
        }));
    } else {
        tell(&report, start.elapsed());
    }
    if !report.findings.is_empty() {
        let wrong = counted(report.findings.len() as u64, "finding", "findings");
        bail!("{wrong}: these rows were changed by another hand; `counterfoil-indexer rebuild` builds the index again");
    }
    Ok(())
}

fn tell(report: &Report, took: Duration) {
    let (ledgers, events, entries) = (report.ledgers, report.events, report.entries);
    let seconds = took.as_secs_f64();
    let [ledgers, events, entries] =
        [(ledgers, "ledger", "ledgers"), (events, "event", "events"), (entries, "entry", "entries")]
            .map(|(count, one, many)| counted(count, one, many));
    out!("derived again: {ledgers}, {events}, {entries}, in {seconds:.1} s");
    for finding in &report.findings {
        match finding.ledger {
            Some(ledger) => out!("wrong: ledger {ledger}: {}", finding.problem),
            None => out!("wrong: {}", finding.problem),
        }
    }
    if report.findings.is_empty() {
        out!("every row is what follows from the events");
    }
}
