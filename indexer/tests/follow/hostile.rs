//! What servers and strangers can do to an indexer, and what must go on all the same.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use counterfoil_client::TransactionRecord;
use counterfoil_store::PgPool;

use crate::chain::{LEDGER, PROGRAM, Server};
use crate::rules::{database, follow, history, indexer, psql, run, stored};

/// A transaction that names the ledger and holds nothing of the program's.
fn foreign(number: u8, slot: u64) -> TransactionRecord {
    let accounts = vec![[1; 32], PROGRAM.0];
    TransactionRecord { signature: [number; 64], slot, is_ok: true, accounts, inner_instructions: vec![] }
}

#[tokio::test]
async fn a_listed_transaction_that_cannot_be_read_stops_nothing() {
    let (pool, chain) = (database().await, history(10));
    let server = Server::honest("a", &chain);
    server.change(|script| {
        script.transactions.insert(4, foreign(1, 102));
        script.unreadable.push([1; 64]);
    });
    follow(&pool, &[server], 1).await.unwrap();
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

#[tokio::test]
async fn an_event_in_a_transaction_that_cannot_be_read_is_missing_and_found_elsewhere() {
    let (pool, chain) = (database().await, history(10));
    let servers = [Server::honest("a", &chain), Server::honest("b", &chain)];
    let refuses = |server: &Server| server.change(|script| script.unreadable.push(script.transactions[5].signature));
    servers.iter().for_each(refuses);
    let error = follow(&pool, &servers, 1).await.unwrap_err();
    assert!(error.to_string().starts_with("event 5 is missing"), "{error}");
    servers[1].change(|script| script.unreadable.clear());
    follow(&pool, &servers, 1).await.unwrap();
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

/// The slot up to which the ledger is said to be checked.
fn checked_slot(pool: &PgPool) -> String {
    psql(pool, "select checked_slot from cursor")
}

#[tokio::test]
async fn no_server_alone_moves_the_slot_that_is_kept() {
    for slot in [u64::MAX, 1 << 63, 1_000_000_000_001_000] {
        for liar in 0..3 {
            let (pool, chain) = (database().await, history(4));
            let servers = ["a", "b", "c"].map(|name| Server::honest(name, &chain));
            servers[liar].change(|script| script.slot = slot);
            let mut indexer = indexer(&pool, servers.into(), 2);
            run(&mut indexer, 0..1).await;
            assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
            assert_eq!(checked_slot(&pool), "1000\n", "server {liar}, slot {slot}");
            assert_eq!(indexer.health.readiness(), (true, BTreeMap::new()));
        }
    }
}

#[tokio::test]
async fn a_server_that_lists_slots_of_the_future_is_passed_over() {
    let (pool, chain) = (database().await, history(4));
    let servers = [Server::honest("liar", &chain), Server::honest("b", &chain), Server::honest("c", &chain)];
    servers[0].change(|script| script.transactions.push(foreign(1, 1_000_000_000_000_000)));
    let mut indexer = indexer(&pool, servers.into(), 2);
    run(&mut indexer, 0..1).await;
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
    assert_ne!(indexer.standing.order()[0], 0, "the liar is asked last");
}

#[tokio::test]
async fn an_error_of_the_database_is_told_as_such_and_held_against_no_server() {
    let (pool, chain) = (database().await, history(4));
    psql(&pool, "drop table entry");
    let servers = ["a", "b"].map(|name| Server::honest(name, &chain));
    let mut indexer = indexer(&pool, servers.into(), 1);
    run(&mut indexer, 0..1).await;
    indexer.sources[1].change(|script| assert_eq!(script.served.0, 0, "no other server can mend it"));
    let (_, problems) = indexer.health.readiness();
    assert!(problems[&LEDGER.to_string()].contains(r#"relation "entry" does not exist"#), "{problems:?}");
}

#[tokio::test]
async fn a_quorum_that_has_answered_is_not_kept_waiting() {
    let (pool, chain) = (database().await, history(4));
    let servers = ["a", "b", "hangs"].map(|name| Server::honest(name, &chain));
    // The second call asks for the accounts.
    servers[2].change(|script| script.fail_at = Some((1, true)));
    let mut indexer = indexer(&pool, servers.into(), 2);
    run(&mut indexer, 0..1).await;
    indexer.sources[2].change(|script| assert_eq!(script.fail_at, None, "it was asked"));
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

#[tokio::test]
async fn what_a_pass_found_does_not_count_when_it_is_long_ago() {
    let (pool, chain) = (database().await, history(4));
    let mut indexer = indexer(&pool, vec![Server::honest("a", &chain)], 1);
    run(&mut indexer, 0..1).await;
    assert_eq!(indexer.health.readiness(), (true, BTreeMap::new()));
    let later = Instant::now() + Duration::from_secs(90);
    let (is_ready, problems) = indexer.health.readiness_at(later);
    assert!(!is_ready && problems["indexer"].starts_with("no look at the ledgers has ended for 9"), "{problems:?}");
}
