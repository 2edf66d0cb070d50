use counterfoil_core::LedgerHead;
use counterfoil_store::{StoreError, load_ledger, mark_checked};

use crate::database::{Database, LEDGER};
use crate::history::History;

async fn checked(database: &Database) -> Option<(LedgerHead, u64)> {
    load_ledger(&mut database.pool.acquire().await.unwrap(), LEDGER).await.unwrap().checked
}

#[tokio::test]
async fn the_checked_watermark_never_goes_above_what_is_applied() {
    let database = Database::open().await;
    let mut history = History::create(LEDGER);
    history.append(3);
    database.commit(LEDGER, &history.take()).await.unwrap();
    history.append(1);
    let before = database.rows().await;
    let mut connection = database.pool.acquire().await.unwrap();
    let error = mark_checked(&mut connection, &history.check(), 200).await.unwrap_err();
    assert!(matches!(error, StoreError::CursorMoved { ledger: LEDGER, expected: 3 }), "{error:?}");
    assert_eq!(database.rows().await, before);
}

#[tokio::test]
async fn the_checked_watermark_never_goes_back() {
    let database = Database::open().await;
    let mut history = History::create(LEDGER);
    let earlier = history.check();
    history.append(3);
    let later = history.check();
    history.append(1);
    database.commit(LEDGER, &history.take()).await.unwrap();
    let mut connection = database.pool.acquire().await.unwrap();
    assert_eq!(checked(&database).await, None);
    mark_checked(&mut connection, &later, 200).await.unwrap();
    let error = mark_checked(&mut connection, &earlier, 300).await.unwrap_err();
    assert!(matches!(error, StoreError::CursorMoved { ledger: LEDGER, expected: 1 }), "{error:?}");
    assert_eq!(checked(&database).await, Some((*later.head(), 200)));

    mark_checked(&mut connection, &history.check(), 300).await.unwrap();
    assert_eq!(checked(&database).await, Some((*history.check().head(), 300)));
}

#[tokio::test]
async fn the_same_head_may_be_checked_again_in_a_later_slot() {
    let database = Database::open().await;
    let mut history = History::create(LEDGER);
    database.commit(LEDGER, &history.take()).await.unwrap();
    let mut connection = database.pool.acquire().await.unwrap();
    mark_checked(&mut connection, &history.check(), 200).await.unwrap();
    mark_checked(&mut connection, &history.check(), 201).await.unwrap();
    assert_eq!(checked(&database).await, Some((*history.check().head(), 201)));
}

#[tokio::test]
async fn another_head_at_the_checked_event_is_refused() {
    let database = Database::open().await;
    let (mut stored, mut other) = (History::create(LEDGER), History::create(LEDGER));
    stored.append(1);
    other.append(2);
    database.commit(LEDGER, &stored.take()).await.unwrap();
    let mut connection = database.pool.acquire().await.unwrap();
    mark_checked(&mut connection, &stored.check(), 200).await.unwrap();
    let error = mark_checked(&mut connection, &other.check(), 200).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { table: "cursor", .. }), "{error:?}");
    assert_eq!(checked(&database).await, Some((*stored.check().head(), 200)));
}

#[tokio::test]
async fn a_slot_that_no_bigint_holds_is_refused() {
    let database = Database::open().await;
    let mut history = History::create(LEDGER);
    database.commit(LEDGER, &history.take()).await.unwrap();
    let before = database.rows().await;
    let mut connection = database.pool.acquire().await.unwrap();
    let error = mark_checked(&mut connection, &history.check(), u64::MAX).await.unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { what: "slot", value: u64::MAX }), "{error:?}");
    assert_eq!(database.rows().await, before);
}
