//! Filling in entries whose leaves were appended by the hashes of their subtrees: from a file, from a log that serves C2SP
//! tlog-tiles, or from an archive.
//!
//! The source is not trusted. It can leave entries out, not alter them: each subtree's entries must lead to the
//! root that the ledger's checked events appended. That is seen before anything is written, and again as it is written.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, Write};
use std::ops::Range;

use anyhow::{Context, bail};
use counterfoil_archive::{Archive, BUNDLE_WIDTH, encode_bundle};
use counterfoil_core::LedgerId;
use counterfoil_core::limits::MAX_SUBTREE_LEVEL;
use counterfoil_store::{
    Fill, FillError, LedgerRow, MissingSubtree, PgPool, begin, load_ledger, load_missing, load_missing_at,
};
use merkle_log::{Frontier, Hash, Root, hash_leaf};
use tracing::info;

use crate::repair::bundles::Bundles;
use crate::repair::tlog::{TlogTiles, read_entry};

/// How many subtrees are looked up at a time.
const SUBTREES_PER_PAGE: u32 = 1_000;
/// The bounds of one write, whichever is reached first.
const ENTRIES_PER_CHUNK: usize = 8_192;
const BYTES_PER_CHUNK: usize = 4 << 20;
/// How many leaves are fetched into one temporary file, but for what one subtree has more.
const LEAVES_PER_FETCH: u64 = 1 << MAX_SUBTREE_LEVEL;
/// Subtrees that are closer to each other are fetched together.
const LEAVES_BETWEEN: u64 = 256;

/// The result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Subtrees filled in.
    pub subtrees: u64,
    /// Their entries.
    pub entries: u64,
    /// Entries that were offered and skipped, for the index has them.
    pub skipped: u64,
}

/// Fills in from a file of neighbouring entries of which the first is leaf `first_index`: each a length of two bytes,
/// big-endian, and as many bytes, as in C2SP tlog-tiles' entry bundles. Entries that the index has are skipped, so that
/// a file may hold the whole ledger. `progress` is told how many entries were written since it was told last.
///
/// The file is read twice; nothing is written unless all that it offers is true. Each subtree is one SQL transaction, so
/// that an interrupted run is gone on with by running it again.
///
/// # Errors
/// When the file is not of that form, ends or begins within a subtree whose entries are missing, or does not lead to
/// the roots that were appended; when the database fails.
pub async fn fill_from_file(
    pool: &PgPool,
    ledger: LedgerId,
    file: &File,
    first_index: u64,
    progress: &mut (dyn FnMut(u64) + Send),
) -> anyhow::Result<Filled> {
    let mut connection = pool.acquire().await.context("the database does not answer")?;
    let row = load_ledger(&mut connection, ledger).await?;
    if let Some(around) = load_missing_at(&mut connection, &row, first_index).await?
        && around.first_index() < first_index
    {
        let (first, leaves) = (around.first_index(), around.leaves());
        bail!("leaf {first_index} lies within a subtree: give its {leaves} entries from {first} on, or from before it");
    }
    drop(connection);
    let mut offered = Offered::new(pool, &row, file, first_index)?;
    while let Some(subtree) = offered.next_subtree().await? {
        offered.verify(&subtree)?;
    }
    let mut offered = Offered::new(pool, &row, file, first_index)?;
    while let Some(subtree) = offered.next_subtree().await? {
        offered.write(&subtree, progress).await?;
    }
    Ok(offered.done)
}

/// Fills in all missing entries of a ledger from a log that serves C2SP tlog-tiles at `url` and has the same
/// leaves: <https://c2sp.org/tlog-tiles>. Fetched entries go to a temporary file, at most 2^24 entries at a time, and
/// is then used as [`fill_from_file`] does.
///
/// # Errors
/// When the log does not answer, omits entries or offers false ones; when the database fails.
pub async fn fill_from_tiles(
    pool: &PgPool,
    ledger: LedgerId,
    url: &str,
    progress: &mut (dyn FnMut(u64) + Send),
) -> anyhow::Result<Filled> {
    let mut log = TlogTiles::open(url).await?;
    fill_from(pool, ledger, u64::MAX, &mut log, progress).await
}

/// Fills in the missing entries of a ledger that an archive has, as [`fill_from_tiles`] does; what the archive does not have yet stays
/// missing.
///
/// # Errors
/// When the archive does not answer, is damaged or has false entries; when the database fails.
pub async fn fill_from_archive(
    pool: &PgPool,
    ledger: LedgerId,
    archive: &Archive,
    progress: &mut (dyn FnMut(u64) + Send),
) -> anyhow::Result<Filled> {
    let size = archive.size(ledger).await?;
    fill_from(pool, ledger, size, &mut Archived { archive, ledger, size }, progress).await
}

struct Archived<'a> {
    archive: &'a Archive,
    ledger: LedgerId,
    size: u64,
}

impl Bundles for Archived<'_> {
    async fn fetch(&mut self, leaves: Range<u64>, file: &mut File) -> anyhow::Result<()> {
        for number in leaves.start / BUNDLE_WIDTH..leaves.end.div_ceil(BUNDLE_WIDTH) {
            let bundle = self.archive.read(self.ledger, number, self.size).await?;
            let wanted = bundle.into_iter().zip(number * BUNDLE_WIDTH..).filter(|(_, index)| leaves.contains(index));
            let entries: Vec<Vec<u8>> = wanted.map(|(entry, _)| entry).collect();
            file.write_all(&encode_bundle(&entries)?).context("the temporary file cannot be written")?;
        }
        Ok(())
    }
}

/// `size`: how many leaves the source has; subtrees beyond are left.
async fn fill_from(
    pool: &PgPool,
    ledger: LedgerId,
    size: u64,
    source: &mut impl Bundles,
    progress: &mut (dyn FnMut(u64) + Send),
) -> anyhow::Result<Filled> {
    let mut done = Filled::default();
    let mut from = 0;
    loop {
        let row = load_ledger(&mut *pool.acquire().await?, ledger).await?;
        let mut missing = load_missing(&mut *pool.acquire().await?, &row, from, SUBTREES_PER_PAGE).await?;
        missing.retain(|subtree| subtree.first_index() + subtree.leaves() <= size);
        let Some(run) = first_run(&missing) else { return Ok(done) };
        let mut file = tempfile::tempfile().context("no temporary file can be made")?;
        source.fetch(run.clone(), &mut file).await?;
        file.flush()?;
        let filled = fill_from_file(pool, ledger, &file, run.start, progress).await?;
        done.subtrees += filled.subtrees;
        done.entries += filled.entries;
        done.skipped += filled.skipped;
        info!(ledger.id = %ledger, "filled in {} entries from {} on", filled.entries, run.start);
        from = run.end;
    }
}

/// Of missing subtrees in order, the leaves from the first one on that are fetched together.
fn first_run(missing: &[MissingSubtree]) -> Option<Range<u64>> {
    let first = missing.first()?;
    let (start, mut end) = (first.first_index(), first.first_index() + first.leaves());
    for subtree in &missing[1..] {
        let subtree_end = subtree.first_index() + subtree.leaves();
        if subtree.first_index() - end > LEAVES_BETWEEN || subtree_end - start > LEAVES_PER_FETCH {
            break;
        }
        end = subtree_end;
    }
    Some(start..end)
}

/// Neighbouring entries, and the subtrees among them that are missing.
struct Offered<'a> {
    pool: &'a PgPool,
    row: &'a LedgerRow,
    entries: BufReader<&'a File>,
    /// The leaf of the next entry.
    next: u64,
    missing: std::vec::IntoIter<MissingSubtree>,
    /// Where the next page of missing subtrees begins; none after the last one.
    next_page: Option<u64>,
    done: Filled,
}

impl<'a> Offered<'a> {
    fn new(pool: &'a PgPool, row: &'a LedgerRow, file: &'a File, first_index: u64) -> anyhow::Result<Self> {
        let mut rewound = file;
        rewound.rewind().context("the file cannot be read from its beginning")?;
        let entries = BufReader::with_capacity(1 << 20, file);
        let (missing, next_page) = (Vec::new().into_iter(), Some(first_index));
        Ok(Self { pool, row, entries, next: first_index, missing, next_page, done: Filled::default() })
    }

    /// The next missing subtree that begins within the file; the entries before it are skipped.
    async fn next_subtree(&mut self) -> anyhow::Result<Option<MissingSubtree>> {
        if self.missing.len() == 0
            && let Some(first) = self.next_page
        {
            let mut connection = self.pool.acquire().await.context("the database does not answer")?;
            let page = load_missing(&mut connection, self.row, first, SUBTREES_PER_PAGE).await?;
            self.next_page = page.last().map(|last| last.first_index() + 1);
            self.missing = page.into_iter();
        }
        let subtree = self.missing.next();
        let first = subtree.map_or(u64::MAX, |subtree| subtree.first_index());
        while self.next < first {
            if self.next_entry()?.is_none() {
                return Ok(None);
            }
            self.done.skipped += 1;
        }
        // A file that ends where a subtree begins ends well.
        let is_at_end = self.entries.fill_buf().context("the file cannot be read")?.is_empty();
        Ok(subtree.filter(|_| !is_at_end))
    }

    fn verify(&mut self, subtree: &MissingSubtree) -> anyhow::Result<()> {
        let (first_index, leaves) = (subtree.first_index(), subtree.leaves());
        let mut frontier = Frontier::new();
        for _ in 0..leaves {
            frontier.append_leaf(&hash_leaf(&self.entry_of(subtree)?)).context("a subtree is no larger than a log")?;
        }
        let Root(computed) = frontier.root();
        let (computed, appended) = (Hash(computed), subtree.root);
        if computed != appended {
            return Err(FillError::RootMismatch { first_index, leaves, computed, appended }.into());
        }
        Ok(())
    }

    async fn write(&mut self, subtree: &MissingSubtree, progress: &mut (dyn FnMut(u64) + Send)) -> anyhow::Result<()> {
        let leaves = subtree.leaves();
        let mut connection = self.pool.acquire().await.context("the database does not answer")?;
        let mut transaction = begin(&mut connection).await?;
        let mut fill = match Fill::begin(&mut transaction, self.row.ledger, subtree.first_index()).await {
            Ok(fill) => fill,
            // Somebody else was faster.
            Err(FillError::AlreadyFilled { .. }) => {
                for _ in 0..leaves {
                    self.entry_of(subtree)?;
                }
                self.done.skipped += leaves;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        while fill.rest() > 0 {
            let (mut chunk, mut bytes) = (Vec::new(), 0);
            while (chunk.len() as u64) < fill.rest() && chunk.len() < ENTRIES_PER_CHUNK && bytes < BYTES_PER_CHUNK {
                let entry = self.entry_of(subtree)?;
                bytes += entry.len();
                chunk.push(entry);
            }
            fill.push(&chunk).await?;
            progress(chunk.len() as u64);
        }
        fill.finish().await?;
        transaction.commit().await.context("the entries of a subtree were not committed")?;
        self.done.subtrees += 1;
        self.done.entries += leaves;
        Ok(())
    }

    fn entry_of(&mut self, subtree: &MissingSubtree) -> anyhow::Result<Vec<u8>> {
        let index = self.next;
        let entry = self.next_entry()?;
        entry.with_context(|| {
            let (first, leaves) = (subtree.first_index(), subtree.leaves());
            format!("the file ends before leaf {index}: the subtree at leaf {first} has {leaves} leaves, give all")
        })
    }

    /// Reads the next entry; none at the end of the file.
    fn next_entry(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        if self.entries.fill_buf().context("the file cannot be read")?.is_empty() {
            return Ok(None);
        }
        let entry = read_entry(&mut self.entries).with_context(|| format!("entry {} cannot be read", self.next))?;
        self.next += 1;
        Ok(Some(entry))
    }
}
