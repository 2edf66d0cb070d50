//! Servers' answers are kept, lies included.

use counterfoil_client::Source;
use counterfoil_core::LedgerHead;
use counterfoil_store::{Evidence, PgPool, load_evidence, load_ledger};

use crate::chain::{Chain, LEDGER, Server};
use crate::rules::{database, follow, forged_history, history, indexer, run};

async fn evidence(pool: &PgPool) -> Vec<Evidence> {
    let mut connection = pool.acquire().await.unwrap();
    let row = load_ledger(&mut connection, LEDGER).await.unwrap();
    load_evidence(&mut connection, &row, 1_000).await.unwrap()
}

/// Server, whether it agreed, its heads.
async fn said(pool: &PgPool) -> Vec<(String, bool, LedgerHead)> {
    let kept = evidence(pool).await.into_iter();
    kept.inspect(|kept| assert_eq!(kept.since.is_some(), kept.said.agrees))
        .map(|kept| (kept.said.server, kept.said.agrees, kept.said.head))
        .collect()
}

fn of(server: &str, agrees: bool, chain: &Chain) -> (String, bool, LedgerHead) {
    (server.to_owned(), agrees, chain.state().head())
}

#[tokio::test]
async fn the_answer_of_a_lying_server_is_kept_beside_those_of_a_quorum() {
    let (pool, chain, forged) = (database().await, history(4), forged_history(4));
    let servers = [Server::honest("b", &chain), Server::honest("c", &chain), Server::honest("liar", &forged)];
    let expected = [of("b", true, &chain), of("c", true, &chain), of("liar", false, &forged)];
    for _ in 0..3 {
        follow(&pool, &servers, 2).await.unwrap();
        assert_eq!(said(&pool).await, expected, "the same answer is kept once");
    }
}

#[tokio::test]
async fn a_ledger_halts_with_what_the_servers_said() {
    let (pool, chain, forged) = (database().await, history(4), forged_history(4));
    let servers = ["one", "two", "three"].map(|name| Server::honest(name, &chain));
    servers.iter().for_each(|server| server.change(|script| script.transactions.clone_from(&forged.transactions)));
    let mut indexer = indexer(&pool, servers.into(), 2);
    run(&mut indexer, 0..1).await;
    assert_eq!(said(&pool).await, [], "what may pass is no evidence yet");
    run(&mut indexer, 1..3).await;
    assert_eq!(said(&pool).await, ["one", "three", "two"].map(|server| of(server, false, &chain)));
}

#[tokio::test]
async fn a_server_that_led_astray_leaves_nothing_against_those_that_did_not() {
    let (pool, chain, forged) = (database().await, history(4), forged_history(4));
    let liar = Server::honest("liar", &chain);
    liar.change(|script| script.transactions.clone_from(&forged.transactions));
    follow(&pool, &[liar, Server::honest("b", &chain), Server::honest("c", &chain)], 2).await.unwrap();
    assert_eq!(said(&pool).await, ["b", "c", "liar"].map(|server| of(server, true, &chain)));
}

#[tokio::test]
async fn of_each_server_only_the_newest_answers_stay_and_a_lie_outlives_them() {
    let (pool, mut chain) = (database().await, history(1));
    let servers = ["liar", "honest", "other"].map(|name| Server::honest(name, &chain));
    let mut forged = forged_history(1);
    let mut first_since = None;
    for number in 0..40 {
        chain.append(&[&format!("{number}"), "second"]);
        forged.append(&[&format!("forged {number}"), "second"]);
        for server in &servers {
            let told = if number == 5 && server.name() == "liar" { &forged } else { &chain };
            server.change(|script| {
                script.account = Some(told.account());
                script.transactions.clone_from(&chain.transactions);
            });
        }
        follow(&pool, &servers, 2).await.unwrap();
        let kept = evidence(&pool).await;
        let newest = kept.iter().find(|kept| kept.said.server == "honest").unwrap();
        assert_eq!(newest.said.head, chain.state().head());
        assert_eq!(first_since.get_or_insert(newest.since.clone()), &newest.since, "nothing interrupted it");
    }
    let kept = evidence(&pool).await;
    let count = |server: &str, agrees| {
        kept.iter().filter(|kept| kept.said.server == server && kept.said.agrees == agrees).count()
    };
    assert_eq!((count("honest", true), count("honest", false)), (16, 0));
    assert_eq!((count("liar", true), count("liar", false)), (16, 1));
}
