//! What servers and strangers can do to an indexer, and what must go on all the same.

use counterfoil_client::TransactionRecord;

use crate::chain::{PROGRAM, Server};
use crate::rules::{database, follow, history, stored};

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
