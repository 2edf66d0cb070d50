//! The ledger's entries, recomputed, compared with the servers' accounts, and their contents with what they commit to.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use counterfoil_service::{note, progress};
use counterfoil_statement::{Salt, SignedStatement, Statement, commit};
use counterfoil_table_check::{
    Change, Check, Content, LeafIndex, Record, Report as TableReport, Seed, Subject, TABLE_TYPE, TableAct, TableEvent,
};
use counterfoil_wire::EntryContent;
use merkle_log::{Frontier, Root, TreeHead, hash_leaf};
use sha2::{Digest, Sha256};
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
    /// How many servers answered.
    pub(super) asked: usize,
}

/// The heads that the caller holds from before: the ledger has to go on from each.
#[derive(Clone, Copy, Default)]
pub(super) struct Held {
    /// The changes from here on are listed.
    pub(super) since: Option<TreeHead>,
    /// The table is compared with the records up to here.
    pub(super) as_of: Option<TreeHead>,
}

impl Held {
    fn all(&self) -> impl Iterator<Item = TreeHead> {
        self.since.into_iter().chain(self.as_of)
    }

    /// # Errors
    /// Where the ledger, as a quorum of the servers has it, has fewer entries than a head of before.
    fn expect_within(&self, head: &Head) -> anyhow::Result<()> {
        self.all().try_for_each(|held| {
            ensure!(
                held.size.get() <= head.size,
                "the head that you hold has {} entries, and the servers' ledger has {}: they are behind, or it is another ledger's",
                held.size,
                head.size
            );
            Ok(())
        })
    }

    fn compare(&self, frontier: &Frontier) -> anyhow::Result<()> {
        for held in self.all().filter(|held| held.size == frontier.size()) {
            let computed = frontier.root();
            refute_unless!(
                computed == held.root,
                "the ledger's first {} entries have root {computed}, and the head that you hold has {}: it is another ledger's, or one was rewritten",
                held.size,
                held.root
            );
        }
        Ok(())
    }
}

impl Head {
    /// The largest size that `quorum` servers have reached.
    pub(super) fn of(readings: &[Reading], quorum: usize) -> anyhow::Result<Self> {
        let mut accounts: Vec<_> = readings.iter().map(|reading| &reading.at.account.entries).collect();
        accounts.sort_by_key(|entries| std::cmp::Reverse(entries.size()));
        let at = accounts.get(quorum - 1).context("a quorum of servers answered")?;
        let size = at.size().get();
        Ok(Self { size, root: at.root(), asked: readings.len() })
    }
}

/// The place that a statement has to be for.
pub(super) struct Place {
    pub(super) genesis_hash: GenesisHash,
    pub(super) program: ProgramId,
    pub(super) ledger: LedgerId,
}

/// The outcome of a walk.
pub(super) struct Walked {
    /// The rows of the outbox that the ledger does not have.
    pub(super) unsent: Vec<[u8; 16]>,
    /// The protections whose beginning the ledger has.
    pub(super) protections: HashSet<String>,
    /// The servers whose account was equal.
    pub(super) servers: usize,
    /// A mark of each entry.
    marks: Vec<u32>,
    seed: Seed,
}

/// Takes the table's records from the entries up to the head, and finds out which of the outbox's rows, by their ids, it has. By the seed
/// entries are known again. Entries up to the furthest server's size are recomputed, so that each server's
/// account is compared.
pub(super) async fn walk(
    contents: &Contents,
    place: &Place,
    head: &Head,
    held: &Held,
    readings: &[Reading],
    (mut ids, seed): (Vec<[u8; 16]>, Seed),
    check: &mut Check,
) -> anyhow::Result<Walked> {
    ids.sort_unstable();
    let mut is_recorded = vec![false; ids.len()];
    let (mut marks, mut protections) = (Vec::new(), HashSet::new());
    let (mut frontier, mut size, mut attempts) = (Frontier::new(), 0_u64, 0);
    let furthest = readings.iter().map(|reading| reading.at.account.entries.size().get()).max().unwrap_or(head.size);
    held.expect_within(head)?;
    let end = held.as_of.map_or(head.size, |as_of| as_of.size.get());
    let bar = progress(furthest, "entries");
    held.compare(&frontier)?;
    let mut servers = compare(&frontier, readings)?;
    while size < furthest {
        let page = contents.fetch(size, None).await?;
        if page.is_empty() {
            ensure!(
                attempts < ATTEMPTS,
                "the gateway's index has {size} of the ledger's {furthest} entries: its indexer waits"
            );
            if attempts % 10 == 5 {
                note!("waiting for the gateway's index: it has {size} of {furthest} entries");
            }
            attempts += 1;
            sleep(ATTEMPT_INTERVAL).await;
            continue;
        }
        for row in page.into_iter().take_while(|row| row.index.0 < furthest) {
            refute_unless!(row.index.0 == size, "the gateway tells entry {} where {size} follows", row.index.0);
            let entry = BASE64_STANDARD.decode(&row.entry).with_context(|| format!("entry {size}"))?;
            frontier.append_leaf(&hash_leaf(&entry)).with_context(|| format!("entry {size}"))?;
            // The database's snapshot is sure to show the changes below the head alone.
            if size < end
                && let Some(id) = take(place, &entry, &row, size, check, &mut protections)?
                && let Ok(at) = ids.binary_search(&id)
                && let Some(is_recorded) = is_recorded.get_mut(at)
            {
                *is_recorded = true;
            }
            marks.push(mark(&seed, &entry));
            size += 1;
            bar.inc(1);
            held.compare(&frontier)?;
            servers += compare(&frontier, readings)?;
        }
    }
    bar.finish_and_clear();
    let unsent = ids.into_iter().zip(is_recorded).filter(|(_, is_recorded)| !is_recorded).map(|(id, _)| id).collect();
    Ok(Walked { unsent, protections, servers, marks, seed })
}

/// A mark of an entry by which it is known again, in four bytes. The seed is not known, so that no other entry can be made to have it.
fn mark(seed: &Seed, entry: &[u8]) -> u32 {
    let hash: [u8; 32] = Sha256::new().chain_update(seed.0).chain_update(entry).finalize().into();
    u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// Compares with each account that stands at this size. How many do.
fn compare(frontier: &Frontier, readings: &[Reading]) -> anyhow::Result<usize> {
    let mut equal = 0;
    for reading in readings.iter().filter(|reading| reading.at.account.entries.size() == frontier.size()) {
        let (computed, found) = (frontier.root(), reading.at.account.entries.root());
        refute_unless!(
            computed == found,
            "the gateway's first {} entries have root {computed}, and {} says that the ledger's have {found}",
            frontier.size(),
            reading.server
        );
        equal += 1;
    }
    Ok(equal)
}

/// The statement that an entry is, where it is one for this ledger, with its content type, and the content that it commits to where the
/// gateway has it.
fn open(place: &Place, entry: &[u8], row: &EntryContent) -> Option<(Statement, String, Option<Vec<u8>>)> {
    let statement = SignedStatement::decode(entry).ok()??.statement;
    // A statement for another ledger that was put in here says nothing of this one.
    statement.expect_here(&place.genesis_hash, &place.program, &place.ledger).ok()?;
    let decode = |text: &Option<String>| text.as_deref().and_then(|text| BASE64_STANDARD.decode(text).ok());
    let salt: Option<[u8; 32]> = decode(&row.salt).and_then(|salt| salt.try_into().ok());
    let bytes = decode(&row.content);
    // A content that its statement does not commit to is as good as none.
    let bytes = bytes.zip(salt).filter(|(bytes, salt)| commit(&Salt(*salt), bytes) == statement.commitment);
    let content_type = statement.content_type.to_string();
    Some((statement, content_type, bytes.map(|(bytes, _)| bytes)))
}

/// Takes a record, where the entry is a statement for this ledger. Its id.
fn take(
    place: &Place,
    entry: &[u8],
    row: &EntryContent,
    index: u64,
    check: &mut Check,
    protections: &mut HashSet<String>,
) -> anyhow::Result<Option<[u8; 16]>> {
    let Some((statement, content_type, bytes)) = open(place, entry, row) else { return Ok(None) };
    let content = bytes.as_ref().map(|bytes| Content { content_type: &content_type, bytes });
    if let Some(Content { content_type: TABLE_TYPE, bytes }) = content
        && let Ok(TableEvent { act: TableAct::Protect(_), protection, .. }) = TableEvent::decode(bytes)
    {
        protections.insert(protection.to_string());
    }
    let record = Record { subject: statement.subject.map(|subject| Subject(subject.0)), content };
    check.take(LeafIndex(index), &record).refute(|| format!("record {index}"))?;
    Ok(Some(*statement.record_id.as_bytes()))
}

/// Reads the records that findings are about once more, for keys, users and times. The gateway has to tell what it told before.
pub(super) async fn describe(
    contents: &Contents,
    place: &Place,
    walked: &Walked,
    report: &mut TableReport,
) -> anyhow::Result<()> {
    for index in report.records_to_describe() {
        let Some(row) = contents.fetch(index.0, Some(1)).await?.into_iter().next() else {
            bail!("the gateway does not tell entry {index} any more");
        };
        let entry = BASE64_STANDARD.decode(&row.entry).with_context(|| format!("entry {index}"))?;
        let known = usize::try_from(index.0).ok().and_then(|at| walked.marks.get(at));
        refute_unless!(
            row.index.0 == index.0 && known == Some(&mark(&walked.seed, &entry)),
            "the gateway tells another entry {index} than before"
        );
        let Some((_, _, Some(bytes))) = open(place, &entry, &row) else { continue };
        if let Ok(change) = Change::decode(&bytes) {
            report.describe(index, &change);
        }
    }
    Ok(())
}
