//! Taking a ledger out of the index that no server reports any more.

use anyhow::Context;
use clap::Args;
use counterfoil_core::LedgerId;
use counterfoil_indexer::forget::forget;
use counterfoil_service::{counted, out, out_json_line};
use serde_json::json;

use crate::commands::sources::Sources;

#[derive(Args)]
pub struct Arguments {
    /// The ledger that a quorum of servers invented, and that these servers do not report.
    #[arg(value_name = "LEDGER")]
    forgotten: LedgerId,
    #[command(flatten)]
    sources: Sources,
}

pub async fn run(database_url: String, arguments: Arguments) -> anyhow::Result<()> {
    let ledger = arguments.forgotten;
    let config = arguments.sources.config(database_url)?;
    let done = forget(&config, ledger).await.with_context(|| format!("ledger {ledger} stays in the index"))?;
    // The evidence that is deleted is shown here for the last time.
    for evidence in &done.evidence {
        let said = &evidence.said;
        out_json_line(&json!({
            "ledger": ledger.to_string(), "server": said.server, "slot": said.slot, "agreed": said.agrees,
            "events": said.head.events.size.get(), "event_root": said.head.events.root.to_string(),
            "size": said.head.entries.size.get(), "root": said.head.entries.root.to_string(),
            "observed_at": evidence.observed_at,
        }));
    }
    let events = counted(done.events, "event", "events");
    out!("forgotten: ledger {ledger}, {events}; {} say that there is none", done.servers.join(", "));
    if let Some((head, slot)) = done.checked {
        let (size, root) = (head.entries.size.get(), head.entries.root);
        out!("it was checked at size {size}, root {root}, as of slot {slot}: that is what a quorum said then");
    }
    Ok(())
}
