//! The rules of the rows: what is checked never changes, what is above can be taken back.

use counterfoil_core::LedgerState;
use counterfoil_store::{StoreError, drop_unchecked, load_ledger, mark_checked};

use crate::chain::{Chain, LEDGER, Server};
use crate::rules::{database, follow, history, psql, stored};

const ALL_ROWS: &str = "select tile::text from tile union all select entry::text from entry
    union all select event::text from event order by 1";

#[tokio::test]
async fn dropping_takes_what_is_above_the_watermark_and_nothing_below() {
    // 258 entries are checked: one tile is full, and two leaves of the next.
    let (pool, chain) = (database().await, history(700));
    let server = Server::honest("a", &chain);
    server.change(|script| script.account = Some(chain.account_at(130)));
    let servers = [server];
    follow(&pool, &servers, 1).await.unwrap();
    let checked = (psql(&pool, ALL_ROWS), stored(&pool).await);

    servers[0].change(|script| {
        script.account = Some(chain.account());
        script.transactions.remove(690);
    });
    follow(&pool, &servers, 1).await.unwrap_err();
    assert_eq!(psql(&pool, "select count(*) from tile"), "7\n", "5 of the entries, 2 of the events");
    let mut transaction = pool.begin().await.unwrap();
    assert_eq!(drop_unchecked(&mut transaction, LEDGER).await.unwrap(), 690 - 130);
    assert_eq!(drop_unchecked(&mut transaction, LEDGER).await.unwrap(), 0);
    transaction.commit().await.unwrap();
    assert_eq!((psql(&pool, ALL_ROWS), stored(&pool).await), checked);

    follow(&pool, &[Server::honest("b", &chain)], 1).await.unwrap();
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

#[tokio::test]
async fn a_checked_head_is_not_replaced_by_another_at_the_same_event() {
    let (pool, chain) = (database().await, history(3));
    follow(&pool, &[Server::honest("a", &chain)], 1).await.unwrap();
    let mut other = Chain::new();
    (0..3).for_each(|_| other.append(&["other"]));
    let head = |state: LedgerState, chain: &Chain| state.check(&chain.account()).unwrap();
    let mut connection = pool.acquire().await.unwrap();
    let error = mark_checked(&mut connection, &head(other.state(), &other), 1).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { table: "cursor", .. }), "{error}");
    mark_checked(&mut connection, &head(chain.state(), &chain), 2_000).await.unwrap();
    let checked = load_ledger(&mut connection, LEDGER).await.unwrap().checked;
    assert_eq!(checked, Some((chain.state().head(), 2_000)));
}
