//! `append --subtrees`: only the hashes of the lines go to the chain, and the lines to a file.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, anyhow, bail, ensure};
use counterfoil_client::instruction::SUBTREES_PER_TRANSACTION;
use counterfoil_client::{ClientError, Keypair, Rpc, UnderWay, instruction};
use counterfoil_core::limits::ledger_flag;
use counterfoil_core::{SubtreeBatch, plan_subtrees};
use counterfoil_service::{Progress, counted, note, out, out_json_line};
use merkle_log::{Frontier, Hash, LeafHash, hash_leaf};
use serde_json::json;

use super::appender::{Appender, Outcome, Patience};
use super::arguments::Arguments;
use super::input;
use super::journal::Planned;
use super::wait::wait_until_checked;
use crate::context::Options;
use crate::verdict::Usage;

pub(super) async fn run(options: &Options, rpc: &Rpc, key: &Keypair, arguments: &Arguments) -> anyhow::Result<()> {
    let keep = arguments.keep.as_deref().context("clap requires the file")?;
    if !arguments.reads_lines() {
        return Err(Usage("--subtrees takes the lines of standard input: give - or --jsonl".to_owned()).into());
    }
    let mut appender = Appender::start(rpc, arguments.ledger, key).await?;
    expect_allowed(&appender)?;
    let start = Instant::now();
    // Nothing is sent before all lines are kept.
    let leaves = keep_lines(arguments, keep).await.context("nothing was appended")?;
    if leaves.is_empty() {
        note!("standard input has no lines: nothing to append");
        return Ok(());
    }
    let mut done = Done { leaves: &leaves, appended: 0, first: None };
    while done.appended < leaves.len() {
        let sent = append_next(options, &mut appender, &mut done, arguments).await;
        sent.map_err(|error| {
            let how_far = done.how_far(keep, &error);
            error.context(how_far)
        })?;
    }
    let first = done.first.context("there was something to append")?;
    let end = first + leaves.len() as u64;
    let (seconds, count) = (start.elapsed().as_secs_f64(), counted(leaves.len() as u64, "entry", "entries"));
    if !arguments.json {
        out!("appended {count} by hash, {first} to {}, in {seconds:.1} s", end - 1);
    }
    note!(
        "{} holds the only copy of them: counterfoil-indexer fill --ledger {} --first-index {first} --file {}",
        keep.display(),
        arguments.ledger,
        keep.display()
    );
    if arguments.wait {
        wait_until_checked(options, rpc, arguments.ledger, end).await?;
    }
    Ok(())
}

fn expect_allowed(appender: &Appender<'_>) -> anyhow::Result<()> {
    let flags = appender.account.flags;
    ensure!(
        flags & ledger_flag::SUBTREES_ALLOWED != 0,
        "ledger {} takes no subtrees: only one that was created with --allow-subtrees does",
        appender.ledger
    );
    Ok(())
}

/// Writes the lines to the file, as `counterfoil-indexer fill` reads them, and hashes them. The file is on the disk before
/// anything is sent: the chain has only hashes.
async fn keep_lines(arguments: &Arguments, keep: &Path) -> anyhow::Result<Vec<LeafHash>> {
    let failed = || format!("cannot write {}", keep.display());
    let file = OpenOptions::new().write(true).create_new(true).open(keep).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow!("{} is there already: give another --keep", keep.display()),
        _ => anyhow::Error::new(error).context(failed()),
    })?;
    let kept = write_lines(arguments, file).await;
    kept.with_context(|| format!("{} is not whole, and can be removed", keep.display()))
}

async fn write_lines(arguments: &Arguments, file: File) -> anyhow::Result<Vec<LeafHash>> {
    let failed = "the line cannot be kept";
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let mut lines = input::lines_of_standard_input(arguments.rules());
    let progress = Progress::begin("read", "entries", 0, 0);
    let mut leaves = Vec::new();
    while let Some(line) = lines.recv().await {
        let line = line?;
        let length = u16::try_from(line.len()).context("a line is at most an entry's length")?;
        file.write_all(&length.to_be_bytes()).and_then(|()| file.write_all(&line)).context(failed)?;
        leaves.push(hash_leaf(&line));
        if leaves.len().is_multiple_of(1 << 12) {
            progress.set(leaves.len() as u64, leaves.len() as u64);
        }
    }
    let file = file.into_inner().map_err(std::io::IntoInnerError::into_error).context(failed)?;
    file.sync_all().context(failed)?;
    Ok(leaves)
}

struct Done<'a> {
    leaves: &'a [LeafHash],
    appended: usize,
    /// The index of the first.
    first: Option<u64>,
}

impl Done<'_> {
    fn how_far(&self, keep: &Path, error: &anyhow::Error) -> String {
        let is_unknown = matches!(error.downcast_ref(), Some(ClientError::OutcomeUnknown { .. }));
        let after = if is_unknown { "of those after them it is not known" } else { "those after them are not" };
        format!("the first {} of {} in {} are appended, {after}", self.appended, self.leaves.len(), keep.display())
    }
}

/// Appends as many of the leaves that are left as one transaction takes: nearly always all.
async fn append_next(
    options: &Options,
    appender: &mut Appender<'_>,
    done: &mut Done<'_>,
    arguments: &Arguments,
) -> anyhow::Result<()> {
    let mut patience = Patience::default();
    loop {
        let rest = &done.leaves[done.appended..];
        let size = appender.account.entries.size();
        if done.first.is_some_and(|first| first + done.appended as u64 != size.get()) {
            bail!("somebody else appended in between: the rest would not be neighbours of the first {}", done.appended);
        }
        let mut plan =
            plan_subtrees(size, rest.len() as u64, SUBTREES_PER_TRANSACTION).context("the ledger is full")?;
        let batch = plan.next().context("there are leaves left")?;
        let hashes = roots(&batch, rest)?;
        let mut after = (*appender.account.entries).clone();
        for (subtree, hash) in batch.subtrees().zip(&hashes) {
            after.append_subtree(subtree.level, hash).context("the ledger is full")?;
        }
        let (first, wallet) = (size.get(), appender.wallet);
        let planned = Planned { first, count: batch.leaves(), root: after.root() };
        let append = instruction::append_subtrees(
            appender.rpc.program(),
            appender.ledger,
            wallet,
            appender.account.authority != wallet,
            batch,
            &hashes,
        );
        match appender.send(options, append, planned, &UnderWay::default()).await? {
            Outcome::In(sent) => {
                if sent.is_some() {
                    *appender.account.entries = after;
                }
                done.first.get_or_insert(first);
                done.appended += usize::try_from(batch.leaves()).context("as many as there are hashes")?;
                if arguments.json {
                    out_json_line(&json!({
                        "first": first.to_string(),
                        "count": batch.leaves().to_string(),
                        "hashes": hashes.len(),
                        "transaction": sent.as_ref().map(|sent| &sent.signature),
                        "slot": sent.as_ref().map(|sent| sent.slot.to_string()),
                    }));
                }
                return Ok(());
            }
            Outcome::NotIn(error) => {
                appender.look_again(first, error, &mut patience).await?;
            }
        }
    }
}

/// The roots of a batch's subtrees.
fn roots(batch: &SubtreeBatch, leaves: &[LeafHash]) -> anyhow::Result<Vec<Hash>> {
    let mut rest = leaves.iter();
    let root = |level: u8| {
        let mut subtree = Frontier::new();
        for leaf in rest.by_ref().take(1 << level) {
            subtree.append_leaf(leaf).context("a subtree is no larger than a log")?;
        }
        Ok(Hash(subtree.root().0))
    };
    batch.subtrees().map(|subtree| subtree.level).map(root).collect()
}
