//! What is kept in memory: it saves the database work, and never an answer its truth.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use counterfoil_api::Settings;
use counterfoil_core::LedgerId;
use serde_json::Value;

use crate::history::{CREATOR, History};
use crate::index::{BIG, Index, settings};
use crate::statements::count_statements;

const LIVE: LedgerId = LedgerId([7; 32]);

const ANSWERS: [&str; 9] = [
    "",
    "/entries?first=5&limit=300",
    "/entries/5",
    "/entries/5/receipt",
    "/inclusion?log=entries&index=5",
    "/inclusion?log=events&index=5",
    "/inclusion?log=entries&index=5&size=300",
    "/consistency?log=entries&first=300",
    "/consistency?log=events&first=3&second=300",
];

#[tokio::test]
async fn what_is_asked_for_again_costs_the_database_nothing_and_is_the_same() {
    let mut index = Index::open().await;
    let kept = index.app.clone();
    index.app = counterfoil_api::app(index.pool.clone(), Settings { memory_bytes: 0, ..settings() });
    let read: Vec<Value> = ask_all(&index).await;
    index.app = kept;
    assert_eq!(ask_all(&index).await, read);
    // From when changes are heard of on. A row is asked for again after a second.
    while count_statements(ask_all(&index)).await > 0 {}
    assert_eq!(ask_all(&index).await, read);
    let tile = format!("/tlog/{BIG}/entries/tile/0/000");
    let before = bytes(&index, &tile).await;
    while count_statements(bytes(&index, &tile)).await > 0 {}
    assert_eq!(bytes(&index, &tile).await, before);
}

async fn bytes(index: &Index, path: &str) -> Vec<u8> {
    let response = index.send(Request::get(path).body(Body::empty()).unwrap()).await;
    to_bytes(response.into_body(), usize::MAX).await.unwrap().into()
}

async fn ask_all(index: &Index) -> Vec<Value> {
    let mut answers = Vec::new();
    for path in ANSWERS {
        answers.push(index.ok(&format!("/v1/ledgers/{BIG}{path}")).await);
    }
    answers
}

#[tokio::test]
async fn a_ledger_that_grows_is_seen_to_grow() {
    let index = Index::open().await;
    let mut history = History::create(LIVE);
    (0..12).for_each(|_| history.append(50));
    history.check(&index.pool).await;
    let inclusion = format!("/v1/ledgers/{LIVE}/inclusion?log=entries&index=5");
    while count_statements(index.ok(&inclusion)).await > 0 {}
    for count in [1, 100, 256] {
        (0..count).for_each(|_| history.append(1));
        let checked = history.check(&index.pool).await;
        let size = checked.head().entries.size.to_string();
        while index.ok(&inclusion).await["head"]["size"] != size.as_str() {}
        let page =
            index.ok(&format!("/v1/ledgers/{LIVE}/entries?first={}", checked.head().entries.size.get() - 1)).await;
        assert_eq!((&page["head"]["size"], page["entries"].as_array().unwrap().len()), (&size.into(), 1));
    }
}

#[tokio::test]
async fn what_nobody_tells_is_noticed_all_the_same() {
    let index = Index::open().await;
    let page = format!("/v1/ledgers/{BIG}/entries?limit=1");
    while count_statements(index.ok(&format!("/v1/ledgers/{BIG}/inclusion?log=entries&index=1"))).await > 0 {}
    let slot = async || index.ok(&page).await["certificate"]["slot"].clone();
    let before = slot().await;
    index.tamper("update cursor set checked_slot = checked_slot + 1 where ledger = 1").await;
    while slot().await == before {}
}

#[tokio::test]
async fn a_lost_connection_does_not_keep_what_is_old() {
    let index = Index::open().await;
    let mut history = History::create(LIVE);
    history.append(5);
    history.check(&index.pool).await;
    let path = format!("/v1/ledgers/{LIVE}/inclusion?log=entries&index=4");
    while count_statements(index.ok(&path)).await > 0 {}
    index.tamper("select pg_terminate_backend(pid) from pg_stat_activity where query like 'LISTEN%'").await;
    history.append(5);
    history.check(&index.pool).await;
    while index.ok(&path).await["head"]["size"] != "10" {}
}

#[tokio::test]
async fn a_row_that_changed_is_noticed_at_the_edge_at_once_and_elsewhere_by_who_reads_it() {
    let mut index = Index::open().await;
    let [full, edge] = [5, 890].map(|entry| format!("/v1/ledgers/{BIG}/entries/{entry}"));
    let before = index.ok(&full).await;
    while count_statements(index.ok(&full)).await > 0 {}
    index.ok(&edge).await;
    index.tamper("update entry set payload = 'changed' where ledger = 1 and index in (5, 890)").await;
    assert_eq!(index.problem(&edge).await.1, "stored_data_corrupt");
    assert_eq!(index.ok(&full).await, before);
    index.app = counterfoil_api::app(index.pool.clone(), settings());
    assert_eq!(index.problem(&full).await.1, "stored_data_corrupt");
}

#[tokio::test]
async fn entries_in_memory_are_not_answered_of_another_history() {
    let index = Index::open().await;
    let page = format!("/v1/ledgers/{LIVE}/entries?limit=256");
    let mut first = History::create(LIVE);
    first.append(300);
    first.check(&index.pool).await;
    while count_statements(index.ok(&page)).await > 0 {}
    for table in ["entry", "event", "tile", "cursor"] {
        let ledger = format!("ledger = (select id from ledger where address = '\\x{}')", "07".repeat(32));
        index.tamper(&format!("delete from {table} where {ledger}")).await;
    }
    index.tamper(&format!("delete from ledger where address = '\\x{}'", "07".repeat(32))).await;
    // The same entries, by other events.
    let mut second = History::create(LIVE);
    second.append_as(CREATOR, 300);
    let root = second.check(&index.pool).await.head().events.root.to_string();
    let answer = async || index.get(&page).await.1;
    while answer().await["event_head"]["root"] != root.as_str() {}
    let signers = answer().await["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["event"]["signer"].clone())
        .collect::<Vec<_>>();
    assert_eq!(signers, vec![Value::from(CREATOR.to_string()); 256]);
}

#[tokio::test]
async fn a_head_that_is_forged_makes_nothing_true_that_is_in_memory() {
    let index = Index::open().await;
    let paths = ["/entries?limit=5", "/entries/3", "/inclusion?log=entries&index=3", "/entries/3/receipt"];
    let paths = paths.map(|path| format!("/v1/ledgers/{BIG}{path}"));
    for path in &paths {
        index.ok(path).await;
    }
    index.tamper("update cursor set checked_root = set_byte(checked_root, 0, get_byte(checked_root, 0) # 1) where ledger = 1").await;
    for path in &paths {
        while index.get(path).await.0 == 200 {}
        let (status, code, detail) = index.problem(path).await;
        assert_eq!((status, code.as_str()), (500, "stored_data_corrupt"), "{path}: {detail}");
    }
}
