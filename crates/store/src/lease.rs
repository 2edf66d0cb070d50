//! Table `lease`: which indexer may write.

use std::time::Duration;

use sqlx::PgConnection;

use crate::admin::schema::INDEXER_LOCK;
use crate::{StoreError, is_only_indexer};

/// The number of a holder of the lease. Only the newest may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(i64);

/// Tries to become the database's only indexer: for as long as this connection lives, and the lease is renewed. When the one
/// that is has not renewed it for `patience`, its connection is ended; try again then.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn take_lease(connection: &mut PgConnection, patience: Duration) -> Result<Option<Epoch>, StoreError> {
    if !is_only_indexer(&mut *connection).await? {
        // The locks of a leader that is stopped in a transaction are freed after its time in one.
        sqlx::query!(
            r#"select pg_terminate_backend(pid) as "ended!"
               from lease cross join pg_locks
               where renewed_at < now() - make_interval(secs => $1)
                   and locktype = 'advisory' and granted and objsubid = 1
                   and pg_locks.database = (select oid from pg_database where datname = current_database())
                   and (classid::bigint << 32) | objid::bigint = $2"#,
            patience.as_secs_f64(),
            INDEXER_LOCK,
        )
        .fetch_all(connection)
        .await?;
        return Ok(None);
    }
    let epoch = sqlx::query_scalar!(
        "insert into lease (epoch, renewed_at) values (1, now())
         on conflict (is_only) do update set epoch = lease.epoch + 1, renewed_at = now()
         returning epoch"
    );
    Ok(Some(Epoch(epoch.fetch_one(connection).await?)))
}

/// Takes the lease for as long as the connection lives, for who holds the lock and has no time to renew.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn hold_lease(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into lease (epoch, renewed_at) values (1, 'infinity')
         on conflict (is_only) do update set epoch = lease.epoch + 1, renewed_at = 'infinity'"
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Renews the lease. Whether it is still this holder's.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn renew_lease(connection: &mut PgConnection, epoch: Epoch) -> Result<bool, StoreError> {
    let renewed = sqlx::query!("update lease set renewed_at = now() where epoch = $1", epoch.0);
    Ok(renewed.execute(connection).await?.rows_affected() == 1)
}

/// Makes sure, at the beginning of a transaction that writes, that no other indexer has taken this one's place.
///
/// # Errors
/// [`StoreError::LeaseLost`], [`StoreError::Database`].
pub async fn expect_lease(connection: &mut PgConnection, epoch: Epoch) -> Result<(), StoreError> {
    let newest = sqlx::query_scalar!("select epoch from lease").fetch_optional(connection).await?;
    if newest == Some(epoch.0) { Ok(()) } else { Err(StoreError::LeaseLost) }
}
