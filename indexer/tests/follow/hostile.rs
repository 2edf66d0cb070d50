//! Attacks of servers and strangers on an indexer, and the work that must go on all the same.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use counterfoil_client::TransactionRecord;
use counterfoil_core::LedgerId;
use counterfoil_indexer::health::{Condition, LedgerHealth};
use counterfoil_indexer::inbox::Delivered;
use counterfoil_indexer::{Feeding, Round};
use counterfoil_store::{PgPool, begin};

use crate::chain::{Chain, LEDGER, PROGRAM, Server};
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
    assert_ne!(indexer.reputation.order()[0], 0, "the liar is asked last");
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

#[tokio::test]
async fn a_quorum_whose_slot_stands_still_is_not_believed_to_be_up_to_date() {
    let (pool, chain) = (database().await, history(4));
    let servers = ["frozen", "frozen too", "goes on"].map(|name| Server::honest(name, &chain));
    let mut indexer = indexer(&pool, servers.into(), 2);
    indexer.health.expect(Duration::ZERO, true);
    let start = Instant::now();
    for second in [0, 30, 61] {
        let now = start + Duration::from_secs(second);
        // A slot that one server alone reports is no evidence that the others are up to date.
        indexer.sources[2].change(|script| script.slot = 1_000 + second);
        indexer.pass(now, Round::All).await.unwrap();
        let problems = indexer.health.readiness_at(now).1;
        assert_eq!(problems.contains_key("servers"), second > 60, "{second}: {problems:?}");
    }
    let metrics = String::from_utf8(indexer.database.metrics.text().unwrap()).unwrap();
    assert!(metrics.contains(r#"counterfoil_server_slot{server="goes on"} 1061"#), "{metrics}");
    indexer.sources[1].change(|script| script.slot = 1_001);
    let now = start + Duration::from_secs(62);
    indexer.pass(now, Round::All).await.unwrap();
    assert_eq!(indexer.health.readiness_at(now), (true, BTreeMap::new()));
}

#[tokio::test]
async fn servers_that_nobody_asks_are_not_said_to_stand_still() {
    let (pool, chain) = (database().await, history(4));
    let mut indexer = indexer(&pool, vec![Server::honest("a", &chain)], 1);
    indexer.health.expect(Duration::ZERO, true);
    run(&mut indexer, 0..1).await;
    // As while the database is away.
    indexer.health.stands_still("trying again".to_owned());
    let problems = indexer.health.readiness_at(Instant::now() + Duration::from_secs(90)).1;
    assert_eq!(problems.keys().collect::<Vec<_>>(), ["indexer"], "{problems:?}");
}

#[tokio::test]
async fn a_standby_tells_nothing_of_ledgers_that_it_looked_at_before() {
    let (pool, chain) = (database().await, history(4));
    let mut indexer = indexer(&pool, vec![Server::honest("a", &chain)], 1);
    indexer.health.expect(Duration::ZERO, true);
    run(&mut indexer, 0..1).await;
    let metrics = || String::from_utf8(indexer.database.metrics.text().unwrap()).unwrap();
    assert!(metrics().contains("counterfoil_ledger_condition{"), "{}", metrics());
    let reason = "No one knows how it is by now.".to_owned();
    let condition = Condition::Halted { reason };
    indexer.health.set(LEDGER, LedgerHealth { condition, progress: None }, Instant::now());
    indexer.health.stands_by("standing by".to_owned());
    let problems = indexer.health.readiness_at(Instant::now() + Duration::from_secs(50)).1;
    assert_eq!(problems, BTreeMap::from([("indexer".to_owned(), "standing by".to_owned())]));
    assert!(!metrics().contains("counterfoil_ledger_condition{"), "{}", metrics());
}

#[tokio::test]
async fn an_index_that_stays_ahead_of_the_accounts_is_told_and_nothing_is_lost() {
    let (pool, chain) = (database().await, history(10));
    let mut indexer = indexer(&pool, vec![Server::honest("a", &chain), Server::honest("b", &chain)], 2);
    let start = Instant::now();
    indexer.pass(start, Round::All).await.unwrap();
    for server in indexer.sources.iter() {
        server.change(|script| script.account = Some(chain.account_at(8)));
    }
    for second in [1, 62] {
        let now = start + Duration::from_secs(second);
        indexer.pass(now, Round::All).await.unwrap();
        let problem = indexer.health.readiness_at(now).1.get(&LEDGER.to_string()).cloned();
        // Servers behind a load balancer go back for a moment.
        assert_eq!(problem.is_some(), second > 60, "{problem:?}");
        if let Some(problem) = problem {
            assert!(
                problem.starts_with("the index holds 11 events, the servers' accounts have had 8 for 61 s"),
                "{problem}"
            );
        }
    }
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

/// A history that goes on otherwise than the chain's from event `common` on, as long as `events`.
fn other_history(chain: &Chain, common: u64, events: usize) -> Chain {
    let mut other = chain.until(common);
    (0..events - usize::try_from(common).unwrap()).for_each(|_| other.append(&["invented"]));
    other
}

#[tokio::test]
async fn an_account_behind_the_index_is_compared_with_what_the_index_had_there() {
    let (pool, chain) = (database().await, history(10));
    // A quorum once led the index ahead, by a history that is not the chain's.
    let false_chain = other_history(&chain, 6, 14);
    let servers = ["a", "b"].map(|name| Server::honest(name, &false_chain));
    let mut indexer = indexer(&pool, servers.into(), 2);
    run(&mut indexer, 0..1).await;
    assert_eq!(stored(&pool).await.1, Some(false_chain.state().head()));
    for server in indexer.sources.iter() {
        server.change(|script| {
            (script.account, script.transactions) = (Some(chain.account()), chain.transactions.clone())
        });
    }
    run(&mut indexer, 1..3).await;
    let (_, problems) = indexer.health.readiness();
    let problem = &problems[&LEDGER.to_string()];
    assert!(problem.starts_with("halted: ") && problem.contains("said by a, b"), "{problem}");
    let said = psql(&pool, "select server, event_seq, agrees from evidence where not agrees order by server");
    assert_eq!(said, "a|11|f\nb|11|f\n", "both heads are kept as evidence");
    indexer
        .sources
        .iter()
        .for_each(|server| server.change(|script| assert_eq!(script.served.0, usize::from(script.served.1 > 0))));
}

#[tokio::test]
async fn a_lie_that_loses_is_counted_and_told_once_a_minute() {
    let (pool, chain) = (database().await, history(10));
    let servers = ["a", "b", "liar"].map(|name| Server::honest(name, &chain));
    // It stands where the others stand, and where they stood.
    for account in [other_history(&chain, 6, 11).account(), other_history(&chain, 6, 8).account()] {
        servers[2].change(|script| script.account = Some(account));
        let mut indexer = indexer(&pool, servers.each_ref().map(Server::copy).into(), 2);
        run(&mut indexer, 0..3).await;
        assert_eq!(indexer.health.readiness(), (true, BTreeMap::new()));
        let metrics = String::from_utf8(indexer.database.metrics.text().unwrap()).unwrap();
        assert!(metrics.contains(r#"counterfoil_falsehoods_total{server="liar"} 3"#), "{metrics}");
        assert!(!metrics.contains(r#"counterfoil_falsehoods_total{server="a"}"#), "{metrics}");
        assert_eq!(indexer.reputation.order(), [0, 1, 2]);
        let now = Instant::now() + Duration::from_secs(500);
        let told: Vec<bool> =
            [0, 59, 60].map(|second| indexer.reputation.should_be_told(2, now + Duration::from_secs(second))).into();
        assert_eq!(told, [true, false, true]);
    }
}

#[tokio::test]
async fn a_server_that_lists_without_end_does_not_keep_the_others_from_their_turn() {
    let (pool, chain) = (database().await, history(4));
    let servers = ["endless", "b", "c"].map(|name| Server::honest(name, &chain));
    servers[0].change(|script| {
        script.transactions = (0..5_000u16)
            .map(|number| {
                let mut junk = foreign(1, 100);
                junk.signature[..2].copy_from_slice(&number.to_le_bytes());
                junk
            })
            .collect();
        script.is_whole = false;
    });
    let mut indexer = indexer(&pool, servers.into(), 2);
    run(&mut indexer, 0..3).await;
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

#[tokio::test]
async fn a_ledger_whose_work_does_not_end_keeps_no_other_waiting_and_is_told() {
    let (pool, chain) = (database().await, history(4));
    let other = LedgerId([0x22; 32]);
    let other_chain = {
        let mut other = Chain::of(other);
        other.append(&["of the other"]);
        other
    };
    let server = Server::honest("a", &chain);
    server.change(|script| (script.ledgers, script.others) = (Some(vec![LEDGER, other]), vec![other_chain.clone()]));
    let mut indexer = indexer(&pool, vec![server], 1);
    run(&mut indexer, 0..1).await;
    let mut holder = pool.acquire().await.unwrap();
    let mut transaction = begin(&mut holder).await.unwrap();
    sqlx::raw_sql("select * from cursor where event_seq = 5 for update").execute(&mut *transaction).await.unwrap();
    let (mut chain, mut other_chain) = (chain, other_chain);
    chain.append(&["held"]);
    other_chain.append(&["not held"]);
    indexer.sources[0].change(|script| {
        (script.account, script.transactions) = (Some(chain.account()), chain.transactions.clone());
        script.others = vec![other_chain.clone()];
    });
    indexer.patience = Duration::ZERO;
    let is_there = || psql(&pool, "select count(*) from cursor where checked_event_seq = 3") == "1\n";
    for _ in 0..500 {
        run(&mut indexer, 1..2).await;
        if is_there() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(is_there() && indexer.is_at_work(), "the other ledger goes on, and this one is still held");
    let (_, problems) = indexer.health.readiness_at(Instant::now() + Duration::from_secs(1_000));
    assert!(problems[&LEDGER.to_string()].starts_with("work on it has not ended for "), "{problems:?}");
    transaction.rollback().await.unwrap();
    while indexer.is_at_work() {
        indexer.settle().await;
    }
    assert_eq!(stored(&pool).await, (chain.state(), Some(chain.state().head())));
}

#[tokio::test]
async fn events_of_a_stranger_call_for_a_look_now_and_then() {
    let (pool, chain) = (database().await, history(1));
    let mut indexer = indexer(&pool, vec![Server::honest("a", &chain)], 1);
    indexer.feeding = Feeding::Live("feed".to_owned());
    let stranger = |number: u8| {
        let transactions = Chain::of(LedgerId([number; 32])).transactions;
        transactions.iter().flat_map(|transaction| Delivered::decode(PROGRAM, transaction).unwrap()).collect::<Vec<_>>()
    };
    let start = Instant::now();
    let mut looks = 0;
    // 20 a second, for a minute.
    for tick in 0..1_200 {
        let now = start + Duration::from_millis(50 * tick);
        if indexer.deliver(stranger(0x33), now) {
            looks += 1;
            indexer.pass(now, Round::All).await.unwrap();
        }
    }
    assert!(looks <= 6, "{looks} looks");
    assert!(indexer.deliver(stranger(0x44), start), "another one is looked for at once");
}

#[tokio::test]
async fn a_halted_ledger_that_goes_on_holds_up_no_other() {
    let (pool, chain) = (database().await, history(4));
    let other = LedgerId([0x22; 32]);
    let mut other_chain = Chain::of(other);
    let server = Server::honest("a", &chain);
    server.change(|script| (script.ledgers, script.others) = (Some(vec![LEDGER, other]), vec![other_chain.clone()]));
    let mut indexer = indexer(&pool, vec![server], 1);
    indexer.feeding = Feeding::Live("feed".to_owned());
    run(&mut indexer, 0..2).await;
    psql(&pool, "insert into halt (ledger, reason) select ledger, 'a test' from cursor where event_seq = 5");
    let mut chain = chain;
    for pass in 2..6 {
        chain.append(&["of a ledger that is halted"]);
        other_chain.append(&["of the other"]);
        let news = [&chain, &other_chain].map(|chain| chain.transactions.last().unwrap().clone());
        let news = news.iter().flat_map(|transaction| Delivered::decode(PROGRAM, transaction).unwrap()).collect();
        indexer.sources[0].change(|script| {
            (script.account, script.transactions) = (Some(chain.account()), chain.transactions.clone());
            script.others = vec![other_chain.clone()];
        });
        indexer.deliver(news, Instant::now());
        run(&mut indexer, pass..pass + 1).await;
        let of = |ledger: LedgerId| {
            let address: String = ledger.0.iter().map(|byte| format!("{byte:02x}")).collect();
            let cursor = "select checked_event_seq from cursor join ledger on ledger.id = cursor.ledger";
            psql(&pool, &format!("{cursor} where address = '\\x{address}'"))
        };
        assert_eq!((of(LEDGER), of(other)), ("5\n".to_owned(), format!("{}\n", pass)));
        assert!(indexer.waiting_bytes() < 10_000, "what is halted is not kept");
    }
}
