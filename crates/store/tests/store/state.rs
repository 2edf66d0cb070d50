use counterfoil_core::LedgerState;
use counterfoil_store::{StoreError, load_head_at, load_ledger, load_state, mark_checked};
use merkle_log::TreeSize;

use crate::database::{Database, LEDGER, tamper};
use crate::history::History;

/// Around one and two full tiles, and around a full tile of full tiles.
const SIZES: [u64; 11] = [1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537];
/// The leaves that one instruction can carry.
const MAX_ENTRIES: u64 = 4_096;

async fn expect_stored_state(database: &Database, history: &History, size: u64) {
    let mut connection = database.pool.acquire().await.unwrap();
    let stored = load_state(&mut connection, LEDGER).await.unwrap();
    assert!(&stored == history.state(), "at size {size}: {:?} and {:?}", stored.head(), history.state().head());
}

#[tokio::test]
async fn the_stored_state_is_the_one_in_memory_at_every_edge_of_the_entries() {
    let database = Database::open().await;
    let mut history = History::create(LEDGER);
    let mut size = 0;
    for wanted in SIZES {
        while size < wanted {
            let count = MAX_ENTRIES.min(wanted - size);
            history.append(count);
            size += count;
        }
        database.commit(LEDGER, &history.take()).await.unwrap();
        expect_stored_state(&database, &history, size).await;
    }
}

#[tokio::test]
async fn the_stored_state_is_the_one_in_memory_at_every_edge_of_the_events() {
    let database = Database::open().await;
    let mut history = History::create(LEDGER);
    for wanted in SIZES {
        while history.state().event_seq().get() < wanted {
            history.grant();
        }
        database.commit(LEDGER, &history.take()).await.unwrap();
        expect_stored_state(&database, &history, wanted).await;
    }
}

#[tokio::test]
async fn a_new_ledger_has_the_state_before_the_first_event() {
    let database = Database::open().await;
    let mut connection = database.pool.acquire().await.unwrap();
    let stored = load_state(&mut connection, LEDGER).await.unwrap();
    assert_eq!(stored, LedgerState::new(LEDGER));
}

#[tokio::test]
async fn the_heads_of_every_earlier_moment_are_those_that_were_there() {
    let database = Database::open().await;
    let mut history = History::create(LEDGER);
    let mut heads = vec![history.state().head()];
    for number in 0..520 {
        if number % 3 == 0 {
            history.grant()
        } else {
            history.append(number % 5 + 1)
        }
        heads.push(history.state().head());
    }
    database.commit(LEDGER, &history.take()).await.unwrap();
    let mut connection = database.pool.acquire().await.unwrap();
    let row = load_ledger(&mut connection, LEDGER).await.unwrap();
    for head in heads {
        assert_eq!(load_head_at(&mut connection, &row, head.events.size).await.unwrap(), head);
    }
    for beyond in [0, 522] {
        let error = load_head_at(&mut connection, &row, TreeSize::new(beyond).unwrap()).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    }
}

/// A change that somebody may make to the right edge of a log of 300 leaves; its first 256 are a tile.
const CHANGES: [&str; 10] = [
    "update entry set leaf_hash = sha256(leaf_hash) where index = 256",
    "update entry set leaf_hash = sha256(leaf_hash) where index = 299",
    "delete from entry where index = 299",
    "update event set leaf_hash = sha256(leaf_hash) where seq = 256",
    "update event set leaf_hash = sha256(leaf_hash) where seq = 299",
    "delete from event where seq = 298",
    "update tile set root = sha256(root) where log = 0",
    "update tile set root = sha256(root) where log = 1",
    "delete from tile where log = 0",
    "delete from tile where log = 1",
];

#[tokio::test]
async fn a_changed_edge_at_the_checked_watermark_is_refused() {
    let database = Database::open().await;
    let mut history = History::create(LEDGER);
    for _ in 1..299 {
        history.append(1);
    }
    history.append(2);
    database.commit(LEDGER, &history.take()).await.unwrap();
    let mut connection = database.pool.acquire().await.unwrap();
    mark_checked(&mut connection, &history.check(), 200).await.unwrap();
    drop(connection);
    expect_stored_state(&database, &history, 300).await;
    for change in CHANGES {
        let mut transaction = database.pool.begin().await.unwrap();
        // A user who changes rows can drop the constraints that hold them together, too.
        tamper(&mut transaction, change).await;
        let error = load_state(&mut transaction, LEDGER).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{change}: {error:?}");
        transaction.rollback().await.unwrap();
    }
}
