//! The folder that a ledger lies in.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::{Context, Error, Result};
use counterfoil_localnet_base::{Config, LedgerFolder};
use tempfile::TempDir;

const PREFIX: &str = "counterfoil-agave-";
/// Locked while the folder is in use.
const LOCK: &str = "in-use";

/// The name of this kind of node in the folder of a kept chain.
const KIND: &str = "agave";

/// Where the ledger lies.
pub(crate) enum Folder {
    /// A folder of its own below TMPDIR, gone when this is dropped.
    Temporary { folder: TempDir, _lock: File },
    /// One that is kept.
    Kept(LedgerFolder),
}

impl Folder {
    /// The folder that was asked for, or a temporary one.
    pub(crate) fn open(config: &Config) -> Result<Self> {
        match &config.ledger {
            Some(path) => Ok(Self::Kept(LedgerFolder::open(path, KIND, &config.programs)?)),
            None => Self::temporary().context("cannot make a folder for the ledger: is TMPDIR writable?"),
        }
    }

    /// Makes one, and removes those of processes that were killed: they take hundreds of megabytes each.
    fn temporary() -> io::Result<Self> {
        let parent = env::temp_dir();
        for entry in fs::read_dir(&parent)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(PREFIX) && is_left_over(&entry.path()) {
                // Somebody else's stays.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        // Locked before it has its name: an unlocked file of that name is one that was left over.
        let (unnamed, named) = (folder.path().join("new"), folder.path().join(LOCK));
        let lock = File::create(&unnamed)?;
        lock.lock()?;
        fs::rename(unnamed, named)?;
        Ok(Self::Temporary { folder, _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Temporary { folder, .. } => folder.path(),
            Self::Kept(folder) => folder.path(),
        }
    }

    /// The genesis hash of the chain that is there already.
    pub(crate) fn genesis_hash(&self) -> Option<&str> {
        match self {
            Self::Temporary { .. } => None,
            Self::Kept(folder) => folder.genesis_hash(),
        }
    }

    /// Says that the chain is whole from now on.
    pub(crate) fn keep(&mut self, genesis_hash: &str) -> Result<()> {
        match self {
            Self::Temporary { .. } => Ok(()),
            Self::Kept(folder) => Ok(folder.keep(genesis_hash)?),
        }
    }

    /// Says of what went wrong with a chain that was there already that it is damaged.
    pub(crate) fn explain(&self, error: Error) -> Error {
        match self {
            Self::Kept(folder) if folder.genesis_hash().is_some() => folder.damaged(error).into(),
            _ => error,
        }
    }
}

fn is_left_over(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}
