//! Where PostgreSQL's server programs are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Debian keeps them out of PATH, in a folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";

pub(crate) struct Binaries {
    pub(crate) createdb: PathBuf,
    pub(crate) initdb: PathBuf,
    pub(crate) pg_ctl: PathBuf,
    pub(crate) pg_isready: PathBuf,
    pub(crate) postgres: PathBuf,
}

impl Binaries {
    pub(crate) fn find() -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        debian_folders().into_iter().chain(env::split_paths(&path)).find_map(|folder| Self::in_folder(&folder))
    }

    fn in_folder(folder: &Path) -> Option<Self> {
        let program = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        Some(Self {
            createdb: program("createdb")?,
            initdb: program("initdb")?,
            pg_ctl: program("pg_ctl")?,
            pg_isready: program("pg_isready")?,
            postgres: program("postgres")?,
        })
    }
}

/// The newest version first.
fn debian_folders() -> Vec<PathBuf> {
    let mut versions: Vec<u32> = fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.iter().map(|version| Path::new(DEBIAN).join(version.to_string()).join("bin")).collect()
}
