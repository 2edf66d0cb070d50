//! Which indexer may write: the one that took the lease last.

use std::time::Duration;

use counterfoil_store::{StoreError, begin, expect_lease, hold_lease, is_only_indexer, renew_lease, take_lease};

use crate::database::Database;

const NEVER: Duration = Duration::from_secs(100_000);

#[tokio::test]
async fn only_the_newest_holder_of_the_lease_writes() {
    let database = Database::open().await;
    let (mut first, mut second) = (database.pool.acquire().await.unwrap(), database.pool.acquire().await.unwrap());
    let old = take_lease(&mut first, NEVER).await.unwrap().unwrap();
    assert_eq!(take_lease(&mut second, NEVER).await.unwrap(), None, "it was renewed just now");
    assert!(renew_lease(&mut first, old).await.unwrap());

    // The one that stands by finds the lease too old, and ends the connection that holds the lock.
    assert_eq!(take_lease(&mut second, Duration::ZERO).await.unwrap(), None);
    let error = is_only_indexer(&mut first).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let mut taken = None;
    while taken.is_none() {
        taken = take_lease(&mut second, NEVER).await.unwrap();
    }

    // The old one, on a new connection, writes nothing more.
    let mut again = database.pool.acquire().await.unwrap();
    assert!(!renew_lease(&mut again, old).await.unwrap());
    let mut transaction = begin(&mut again).await.unwrap();
    assert!(matches!(expect_lease(&mut transaction, old).await.unwrap_err(), StoreError::LeaseLost));
    expect_lease(&mut transaction, taken.unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_lease_that_is_held_is_taken_with_its_connection_alone() {
    let database = Database::open().await;
    let (mut first, mut second) = (database.pool.acquire().await.unwrap(), database.pool.acquire().await.unwrap());
    assert!(is_only_indexer(&mut first).await.unwrap());
    hold_lease(&mut first).await.unwrap();
    assert_eq!(take_lease(&mut second, Duration::ZERO).await.unwrap(), None);
    assert!(is_only_indexer(&mut first).await.unwrap(), "its connection stands");
    first.close().await.unwrap();
    let mut taken = None;
    while taken.is_none() {
        taken = take_lease(&mut second, NEVER).await.unwrap();
    }
}
