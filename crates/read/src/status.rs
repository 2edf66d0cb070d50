//! The cluster and program of the index.

use counterfoil_store::{Cluster, load_cluster};

use crate::error::{Place, ReadError};
use crate::reader::Reader;

/// Answers of which cluster and program the index is; none before an indexer has bound it.
///
/// # Errors
/// [`ReadError`].
pub async fn status(reader: &Reader) -> Result<Option<Cluster>, ReadError> {
    let mut snapshot = reader.snapshot_of_index().await?;
    load_cluster(&mut snapshot).await.map_err(Place::Index.store_error())
}
