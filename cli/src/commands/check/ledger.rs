//! The ledger's entries, recomputed, compared with the servers' accounts, and their contents with what they commit to.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use counterfoil_core::ProgramId;
use counterfoil_service::{note, progress};
use counterfoil_statement::{Salt, SignedStatement, commit};
use counterfoil_table_check::{
    Change, Check, Content, LeafIndex, Record, Report as TableReport, Subject, TABLE_TYPE, TableAct, TableEvent,
};
use counterfoil_wire::EntryContent;
use merkle_log::{Frontier, Root, hash_leaf};
use tokio::time::sleep;

use super::contents::Contents;
use crate::heads::Reading;
use crate::verdict::{Refute, refute_unless};

/// How often a gateway whose index is behind is asked again, and after how long.
const ATTEMPTS: u32 = 60;
const ATTEMPT_INTERVAL: Duration = Duration::from_secs(1);

/// The ledger's head that a quorum of the servers has.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) root: Root,
    /// How many servers are that far or further, and how many answered.
    pub(super) servers: usize,
    pub(super) asked: usize,
}

impl Head {
    /// The largest size that `quorum` servers have reached.
    pub(super) fn of(readings: &[Reading], quorum: usize) -> anyhow::Result<Self> {
        let mut accounts: Vec<_> = readings.iter().map(|reading| &reading.at.account.entries).collect();
        accounts.sort_by_key(|entries| std::cmp::Reverse(entries.size()));
        let at = accounts.get(quorum - 1).context("a quorum of servers answered")?;
        let size = at.size().get();
        let servers = accounts.iter().filter(|entries| entries.size().get() >= size).count();
        Ok(Self { size, root: at.root(), servers, asked: readings.len() })
    }
}

/// Takes the table's records from the entries up to the head. Entries up to the furthest server's size are recomputed, so that each server's
/// account is compared. Returns the rows of the outbox that are not among them, and the protections that the ledger has.
pub(super) async fn walk(
    contents: &Contents,
    program: ProgramId,
    head: &Head,
    readings: &[Reading],
    unsent: Vec<[u8; 16]>,
    check: &mut Check,
) -> anyhow::Result<(Vec<[u8; 16]>, HashSet<String>)> {
    let waiting: HashSet<[u8; 16]> = unsent.iter().copied().collect();
    let (mut recorded, mut protections) = (HashSet::new(), HashSet::new());
    let (mut frontier, mut size, mut attempts) = (Frontier::new(), 0_u64, 0);
    let bar = progress(head.size, "entries");
    compare(&frontier, readings)?;
    while size < head.size {
        let page = contents.fetch(size, None).await?;
        if page.is_empty() {
            ensure!(
                attempts < ATTEMPTS,
                "the gateway's index has {size} of the ledger's {} entries: its indexer waits",
                head.size
            );
            if attempts % 10 == 5 {
                note!("waiting for the gateway's index: it has {size} of {} entries", head.size);
            }
            attempts += 1;
            sleep(ATTEMPT_INTERVAL).await;
            continue;
        }
        for row in page.into_iter().take_while(|row| row.index.0 < head.size) {
            refute_unless!(row.index.0 == size, "the gateway tells entry {} where {size} follows", row.index.0);
            let entry = BASE64_STANDARD.decode(&row.entry).with_context(|| format!("entry {size}"))?;
            frontier.append_leaf(&hash_leaf(&entry)).with_context(|| format!("entry {size}"))?;
            if let Some(id) = take(program, &entry, &row, size, check, &mut protections)?
                && waiting.contains(&id)
            {
                recorded.insert(id);
            }
            size += 1;
            bar.inc(1);
            compare(&frontier, readings)?;
        }
    }
    bar.finish_and_clear();
    Ok((unsent.into_iter().filter(|id| !recorded.contains(id)).collect(), protections))
}

/// Compares with each account that stands at this size.
fn compare(frontier: &Frontier, readings: &[Reading]) -> anyhow::Result<()> {
    for reading in readings.iter().filter(|reading| reading.at.account.entries.size() == frontier.size()) {
        let (computed, found) = (frontier.root(), reading.at.account.entries.root());
        refute_unless!(
            computed == found,
            "the gateway's first {} entries have root {computed}, and {} says that the ledger's have {found}",
            frontier.size(),
            reading.server
        );
    }
    Ok(())
}

/// Takes a record, where the entry is a statement for this ledger. Its id.
fn take(
    program: ProgramId,
    entry: &[u8],
    row: &EntryContent,
    index: u64,
    check: &mut Check,
    protections: &mut HashSet<String>,
) -> anyhow::Result<Option<[u8; 16]>> {
    let Ok(Some(signed)) = SignedStatement::decode(entry) else { return Ok(None) };
    let statement = signed.statement;
    if statement.program != program {
        return Ok(None);
    }
    let decode = |text: &Option<String>| text.as_deref().and_then(|text| BASE64_STANDARD.decode(text).ok());
    let salt: Option<[u8; 32]> = decode(&row.salt).and_then(|salt| salt.try_into().ok());
    let bytes = decode(&row.content);
    // A content that its statement does not commit to is as good as none.
    let bytes = bytes.zip(salt).filter(|(bytes, salt)| commit(&Salt(*salt), bytes) == statement.commitment);
    let content_type = statement.content_type.to_string();
    let content = bytes.as_ref().map(|(bytes, _)| Content { content_type: &content_type, bytes });
    if let Some(Content { content_type: TABLE_TYPE, bytes }) = content
        && let Ok(TableEvent { act: TableAct::Protect(_), protection, .. }) = TableEvent::decode(bytes)
    {
        protections.insert(protection.to_string());
    }
    let record = Record { subject: statement.subject.map(|subject| Subject(subject.0)), content };
    check.take(LeafIndex(index), &record).refute(|| format!("record {index}"))?;
    Ok(Some(*statement.record_id.as_bytes()))
}

/// Reads the records that findings are about once more, for keys, users and times.
pub(super) async fn describe(contents: &Contents, report: &mut TableReport) -> anyhow::Result<()> {
    for index in report.records_to_describe() {
        let Some(row) = contents.fetch(index.0, Some(1)).await?.into_iter().next() else {
            bail!("the gateway does not tell entry {index} any more");
        };
        let bytes = row.content.as_deref().and_then(|text| BASE64_STANDARD.decode(text).ok());
        if let Some(Ok(change)) = bytes.as_deref().map(Change::decode) {
            report.describe(index, &change);
        }
    }
    Ok(())
}
