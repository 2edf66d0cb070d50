//! The rules of what is shown before it is final: forks, dead slots, transactions that move and vanish.

use counterfoil_core::EventBody;
use counterfoil_indexer::finality::Finality;
use counterfoil_indexer::inbox::Delivered;
use counterfoil_indexer::pending::PendingLedgers;
use counterfoil_store::{PgPool, load_ledger, load_pending};

use crate::chain::{Chain, LEDGER, PROGRAM, Server};
use crate::rules::{database, database_of, follow, stored};

/// How many events are final where a test begins.
const FINAL: u64 = 3;

struct Scene {
    pool: PgPool,
    finality: Finality,
    pending: PendingLedgers,
    /// The final beginning.
    base: Chain,
}

impl Scene {
    /// A ledger whose first three events are final.
    async fn open() -> Self {
        let (pool, finality, mut base) = (database().await, Finality::default(), Chain::new());
        (1..FINAL).for_each(|number| base.append(&[&format!("final {number}")]));
        let pending = PendingLedgers::new(PROGRAM, database_of(&pool), finality.clone());
        let mut scene = Self { pool, finality, pending, base: base.clone() };
        scene.finalize(&base).await;
        scene
    }

    /// The base, and a fork of some entries after it.
    fn fork(&self, name: &str, length: u64, delay: u64) -> Chain {
        let mut fork = self.base.clone();
        fork.delay = delay;
        (0..length).for_each(|number| fork.append(&[&format!("{name} {number}")]));
        fork
    }

    /// The confirmed part: the events of a chain from number `first` on.
    async fn confirm(&mut self, chain: &Chain, first: u64) {
        for transaction in &chain.transactions[usize::try_from(first).unwrap()..] {
            self.pending.show(Delivered::decode(PROGRAM, transaction).unwrap()).await.unwrap();
        }
    }

    /// The chain is final as far as it goes, and nothing else up to its last slot.
    async fn finalize(&mut self, chain: &Chain) {
        follow(&self.pool, &[Server::honest("a", chain)], 1).await.unwrap();
        self.finality.reached(LEDGER, chain.event_count(), chain.slot());
        self.pending.settle().await.unwrap();
    }

    /// The first entries of the events that are shown.
    async fn pending(&self) -> Vec<String> {
        let mut connection = self.pool.acquire().await.unwrap();
        let row = load_ledger(&mut connection, LEDGER).await.unwrap();
        let pending = load_pending(&mut connection, &row, 1_000).await.unwrap();
        let first = row.applied_event_seq.get();
        assert!(pending.iter().zip(first..).all(|(pending, seq)| pending.event.header.event_seq.get() == seq));
        let first_entry = |body: &EventBody| match body {
            EventBody::EntriesAppended { entries } => String::from_utf8(entries[0].clone()).unwrap(),
            body => body.name().to_owned(),
        };
        pending.iter().map(|pending| first_entry(&pending.event.body)).collect()
    }
}

fn names(name: &str, count: u64) -> Vec<String> {
    (0..count).map(|number| format!("{name} {number}")).collect()
}

#[tokio::test]
async fn what_is_confirmed_is_shown_and_what_is_final_is_not_pending_any_more() {
    let mut scene = Scene::open().await;
    let chain = scene.fork("a", 3, 0);
    scene.confirm(&chain, FINAL).await;
    assert_eq!(scene.pending().await, names("a", 3));
    assert_eq!(stored(&scene.pool).await.0, scene.base.state(), "the log holds only what is final");
    scene.finalize(&chain.until(FINAL + 1)).await;
    assert_eq!(scene.pending().await, ["a 1", "a 2"]);
    scene.finalize(&chain).await;
    assert_eq!(scene.pending().await, [""; 0]);
    assert_eq!(stored(&scene.pool).await.0, chain.state());
}

#[tokio::test]
async fn forks_of_every_depth_replace_each_other_and_finality_decides() {
    for depth in [1, 2, 3, 5, 8, 16, 24, 31] {
        let mut scene = Scene::open().await;
        let (one, other) = (scene.fork("one", depth, 0), scene.fork("other", depth, 1));
        scene.confirm(&one, FINAL).await;
        assert_eq!(scene.pending().await, names("one", depth));
        scene.confirm(&other, FINAL).await;
        assert_eq!(scene.pending().await, names("other", depth), "depth {depth}");
        scene.confirm(&one, FINAL).await;
        assert_eq!(scene.pending().await, names("one", depth), "back again, depth {depth}");
        scene.finalize(&other).await;
        assert_eq!(scene.pending().await, [""; 0], "depth {depth}");
        assert_eq!(stored(&scene.pool).await.0, other.state());
    }
}

#[tokio::test]
async fn a_fork_that_leaves_late_keeps_what_came_before_it() {
    let mut scene = Scene::open().await;
    let one = scene.fork("one", 4, 0);
    let mut other = one.until(FINAL + 2);
    other.append(&["other"]);
    scene.confirm(&one, FINAL).await;
    scene.confirm(&other, FINAL + 2).await;
    assert_eq!(scene.pending().await, ["one 0", "one 1", "other"]);
}

#[tokio::test]
async fn what_a_dead_slot_held_is_dropped_when_finality_has_passed_it() {
    let mut scene = Scene::open().await;
    let chain = scene.fork("dead", 2, 0);
    scene.confirm(&chain, FINAL).await;
    scene.finality.reached(LEDGER, FINAL, chain.slot() - 1);
    scene.pending.settle().await.unwrap();
    assert_eq!(
        scene.pending().await,
        [""; 0],
        "the first was in a slot that has passed, and the second followed from it"
    );
}

#[tokio::test]
async fn what_is_in_a_slot_that_is_not_final_yet_stays() {
    let mut scene = Scene::open().await;
    let chain = scene.fork("a", 1, 0);
    scene.confirm(&chain, FINAL).await;
    scene.finality.reached(LEDGER, FINAL, chain.slot() - 1);
    scene.pending.settle().await.unwrap();
    assert_eq!(scene.pending().await, ["a 0"]);
}

#[tokio::test]
async fn a_transaction_that_lands_in_another_slot_is_shown_there() {
    let mut scene = Scene::open().await;
    let (early, late) = (scene.fork("same", 1, 0), scene.fork("same", 1, 5));
    scene.confirm(&early, FINAL).await;
    scene.confirm(&late, FINAL).await;
    let mut connection = scene.pool.acquire().await.unwrap();
    let row = load_ledger(&mut connection, LEDGER).await.unwrap();
    let pending = load_pending(&mut connection, &row, 10).await.unwrap();
    assert_eq!(pending.iter().map(|pending| pending.event.header.slot).collect::<Vec<_>>(), [late.slot()]);
}

#[tokio::test]
async fn a_transaction_that_vanished_may_come_back() {
    let mut scene = Scene::open().await;
    let chain = scene.fork("a", 1, 0);
    scene.confirm(&chain, FINAL).await;
    scene.finality.reached(LEDGER, FINAL, chain.slot());
    scene.pending.settle().await.unwrap();
    assert_eq!(scene.pending().await, [""; 0]);
    let again = scene.fork("a", 1, 9);
    scene.confirm(&again, FINAL).await;
    assert_eq!(scene.pending().await, ["a 0"]);
}

#[tokio::test]
async fn what_comes_before_its_turn_waits_for_what_is_missing() {
    let mut scene = Scene::open().await;
    let chain = scene.fork("a", 3, 0);
    scene.confirm(&chain, FINAL + 1).await;
    assert_eq!(scene.pending().await, [""; 0]);
    scene.confirm(&chain.until(FINAL + 1), FINAL).await;
    assert_eq!(scene.pending().await, names("a", 3));
}

#[tokio::test]
async fn what_does_not_follow_is_not_shown() {
    let mut scene = Scene::open().await;
    let mut other = Chain::new();
    (0..4).for_each(|_| other.append(&["from another beginning"]));
    scene.confirm(&other, FINAL).await;
    assert_eq!(scene.pending().await, [""; 0]);
    // In a transaction of another slot than it says.
    let mut moved = scene.fork("a", 1, 0);
    moved.transactions.last_mut().unwrap().slot += 1;
    scene.confirm(&moved, FINAL).await;
    assert_eq!(scene.pending().await, [""; 0]);
}

#[tokio::test]
async fn a_ledger_that_the_index_does_not_know_is_not_shown() {
    let mut scene = Scene::open().await;
    let unknown = Chain::of(counterfoil_core::LedgerId([0x77; 32]));
    scene.confirm(&unknown, 0).await;
    assert_eq!(scene.pending().await, [""; 0]);
}
