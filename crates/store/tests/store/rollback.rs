use counterfoil_store::{
    Said, StoreError, add_ledger, drop_unchecked, forget_ledger, halt, keep_evidence, load_state, mark_checked,
};

use crate::database::{Database, LEDGER, OTHER_LEDGER};
use crate::history::History;

async fn drop_above_checked(database: &Database) -> u64 {
    let mut transaction = database.pool.begin().await.unwrap();
    let dropped = drop_unchecked(&mut transaction, LEDGER).await.unwrap();
    transaction.commit().await.unwrap();
    dropped
}

/// As many events as entries, so that tiles of both logs become full, and become full at the same time.
fn grow(history: &mut History, size: u64) {
    while history.state().head().events.size.get() < size - 1 {
        history.append(1);
    }
    history.append(2);
}

#[tokio::test]
async fn dropping_leaves_what_was_there_when_it_was_checked() {
    for (checked, applied) in [(3, 5), (255, 257), (256, 257), (256, 513), (257, 600), (511, 512), (512, 769)] {
        let database = Database::open().await;
        let mut history = History::create(LEDGER);
        grow(&mut history, checked);
        database.commit(LEDGER, &history.take()).await.unwrap();
        mark_checked(&mut database.pool.acquire().await.unwrap(), &history.check(), 200).await.unwrap();
        let (rows, state) = (database.rows().await, history.state().clone());

        while history.state().event_seq().get() < applied {
            history.append(1);
        }
        let above = history.take();
        database.commit(LEDGER, &above).await.unwrap();
        let all_rows = database.rows().await;
        assert_eq!(drop_above_checked(&database).await, applied - checked);
        assert_eq!(database.rows().await, rows, "checked {checked}, applied {applied}");
        let stored = load_state(&mut database.pool.acquire().await.unwrap(), LEDGER).await.unwrap();
        assert_eq!(stored, state);

        assert_eq!(drop_above_checked(&database).await, 0);
        database.commit(LEDGER, &above).await.unwrap();
        let again = load_state(&mut database.pool.acquire().await.unwrap(), LEDGER).await.unwrap();
        assert_eq!(&again, history.state());
        assert_eq!(database.rows().await.len(), all_rows.len());
    }
}

#[tokio::test]
async fn a_ledger_that_was_never_checked_is_dropped_whole_and_no_other_with_it() {
    let database = Database::open().await;
    let (mut dropped, mut kept) = (History::create(LEDGER), History::create(OTHER_LEDGER));
    dropped.append(300);
    kept.append(300);
    let (batch, kept_batch) = (dropped.take(), kept.take());
    database.commit(OTHER_LEDGER, &kept_batch).await.unwrap();
    let before = database.rows().await;
    database.commit(LEDGER, &batch).await.unwrap();
    assert_eq!(drop_above_checked(&database).await, 2);
    assert_eq!(database.rows().await, before);
}

#[tokio::test]
async fn of_a_ledger_that_is_forgotten_nothing_is_left_and_of_others_all() {
    let database = Database::open().await;
    let mut other = History::create(OTHER_LEDGER);
    grow(&mut other, 300);
    database.commit(OTHER_LEDGER, &other.take()).await.unwrap();
    let mut connection = database.pool.acquire().await.unwrap();
    forget_ledger(&mut connection, LEDGER).await.unwrap();
    let rows = database.rows().await;

    add_ledger(&mut connection, LEDGER).await.unwrap();
    let mut history = History::create(LEDGER);
    grow(&mut history, 600);
    database.commit(LEDGER, &history.take()).await.unwrap();
    mark_checked(&mut connection, &history.check(), 200).await.unwrap();
    halt(&mut connection, LEDGER, "two heads").await.unwrap();
    let said = Said { server: "a".to_owned(), slot: 1, head: history.state().head(), agrees: true };
    keep_evidence(&mut connection, LEDGER, &[said]).await.unwrap();
    assert_eq!(forget_ledger(&mut connection, LEDGER).await.unwrap(), 600);
    assert_eq!(database.rows().await, rows);
    let error = forget_ledger(&mut connection, LEDGER).await.unwrap_err();
    assert!(matches!(error, StoreError::UnknownLedger(LEDGER)), "{error}");
}
