//! What the index is of.

use counterfoil_store::{Cluster, load_cluster};

use super::error::{Place, QueryError};
use super::view::View;

/// Answers of which cluster and program the index is; none before an indexer has bound it.
///
/// # Errors
/// [`QueryError`].
pub async fn status(view: &View) -> Result<Option<Cluster>, QueryError> {
    let mut snapshot = view.moment_of_index().await?;
    load_cluster(&mut snapshot).await.map_err(Place::Index.store_error())
}
