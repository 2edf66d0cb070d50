//! The journal of an `append`, by which it resumes after an interruption: the last plan, and the entries that are in for
//! certain.
//!
//! Lines of JSON, each written to the disk before the work goes on; a last line that was cut off counts as not written.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use counterfoil_append::Planned;
use counterfoil_core::{LedgerId, ProgramId, json};
use counterfoil_service::note;
use merkle_log::{Hash, LeafHash, Root, hash_children};
use serde::{Deserialize, Serialize};

use crate::verdict::Usage;

const FORMAT: &str = "counterfoil append v1";
/// The longest journal that is read: of a million transactions, each with two lines.
const MAX_BYTES: u64 = 1 << 29;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Record {
    /// The first line.
    Begin {
        format: String,
        #[serde(with = "json::text")]
        program: ProgramId,
        #[serde(with = "json::text")]
        ledger: LedgerId,
    },
    /// A transaction is about to be sent.
    Send(#[serde(with = "PlannedLine")] Planned),
    /// The entries that it appends are in.
    Done {
        /// How many entries of the input are in.
        #[serde(with = "json::text")]
        entries: u64,
        /// The chain of their hashes.
        #[serde(with = "json::text")]
        digest: Hash,
    },
}

/// The form of a plan in the journal.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Planned", deny_unknown_fields)]
struct PlannedLine {
    #[serde(with = "json::text")]
    first: u64,
    #[serde(with = "json::text")]
    count: u64,
    #[serde(with = "json::text")]
    root: Root,
}

/// An open journal, locked against other processes.
pub struct Journal {
    file: File,
    path: PathBuf,
    entries: u64,
    digest: Hash,
    planned: Option<Planned>,
}

impl Journal {
    /// Opens a journal of this ledger's, or begins one.
    ///
    /// # Errors
    /// [`Usage`] when it is another's, another process has it, or it is no journal.
    pub fn open(path: &Path, program: ProgramId, ledger: LedgerId) -> anyhow::Result<Self> {
        let shown = path.display();
        let found = fs::metadata(path).ok();
        // Before it is opened: a pipe would hold that up.
        expect_regular(path, found.as_ref())?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(|| format!("cannot open {shown}"))?;
        let opened = file.metadata().with_context(|| format!("cannot read {shown}"))?;
        expect_regular(path, Some(&opened))?;
        if file.try_lock().is_err() {
            return Err(Usage(format!("another append goes on from {shown}: wait for it, or end it")).into());
        }
        if opened.len() > MAX_BYTES {
            return Err(Usage(format!("{shown} is no journal of an append: it has more than {MAX_BYTES} bytes")).into());
        }
        let mut text = String::new();
        let read = (&file).take(MAX_BYTES).read_to_string(&mut text);
        read.with_context(|| format!("cannot read {shown}"))?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut journal = Self { file, path: path.to_owned(), entries: 0, digest: Hash::default(), planned: None };
        if whole == 0 {
            expect_beginning(path, &text, program, ledger)?;
            if found.is_some() {
                let what = if text.is_empty() { "is empty" } else { "was cut off within its first line" };
                note!("{shown} {what}: beginning a new journal, so that the input is appended from its first entry on");
            }
        }
        // A line that was cut off is written over.
        journal
            .file
            .set_len(whole as u64)
            .and_then(|()| journal.file.seek(SeekFrom::End(0)))
            .with_context(|| format!("cannot write {shown}"))?;
        if whole == 0 {
            journal.write(&begin(program, ledger))?;
            return Ok(journal);
        }
        for (number, line) in (1..).zip(text[..whole].lines()) {
            let record: Record = serde_json::from_str(line)
                .map_err(|error| Usage(format!("{shown} is no journal of an append: line {number}: {error}")))?;
            journal.take(number, record, program, ledger).map_err(|error| Usage(format!("{shown}: {error}")))?;
        }
        Ok(journal)
    }

    fn take(&mut self, number: u64, record: Record, program: ProgramId, ledger: LedgerId) -> anyhow::Result<()> {
        match record {
            Record::Begin { format, program: of_program, ledger: of_ledger } => {
                ensure!(number == 1 && format == FORMAT, "line {number} begins a journal of another form");
                ensure!(
                    (of_program, of_ledger) == (program, ledger),
                    "it is of ledger {of_ledger} of program {of_program}, not of {ledger}"
                );
            }
            _ if number == 1 => bail!("it does not begin as a journal of an append"),
            Record::Send(planned) => self.planned = Some(planned),
            Record::Done { entries, digest } => {
                (self.entries, self.digest, self.planned) = (entries, digest, None);
            }
        }
        Ok(())
    }

    /// How many entries of the input are in for certain.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// The plan whose outcome the interrupted run did not see.
    pub const fn planned(&self) -> Option<Planned> {
        self.planned
    }

    /// Whether the input's first entries, by their leaf hashes, are those that are in.
    ///
    /// # Errors
    /// [`Usage`] when they are others.
    pub fn expect_same(&self, leaves: &[LeafHash]) -> anyhow::Result<()> {
        if leaves.iter().fold(Hash::default(), chain) == self.digest {
            return Ok(());
        }
        let Self { path, entries, .. } = self;
        Err(Usage(format!(
            "the first {entries} entries of the input are not those that {} says are in: give the input of before, whole",
            path.display()
        ))
        .into())
    }

    /// Notes what is about to be sent.
    pub fn plan(&mut self, planned: Planned) -> anyhow::Result<()> {
        self.planned = Some(planned);
        self.write(&Record::Send(planned))
    }

    /// Notes that entries are in.
    pub fn done(&mut self, leaves: &[LeafHash]) -> anyhow::Result<()> {
        self.entries += leaves.len() as u64;
        self.digest = leaves.iter().fold(self.digest, chain);
        self.planned = None;
        self.write(&Record::Done { entries: self.entries, digest: self.digest })
    }

    fn write(&mut self, record: &Record) -> anyhow::Result<()> {
        let line = to_line(record)?;
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// A journal is read from its beginning and goes on at its end, which no device or pipe does.
fn expect_regular(path: &Path, found: Option<&Metadata>) -> anyhow::Result<()> {
    match found {
        Some(found) if !found.is_file() => {
            Err(Usage(format!("{} is no regular file: a journal must be one", path.display())).into())
        }
        _ => Ok(()),
    }
}

fn begin(program: ProgramId, ledger: LedgerId) -> Record {
    Record::Begin { format: FORMAT.to_owned(), program, ledger }
}

/// A file without a whole line is written over: it may be a journal that was cut off, and nothing else.
fn expect_beginning(path: &Path, text: &str, program: ProgramId, ledger: LedgerId) -> anyhow::Result<()> {
    match to_line(&begin(program, ledger))?.starts_with(text) {
        true => Ok(()),
        false => Err(Usage(format!("{} is no journal of an append to this ledger", path.display())).into()),
    }
}

fn to_line(record: &Record) -> anyhow::Result<String> {
    Ok(serde_json::to_string(record).context("a record can be written as JSON")? + "\n")
}

/// A chain over all leaf hashes so far.
fn chain(digest: Hash, leaf: &LeafHash) -> Hash {
    hash_children(&digest, &Hash(leaf.0))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use counterfoil_append::Planned;
    use counterfoil_core::{LedgerId, ProgramId};
    use merkle_log::{LeafHash, Root, hash_leaf};
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::{Journal, MAX_BYTES};

    const PROGRAM: ProgramId = ProgramId([1; 32]);
    const LEDGER: LedgerId = LedgerId([2; 32]);
    const PLANNED: Planned = Planned { first: 7, count: 2, root: Root([3; 32]) };

    fn leaves(count: u8) -> Vec<LeafHash> {
        (0..count).map(|number| hash_leaf(&[number])).collect()
    }

    #[test]
    fn a_journal_says_what_is_in_and_what_was_about_to_be_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, PROGRAM, LEDGER).unwrap();
        journal.plan(PLANNED).unwrap();
        journal.done(&leaves(2)).unwrap();
        journal.plan(PLANNED).unwrap();
        let refused = Journal::open(&path, PROGRAM, LEDGER).err().unwrap().to_string();
        assert!(refused.contains("another append goes on from"), "{refused}");
        drop(journal);

        let journal = Journal::open(&path, PROGRAM, LEDGER).unwrap();
        assert_eq!((journal.entries(), journal.planned()), (2, Some(PLANNED)));
        journal.expect_same(&leaves(2)).unwrap();
        let others = [hash_leaf(&[1]), hash_leaf(&[0])];
        assert!(journal.expect_same(&others).unwrap_err().to_string().contains("are not those"));
        drop(journal);
        for other in
            [Journal::open(&path, PROGRAM, LedgerId([9; 32])), Journal::open(&path, ProgramId([9; 32]), LEDGER)]
        {
            assert!(other.err().unwrap().to_string().contains("it is of ledger"));
        }
    }

    #[test]
    fn only_a_regular_file_that_is_a_journal_or_the_beginning_of_one_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (path, pipe) = (folder.path().join("journal"), folder.path().join("pipe"));
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        for other in [Path::new("/dev/zero"), Path::new("/dev/full"), &pipe, folder.path()] {
            let refused = Journal::open(other, PROGRAM, LEDGER).err().unwrap().to_string();
            assert!(refused.contains("is no regular file"), "{refused}");
        }
        drop(Journal::open(&path, PROGRAM, LEDGER).unwrap());
        let whole = fs::read(&path).unwrap();
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            drop(Journal::open(&path, PROGRAM, LEDGER).unwrap());
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
        // Without the end of a line it could pass for one that was cut off.
        fs::write(&path, "notes").unwrap();
        let refused = Journal::open(&path, PROGRAM, LEDGER).err().unwrap().to_string();
        assert!(refused.contains("is no journal"), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), b"notes");
        fs::File::create(&path).unwrap().set_len(MAX_BYTES + 2).unwrap();
        let refused = Journal::open(&path, PROGRAM, LEDGER).err().unwrap().to_string();
        assert!(refused.contains("more than"), "{refused}");
    }

    #[test]
    fn a_line_that_was_cut_off_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, PROGRAM, LEDGER).unwrap();
        journal.done(&leaves(1)).unwrap();
        let whole = fs::read(&path).unwrap();
        journal.done(&leaves(2)[1..]).unwrap();
        let more = fs::read(&path).unwrap();
        drop(journal);
        for end in whole.len()..more.len() {
            fs::write(&path, &more[..end]).unwrap();
            let journal = Journal::open(&path, PROGRAM, LEDGER).unwrap();
            assert_eq!(journal.entries(), 1);
        }
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{}\n").unwrap();
        assert!(Journal::open(&path, PROGRAM, LEDGER).err().unwrap().to_string().contains("is no journal"));
    }
}
