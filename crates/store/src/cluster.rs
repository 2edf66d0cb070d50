//! Table `cluster`: the one cluster and program that all rows come from.

use counterfoil_core::{GenesisHash, ProgramId};
use sqlx::PgConnection;

use crate::convert::bytes;
use crate::{Cluster, StoreError, WrongCluster};

/// Reads where the rows come from; none in a new index.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_cluster(connection: &mut PgConnection) -> Result<Option<Cluster>, StoreError> {
    let row = sqlx::query!("select genesis_hash, program from cluster").fetch_optional(connection).await?;
    row.map(|row| {
        Ok(Cluster {
            genesis_hash: GenesisHash(bytes("cluster", "the one", &row.genesis_hash)?),
            program: ProgramId(bytes("cluster", "the one", &row.program)?),
        })
    })
    .transpose()
}

/// Binds a new index to a cluster and a program.
///
/// # Errors
/// [`StoreError::WrongCluster`] when the index is bound to others; [`StoreError::Database`].
pub async fn bind_cluster(connection: &mut PgConnection, cluster: Cluster) -> Result<(), StoreError> {
    match load_cluster(&mut *connection).await? {
        Some(bound) if bound == cluster => Ok(()),
        Some(bound) => Err(StoreError::WrongCluster(Box::new(WrongCluster { bound, found: cluster }))),
        None => {
            sqlx::query!(
                "insert into cluster (genesis_hash, program) values ($1, $2)",
                &cluster.genesis_hash.0[..],
                &cluster.program.0[..],
            )
            .execute(connection)
            .await?;
            Ok(())
        }
    }
}
