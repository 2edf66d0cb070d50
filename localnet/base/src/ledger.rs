//! The folder that a chain is kept in.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Program;

/// Locked while a node runs on the folder. A folder with this file is a node's, to be emptied when no chain is whole in it.
const LOCK: &str = "counterfoil-ledger.lock";
/// Says whose the chain is. It is written last, so that a chain without it never was whole.
const LABEL: &str = "counterfoil-ledger.json";

/// How long a node that is about to end is waited for: one whose parent was killed stops by itself.
const LEAVING: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// Why a node does not run on a folder.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Somebody else's files are there.
    #[error("{} holds files, and no chain of a local node: give another folder with --ledger", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
    /// Another node runs on it.
    #[error("another node runs on the chain in {}: stop it, or give another folder with --ledger", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// Another kind of node made it.
    #[error("{} holds a chain of {held}, which {node} cannot go on with: give another folder with --ledger", folder.display())]
    OtherNode {
        /// The folder.
        folder: PathBuf,
        /// The kind of node that made it.
        held: String,
        /// The kind of node that was to run on it.
        node: &'static str,
    },
    /// It was made with another set of programs.
    #[error(
        "the chain in {} was made with other bytes of program {program}, or without it: \
         run it with the programs that it was made with, or begin a new chain in an empty folder",
        folder.display()
    )]
    OtherProgram {
        /// The folder.
        folder: PathBuf,
        /// The first program that differs.
        program: String,
    },
    /// The folder's content cannot be read.
    #[error(
        "the chain in {} is damaged: put back a copy of the folder, or empty it, which begins a new chain",
        folder.display()
    )]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// The fault.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The system refused.
    #[error("{} cannot be used for the chain: may it be read and written?", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A folder that is this process's alone, with a whole chain in it or empty.
#[derive(Debug)]
pub struct LedgerFolder {
    path: PathBuf,
    label: Label,
    is_kept: bool,
    _lock: File,
}

/// The identity of a chain.
#[derive(Debug, Deserialize, Serialize)]
struct Label {
    /// The kind of node.
    node: String,
    genesis_hash: String,
    /// The SHA-256 of each program that was deployed when the chain was made, by address.
    programs: BTreeMap<String, String>,
}

impl LedgerFolder {
    /// Takes a folder for a kind of node, when another one has left it; makes it when it is absent, and empties it of a chain that never was whole.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn open(folder: &Path, node: &'static str, programs: &[Program]) -> Result<Self, LedgerError> {
        let io = |source| LedgerError::Io { folder: folder.to_owned(), source };
        let path = folder.to_owned();
        fs::create_dir_all(folder).map_err(io)?;
        let is_empty = fs::read_dir(folder).map_err(io)?.next().is_none();
        let lock_file = folder.join(LOCK);
        if !is_empty && !lock_file.exists() {
            return Err(LedgerError::Foreign { folder: path });
        }
        let lock = File::create(&lock_file).map_err(io)?;
        let started = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(fs::TryLockError::WouldBlock) if started.elapsed() < LEAVING => thread::sleep(PAUSE),
                Err(fs::TryLockError::WouldBlock) => return Err(LedgerError::InUse { folder: path }),
                Err(fs::TryLockError::Error(source)) => return Err(io(source)),
            }
        }
        let programs = programs.iter().map(|program| (program.id.to_string(), sha256(&program.elf))).collect();
        let wanted = Label { node: node.to_owned(), genesis_hash: String::new(), programs };
        match fs::read(folder.join(LABEL)) {
            Ok(json) => {
                let held: Label = serde_json::from_slice(&json)
                    .map_err(|source| LedgerError::Damaged { folder: path.clone(), source: source.into() })?;
                if held.node != node {
                    return Err(LedgerError::OtherNode { folder: path, held: held.node, node });
                }
                if let Some(program) = first_difference(&held.programs, &wanted.programs) {
                    return Err(LedgerError::OtherProgram { folder: path, program });
                }
                Ok(Self { path, label: held, is_kept: true, _lock: lock })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                remove_all_but(folder, &lock_file).map_err(io)?;
                Ok(Self { path, label: wanted, is_kept: false, _lock: lock })
            }
            Err(error) => Err(io(error)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The genesis hash of the chain that is there, `None` when there is none yet.
    #[must_use]
    pub fn genesis_hash(&self) -> Option<&str> {
        self.is_kept.then_some(self.label.genesis_hash.as_str())
    }

    /// Says that the chain is whole from now on. Everything in it must be on disk.
    ///
    /// # Errors
    /// [`LedgerError::Io`].
    pub fn keep(&mut self, genesis_hash: &str) -> Result<(), LedgerError> {
        self.label.genesis_hash = genesis_hash.to_owned();
        let (unfinished, label) = (self.path.join("counterfoil-ledger.new"), self.path.join(LABEL));
        let written = serde_json::to_vec_pretty(&self.label).map_err(io::Error::from).and_then(|json| {
            fs::write(&unfinished, json)?;
            File::open(&unfinished)?.sync_all()?;
            fs::rename(&unfinished, &label)?;
            File::open(&self.path)?.sync_all()
        });
        written.map_err(|source| LedgerError::Io { folder: self.path.clone(), source })?;
        self.is_kept = true;
        Ok(())
    }

    /// The error that says that what is in the folder cannot be read.
    pub fn damaged(&self, source: impl Into<Box<dyn Error + Send + Sync>>) -> LedgerError {
        LedgerError::Damaged { folder: self.path.clone(), source: source.into() }
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn first_difference(held: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Option<String> {
    held.keys().chain(wanted.keys()).find(|id| held.get(*id) != wanted.get(*id)).cloned()
}

fn remove_all_but(folder: &Path, kept: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else if path != kept {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use solana_pubkey::Pubkey;

    use super::*;

    fn program(elf: &[u8]) -> Program {
        Program { id: Pubkey::new_from_array([7; 32]), upgrade_authority: Pubkey::default(), elf: elf.to_vec() }
    }

    fn made(node: &'static str, elf: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let mut ledger = LedgerFolder::open(folder.path(), node, &[program(elf)]).expect("taken");
        fs::write(folder.path().join("chain"), "blocks").expect("written");
        ledger.keep("genesis").expect("kept");
        folder
    }

    #[test]
    fn a_kept_chain_is_found_again_with_its_genesis_hash() {
        let folder = made("surfpool", b"elf");
        let ledger = LedgerFolder::open(folder.path(), "surfpool", &[program(b"elf")]).expect("taken again");
        assert_eq!(ledger.genesis_hash(), Some("genesis"));
        assert_eq!(fs::read_to_string(folder.path().join("chain")).expect("still there"), "blocks");
    }

    #[test]
    fn what_a_start_left_that_never_was_whole_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(LedgerFolder::open(folder.path(), "surfpool", &[]).expect("taken"));
        fs::create_dir_all(folder.path().join("half/a")).expect("made");
        fs::write(folder.path().join("chain"), "half").expect("written");

        let ledger = LedgerFolder::open(folder.path(), "surfpool", &[]).expect("taken again");

        assert_eq!(ledger.genesis_hash(), None);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "the lock alone");
    }

    #[test]
    fn refuses_what_it_cannot_go_on_with_and_leaves_it_alone() {
        let foreign = tempfile::tempdir().expect("a folder");
        fs::write(foreign.path().join("diary.txt"), "mine").expect("written");
        let damaged = made("surfpool", b"elf");
        fs::write(damaged.path().join(LABEL), "{").expect("written");
        let faults = [
            (&foreign, "holds files, and no chain".to_owned()),
            (&damaged, "is damaged".to_owned()),
            (&made("agave", b"elf"), "holds a chain of agave, which surfpool cannot".to_owned()),
            (&made("surfpool", b"another"), format!("was made with other bytes of program {}", program(b"").id)),
        ];
        for (folder, expected) in faults {
            let files = fs::read_dir(folder.path()).expect("a folder").count();
            let error = LedgerFolder::open(folder.path(), "surfpool", &[program(b"elf")]).expect_err("refused");
            assert!(error.to_string().contains(&expected), "{error}");
            assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
            assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), files);
        }
    }
}
