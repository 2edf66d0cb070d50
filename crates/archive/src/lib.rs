#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod bundle;
mod location;

use std::path::PathBuf;
use std::sync::Arc;

use counterfoil_core::LedgerId;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

pub use bundle::{BUNDLE_WIDTH, BundleError, MAX_BUNDLE_BYTES, decode_bundle, encode_bundle, tile_path};
pub use location::LocationError;

/// Far more than a checkpoint has.
const MAX_CHECKPOINT_BYTES: u64 = 64 * 1024;

/// An archive. Clones share it.
#[derive(Clone)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    /// Before each path.
    prefix: Path,
    /// The folder, where it is one: its files are flushed to the disk here.
    folder: Option<PathBuf>,
}

/// Why the archive does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The store failed.
    #[error("the archive fails at {path}: {cause}")]
    Store {
        /// The file.
        path: String,
        /// Why, as the store says.
        cause: object_store::Error,
    },
    /// A file was not flushed to the disk.
    #[error("{path} cannot be flushed to the disk: {cause}")]
    Flush {
        /// The file.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The bytes read are not those that were written.
    #[error("the archive gives back other bytes for {path} than were written")]
    ReadBack {
        /// The file.
        path: String,
    },
    /// A file that should be there is not, or is not what it should be.
    #[error("the archive's {path} is not what it should be: {why}")]
    Malformed {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
}

impl Archive {
    /// The archive in a folder, which is made where it is not there, or at `s3://BUCKET/PREFIX`, with credentials and endpoint from
    /// the environment as AWS' tools have them (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`).
    ///
    /// # Errors
    /// [`LocationError`].
    pub fn open(location: &str) -> Result<Self, LocationError> {
        let location::Place { store, prefix, folder } = location::open(location)?;
        Ok(Self { store, prefix, folder })
    }

    /// How many entries of a ledger are there.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn size(&self, ledger: LedgerId) -> Result<u64, ArchiveError> {
        let path = self.path(ledger, "checkpoint");
        let Some(bytes) = self.get(&path, MAX_CHECKPOINT_BYTES).await? else { return Ok(0) };
        let size = std::str::from_utf8(&bytes).ok().and_then(|text| text.lines().nth(1)?.parse().ok());
        size.ok_or_else(|| malformed(&path, "its second line is no size"))
    }

    /// Writes entries from index `first` on, which begins a bundle, and reads each bundle back. The archive has `first` plus their
    /// number then. Entries that are there already are written again: give the same.
    ///
    /// # Errors
    /// [`ArchiveError`]; what was written before stays, and [`Self::size`] does not count it.
    pub async fn write(&self, ledger: LedgerId, first: u64, entries: &[Vec<u8>]) -> Result<(), ArchiveError> {
        let mut last = None;
        for (number, bundle) in (first / BUNDLE_WIDTH..).zip(entries.chunks(BUNDLE_WIDTH as usize)) {
            let path = self.path(ledger, &bundle_path(number, bundle.len()));
            let bytes = encode_bundle(bundle).map_err(|error| malformed(&path, error))?;
            self.put(&path, bytes).await?;
            last = Some((number, path));
        }
        let size = first + entries.len() as u64;
        let path = self.path(ledger, "checkpoint");
        self.put(&path, format!("{ledger}\n{size}\n").into_bytes()).await?;
        if let Some((number, newest)) = last {
            self.remove_partial(ledger, number, &newest).await?;
            if let Some(before) = number.checked_sub(1) {
                self.remove_partial(ledger, before, &newest).await?;
            }
        }
        Ok(())
    }

    /// Reads bundle `number` of a ledger of which the archive has `size` entries: 256 entries, or fewer where it is the last one.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn read(&self, ledger: LedgerId, number: u64, size: u64) -> Result<Vec<Vec<u8>>, ArchiveError> {
        let width = size.saturating_sub(number.saturating_mul(BUNDLE_WIDTH)).min(BUNDLE_WIDTH);
        let path = self.path(ledger, &bundle_path(number, usize::try_from(width).unwrap_or(0)));
        let bytes = self.get(&path, MAX_BUNDLE_BYTES).await?.ok_or_else(|| malformed(&path, "it is not there"))?;
        let entries = decode_bundle(&bytes).map_err(|error| malformed(&path, error))?;
        if entries.len() as u64 != width {
            return Err(malformed(&path, format!("it has {} entries, not {width}", entries.len())));
        }
        Ok(entries)
    }

    fn path(&self, ledger: LedgerId, rest: &str) -> Path {
        let path = format!("{}/{ledger}/{rest}", self.prefix);
        Path::from(path.trim_start_matches('/'))
    }

    async fn put(&self, path: &Path, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        let fault = |cause| ArchiveError::Store { path: path.to_string(), cause };
        self.store.put(path, PutPayload::from(bytes.clone())).await.map_err(fault)?;
        if let Some(folder) = &self.folder {
            let file = folder.join(path.as_ref());
            flush(&file, folder).await.map_err(|cause| ArchiveError::Flush { path: path.to_string(), cause })?;
        }
        let back = self.store.get(path).await.map_err(fault)?.bytes().await.map_err(fault)?;
        if back != bytes {
            return Err(ArchiveError::ReadBack { path: path.to_string() });
        }
        Ok(())
    }

    async fn get(&self, path: &Path, most: u64) -> Result<Option<Vec<u8>>, ArchiveError> {
        let fault = |cause| ArchiveError::Store { path: path.to_string(), cause };
        let found = match self.store.get(path).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(fault)?,
        };
        if found.meta.size > most {
            return Err(malformed(path, format!("it has more than {most} bytes")));
        }
        Ok(Some(found.bytes().await.map_err(fault)?.to_vec()))
    }

    /// Removes the smaller ones of a bundle that has grown.
    async fn remove_partial(&self, ledger: LedgerId, number: u64, newest: &Path) -> Result<(), ArchiveError> {
        let folder = self.path(ledger, &format!("tile/entries/{}.p", tile_path(number)));
        let fault = |cause| ArchiveError::Store { path: folder.to_string(), cause };
        let partial: Vec<_> = self.store.list(Some(&folder)).try_collect().await.map_err(fault)?;
        for object in partial.into_iter().filter(|object| object.location != *newest) {
            match self.store.delete(&object.location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(cause) => return Err(fault(cause)),
            }
        }
        Ok(())
    }
}

fn bundle_path(number: u64, width: usize) -> String {
    let path = format!("tile/entries/{}", tile_path(number));
    if width as u64 == BUNDLE_WIDTH { path } else { format!("{path}.p/{width}") }
}

/// A file is there after a crash once its bytes and the names of its folders, up to the archive's, are on the disk.
async fn flush(file: &std::path::Path, archive: &std::path::Path) -> std::io::Result<()> {
    tokio::fs::File::open(file).await?.sync_all().await?;
    for folder in file.ancestors().skip(1).take_while(|folder| folder.starts_with(archive)) {
        tokio::fs::File::open(folder).await?.sync_all().await?;
    }
    Ok(())
}

fn malformed(path: &Path, why: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Malformed { path: path.to_string(), why: why.to_string() }
}
