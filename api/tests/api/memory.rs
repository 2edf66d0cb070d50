//! The cache in memory: it saves the database work, and never an answer its truth.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use counterfoil_api::Settings;
use counterfoil_core::LedgerId;
use serde_json::Value;

use crate::history::{CREATOR, History};
use crate::index::{BIG, Index, eventually, settings};
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
    until_it_costs_nothing(async || ask_all(&index).await).await;
    assert_eq!(ask_all(&index).await, read);
    let tile = format!("/tlog/{BIG}/entries/tile/0/000");
    let before = bytes(&index, &tile).await;
    until_it_costs_nothing(async || bytes(&index, &tile).await).await;
    assert_eq!(bytes(&index, &tile).await, before);
}

/// Changes are heard of after a moment, and how far a ledger is, is kept for a second.
pub async fn until_it_costs_nothing<T>(mut ask: impl AsyncFnMut() -> T) {
    let count = async || match count_statements(ask()).await {
        0 => Ok(()),
        count => Err(format!("{count} statements")),
    };
    eventually("an answer without a statement", count).await;
}

async fn until(what: &str, expected: &str, mut ask: impl AsyncFnMut() -> Value) {
    let is_there = async || match ask().await {
        value if value == expected => Ok(()),
        other => Err(other),
    };
    eventually(what, is_there).await;
}

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
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
    until_it_costs_nothing(async || index.ok(&inclusion).await).await;
    for count in [1, 100, 256] {
        (0..count).for_each(|_| history.append(1));
        let checked = history.check(&index.pool).await;
        let size = checked.head().entries.size.to_string();
        until("the new size", &size, async || index.ok(&inclusion).await["head"]["size"].clone()).await;
        let page =
            index.ok(&format!("/v1/ledgers/{LIVE}/entries?first={}", checked.head().entries.size.get() - 1)).await;
        assert_eq!((&page["head"]["size"], page["entries"].as_array().unwrap().len()), (&size.into(), 1));
    }
}

#[tokio::test]
async fn what_nobody_tells_is_noticed_all_the_same() {
    let index = Index::open().await;
    let page = format!("/v1/ledgers/{BIG}/entries?limit=1");
    until_it_costs_nothing(async || index.ok(&format!("/v1/ledgers/{BIG}/inclusion?log=entries&index=1")).await).await;
    let slot = async || index.ok(&page).await["certificate"]["slot"].clone();
    let before = slot().await;
    index.tamper("update cursor set checked_slot = checked_slot + 1 where ledger = 1").await;
    let told = async || Some(slot().await).filter(|slot| *slot != before).ok_or("the slot before");
    let now = eventually("a slot that was not notified", told).await;
    assert_eq!(number(&now), number(&before) + 1);
}

#[tokio::test]
async fn a_lost_connection_does_not_keep_what_is_old() {
    let index = Index::open().await;
    let mut history = History::create(LIVE);
    history.append(5);
    history.check(&index.pool).await;
    let path = format!("/v1/ledgers/{LIVE}/inclusion?log=entries&index=4");
    until_it_costs_nothing(async || index.ok(&path).await).await;
    index.tamper("select pg_terminate_backend(pid) from pg_stat_activity where query like 'LISTEN%'").await;
    history.append(5);
    history.check(&index.pool).await;
    until("the size that was not notified", "10", async || index.ok(&path).await["head"]["size"].clone()).await;
    let entry = index.ok(&format!("/v1/ledgers/{LIVE}/entries/9")).await;
    assert_eq!(entry["head"]["size"], "10");
}

#[tokio::test]
async fn a_row_that_changed_is_noticed_at_the_edge_at_once_and_elsewhere_by_who_reads_it() {
    let mut index = Index::open().await;
    let [full, edge] = [5, 890].map(|entry| format!("/v1/ledgers/{BIG}/entries/{entry}"));
    let before = index.ok(&full).await;
    until_it_costs_nothing(async || index.ok(&full).await).await;
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
    until_it_costs_nothing(async || index.ok(&page).await).await;
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
    until("the other history's root", &root, async || answer().await["event_head"]["root"].clone()).await;
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
        let refused = async || Some(index.get(path).await.0).filter(|status| *status != 200).ok_or("200");
        eventually("the forged head is read", refused).await;
        let (status, code, detail) = index.problem(path).await;
        assert_eq!((status, code.as_str()), (500, "stored_data_corrupt"), "{path}: {detail}");
    }
}
