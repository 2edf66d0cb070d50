//! The fault table: each step of input and output fails in each way, the indexer starts again, and nothing is lost,
//! doubled or wrong.

use std::time::{Duration, Instant};

use counterfoil_indexer::database::Database;
use counterfoil_indexer::fsck::fsck;
use counterfoil_indexer::metrics::Metrics;
use counterfoil_indexer::{Indexer, Round, Selection};
use counterfoil_store::{PgPool, StoreError, connect};

use crate::chain::{Chain, PROGRAM, Server};
use crate::rules::{database, database_url, port, psql, stored};
use crate::wire::{Break, Wire};

/// How long a step may take where one hangs: long enough for most that do not.
const PATIENCE: Duration = Duration::from_millis(700);
/// How long all else may take.
const NEVER_SLOW: Duration = Duration::from_secs(600);
/// Fewer steps than a life has.
const MANY: usize = 40;
/// How many databases are worked on at once.
const LANES: usize = 3;

/// Every row that is kept, in an order of its own, without the number that the database gave the ledger.
fn all_rows(pool: &PgPool) -> String {
    let rows = ["ledger", "cursor", "event", "entry", "tile", "subtree", "pending", "halt"]
        .map(|table| format!("select '{table}', md5(regexp_replace({table}::text, '^.[0-9]+', '')) from {table}"));
    psql(pool, &format!("select * from ({}) as rows (kind, hash) order by kind, hash", rows.join(" union all ")))
}

/// Two batches of a server's transactions, tiles of both logs, and leaves by their subtree.
fn history() -> Chain {
    let mut chain = Chain::new();
    (0..290).for_each(|number| chain.append(&[&format!("entry {number}")]));
    (0..2).for_each(|_| chain.append(&["filling up"]));
    chain.append_subtree();
    chain.append(&["after", "the subtree"]);
    chain
}

fn indexer(pool: &PgPool, chain: &Chain) -> Indexer<Server> {
    let database = Database::new(pool.clone(), NEVER_SLOW, Metrics::new());
    let servers = vec![Server::honest("a", chain)];
    let mut indexer = Indexer::new(PROGRAM, servers, 1, Selection::default(), database).with_turns(1);
    indexer.patience = NEVER_SLOW;
    indexer
}

/// The same database through the wire. One connection makes the steps the same each time; one that hangs needs others
/// in parallel, for it takes seconds to be closed.
async fn through(wire: &Wire, pool: &PgPool, fault: Break) -> Result<PgPool, StoreError> {
    let connections = if fault == Break::Hang { 4 } else { 1 };
    let url = database_url(pool).replace(&format!(":{}/", port()), &format!(":{}/", wire.port()));
    connect(&url, connections, patience(fault)).await
}

const fn patience(fault: Break) -> Duration {
    if matches!(fault, Break::Hang) { PATIENCE } else { NEVER_SLOW }
}

/// Begins with nothing, comes to the beginning of the history, then to its end.
async fn live(wire: &Wire, pool: &PgPool, chain: &Chain, fault: Break) {
    let Ok(pool) = through(wire, pool, fault).await else { return };
    let mut indexer = indexer(&pool, chain);
    indexer.database.patience = patience(fault);
    indexer.sources[0].change(|script| script.account = Some(chain.account_at(4)));
    let start = Instant::now();
    let _ = indexer.pass(start, Round::All).await;
    indexer.sources[0].change(|script| script.account = Some(chain.account()));
    let _ = indexer.pass(start + Duration::from_secs(120), Round::All).await;
}

/// Starts again, without faults, and asserts that everything is there.
async fn recover(pool: &PgPool, chain: &Chain, rows: Option<&str>, what: &str) -> String {
    let mut indexer = indexer(pool, chain);
    let start = Instant::now();
    for pass in 0..20 {
        indexer.pass(start + Duration::from_secs(120 * pass), Round::All).await.unwrap();
        if stored(pool).await.1 == Some(chain.state().head()) {
            break;
        }
    }
    assert_eq!(stored(pool).await, (chain.state(), Some(chain.state().head())), "{what}");
    let report = fsck(pool, &[], |_| ()).await.unwrap();
    assert_eq!((report.events, report.findings), (chain.event_count(), vec![]), "{what}");
    let found = all_rows(pool);
    if let Some(rows) = rows {
        assert!(found == rows, "{what}: the rows differ from those of a run without faults");
    }
    found
}

async fn emptied(pool: &PgPool) {
    psql(
        pool,
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and application_name = 'counterfoil'
             and state like 'idle in transaction%';
         delete from halt; delete from evidence; delete from pending; delete from subtree; delete from tile; delete from entry;
         delete from event; delete from cursor; delete from ledger",
    );
}

/// Breaks each step once; several at a time, each lane with a database of its own.
async fn break_every_step(fault: Break) {
    let chain = history();
    let (pool, wire) = (database().await, Wire::to(port()).await);
    emptied(&pool).await;
    live(&wire, &pool, &chain, fault).await;
    let steps = wire.steps();
    assert!(steps > MANY, "the steps are seen: {steps}");
    let rows = recover(&pool, &chain, None, "without faults").await;
    let lanes = (0..LANES).map(|lane| {
        let (chain, rows) = (chain.clone(), rows.clone());
        tokio::spawn(async move {
            let (pool, wire) = (database().await, Wire::to(port()).await);
            let mut met = 0;
            for step in (lane..steps).step_by(LANES) {
                emptied(&pool).await;
                wire.break_at(Some((step, fault)));
                live(&wire, &pool, &chain, fault).await;
                met += usize::from(wire.has_broken());
                wire.break_at(None);
                recover(&pool, &chain, Some(&rows), &format!("{fault:?} at step {step}")).await;
            }
            met
        })
    });
    let mut met = 0;
    for lane in lanes.collect::<Vec<_>>() {
        met += lane.await.unwrap();
    }
    if fault == Break::Hang {
        // How many steps a life has depends on how many connections it opens, and on a busy machine a step can take
        // longer than the patience and end the life before its fault comes.
        assert!(2 * met > steps, "{met} of {steps} faults came");
    } else {
        // A dropped pool may still send after the life's end.
        assert!(met + 2 >= steps, "{met} of {steps} faults came");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_in_the_database_may_fail_and_not_be_applied() {
    break_every_step(Break::Before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_in_the_database_may_fail_and_be_applied() {
    break_every_step(Break::After).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_in_the_database_may_never_be_answered() {
    break_every_step(Break::Hang).await;
}

#[tokio::test]
async fn every_answer_of_a_server_may_fail_or_never_come() {
    let (pool, chain) = (database().await, history());
    emptied(&pool).await;
    let rows = recover(&pool, &chain, None, "without faults").await;
    let mut calls = 0;
    for fault in [None, Some(false), Some(true)] {
        for call in 0..calls.max(1) {
            emptied(&pool).await;
            let mut indexer = indexer(&pool, &chain);
            indexer.sources[0].change(|script| {
                script.fail_at = fault.map(|hangs| (call, hangs));
                script.account = Some(chain.account_at(4));
            });
            let start = Instant::now();
            let life = async {
                indexer.pass(start, Round::All).await.unwrap();
                indexer.sources[0].change(|script| script.account = Some(chain.account()));
                indexer.pass(start + Duration::from_secs(120), Round::All).await.unwrap();
            };
            // A step that never answers is ended from outside, as a user would.
            let _ =
                tokio::time::timeout(Duration::from_millis(if fault == Some(true) { 300 } else { 60_000 }), life).await;
            if fault.is_none() {
                indexer.sources[0].change(|script| calls = script.calls);
                assert!(calls > 6, "the calls are seen: {calls}");
                break;
            }
            drop(indexer);
            recover(&pool, &chain, Some(&rows), &format!("call {call}, never answered: {fault:?}")).await;
        }
    }
}
