//! `counterfoil receipts fetch FOLDER`: the receipts of a database's recorded changes, as files.

use std::fs;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use counterfoil_core::LedgerId;
use counterfoil_outbox::load_recorded;
use counterfoil_service::{counted, note, progress};
use futures_util::TryStreamExt;
use merkle_log::hash_leaf;

use super::outbox::Database;
use super::receipt;
use crate::context::Options;
use crate::file;
use crate::verdict::refute_unless;

/// The subcommands of `counterfoil receipts`.
#[derive(Subcommand)]
pub enum Command {
    /// Writes the receipt of each recorded change that is chosen into a folder, as LEDGER-INDEX.receipt.json. A file that is there is not
    /// fetched again. `counterfoil verify` checks each without the database.
    Fetch {
        /// The folder; it is made where there is none.
        folder: PathBuf,
        #[command(flatten)]
        database: Database,
        /// Of these changes alone: an SQL condition on the view counterfoil.receipts, such as: "table" = 'public.orders' and key = '{7}'.
        #[arg(long = "where", value_name = "CONDITION")]
        condition: Option<String>,
    },
}

/// Runs it.
pub async fn run(options: &Options, command: Command) -> anyhow::Result<ExitCode> {
    let Command::Fetch { folder, database, condition } = command;
    fs::create_dir_all(&folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    let mut connection = database.connect().await?;
    let bar = progress(0, "receipts");
    let (mut fetched, mut had) = (0_u64, 0_u64);
    let mut rows = pin!(load_recorded(&mut connection, condition));
    while let Some(row) = rows.try_next().await.context("the view counterfoil.receipts cannot be read")? {
        let ledger: LedgerId =
            row.ledger.parse().with_context(|| format!("the database names ledger {:?}", row.ledger))?;
        let path = folder.join(format!("{ledger}-{}.receipt.json", row.index));
        if path.exists() {
            had += 1;
        } else {
            let receipt = receipt::fetch(options, ledger, row.index).await?;
            refute_unless!(
                hash_leaf(&receipt.entry.payload).as_bytes().as_slice() == row.leaf_hash,
                "entry {} of ledger {ledger} is another one than the database says: run `counterfoil check`",
                row.index
            );
            file::write(&path, receipt::to_text(&receipt)?.as_bytes())?;
            fetched += 1;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    note!("{} fetched into {}, {had} were there", counted(fetched, "receipt", "receipts"), folder.display());
    Ok(ExitCode::SUCCESS)
}
