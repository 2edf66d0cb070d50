//! Letting a halted ledger be tried again.

use anyhow::ensure;
use clap::Args;
use counterfoil_core::LedgerId;
use tracing::info;

#[derive(Args)]
pub struct Arguments {
    /// The ledger. An indexer that runs sees it in its next pass.
    ledger: LedgerId,
}

pub async fn run(database_url: &str, arguments: &Arguments) -> anyhow::Result<()> {
    let ledger = arguments.ledger;
    let was_halted = counterfoil_indexer::clear_halt(database_url, ledger).await?;
    ensure!(was_halted, "ledger {ledger} is not halted in this index");
    info!("ledger {ledger} is tried again");
    Ok(())
}
