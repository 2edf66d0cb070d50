//! What the index is of.

use counterfoil_store::{Cluster, PgPool, load_cluster, snapshot};

use super::error::{Place, QueryError};

/// Answers of which cluster and program the index is; none before an indexer has bound it.
///
/// # Errors
/// [`QueryError`].
pub async fn status(pool: &PgPool) -> Result<Option<Cluster>, QueryError> {
    let mut snapshot = snapshot(pool).await.map_err(Place::Index.store_error())?;
    load_cluster(&mut snapshot).await.map_err(Place::Index.store_error())
}
