use counterfoil_core::LedgerId;
use counterfoil_store::{PgConnection, StoreError, begin, commit, load_events, load_ledger, load_state};
use merkle_log::LeafIndex;

use crate::database::{Database, LEDGER, OTHER_LEDGER, rows, rule};
use crate::history::History;

/// Events of both kinds; 300 entries, so that a tile becomes full.
fn history(ledger: LedgerId) -> History {
    let mut history = History::create(ledger);
    history.append(100);
    history.grant();
    history.append(200);
    history
}

/// Each makes another step of a commit fail, by a row that stands where one of the history's belongs.
const OBSTACLES: [(&str, &str); 3] = [
    ("event_key_by_ledger", "insert into event values (1, 2, bytes(64), bytes(32), bytes(152));"),
    ("entry_key_by_ledger", "insert into entry values (1, 299, 1000, bytes(32), 'x');"),
    ("tile_key_by_ledger", "insert into tile values (1, 0, 0, 0, bytes(32), bytes(8192));"),
];

#[tokio::test]
async fn a_commit_that_fails_at_any_step_leaves_no_row() {
    for (constraint, obstacle) in OBSTACLES {
        let database = Database::open().await;
        sqlx::raw_sql(obstacle).execute(&database.pool).await.unwrap();
        let before = database.rows().await;
        let error = database.commit(LEDGER, &history(LEDGER).take()).await.unwrap_err();
        let StoreError::Database(sqlx::Error::Database(error)) = &error else { panic!("{constraint}: {error:?}") };
        assert_eq!(rule(&database.pool, error.constraint().unwrap()).await, constraint);
        assert_eq!(database.rows().await, before, "{constraint}");
    }
}

#[tokio::test]
async fn what_was_rolled_back_can_be_committed_again() {
    let database = Database::open().await;
    let before = database.rows().await;
    let mut history = history(LEDGER);
    let batch = history.take();
    let mut transaction = database.pool.begin().await.unwrap();
    commit(&mut transaction, LEDGER, &batch).await.unwrap();
    assert_ne!(rows(&mut transaction).await, before);
    transaction.rollback().await.unwrap();
    assert_eq!(database.rows().await, before);

    database.commit(LEDGER, &batch).await.unwrap();
    let mut connection = database.pool.acquire().await.unwrap();
    assert_eq!(&load_state(&mut connection, LEDGER).await.unwrap(), history.state());
}

#[tokio::test]
async fn one_batch_and_one_event_at_a_time_leave_equal_rows() {
    let (together, apart) = (Database::open().await, Database::open().await);
    let batch = history(LEDGER).take();
    together.commit(LEDGER, &batch).await.unwrap();
    for event in batch {
        apart.commit(LEDGER, &vec![event]).await.unwrap();
    }
    assert_eq!(together.rows().await, apart.rows().await);
}

#[tokio::test]
async fn an_empty_batch_changes_nothing() {
    let database = Database::open().await;
    let before = database.rows().await;
    database.commit(LEDGER, &vec![]).await.unwrap();
    assert_eq!(database.rows().await, before);
}

#[tokio::test]
async fn a_batch_that_is_written_already_is_refused_before_anything_is_written() {
    let database = Database::open().await;
    let batch = history(LEDGER).take();
    database.commit(LEDGER, &batch).await.unwrap();
    let before = database.rows().await;
    // Within the transaction, so that it is not the rollback that undoes what was written.
    let mut transaction = database.pool.begin().await.unwrap();
    let error = commit(&mut transaction, LEDGER, &batch).await.unwrap_err();
    assert!(matches!(error, StoreError::CursorMoved { ledger: LEDGER, expected: 0 }), "{error:?}");
    assert_eq!(rows(&mut transaction).await, before);
}

#[tokio::test]
async fn of_two_writers_at_once_the_second_is_refused() {
    let database = Database::open().await;
    let batch = history(LEDGER).take();
    let (mut first, mut second) = (database.pool.begin().await.unwrap(), database.pool.begin().await.unwrap());
    commit(&mut first, LEDGER, &batch).await.unwrap();
    // The second one waits for the row lock of the first.
    let (outcome, committed) = tokio::join!(commit(&mut second, LEDGER, &batch), first.commit());
    committed.unwrap();
    let error = outcome.unwrap_err();
    assert!(matches!(error, StoreError::CursorMoved { ledger: LEDGER, expected: 0 }), "{error:?}");
    let seen_by_second = rows(&mut second).await;
    second.rollback().await.unwrap();
    assert_eq!(seen_by_second, database.rows().await);
}

#[tokio::test]
async fn a_writer_that_waited_for_one_that_gave_up_writes() {
    let database = Database::open().await;
    let mut history = history(LEDGER);
    let batch = history.take();
    let (mut first, mut second) = (database.pool.begin().await.unwrap(), database.pool.begin().await.unwrap());
    commit(&mut first, LEDGER, &batch).await.unwrap();
    let (outcome, rolled_back) = tokio::join!(commit(&mut second, LEDGER, &batch), first.rollback());
    rolled_back.unwrap();
    outcome.unwrap();
    second.commit().await.unwrap();
    let mut connection = database.pool.acquire().await.unwrap();
    assert_eq!(&load_state(&mut connection, LEDGER).await.unwrap(), history.state());
}

#[tokio::test]
async fn a_batch_that_begins_at_another_event_than_the_cursor_is_refused() {
    let database = Database::open().await;
    let batch = history(LEDGER).take();
    let before = database.rows().await;
    let error = database.commit(LEDGER, &batch[1..].to_vec()).await.unwrap_err();
    assert!(matches!(error, StoreError::CursorMoved { ledger: LEDGER, expected: 1 }), "{error:?}");
    assert_eq!(database.rows().await, before);
}

#[tokio::test]
async fn a_batch_that_begins_at_another_size_than_the_cursor_is_refused() {
    let database = Database::open().await;
    let (mut stored, mut other) = (History::create(LEDGER), History::create(LEDGER));
    stored.append(1);
    other.append(2);
    other.append(1);
    database.commit(LEDGER, &stored.take()).await.unwrap();
    let before = database.rows().await;
    let error = database.commit(LEDGER, &other.take()[2..].to_vec()).await.unwrap_err();
    assert!(matches!(error, StoreError::CursorMoved { ledger: LEDGER, expected: 2 }), "{error:?}");
    assert_eq!(database.rows().await, before);
}

#[tokio::test]
async fn a_ledger_that_is_not_in_the_index_is_refused() {
    const UNKNOWN: LedgerId = LedgerId([9; 32]);
    let database = Database::open().await;
    let error = database.commit(UNKNOWN, &history(UNKNOWN).take()).await.unwrap_err();
    assert!(matches!(error, StoreError::UnknownLedger(UNKNOWN)), "{error:?}");
}

#[tokio::test]
async fn a_transaction_may_carry_events_of_two_ledgers() {
    let database = Database::open().await;
    let (mut one, mut two) = (History::create(LEDGER), History::create(OTHER_LEDGER));
    let (batch, mut other_batch) = (one.take(), two.take());
    let within = batch[0].0;
    other_batch[0].0 = within;
    database.commit(LEDGER, &batch).await.unwrap();
    database.commit(OTHER_LEDGER, &other_batch).await.unwrap();

    let mut connection = database.pool.acquire().await.unwrap();
    for ledger in [LEDGER, OTHER_LEDGER] {
        let row = load_ledger(&mut connection, ledger).await.unwrap();
        let events = load_events(&mut connection, &row, &[LeafIndex::new(0).unwrap()]).await.unwrap();
        assert_eq!((events[0].event.header.ledger, events[0].signature), (ledger, within.signature));
    }
}

#[tokio::test]
async fn a_batch_that_is_no_run_of_the_ledgers_events_is_refused_and_nothing_written() {
    let database = Database::open().await;
    let before = database.rows().await;
    let whole = history(LEDGER).take();

    let mut with_a_hole = whole.clone();
    with_a_hole.remove(1);
    let refused = |event_seq| StoreError::BrokenBatch { ledger: LEDGER, event_seq }.to_string();
    assert_eq!(database.commit(LEDGER, &with_a_hole).await.unwrap_err().to_string(), refused(2));
    let anothers = history(OTHER_LEDGER).take();
    assert_eq!(database.commit(LEDGER, &anothers).await.unwrap_err().to_string(), refused(0));
    assert_eq!(database.rows().await, before);
}

/// The tables that the connection has inserted into; COPY is never prepared.
async fn inserted_into(connection: &mut PgConnection) -> Vec<String> {
    let tables = sqlx::query_scalar(
        r"select distinct substring(statement from '^insert into (\w+)') as inserted from pg_prepared_statements
          where statement like 'insert into %' order by inserted",
    );
    tables.fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn few_rows_that_are_inserted_and_many_that_are_copied_are_equal() {
    let (many, few) = (Database::open().await, Database::open().await);
    let mut history = History::create(LEDGER);
    // Of each table more than INSERT takes: of tiles 35, of subtrees 3,000.
    (0..900).for_each(|_| history.append(10));
    (0..3_000).for_each(|_| history.append_subtrees(1));
    let batch = history.take();
    for (database, events, inserted) in
        [(&many, batch.len(), &[][..]), (&few, 20, &["entry", "event", "subtree", "tile"][..])]
    {
        let mut connection = database.pool.acquire().await.unwrap();
        for part in batch.chunks(events) {
            let mut transaction = begin(&mut connection).await.unwrap();
            commit(&mut transaction, LEDGER, part).await.unwrap();
            transaction.commit().await.unwrap();
        }
        assert_eq!(inserted_into(&mut connection).await, inserted);
    }
    let rows = many.rows().await;
    assert!(rows.len() > 3_900 + 9_000 + 35 + 3_000, "{} rows", rows.len());
    assert_eq!(rows, few.rows().await);
}
