use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use counterfoil_core::{LedgerHead, LedgerState};
use counterfoil_indexer::health::Health;
use counterfoil_indexer::{FollowError, Follower, Indexer, Selection};
use counterfoil_store::{PgPool, add_ledger, connect, load_ledger, load_state, migrate};
use pgcluster::{Cluster, Durability};

use crate::chain::{Chain, LEDGER, PROGRAM, Server};

/// One server for all tests, a database for each.
async fn database() -> PgPool {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let cluster =
        CLUSTER.get_or_init(|| Cluster::start(&tempfile::tempdir().unwrap().keep(), Durability::None).unwrap());
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    cluster.create_database(&name).unwrap();
    let pool = connect(&cluster.url(&name), 4, Duration::from_secs(30)).await.unwrap();
    migrate(&pool).await.unwrap();
    add_ledger(&mut pool.acquire().await.unwrap(), LEDGER).await.unwrap();
    pool
}

async fn follow(pool: &PgPool, servers: &[Server], quorum: usize) -> Result<LedgerState, FollowError> {
    let follower = Follower { program: PROGRAM, sources: servers, quorum, pool };
    follower.follow(LEDGER, None).await.map(|(state, _)| state)
}

/// What the index holds: the state rebuilt from its rows, and the checked heads.
async fn stored(pool: &PgPool) -> (LedgerState, Option<LedgerHead>) {
    let mut connection = pool.acquire().await.unwrap();
    let state = load_state(&mut connection, LEDGER).await.unwrap();
    let row = load_ledger(&mut connection, LEDGER).await.unwrap();
    (state, row.checked.map(|(head, _)| head))
}

fn history(appends: usize) -> Chain {
    let mut chain = Chain::new();
    for number in 0..appends {
        chain.append(&[&format!("entry {number}"), "second"]);
    }
    chain
}

#[tokio::test]
async fn what_is_stored_is_the_chain_and_is_checked() {
    let (pool, chain) = (database().await, history(300));
    follow(&pool, &[Server::honest("a", &chain)], 1).await.unwrap();
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

#[tokio::test]
async fn a_pass_that_finds_nothing_new_changes_nothing() {
    let (pool, chain) = (database().await, history(3));
    let servers = [Server::honest("a", &chain)];
    follow(&pool, &servers, 1).await.unwrap();
    let before = stored(&pool).await;
    follow(&pool, &servers, 1).await.unwrap();
    assert_eq!(stored(&pool).await, before);
}

#[tokio::test]
async fn order_within_a_slot_and_repeats_do_not_matter() {
    let (pool, chain) = (database().await, history(40));
    let server = Server::honest("a", &chain);
    server.change(|script| {
        script.transactions.chunks_mut(2).for_each(<[_]>::reverse);
        let repeated = script.transactions.clone();
        script.transactions.extend(repeated);
    });
    follow(&pool, &[server], 1).await.unwrap();
    assert_eq!(stored(&pool).await.0, chain.state());
}

#[tokio::test]
async fn nothing_after_a_missing_event_is_stored_until_it_is_found() {
    let (pool, chain) = (database().await, history(10));
    let server = Server::honest("a", &chain);
    let mut missing = None;
    server.change(|script| missing = Some(script.transactions.remove(4)));
    let servers = [server];
    let error = follow(&pool, &servers, 1).await.unwrap_err();
    assert!(matches!(error, FollowError::Gap { expected: 4, account: 11, .. }), "{error}");
    assert_eq!(stored(&pool).await.0.event_seq().get(), 4);

    servers[0].change(|script| script.transactions.extend(missing));
    follow(&pool, &servers, 1).await.unwrap();
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

#[tokio::test]
async fn another_server_fills_what_the_first_one_lacks() {
    let (pool, chain) = (database().await, history(10));
    let (lacking, whole) = (Server::honest("lacking", &chain), Server::honest("whole", &chain));
    lacking.change(|script| drop(script.transactions.remove(4)));
    follow(&pool, &[lacking, whole], 1).await.unwrap();
    assert_eq!(stored(&pool).await.0, chain.state());
}

#[tokio::test]
async fn a_false_event_is_not_stored_and_a_true_server_is_asked() {
    let (pool, chain) = (database().await, history(10));
    let (liar, honest) = (Server::honest("liar", &chain), Server::honest("honest", &chain));
    // One bit of the last entry.
    liar.change(|script| *script.transactions[5].inner_instructions[0].data.last_mut().unwrap() ^= 1);
    follow(&pool, &[liar, honest], 1).await.unwrap();
    assert_eq!(stored(&pool).await.0, chain.state());
}

#[tokio::test]
async fn a_false_event_without_another_server_stops_before_it() {
    let (pool, chain) = (database().await, history(10));
    let liar = Server::honest("liar", &chain);
    liar.change(|script| *script.transactions[5].inner_instructions[0].data.last_mut().unwrap() ^= 1);
    let error = follow(&pool, &[liar], 1).await.unwrap_err();
    assert!(matches!(error, FollowError::FalseEvent { .. }), "{error}");
    assert!(stored(&pool).await.0.event_seq().get() <= 5);
}

#[tokio::test]
async fn a_false_history_is_applied_but_never_checked_against_a_quorum() {
    // A liar who recomputes roots: its events follow from each other, from another first entry on.
    let (pool, chain) = (database().await, history(4));
    let mut forged = Chain::new();
    (0..4).for_each(|number| forged.append(&[&format!("forged {number}"), "second"]));
    let servers = [Server::honest("liar", &forged), Server::honest("b", &chain), Server::honest("c", &chain)];
    let error = follow(&pool, &servers, 2).await.unwrap_err();
    let FollowError::Refuted { heads, servers } = &error else { panic!("{error}") };
    assert_eq!(servers, "b, c");
    assert!(heads.contains(&chain.state().head().entries.root.to_string()), "names the chain's root: {heads}");
    assert!(heads.contains(&forged.state().head().entries.root.to_string()), "names ours: {heads}");
    assert_eq!(stored(&pool).await.1.map(|head| head.events.size.get()), None, "nothing false is checked");
}

#[tokio::test]
async fn one_server_that_disagrees_does_not_stop_a_ledger() {
    let (pool, chain) = (database().await, history(4));
    let mut forged = Chain::new();
    (0..4).for_each(|number| forged.append(&[&format!("forged {number}"), "second"]));
    let servers = [Server::honest("a", &chain), Server::honest("liar", &forged), Server::honest("c", &chain)];
    follow(&pool, &servers, 2).await.unwrap();
    assert_eq!(stored(&pool).await.1, Some(chain.state().head()));
}

#[tokio::test]
async fn only_what_a_quorum_has_reached_is_checked() {
    let (pool, chain) = (database().await, history(9));
    let (ahead, behind) = (Server::honest("ahead", &chain), Server::honest("behind", &chain));
    behind.change(|script| script.account = Some(chain.account_at(6)));
    let servers = [ahead, behind];
    follow(&pool, &servers, 2).await.unwrap();
    let (state, checked) = stored(&pool).await;
    assert_eq!((state.event_seq().get(), checked.map(|head| head.events.size.get())), (10, Some(6)));

    servers[1].change(|script| script.account = Some(chain.account()));
    follow(&pool, &servers, 2).await.unwrap();
    assert_eq!(stored(&pool).await.1, Some(chain.state().head()));
}

#[tokio::test]
async fn too_few_answers_are_no_answer() {
    let (pool, chain) = (database().await, history(2));
    let (answers, silent) = (Server::honest("a", &chain), Server::honest("b", &chain));
    silent.change(|script| script.account = None);
    let error = follow(&pool, &[answers, silent], 2).await.unwrap_err();
    assert!(matches!(error, FollowError::TooFewServers { answered: 1, quorum: 2, .. }), "{error}");
    assert_eq!(stored(&pool).await.0.event_seq().get(), 0);
}

#[tokio::test]
async fn a_refuted_ledger_halts_with_both_heads_and_is_left_alone() {
    let (pool, chain) = (database().await, history(4));
    let mut forged = Chain::new();
    (0..4).for_each(|number| forged.append(&[&format!("forged {number}"), "second"]));
    // It delivers a false history, and its account contradicts that.
    let server = Server::honest("a", &chain);
    server.change(|script| script.transactions.clone_from(&forged.transactions));
    let mut indexer = Indexer {
        program: PROGRAM,
        sources: vec![server],
        quorum: 1,
        selection: Selection::All,
        pool: pool.clone(),
        health: Health::new(),
        memory: Default::default(),
    };
    let start = Instant::now();
    for pass in 0..3 {
        indexer.pass(start + Duration::from_secs(120 * pass)).await.unwrap();
    }
    let row = load_ledger(&mut pool.acquire().await.unwrap(), LEDGER).await.unwrap();
    let reason = row.halt.unwrap().reason;
    assert!(reason.contains(&chain.state().head().entries.root.to_string()), "{reason}");
    assert!(reason.contains(&forged.state().head().entries.root.to_string()), "{reason}");
    assert_eq!(row.checked, None);
}

#[tokio::test]
async fn a_server_that_comes_back_is_followed_on() {
    let (pool, chain) = (database().await, history(4));
    let server = Server::honest("a", &chain);
    server.change(|script| script.account = None);
    let mut indexer = Indexer {
        program: PROGRAM,
        sources: vec![server],
        quorum: 1,
        selection: Selection::All,
        pool: pool.clone(),
        health: Health::new(),
        memory: Default::default(),
    };
    let start = Instant::now();
    for pass in 0..5 {
        indexer.pass(start + Duration::from_secs(120 * pass)).await.unwrap();
    }
    indexer.sources[0].change(|script| script.account = Some(chain.account()));
    indexer.pass(start + Duration::from_secs(1_000)).await.unwrap();
    assert_eq!(stored(&pool).await.1, Some(chain.state().head()), "it never halted");
}
