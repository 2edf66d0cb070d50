//! Making the index anew beside the one in use, and swapping the two.

use anyhow::{Context, bail};
use clap::Args;
use counterfoil_indexer::rebuild::rebuild;
use counterfoil_service::StopSignals;

use crate::commands::sources::Sources;

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    sources: Sources,
    /// Keep the old index, in schema `counterfoil_before`. It must be dropped before the next rebuild.
    #[arg(long)]
    keep_old: bool,
}

pub async fn run(database_url: String, arguments: Arguments) -> anyhow::Result<()> {
    let mut stop = StopSignals::listen(false).context("cannot listen for signals")?;
    let config = arguments.sources.config(database_url)?;
    let rebuilt = tokio::select! {
        rebuilt = rebuild(&config, arguments.keep_old) => rebuilt?,
        () = stop.received() => bail!("interrupted: the old index is in place; the next rebuild begins anew"),
    };
    let (ledgers, events, entries) = (rebuilt.ledgers, rebuilt.events, rebuilt.entries);
    println!("made anew and swapped in: {ledgers} ledgers, {events} events, {entries} entries");
    if rebuilt.taken_over > 0 {
        println!("taken over: {} entries that had been filled in", rebuilt.taken_over);
    }
    for left in &rebuilt.left_behind {
        println!("left behind: {left}; fill them in again");
    }
    for difference in &rebuilt.differences {
        println!("was wrong, first of its table: {difference}");
    }
    if rebuilt.differences.is_empty() {
        println!("the old index had the same rows");
    }
    Ok(())
}
