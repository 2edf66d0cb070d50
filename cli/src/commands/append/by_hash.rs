//! `append --subtrees`: only the hashes of the lines go to the chain, and the lines to a file.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, anyhow};
use counterfoil_append::{AppendError, Appended, Appender, InFlight, Keypair};
use counterfoil_client::Rpc;
use counterfoil_service::{Progress, counted, note, out, out_json_line};
use merkle_log::{LeafHash, hash_leaf};
use serde_json::json;

use super::arguments::Arguments;
use super::host::CommandHost;
use super::input;
use super::wait::wait_until_checked;
use crate::context::Options;
use crate::verdict::Usage;

pub(super) async fn run(options: &Options, rpc: &Rpc, key: &Keypair, arguments: &Arguments) -> anyhow::Result<()> {
    let keep = arguments.keep.as_deref().context("clap requires the file")?;
    if !arguments.reads_lines() {
        return Err(Usage("--subtrees takes the lines of standard input: give - or --jsonl".to_owned()).into());
    }
    let mut appender = Appender::start(rpc, arguments.ledger, key).await?;
    appender.expect_subtrees_allowed()?;
    let start = Instant::now();
    // Nothing is sent before all lines are kept.
    let leaves = keep_lines(arguments, keep).await.context("nothing was appended")?;
    if leaves.is_empty() {
        note!("standard input has no lines: nothing to append");
        return Ok(());
    }
    let mut done = Done { leaves: &leaves, appended: 0, first: None };
    while done.appended < leaves.len() {
        let appended = append_next(options, &mut appender, &done).await.map_err(|error| {
            let how_far = done.how_far(keep, &error);
            anyhow::Error::from(error).context(how_far)
        })?;
        done.first.get_or_insert(appended.first);
        done.appended += usize::try_from(appended.count).context("as many as there are hashes")?;
        if arguments.json {
            tell(&appended);
        }
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
    fn how_far(&self, keep: &Path, error: &AppendError) -> String {
        let after =
            if error.is_outcome_unknown() { "of those after them it is not known" } else { "those after them are not" };
        format!("the first {} of {} in {} are appended, {after}", self.appended, self.leaves.len(), keep.display())
    }
}

/// Appends as many of the leaves that are left as one transaction takes. They must be neighbours of the first ones, for the
/// file's lines are filled in as one run.
async fn append_next(options: &Options, appender: &mut Appender<'_>, done: &Done<'_>) -> Result<Appended, AppendError> {
    let mut host = CommandHost { options, journal: None };
    let at = done.first.map(|first| first + done.appended as u64);
    appender.append_subtrees(&mut host, &done.leaves[done.appended..], at, &InFlight::default()).await
}

fn tell(Appended { first, count, hashes, sent }: &Appended) {
    out_json_line(&json!({
        "first": first.to_string(),
        "count": count.to_string(),
        "hashes": hashes,
        "transaction": sent.as_ref().map(|sent| &sent.signature),
        "slot": sent.as_ref().map(|sent| sent.slot.to_string()),
    }));
}
