//! `counterfoil receipt LEDGER INDEX`, and `receipt refresh FILE`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use counterfoil_core::LedgerId;
use counterfoil_core::receipt::Receipt;

use crate::context::Options;

/// Which receipt.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    /// The ledger.
    #[arg(required = true)]
    ledger: Option<LedgerId>,
    /// The entry's index, from 0.
    #[arg(required = true)]
    index: Option<u64>,
    /// Write to this file. Default: standard output.
    #[arg(long, short)]
    out: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Replaces a receipt by one that leads to a newer head, so that it stays easy to verify.
    Refresh {
        /// The receipt.
        file: PathBuf,
    },
}

/// Runs it.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    match (arguments.command, arguments.ledger, arguments.index) {
        (Some(Command::Refresh { file }), ..) => refresh(options, &file).await?,
        (None, Some(ledger), Some(index)) => {
            let receipt = fetch(options, ledger, index).await?;
            let text = to_text(&receipt)?;
            match arguments.out {
                Some(path) => replace(&path, &text)?,
                None => print!("{text}"),
            }
        }
        (None, ..) => unreachable!("clap requires both"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a receipt's file.
pub fn read(path: &Path) -> anyhow::Result<Receipt> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not a receipt", path.display()))
}

/// Fetches a receipt; one whose parts do not belong together is refused.
async fn fetch(options: &Options, ledger: LedgerId, index: u64) -> anyhow::Result<Receipt> {
    let receipt = options.api()?.fetch_receipt(ledger, index).await?;
    receipt.verify().context("the API gave a receipt that does not hold: do not trust it")?;
    ensure!(
        receipt.ledger == ledger && receipt.entry.index == index,
        "the API gave another entry's receipt: do not trust it"
    );
    Ok(receipt)
}

async fn refresh(options: &Options, file: &Path) -> anyhow::Result<()> {
    let old = read(file)?;
    let was =
        old.verify().with_context(|| format!("{} does not hold, so there is nothing to refresh", file.display()))?;
    let new = fetch(options, old.ledger, old.entry.index).await?;
    let is = new.verify().context("the API gave a receipt that does not hold: do not trust it")?;
    ensure!(
        new.entry.payload == old.entry.payload && is.event() == was.event(),
        "the API now gives another entry or event for index {}: {} is left as it is. Verify it against the chain, and \
         run `counterfoil audit {}`",
        old.entry.index,
        file.display(),
        old.ledger
    );
    replace(file, &to_text(&new)?)?;
    eprintln!("{}: refreshed from {} to {} entries", file.display(), old.head.size, new.head.size);
    Ok(())
}

fn to_text(receipt: &Receipt) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(receipt).context("a receipt can be written as JSON")? + "\n")
}

/// Writes beside the file first: a crash leaves the old one whole.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    fs::write(&unfinished, text)
        .and_then(|()| fs::rename(&unfinished, path))
        .with_context(|| format!("cannot write {}", path.display()))
}
