//! Rebuilding the index in a second schema, and swapping the two.

use anyhow::{Context, bail};
use clap::Args;
use counterfoil_indexer::rebuild::rebuild;
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
}

pub async fn run(database_url: String, arguments: Arguments) -> anyhow::Result<()> {
    let mut stop = StopSignals::listen(false).context("cannot listen for signals")?;
    let config = arguments.sources.config(database_url)?;
    let rebuilt = tokio::select! {
        rebuilt = rebuild(&config, arguments.keep_old, arguments.allow_less) => rebuilt?,
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
