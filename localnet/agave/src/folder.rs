//! The folder that a ledger lies in.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

const PREFIX: &str = "counterfoil-agave-";
/// Locked while the folder is in use.
const LOCK: &str = "in-use";

/// A folder of its own below TMPDIR, gone when this is dropped.
pub(crate) struct Folder {
    folder: TempDir,
    _lock: File,
}

impl Folder {
    /// Makes one, and removes those of processes that were killed: they take hundreds of megabytes each.
    pub(crate) fn new() -> io::Result<Self> {
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
        Ok(Self { folder, _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn is_left_over(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}
