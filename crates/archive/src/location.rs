//! Where an archive is.

use std::path::PathBuf;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use url::Url;

/// Why an archive cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// A URL of another kind.
    #[error("{0:?} is no archive's place: give a folder, or s3://BUCKET/PREFIX")]
    Unknown(String),
    /// The folder cannot be made.
    #[error("the folder {folder} cannot be made: {cause}")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The settings of the store do not do.
    #[error("the archive cannot be opened: {0}")]
    Store(#[from] object_store::Error),
}

/// A store, and where in it.
pub(crate) struct Place {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) prefix: Path,
    /// The folder, where it is one.
    pub(crate) folder: Option<PathBuf>,
}

pub(crate) fn open(location: &str) -> Result<Place, LocationError> {
    let unknown = || LocationError::Unknown(location.to_owned());
    if !location.contains("://") {
        let folder = PathBuf::from(location);
        let fault = |cause| LocationError::Folder { folder: location.to_owned(), cause };
        std::fs::create_dir_all(&folder).map_err(fault)?;
        let folder = folder.canonicalize().map_err(fault)?;
        let store = LocalFileSystem::new_with_prefix(&folder)?;
        return Ok(Place { store: Arc::new(store), prefix: Path::default(), folder: Some(folder) });
    }
    let url = Url::parse(location).map_err(|_| unknown())?;
    let bucket = url.host_str().filter(|_| url.scheme() == "s3").ok_or_else(unknown)?;
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    // As AWS' own tools name it; a server on this machine has no TLS.
    if let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL") {
        builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
    }
    let prefix = Path::from_url_path(url.path()).map_err(|_| unknown())?;
    Ok(Place { store: Arc::new(builder.build()?), prefix, folder: None })
}
