//! `counterfoil receipt LEDGER INDEX`, and `receipt refresh FILE`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand, ValueEnum};
use counterfoil_core::LedgerId;
use counterfoil_core::receipt::Receipt;
use counterfoil_service::{counted, note, out_bytes};
use counterfoil_signed::{StandardVerifier, cose, tlog};
use merkle_log::{LeafIndex, hash_leaf};
use tokio::time::{Instant, sleep};

use crate::api::Api;
use crate::context::Options;
use crate::file;
use crate::verdict::{Refute, refute_unless};

/// The largest receipt: an entry of 65,535 bytes in base64, two proofs, and room.
pub const MAX_RECEIPT_BYTES: u64 = 1 << 20;

/// How often an API that is behind is asked.
const WAIT_INTERVAL: Duration = Duration::from_millis(500);

/// Arguments of `counterfoil receipt`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    /// The ledger.
    #[arg(required = true)]
    ledger: Option<LedgerId>,
    /// The entry's index, from 0.
    #[arg(required = true)]
    index: Option<u64>,
    /// Write to this file, - for standard output; one that is there is replaced. Default: standard output.
    #[arg(long, short)]
    out: Option<PathBuf>,
    /// Wait until the API can give it: an entry that was just appended is finalized and checked some seconds later.
    #[arg(long)]
    wait: bool,
    /// How long to wait, in seconds.
    #[arg(long, requires = "wait", default_value_t = 120)]
    wait_s: u64,
    /// The format. Only json shows what the chain says; of the others the reader believes the API's operator.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// For the other formats: the operator's key for the ledger's entries, NAME+ID+KEY. Take it from the operator; what
    /// the API says stands at /tlog/LEDGER/entries/key.
    #[arg(long, required_if_eq_any = [("format", "tlog-proof"), ("format", "cose")])]
    operator_key: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Counterfoil's own, for `counterfoil verify`.
    Json,
    /// C2SP tlog-proof.
    TlogProof,
    /// A COSE receipt, RFC 9942.
    Cose,
}

#[derive(Subcommand)]
enum Command {
    /// Replaces a receipt by one whose bridge leads to newer heads, so that the account's ring shows it again.
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
            let receipt = match arguments.wait {
                true => wait_for(options, ledger, index, Duration::from_secs(arguments.wait_s)).await?,
                false => fetch(options, ledger, index).await?,
            };
            let bytes = match (arguments.format, arguments.operator_key) {
                (Format::Json, _) => to_text(&receipt)?.into_bytes(),
                (format, Some(key)) => fetch_signed(options, &receipt, format, &key).await?,
                (_, None) => unreachable!("clap requires the key"),
            };
            match arguments.out {
                Some(path) => file::write(&path, &bytes)?,
                None => out_bytes(&bytes),
            }
        }
        (None, ..) => unreachable!("clap requires both"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a receipt's file, or standard input for `-`.
///
/// # Errors
/// As [`parse`], and when it cannot be read.
fn read(path: &Path) -> anyhow::Result<Receipt> {
    parse(path, file::read(path, MAX_RECEIPT_BYTES)?)
}

/// Reads the bytes of a receipt's file.
///
/// # Errors
/// A refutation when it is not a receipt.
pub fn parse(path: &Path, bytes: Vec<u8>) -> anyhow::Result<Receipt> {
    ensure!(bytes.len() as u64 <= MAX_RECEIPT_BYTES, "{} has more than {MAX_RECEIPT_BYTES} bytes", path.display());
    let text = file::to_text(path, bytes)?;
    serde_json::from_str(&text).refute(|| format!("{} is not a receipt", path.display()))
}

/// Fetches a receipt; one whose parts do not belong together is refused.
pub(super) async fn fetch(options: &Options, ledger: LedgerId, index: u64) -> anyhow::Result<Receipt> {
    let receipt = options.api()?.fetch_receipt(ledger, index).await?;
    receipt.verify().refute(|| "the API gave a receipt that does not hold: do not trust it".to_owned())?;
    refute_unless!(
        receipt.ledger == ledger && receipt.entry.index == index,
        "the API gave another entry's receipt: do not trust it"
    );
    Ok(receipt)
}

/// As [`fetch`], asked again while the API's index is behind.
async fn wait_for(options: &Options, ledger: LedgerId, index: u64, patience: Duration) -> anyhow::Result<Receipt> {
    let deadline = Instant::now() + patience;
    for attempt in 0_u32.. {
        match fetch(options, ledger, index).await {
            Err(error) if Api::is_behind(&error) && Instant::now() < deadline => {
                if attempt.is_multiple_of(10) {
                    note!("waiting up to {} s for entry {index}: {error:#}", (deadline - Instant::now()).as_secs());
                }
                sleep(WAIT_INTERVAL).await;
            }
            result => return result,
        }
    }
    unreachable!("the deadline comes before")
}

/// Fetches an entry's receipt as the API's operator signs it; one that does not hold for the entry is refused.
async fn fetch_signed(options: &Options, receipt: &Receipt, format: Format, key: &str) -> anyhow::Result<Vec<u8>> {
    let key = StandardVerifier::new(key).context("the operator's key is not NAME+ID+KEY")?;
    let index = LeafIndex::new(receipt.entry.index)?;
    let leaf = hash_leaf(&receipt.entry.payload);
    let name = if format == Format::Cose { "cose" } else { "tlog-proof" };
    let bytes = options.api()?.fetch_signed_receipt(receipt.ledger, receipt.entry.index, name).await?;
    let verified = match format {
        Format::Cose => cose::verify(&bytes, index, &leaf, &key),
        _ => tlog::verify(&bytes, index, &leaf, &key),
    };
    verified
        .refute(|| "the API gave a receipt that does not hold under the operator's key: do not trust it".to_owned())?;
    Ok(bytes)
}

async fn refresh(options: &Options, file: &Path) -> anyhow::Result<()> {
    let old = read(file)?;
    let was =
        old.verify().with_context(|| format!("{} does not hold, so there is nothing to refresh", file.display()))?;
    let new = fetch(options, old.ledger, old.entry.index).await?;
    let is = new.verify().refute(|| "the API gave a receipt that does not hold: do not trust it".to_owned())?;
    refute_unless!(
        new.entry.payload == old.entry.payload && is.event() == was.event(),
        "the API now gives another entry or event for index {}: {} is left as it is. Verify it against the chain, and \
         run `counterfoil audit {}`",
        old.entry.index,
        file.display(),
        old.ledger
    );
    file::write(file, to_text(&new)?.as_bytes())?;
    let size = is.later_heads().map_or(0, |heads| heads.entries.size.get());
    note!("{}: refreshed; its bridge leads to {}", file.display(), counted(size, "entry", "entries"));
    Ok(())
}

/// A receipt as its file has it.
pub(super) fn to_text(receipt: &Receipt) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(receipt).context("a receipt can be written as JSON")? + "\n")
}
