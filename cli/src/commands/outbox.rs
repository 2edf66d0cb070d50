//! `counterfoil outbox`: the schema `counterfoil` in a database of the user's.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use counterfoil_outbox::{connect, install, load_installation, remove};
use counterfoil_service::note;

/// The database, as all commands about tables take it.
#[derive(Args)]
pub struct Database {
    /// Your database. Give a password in the environment or in ~/.pgpass, for other users see command lines.
    #[arg(long, env = "COUNTERFOIL_TABLE_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database: String,
}

/// The subcommands of `counterfoil outbox`.
#[derive(Subcommand)]
pub enum Command {
    /// Installs the schema `counterfoil`, or brings it to this version. Where it is there already nothing changes.
    Install(Database),
    /// Removes it; refused while a table is protected or rows wait for their receipts.
    Remove {
        #[command(flatten)]
        database: Database,
        /// Remove it nevertheless. Protected tables are protected no longer, and what waits is lost.
        #[arg(long)]
        force: bool,
    },
}

/// Runs it.
pub async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Install(database) => {
            let mut connection = database.connect().await?;
            install(&mut connection).await.context("the schema counterfoil is not installed")?;
            let found = load_installation(&mut connection).await?;
            note!("schema counterfoil of version {} is in database {}", found.version, found.database);
        }
        Command::Remove { database, force } => {
            remove(&mut database.connect().await?, force).await.context("the schema counterfoil is not removed")?;
            note!("schema counterfoil is removed");
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Database {
    /// Connects.
    pub async fn connect(&self) -> anyhow::Result<counterfoil_outbox::PgConnection> {
        connect(&self.database).await.context("cannot reach the database of --database")
    }
}
