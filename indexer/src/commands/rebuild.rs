//! Rebuilding the index in a second schema, and swapping the two.

use anyhow::{Context, bail};
use clap::Args;
use counterfoil_archive::Archive;
use counterfoil_indexer::rebuild::{Wanted, rebuild};
use counterfoil_service::{StopSignals, counted, out};

use crate::commands::sources::Sources;

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    sources: Sources,
    /// Keep the old index, in schema `counterfoil_before`. It must be dropped before the next rebuild.
    #[arg(long)]
    keep_old: bool,
    /// Swap also when the new index has fewer ledgers or events than the old one: when a quorum of servers was false before,
    /// and those named here are not. The command tells which parts are missing.
    #[arg(long)]
    allow_less: bool,
    /// The archive of a gateway, a folder or s3://BUCKET/PREFIX, for entries that the old index does not have or has false.
    #[arg(long, env = "COUNTERFOIL_ARCHIVE", value_name = "PLACE")]
    archive: Option<String>,
}

pub async fn run(database_url: String, arguments: Arguments) -> anyhow::Result<()> {
    let mut stop = StopSignals::listen(false).context("cannot listen for signals")?;
    let config = arguments.sources.config(database_url)?;
    let archive = arguments.archive.as_deref().map(Archive::open).transpose()?;
    let wanted = Wanted { keep_old: arguments.keep_old, allow_less: arguments.allow_less, archive };
    let rebuilt = tokio::select! {
        rebuilt = rebuild(&config, &wanted) => rebuilt?,
        () = stop.received() => bail!("interrupted: the old index is in place; the next rebuild starts from the beginning"),
    };
    let (ledgers, events, entries) = (rebuilt.ledgers, rebuilt.events, rebuilt.entries);
    let [ledgers, events, entries] =
        [(ledgers, "ledger", "ledgers"), (events, "event", "events"), (entries, "entry", "entries")]
            .map(|(count, one, many)| counted(count, one, many));
    out!("rebuilt and swapped in: {ledgers}, {events}, {entries}");
    for missing in &rebuilt.missing {
        out!("no longer in the index: {missing}");
    }
    if rebuilt.taken_over > 0 {
        out!("taken over: {} filled in before", counted(rebuilt.taken_over, "entry", "entries"));
    }
    if rebuilt.from_archive > 0 {
        out!("from the archive: {}", counted(rebuilt.from_archive, "entry", "entries"));
    }
    for fault in &rebuilt.archive_faults {
        out!("not filled in from the archive: {fault}");
    }
    for left in &rebuilt.left_behind {
        out!("left behind: {left}; fill them in again");
    }
    for difference in &rebuilt.differences {
        out!("was wrong, first of its table: {difference}");
    }
    if rebuilt.differences.is_empty() {
        out!("the old index had the same rows");
    }
    Ok(())
}
