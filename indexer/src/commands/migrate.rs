//! Bringing the tables to this program's version, apart from an indexer's start.

use clap::Args;
use counterfoil_indexer::schema;
use counterfoil_service::out;

#[derive(Args)]
pub struct Arguments {
    /// Change nothing and wait until the tables are of this version: for processes that start while another one migrates.
    #[arg(long)]
    wait: bool,
}

pub async fn run(database_url: &str, arguments: &Arguments) -> anyhow::Result<()> {
    let version = match arguments.wait {
        true => schema::wait(database_url).await?,
        false => schema::migrate(database_url).await?,
    };
    out!("the tables are of version {version}");
    Ok(())
}
