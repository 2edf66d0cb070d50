//! The folder that `counterfoil dev` keeps its data in.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use pgcluster::{Cluster, ClusterError, Durability};

/// A folder with this file is ours: it can be emptied, and is locked while in use.
const MARKER: &str = "counterfoil-dev";

/// Makes the folder, or takes one that an earlier `dev` made; it is ours alone as long as the lock lives.
pub(super) fn prepare(data: Option<&Path>, is_fresh: bool) -> anyhow::Result<(PathBuf, fs::File)> {
    let folder = match data {
        Some(folder) => folder.to_owned(),
        None => default_folder()?,
    };
    let shown = folder.display();
    let marker = folder.join(MARKER);
    let is_new = fs::read_dir(&folder).map_or(true, |mut files| files.next().is_none());
    ensure!(
        is_new || marker.exists(),
        "{shown} holds files that are not from `counterfoil dev`: choose another --data"
    );
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {shown}: choose another --data"))?;
    let lock = fs::File::create(&marker).with_context(|| format!("cannot write to {shown}"))?;
    if lock.try_lock().is_err() {
        bail!("another `counterfoil dev` runs on {shown}: end it, or choose another --data");
    }
    if is_fresh {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {shown}"))? {
            let path = entry.with_context(|| format!("cannot read {shown}"))?.path();
            let removed = match path.is_dir() {
                true => fs::remove_dir_all(&path),
                false if path == marker => Ok(()),
                false => fs::remove_file(&path),
            };
            removed.with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    let folder = folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))?;
    Ok((folder, lock))
}

/// The user's data folder. Root's home is closed to the user that PostgreSQL then runs as, so root has another.
fn default_folder() -> anyhow::Result<PathBuf> {
    let user_folder = env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(|| {
        let home = env::var_os("HOME")?;
        Some(Path::new(&home).join(".local/share"))
    });
    match user_folder {
        _ if pgcluster::is_root() => Ok(PathBuf::from("/var/lib/counterfoil/dev")),
        Some(folder) => Ok(folder.join("counterfoil/dev")),
        None => bail!("HOME is not set, so there is no data folder: give one with --data"),
    }
}

/// Starts PostgreSQL on its data in the folder.
pub(super) fn start_postgres(folder: &Path) -> anyhow::Result<Cluster> {
    Cluster::start(&folder.join("postgres"), Durability::Full).map_err(|error| match &error {
        ClusterError::Closed { .. } => anyhow!("{error}. Or choose another folder with --data"),
        _ => error.into(),
    })
}
