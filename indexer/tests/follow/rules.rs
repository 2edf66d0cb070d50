use std::collections::BTreeMap;
use std::ops::Range;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use counterfoil_core::{LedgerHead, LedgerId, LedgerState};
use counterfoil_indexer::database::Database;
use counterfoil_indexer::metrics::Metrics;
use counterfoil_indexer::{Delivery, FollowError, Follower, Indexer, Reputation, Round, Selection};
use counterfoil_store::{PgPool, add_ledger, connect, load_ledger, load_ledgers, load_state, migrate};
use pgcluster::{Cluster, Durability};

use crate::chain::{Chain, LEDGER, PROGRAM, Server};

static CLUSTER: OnceLock<Cluster> = OnceLock::new();

/// One server for all tests, a database for each.
pub async fn database() -> PgPool {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let cluster = CLUSTER.get_or_init(|| Cluster::start_temporary(Durability::None).unwrap());
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    cluster.create_database(&name).unwrap();
    let pool = connect(&cluster.url(&name), 4, Duration::from_secs(30)).await.unwrap();
    migrate(&pool).await.unwrap();
    add_ledger(&mut pool.acquire().await.unwrap(), LEDGER).await.unwrap();
    pool
}

pub async fn follow(pool: &PgPool, servers: &[Server], quorum: usize) -> Result<LedgerState, FollowError> {
    let (reputation, database) = (Reputation::new(servers.len()), database_of(pool));
    let follower =
        Follower { program: PROGRAM, sources: servers, reputation: &reputation, quorum, database: &database };
    let mut read = follower.read_account(LEDGER).await?;
    let followed = follower.follow(LEDGER, None, &mut read, &mut Delivery::default()).await;
    followed.map(|(kept, _)| kept.state)
}

/// Where the database server listens.
pub fn port() -> u16 {
    CLUSTER.get().unwrap().port()
}

pub fn database_url(pool: &PgPool) -> String {
    CLUSTER.get().unwrap().url(pool.connect_options().get_database().unwrap())
}

/// Runs SQL that no program of ours contains; gives back what it prints.
pub fn psql(pool: &PgPool, sql: &str) -> String {
    psql_at(pool.connect_options().get_database().unwrap(), sql)
}

pub fn psql_at(database: &str, sql: &str) -> String {
    let url = CLUSTER.get().unwrap().url(database);
    let output = Command::new("psql").args(["-XAtq", &url, "-c", sql]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The index's content: the state rebuilt from its rows, and the checked heads.
pub async fn stored(pool: &PgPool) -> (LedgerState, Option<LedgerHead>) {
    let mut connection = pool.acquire().await.unwrap();
    let state = load_state(&mut connection, LEDGER).await.unwrap();
    let row = load_ledger(&mut connection, LEDGER).await.unwrap();
    (state, row.checked.map(|(head, _)| head))
}

pub fn history(appends: usize) -> Chain {
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
    let (lacking, whole) = (Server::honest("incomplete", &chain), Server::honest("whole", &chain));
    lacking.change(|script| drop(script.transactions.remove(4)));
    follow(&pool, &[lacking, whole], 1).await.unwrap();
    assert_eq!(stored(&pool).await.0, chain.state());
}

#[tokio::test]
async fn an_event_that_no_server_lists_is_found_in_its_block() {
    for missing in [1, 4, 10] {
        let (pool, chain) = (database().await, history(10));
        let server = Server::honest("incomplete", &chain);
        server.change(|script| {
            script.blocks.clone_from(&script.transactions);
            script.transactions.remove(missing);
        });
        follow(&pool, &[server], 1).await.unwrap();
        assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
    }
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

/// A liar who recomputes roots: its events follow from each other, from another first entry on.
pub fn forged_history(appends: usize) -> Chain {
    let mut chain = Chain::new();
    (0..appends).for_each(|number| chain.append(&[&format!("forged {number}"), "second"]));
    chain
}

#[tokio::test]
async fn a_false_history_is_dropped_when_a_quorum_refutes_it() {
    let (pool, chain, forged) = (database().await, history(4), forged_history(4));
    let servers = [Server::honest("liar", &forged), Server::honest("b", &chain), Server::honest("c", &chain)];
    follow(&pool, &servers, 2).await.unwrap();
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

#[tokio::test]
async fn a_false_beginning_is_dropped_when_nobody_goes_on_from_it() {
    let (pool, chain, forged) = (database().await, history(4), forged_history(4));
    let (liar, honest) = (Server::honest("liar", &forged), Server::honest("honest", &chain));
    liar.change(|script| {
        script.transactions.truncate(3);
        script.account = Some(chain.account());
    });
    follow(&pool, &[liar, honest], 1).await.unwrap();
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

/// The rows were led astray up to where a quorum stands by now, by a server that was alone then.
#[tokio::test]
async fn a_false_history_that_is_stored_already_is_dropped_when_a_quorum_refutes_it() {
    let (pool, chain, forged) = (database().await, history(4), forged_history(4));
    let liar = Server::honest("liar", &forged);
    liar.change(|script| script.account = Some(forged.account_at(3)));
    follow(&pool, std::slice::from_ref(&liar), 1).await.unwrap();
    psql(
        &pool,
        "update cursor set checked_event_seq = 0, checked_size = 0, checked_root = null,
        checked_event_root = null, checked_slot = null",
    );
    let behind = [Server::honest("b", &chain), Server::honest("c", &chain)];
    behind.iter().for_each(|server| server.change(|script| script.account = Some(chain.account_at(3))));
    follow(&pool, &behind, 2).await.unwrap();
    assert_eq!(stored(&pool).await, (chain.until(3).state(), Some(chain.until(3).state().head())));
}

#[tokio::test]
async fn a_false_history_that_all_servers_deliver_halts_with_both_heads_and_no_server_named() {
    let (pool, chain, forged) = (database().await, history(4), forged_history(4));
    let servers = ["one.example", "two.example", "three.example"].map(|name| Server::honest(name, &chain));
    servers.iter().for_each(|server| server.change(|script| script.transactions.clone_from(&forged.transactions)));
    let mut indexer = indexer(&pool, servers.into(), 2);
    run(&mut indexer, 0..3).await;
    let row = load_ledger(&mut pool.acquire().await.unwrap(), LEDGER).await.unwrap();
    let reason = row.halt.unwrap().reason;
    assert!(reason.contains(&chain.state().head().entries.root.to_string()), "names the chain's root: {reason}");
    assert!(reason.contains(&forged.state().head().entries.root.to_string()), "names ours: {reason}");
    assert!(!reason.contains("example"), "{reason}");
    assert_eq!((row.checked, stored(&pool).await.0.event_seq().get()), (None, 0), "nothing false is left");
}

#[tokio::test]
async fn a_server_that_claims_more_events_than_a_quorum_holds_nothing_up() {
    let (pool, chain) = (database().await, history(4));
    let mut longer = chain.clone();
    longer.append(&["forged"]);
    let servers = [Server::honest("liar", &longer), Server::honest("b", &chain), Server::honest("c", &chain)];
    follow(&pool, &servers, 2).await.unwrap();
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())), "and its event is not stored");
}

#[tokio::test]
async fn an_event_in_a_transaction_of_another_slot_is_not_stored() {
    let (pool, chain) = (database().await, history(4));
    let liar = Server::honest("liar", &chain);
    liar.change(|script| script.transactions.iter_mut().for_each(|transaction| transaction.slot += 1));
    let error = follow(&pool, std::slice::from_ref(&liar), 1).await.unwrap_err();
    assert!(matches!(error, FollowError::WrongSlot { event_seq: 0, event_slot: 100, slot: 101, .. }), "{error}");
    follow(&pool, &[liar, Server::honest("honest", &chain)], 1).await.unwrap();
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

#[tokio::test]
async fn one_server_that_disagrees_does_not_stop_a_ledger() {
    let (pool, chain) = (database().await, history(4));
    let forged = forged_history(4);
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
    assert_eq!((state.event_seq().get(), checked.map(|head| head.events.size.get())), (6, Some(6)));

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
    let forged = forged_history(4);
    // It delivers a false history, and its account contradicts that.
    let server = Server::honest("a", &chain);
    server.change(|script| script.transactions.clone_from(&forged.transactions));
    run(&mut indexer(&pool, vec![server], 1), 0..3).await;
    let row = load_ledger(&mut pool.acquire().await.unwrap(), LEDGER).await.unwrap();
    let reason = row.halt.unwrap().reason;
    assert!(reason.contains(&chain.state().head().entries.root.to_string()), "{reason}");
    assert!(reason.contains(&forged.state().head().entries.root.to_string()), "{reason}");
    assert_eq!(row.checked, None);
}

#[tokio::test]
async fn a_ledger_that_takes_subtrees_is_followed() {
    let (pool, mut chain) = (database().await, history(2));
    let mut indexer = indexer(&pool, vec![Server::honest("a", &chain)], 1);
    run(&mut indexer, 0..1).await;
    chain.append_subtree();
    chain.append(&["after"]);
    indexer.sources = Arc::new(vec![Server::honest("a", &chain)]);
    run(&mut indexer, 1..4).await;
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

#[tokio::test]
async fn a_server_that_comes_back_is_followed_on() {
    let (pool, chain) = (database().await, history(4));
    let server = Server::honest("a", &chain);
    server.change(|script| script.account = None);
    let mut indexer = indexer(&pool, vec![server], 1);
    run(&mut indexer, 0..5).await;
    indexer.sources[0].change(|script| script.account = Some(chain.account()));
    run(&mut indexer, 5..6).await;
    assert_eq!(stored(&pool).await.1, Some(chain.state().head()), "it never halted");
}

#[tokio::test]
async fn servers_that_did_not_answer_do_not_count_towards_a_halt() {
    let (pool, chain) = (database().await, history(4));
    let server = Server::honest("a", &chain);
    server.change(|script| {
        script.account = None;
        *script.transactions[3].inner_instructions[0].data.last_mut().unwrap() ^= 1;
    });
    let mut indexer = indexer(&pool, vec![server], 1);
    run(&mut indexer, 0..3).await;
    indexer.sources[0].change(|script| script.account = Some(chain.account()));
    run(&mut indexer, 3..4).await;
    assert!(!is_halted(&pool).await, "the first false event");
    run(&mut indexer, 4..5).await;
    assert!(is_halted(&pool).await, "the second");
}

#[tokio::test]
async fn a_ledger_does_not_halt_while_one_server_may_still_deliver() {
    let (pool, chain) = (database().await, history(4));
    let (liar, lacking) = (Server::honest("liar", &chain), Server::honest("incomplete", &chain));
    liar.change(|script| *script.transactions[3].inner_instructions[0].data.last_mut().unwrap() ^= 1);
    lacking.change(|script| drop(script.transactions.remove(3)));
    let mut indexer = indexer(&pool, vec![lacking, liar], 1);
    run(&mut indexer, 0..4).await;
    assert!(!is_halted(&pool).await);
}

#[tokio::test]
async fn ledgers_are_followed_and_the_operator_told_when_no_server_lists_them() {
    let (pool, chain) = (database().await, history(4));
    let servers = vec![Server::honest("a", &chain), Server::honest("b", &chain)];
    servers.iter().for_each(|server| server.change(|script| script.ledgers = None));
    let mut indexer = indexer(&pool, servers, 2);
    run(&mut indexer, 0..1).await;
    assert_eq!(stored(&pool).await.1, Some(chain.state().head()));
    let (is_ready, problems) = indexer.health.readiness();
    assert!(!is_ready && problems["indexer"].contains("getProgramAccounts"), "{problems:?}");

    indexer.sources[1].change(|script| script.ledgers = Some(vec![LEDGER]));
    run(&mut indexer, 1..2).await;
    assert_eq!(indexer.health.readiness(), (true, BTreeMap::new()), "one that lists is enough");
}

#[tokio::test]
async fn a_ledger_that_no_quorum_reports_is_not_followed() {
    let (pool, chain) = (database().await, history(1));
    let liar = Server::honest("liar", &chain);
    liar.change(|script| script.ledgers = Some(vec![LedgerId([1; 32]), LEDGER]));
    let mut indexer = indexer(&pool, vec![liar], 1);
    run(&mut indexer, 0..1).await;
    let known = load_ledgers(&mut pool.acquire().await.unwrap(), None, 10).await.unwrap();
    assert_eq!(known.iter().map(|row| row.ledger).collect::<Vec<_>>(), [LEDGER]);
}

#[tokio::test]
async fn a_backlog_is_listed_once_and_leaves_other_ledgers_their_turn() {
    let (pool, chain) = (database().await, history(4_999));
    let mut indexer = indexer(&pool, vec![Server::honest("a", &chain)], 1);
    run(&mut indexer, 0..1).await;
    assert_eq!(stored(&pool).await.0.event_seq().get(), 4_096, "16 batches of 256");
    assert!(indexer.has_backlog());
    run(&mut indexer, 1..2).await;
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
    assert!(!indexer.has_backlog());
    indexer.sources[0].change(|script| assert_eq!(script.served, (1, 5_000)));
}

#[tokio::test]
async fn a_missing_event_is_found_missing_before_the_whole_history_is_fetched() {
    let (pool, chain) = (database().await, history(5_999));
    let server = Server::honest("a", &chain);
    server.change(|script| drop(script.transactions.remove(1)));
    let mut indexer = indexer(&pool, vec![server], 1);
    run(&mut indexer, 0..3).await;
    let (_, problems) = indexer.health.readiness();
    assert!(problems[&LEDGER.to_string()].contains("event 1 is missing"), "{problems:?}");
    indexer.sources[0].change(|script| assert!(script.served.1 < 3 * 2_500, "{:?}", script.served));
}

#[tokio::test]
async fn what_only_the_operator_can_mend_is_named_and_does_not_halt() {
    let (pool, chain) = (database().await, history(2));
    psql(&pool, "drop table entry");
    let mut indexer = indexer(&pool, vec![Server::honest("a", &chain)], 1);
    run(&mut indexer, 0..4).await;
    let (_, problems) = indexer.health.readiness();
    assert!(problems[&LEDGER.to_string()].contains(r#"relation "entry" does not exist"#), "{problems:?}");
    assert!(!is_halted(&pool).await);
}

pub fn indexer(pool: &PgPool, sources: Vec<Server>, quorum: usize) -> Indexer<Server> {
    let mut indexer = Indexer::new(PROGRAM, sources, quorum, Selection::default(), database_of(pool));
    // However busy the machine is, a pass does all of its work.
    indexer.patience = Duration::from_secs(600);
    indexer
}

pub fn database_of(pool: &PgPool) -> Database {
    Database::new(pool.clone(), Duration::from_secs(60), Metrics::new())
}

/// Passes so far from each other that none waits.
pub async fn run(indexer: &mut Indexer<Server>, passes: Range<u64>) {
    let start = Instant::now();
    for pass in passes {
        indexer.pass(start + Duration::from_secs(120 * pass), Round::All).await.unwrap();
    }
}

pub async fn is_halted(pool: &PgPool) -> bool {
    load_ledger(&mut pool.acquire().await.unwrap(), LEDGER).await.unwrap().halt.is_some()
}
