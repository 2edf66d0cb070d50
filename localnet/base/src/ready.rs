//! The file that says that a node answers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::Endpoints;

/// A file that is there, whole, exactly while the node answers.
pub(crate) struct ReadyFile(PathBuf);

impl ReadyFile {
    pub(crate) fn write(path: &Path, endpoints: &Endpoints) -> Result<Self> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(format!(".{}", std::process::id()));
        let unfinished = PathBuf::from(unfinished);
        let written = serde_json::to_vec(endpoints)
            .map_err(io::Error::from)
            .and_then(|json| fs::write(&unfinished, json))
            .and_then(|()| fs::rename(&unfinished, path));
        if let Err(error) = written {
            // It may never have been created.
            let _ = fs::remove_file(&unfinished);
            return Err(error)
                .with_context(|| format!("cannot write the ready file {}: does its folder exist?", path.display()));
        }
        Ok(Self(path.to_owned()))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.0);
    }
}
