//! The rules of a feed: it spares asking servers, is believed as little as they are, and nothing depends on it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use counterfoil_core::{LedgerId, Wallet};
use counterfoil_indexer::inbox::{Delivered, Inbox};
use counterfoil_indexer::{Feeding, Indexer, Round, Selection};
use counterfoil_store::load_ledgers;

use crate::chain::{Chain, LEDGER, PROGRAM, Server};
use crate::rules::{database, database_of, history, indexer, is_halted, stored};

fn events(chain: &Chain) -> Vec<Delivered> {
    chain.transactions.iter().flat_map(|transaction| Delivered::decode(PROGRAM, transaction).unwrap()).collect()
}

fn later(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

#[tokio::test]
async fn what_the_feed_delivers_is_not_asked_of_servers() {
    let (pool, chain) = (database().await, history(300));
    let mut indexer = indexer(&pool, vec![Server::honest("a", &chain)], 1);
    indexer.feeding = Feeding::Live("feed".to_owned());
    let mut delivered = events(&chain);
    delivered.reverse();
    indexer.deliver(delivered, later(0));
    indexer.pass(later(0), Round::All).await.unwrap();
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
    indexer.sources[0].change(|script| assert_eq!(script.served, (0, 0)));
}

#[tokio::test]
async fn what_the_feed_lacks_is_asked_of_servers_after_a_while() {
    let (pool, chain) = (database().await, history(10));
    let mut indexer = indexer(&pool, vec![Server::honest("a", &chain)], 1);
    indexer.feeding = Feeding::Live("feed".to_owned());
    let mut delivered = events(&chain);
    delivered.remove(4);
    indexer.deliver(delivered, later(0));
    indexer.pass(later(0), Round::All).await.unwrap();
    assert_eq!(stored(&pool).await.0.event_seq().get(), 4, "nothing after the hole");
    indexer.sources[0].change(|script| assert_eq!(script.served, (0, 0), "the feed may still deliver it"));
    indexer.pass(later(1), Round::All).await.unwrap();
    indexer.pass(later(60), Round::All).await.unwrap();
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

#[tokio::test]
async fn a_hole_in_a_feed_that_delivers_in_order_is_filled_at_once() {
    let (pool, chain) = (database().await, history(10));
    let mut indexer = indexer(&pool, vec![Server::honest("a", &chain)], 1);
    indexer.feeding = Feeding::Finite("recording".to_owned());
    let mut delivered = events(&chain);
    delivered.remove(4);
    indexer.deliver(delivered, later(0));
    indexer.pass(later(0), Round::All).await.unwrap();
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

#[tokio::test]
async fn a_false_event_of_the_feed_is_not_stored_and_servers_are_asked() {
    let (pool, chain) = (database().await, history(10));
    let mut indexer = indexer(&pool, vec![Server::honest("a", &chain)], 1);
    indexer.feeding = Feeding::Live("liar".to_owned());
    let mut damaged = chain.clone();
    *damaged.transactions[5].inner_instructions[0].data.last_mut().unwrap() ^= 1;
    indexer.deliver(events(&damaged), later(0));
    indexer.pass(later(0), Round::All).await.unwrap();
    indexer.pass(later(60), Round::All).await.unwrap();
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
    assert!(!is_halted(&pool).await);
}

/// A feed that recomputes roots, so that all that it says follows.
#[tokio::test]
async fn a_false_history_of_the_feed_is_dropped_and_what_is_checked_stays() {
    let (pool, mut chain) = (database().await, history(4));
    let mut indexer = indexer(&pool, vec![Server::honest("a", &chain)], 1);
    indexer.pass(later(0), Round::All).await.unwrap();
    let checked = stored(&pool).await;
    let mut forged = chain.clone();
    (0..3).for_each(|_| forged.append(&["forged"]));
    (0..3).for_each(|_| chain.append(&["true"]));
    indexer.sources = Arc::new(vec![Server::honest("a", &chain)]);
    indexer.feeding = Feeding::Live("liar".to_owned());
    indexer.deliver(events(&forged), later(0));
    // The account has fewer events at first: what was checked stays checked whatever follows.
    indexer.sources[0].change(|script| script.account = Some(chain.account_at(6)));
    indexer.pass(later(60), Round::All).await.unwrap();
    let (state, head) = stored(&pool).await;
    assert!(head == checked.1 || head == Some(chain.until(6).state().head()), "never what is forged");
    assert!(state == checked.0 || state == chain.until(6).state());
    indexer.sources[0].change(|script| script.account = Some(chain.account()));
    for pass in 2..5 {
        indexer.pass(later(60 * pass), Round::All).await.unwrap();
    }
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
    assert!(!is_halted(&pool).await);
}

#[tokio::test]
async fn events_of_ledgers_that_are_not_chosen_are_let_go() {
    let (pool, chain) = (database().await, history(3));
    let other = LedgerId([0x22; 32]);
    let chosen = Selection { ledgers: BTreeSet::from([LEDGER]), authorities: BTreeSet::new() };
    let mut indexer = Indexer::new(PROGRAM, vec![Server::honest("a", &chain)], 1, chosen, database_of(&pool));
    indexer.feeding = Feeding::Live("feed".to_owned());
    assert!(!indexer.deliver(events(&Chain::of(other)), later(0)), "it calls for no look");
    assert_eq!(indexer.waiting_bytes(), 0);
    indexer.deliver(events(&chain), later(0));
    indexer.pass(later(0), Round::All).await.unwrap();
    let known = load_ledgers(&mut pool.acquire().await.unwrap(), None, 10).await.unwrap();
    assert_eq!(known.iter().map(|row| row.ledger).collect::<Vec<_>>(), [LEDGER]);
    assert_eq!(stored(&pool).await.1, Some(chain.state().head()));
}

#[tokio::test]
async fn the_ledgers_of_an_authority_are_chosen_by_asking_for_them() {
    let (pool, chain) = (database().await, history(3));
    let chosen = Selection { ledgers: BTreeSet::new(), authorities: BTreeSet::from([Wallet([5; 32])]) };
    let mut indexer = Indexer::new(PROGRAM, vec![Server::honest("a", &chain)], 1, chosen, database_of(&pool));
    indexer.pass(later(0), Round::All).await.unwrap();
    assert_eq!(stored(&pool).await.1, Some(chain.state().head()));
    indexer.sources[0].change(|script| assert_eq!(script.asked_for, [Some(Wallet([5; 32]))]));
}

#[tokio::test]
async fn junk_of_unknown_ledgers_is_forgotten_with_the_next_look() {
    let (pool, chain) = (database().await, history(3));
    let mut indexer = indexer(&pool, vec![Server::honest("a", &chain)], 1);
    indexer.feeding = Feeding::Live("feed".to_owned());
    assert!(
        indexer.deliver(events(&Chain::of(LedgerId([0x22; 32]))), later(0)),
        "a ledger that is new calls for a look"
    );
    indexer.pass(later(0), Round::All).await.unwrap();
    assert_eq!(indexer.waiting_bytes(), 0);
    let known = load_ledgers(&mut pool.acquire().await.unwrap(), None, 10).await.unwrap();
    assert_eq!(known.len(), 1);
}

#[test]
fn an_inbox_gives_runs_without_holes_and_knows_its_size() {
    let chain = history(9);
    let mut inbox = Inbox::default();
    let mut delivered = events(&chain);
    delivered.remove(6);
    delivered.into_iter().rev().for_each(|delivered| inbox.insert(delivered));
    let numbers = |run: Vec<Delivered>| run.iter().map(|one| one.event.header.event_seq.get()).collect::<Vec<_>>();
    assert_eq!(numbers(inbox.take_run(2, 5, usize::MAX)), [2, 3, 4]);
    assert_eq!((inbox.len(), inbox.last()), (4, Some(9)), "0 and 1 are forgotten");
    assert_eq!(numbers(inbox.take_run(5, 100, usize::MAX)), [5]);
    assert_eq!(numbers(inbox.take_run(6, 100, usize::MAX)), [0; 0]);
    assert_eq!(numbers(inbox.take_run(7, 100, 2)), [7, 8]);
    assert_eq!(numbers(inbox.take_run(9, 100, 2)), [9]);
    assert!(inbox.is_empty() && inbox.bytes() == 0);
}
