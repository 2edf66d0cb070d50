//! `counterfoil append`: as many entries per transaction as fit, each written once.

use std::io::{self, BufRead};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Args;
use counterfoil_client::{Backoff, ClientError, Keypair, Rpc, Source, entries_that_fit, instruction, send};
use counterfoil_core::limits::ledger_flag;
use counterfoil_core::{LedgerAccount, LedgerId, Wallet};
use counterfoil_service::{note, out, progress};
use merkle_log::hash_leaf;
use tokio::time::sleep;

use crate::context::{ACCOUNT_MISSING, Options, UNEXPECTED_SIZE, confirmed_account, wallet_of};

/// How often a transaction is signed anew while the server's size does not change: it is behind what the chain refuses by.
const MAX_STALE_ROUNDS: u32 = 8;

/// What to append, and where.
#[derive(Args)]
pub struct Arguments {
    /// The ledger.
    ledger: LedgerId,
    /// The entry, as text. In its place: --file, or --jsonl for lines of standard input.
    #[arg(conflicts_with_all = ["file", "jsonl"], required_unless_present_any = ["file", "jsonl"])]
    entry: Option<String>,
    /// Append this file's bytes as one entry.
    #[arg(long, conflicts_with = "jsonl")]
    file: Option<PathBuf>,
    /// Append each line of standard input, which must be JSON, as one entry: its bytes without the line's end.
    #[arg(long)]
    jsonl: bool,
}

/// Runs it.
pub async fn run(options: &Options, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let key = options.wallet()?;
    let rpc = options.rpc();
    let entries = read_entries(&arguments)?;
    if entries.is_empty() {
        note!("standard input has no lines: nothing to append");
        return Ok(ExitCode::SUCCESS);
    }
    let mut appender = Appender::start(&rpc, arguments.ledger, &key).await?;
    appender.expect_that_each_fits(&entries)?;
    let bar = progress(entries.len() as u64, "entries");
    let mut rest = entries.as_slice();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    while !rest.is_empty() {
        let count = entries_that_fit(&rpc, arguments.ledger, wallet_of(&key), appender.is_writer, rest);
        let (batch, after) = rest.split_at(count);
        let first = appender.append(batch).await.map_err(|error| {
            let (done, all) = (entries.len() - rest.len(), entries.len());
            let is_unknown = matches!(error.downcast_ref(), Some(ClientError::OutcomeUnknown { .. }));
            error.context(match is_unknown {
                true => format!(
                    "{done} of {all} entries are appended for certain; of the {count} after them it is not known"
                ),
                false => format!("{done} of {all} entries are appended, the others are not"),
            })
        })?;
        rest = after;
        bar.inc(count as u64);
        match ranges.last_mut() {
            Some((_, end)) if *end == first => *end += count as u64,
            _ => ranges.push((first, first + count as u64)),
        }
    }
    bar.finish_and_clear();
    // Several when others appended in between.
    for (first, end) in &ranges {
        match end - first {
            1 => out!("appended entry {first}"),
            count => out!("appended {count} entries, {first} to {}", end - 1),
        }
    }
    let last = ranges.last().map_or(0, |(_, end)| end - 1);
    note!("once finalized and indexed: counterfoil receipt {} {last}", arguments.ledger);
    Ok(ExitCode::SUCCESS)
}

fn read_entries(arguments: &Arguments) -> anyhow::Result<Vec<Vec<u8>>> {
    if let Some(entry) = &arguments.entry {
        return Ok(vec![entry.clone().into_bytes()]);
    }
    if let Some(path) = &arguments.file {
        return Ok(vec![std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?]);
    }
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(io::stdin().lock().lines()) {
        let line = line.with_context(|| format!("line {number} of standard input is not UTF-8 text"))?;
        let json: Result<serde::de::IgnoredAny, _> = serde_json::from_str(&line);
        json.with_context(|| format!("line {number} of standard input is not JSON; nothing was appended"))?;
        entries.push(line.into_bytes());
    }
    Ok(entries)
}

struct Appender<'a> {
    rpc: &'a Rpc,
    ledger: LedgerId,
    key: &'a Keypair,
    wallet: Wallet,
    is_writer: bool,
    account: LedgerAccount,
}

impl<'a> Appender<'a> {
    async fn start(rpc: &'a Rpc, ledger: LedgerId, key: &'a Keypair) -> anyhow::Result<Self> {
        let wallet = wallet_of(key);
        let account = confirmed_account(rpc, ledger).await?;
        ensure!(account.flags & ledger_flag::SEALED == 0, "ledger {ledger} is sealed: nothing can be appended to it");
        let is_writer = account.authority != wallet && account.flags & ledger_flag::OPEN == 0;
        Ok(Self { rpc, ledger, key, wallet, is_writer, account })
    }

    /// Before anything is sent: an entry too large would otherwise stop the work in the middle.
    fn expect_that_each_fits(&self, entries: &[Vec<u8>]) -> anyhow::Result<()> {
        for (number, entry) in (1..).zip(entries) {
            ensure!(!entry.is_empty(), "entry {number} has no bytes; nothing was appended");
            let alone = std::slice::from_ref(entry);
            if entries_that_fit(self.rpc, self.ledger, self.wallet, self.is_writer, alone) == 0 {
                bail!(
                    "entry {number} has {} bytes, which do not fit a transaction of 1,232 bytes with all that it \
                     needs besides; append its SHA-256 and keep the content elsewhere. Nothing was appended",
                    entry.len()
                );
            }
        }
        Ok(())
    }

    /// Appends one transaction's entries and returns the first one's index.
    ///
    /// It is signed anew only when it is certain that nothing was written; the expected size keeps the order.
    async fn append(&mut self, batch: &[Vec<u8>]) -> anyhow::Result<u64> {
        let (mut backoff, mut stale_rounds) = (Backoff::default(), 0);
        loop {
            let first = self.account.entries.size().get();
            let instruction =
                instruction::append(self.rpc.program(), self.ledger, self.wallet, self.is_writer, Some(first), batch);
            match send(self.rpc, self.key, instruction).await {
                Ok(_) => {
                    for entry in batch {
                        self.account.entries.append_leaf(&hash_leaf(entry)).context("the ledger is full")?;
                    }
                    return Ok(first);
                }
                // Somebody else appended first, or our transaction came too late to be executed.
                Err(
                    ClientError::Refused { code: UNEXPECTED_SIZE, .. }
                    | ClientError::SentByAnother { .. }
                    | ClientError::Expired { .. },
                ) => {
                    self.account = confirmed_account(self.rpc, self.ledger).await?;
                    if self.account.entries.size().get() != first {
                        (backoff, stale_rounds) = (Backoff::default(), 0);
                        continue;
                    }
                    stale_rounds += 1;
                    ensure!(
                        stale_rounds < MAX_STALE_ROUNDS,
                        "{} says that ledger {} has {first} entries, and the chain refuses to append there: the server is \
                         behind. Try again later, or another --rpc",
                        self.rpc.name(),
                        self.ledger
                    );
                    sleep(backoff.next_delay()).await;
                }
                Err(ClientError::Refused { code: ACCOUNT_MISSING, .. }) if self.is_writer => bail!(
                    "wallet {} may not append to ledger {}: it is not the authority, has no grant, and the ledger is not \
                     open",
                    self.wallet,
                    self.ledger
                ),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
