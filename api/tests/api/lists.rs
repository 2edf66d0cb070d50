//! Ledgers, entries and events by page.

use counterfoil_core::LedgerId;
use serde_json::{Value, json};

use crate::history::{FIRST_SLOT, FIRST_TIME, History};
use crate::index::{BIG, BIG_EVENTS, BIG_SIZE, CLUSTER, EMPTY, Index, NEW, SMALL, UNCHECKED};
use crate::oracle::{self, base64, leaf_hash};

/// The heads at these numbers of entries and events.
pub fn heads(history: &History, entries: u64, events: u64) -> (Value, Value) {
    let leaves = history.events.iter().map(|(leaf, _)| leaf);
    (oracle::head(&oracle::tree(&history.payloads, entries)), oracle::head(&oracle::tree(leaves, events)))
}

/// The certificate of a page of a log's first leaves.
fn certificate(log: &str, leaves: &[Vec<u8>], from: u64, to: u64) -> Value {
    let mut certificate = oracle::certified(log, leaves, from, to);
    certificate["genesis_hash"] = json!(CLUSTER.genesis_hash.to_string());
    certificate["program"] = json!(CLUSTER.program.to_string());
    certificate["ledger"] = json!(BIG.to_string());
    certificate["slot"] = json!((FIRST_SLOT + BIG_EVENTS).to_string());
    certificate
}

fn event_leaves(history: &History) -> Vec<Vec<u8>> {
    history.events.iter().take(BIG_EVENTS as usize).map(|(leaf, _)| leaf.clone()).collect()
}

fn time(seq: u64) -> String {
    jiff::Timestamp::from_second(FIRST_TIME + i64::try_from(seq).unwrap()).unwrap().to_string()
}

fn signature(history: &History, seq: u64) -> String {
    bs58::encode(history.signature(seq)).into_string()
}

/// An event as a list of events shows it.
pub fn event(history: &History, seq: u64) -> Value {
    let (leaf, event) = &history.events[seq as usize];
    json!({
        "seq": seq.to_string(),
        "kind": event.body.name(),
        "leaf": base64(leaf),
        "leaf_hash": leaf_hash(leaf),
        "slot": (FIRST_SLOT + seq).to_string(),
        "time": time(seq),
        "signer": event.header.signer.to_string(),
        "transaction": signature(history, seq),
    })
}

/// An entry as a list of entries shows it.
pub fn entry(history: &History, index: u64) -> Value {
    let payload = &history.payloads[index as usize];
    let covers = |(_, event): &&(Vec<u8>, counterfoil_core::Event)| {
        let first = event.header.first_index.get();
        (first..first + event.header.count).contains(&index)
    };
    let event = &history.events.iter().find(covers).unwrap().1;
    let header = &event.header;
    let seq = header.event_seq.get();
    json!({
        "index": index.to_string(),
        "payload": base64(payload),
        "leaf_hash": leaf_hash(payload),
        "event": {
            "seq": seq.to_string(),
            "kind": event.body.name(),
            "slot": (FIRST_SLOT + seq).to_string(),
            "time": time(seq),
            "signer": header.signer.to_string(),
            "first_index": header.first_index.to_string(),
            "count": header.count.to_string(),
            "transaction": signature(history, seq),
        },
    })
}

#[tokio::test]
async fn status_names_version_cluster_and_program() {
    let index = Index::open().await;
    let expected = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "genesis_hash": CLUSTER.genesis_hash.to_string(),
        "program": CLUSTER.program.to_string(),
    });
    assert_eq!(index.ok("/v1/status").await, expected);
    index.tamper("delete from cluster").await;
    let unbound = json!({ "version": env!("CARGO_PKG_VERSION"), "genesis_hash": null, "program": null });
    assert_eq!(index.ok("/v1/status").await, unbound);
}

#[tokio::test]
async fn ledger_tells_heads_frontier_and_how_far_behind() {
    let index = Index::open().await;
    let (head, event_head) = heads(&index.shared.big, BIG_SIZE, BIG_EVENTS);
    // 900 = 512 + 256 + 128 + 4.
    let payloads = &index.shared.big.payloads;
    let peaks = [(0, 512), (512, 256), (768, 128), (896, 4)];
    let frontier = peaks.map(|(start, leaves)| {
        oracle::hex(oracle::tree(&payloads[start..start + leaves], leaves as u64).root().as_bytes())
    });
    let expected = json!({
        "ledger": BIG.to_string(),
        "status": "following",
        "halt": null,
        "applied": { "size": "903", "event_seq": "304" },
        "checked": {
            "head": head,
            "event_head": event_head,
            "slot": (FIRST_SLOT + BIG_EVENTS).to_string(),
            "frontier": frontier,
        },
        "behind": { "entries": "3", "events": "2" },
        "missing_leaves": "0",
    });
    assert_eq!(index.ok(&format!("/v1/ledgers/{BIG}")).await, expected);
}

#[tokio::test]
async fn ledgers_that_are_halted_empty_unchecked_and_new_say_so() {
    let index = Index::open().await;
    let small = index.ok(&format!("/v1/ledgers/{SMALL}")).await;
    assert_eq!(small["status"], "halted");
    assert_eq!(small["halt"]["reason"], "the account says otherwise");
    let since: jiff::Timestamp = small["halt"]["since"].as_str().unwrap().parse().unwrap();
    assert!(since.as_second() > FIRST_TIME / 2);

    let empty = index.ok(&format!("/v1/ledgers/{EMPTY}")).await;
    assert_eq!(empty["checked"]["head"]["size"], "0");
    assert_eq!(empty["checked"]["head"]["root"], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(empty["checked"]["frontier"], json!([]));
    for (ledger, applied, events) in [(UNCHECKED, "3", "2"), (NEW, "0", "0")] {
        let expected = json!({
            "ledger": ledger.to_string(),
            "status": "following",
            "halt": null,
            "applied": { "size": applied, "event_seq": events },
            "checked": null,
            "behind": { "entries": applied, "events": events },
            "missing_leaves": "0",
        });
        assert_eq!(index.ok(&format!("/v1/ledgers/{ledger}")).await, expected);
    }
}

#[tokio::test]
async fn ledgers_come_in_order_by_page() {
    let index = Index::open().await;
    let all = [BIG, SMALL, EMPTY, UNCHECKED, NEW].map(|ledger| ledger.to_string());
    let (mut found, mut path, mut pages) = (Vec::new(), "/v1/ledgers?limit=2".to_owned(), 0);
    loop {
        let page = index.ok(&path).await;
        for ledger in page["ledgers"].as_array().unwrap() {
            let name = ledger["ledger"].as_str().unwrap().to_owned();
            assert_eq!(*ledger, index.ok(&format!("/v1/ledgers/{name}")).await);
            found.push(name);
        }
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/ledgers?limit=2&after={next}");
    }
    assert_eq!((found, pages), (all.to_vec(), 3));
    // An address that is not there is a place to begin as well.
    let after = LedgerId([4; 32].map(|byte: u8| byte - 1)).to_string();
    assert_eq!(index.ok(&format!("/v1/ledgers?after={after}&limit=1")).await["ledgers"][0]["ledger"], all[3]);
    assert_eq!(index.ok("/v1/ledgers?limit=5").await["next"], Value::Null);
}

#[tokio::test]
async fn entries_of_all_pages_are_the_history_up_to_the_checked_size() {
    let index = Index::open().await;
    let history = &index.shared.big;
    let (head, event_head) = heads(history, BIG_SIZE, BIG_EVENTS);
    for (first, query) in [(0, ""), (250, "?first=250&limit=300"), (550, "?first=550&limit=1000"), (899, "?first=899")]
    {
        let page = index.ok(&format!("/v1/ledgers/{BIG}/entries{query}")).await;
        let end =
            if query.is_empty() { 100 } else { (first + 300).min(BIG_SIZE).max(BIG_SIZE * u64::from(first > 500)) };
        let expected = json!({
            "head": head,
            "event_head": event_head,
            "entries": (first..end).map(|index| entry(history, index)).collect::<Vec<_>>(),
            "missing": [],
            "next": (end < BIG_SIZE).then(|| end.to_string()),
            "certificate": certificate("entries", &history.payloads[..BIG_SIZE as usize], first, end),
        });
        assert_eq!(page, expected, "{query}");
    }
    let end = index.ok(&format!("/v1/ledgers/{BIG}/entries?first={BIG_SIZE}")).await;
    let nothing = json!({ "head": head, "event_head": event_head, "entries": [], "missing": [], "next": null,
                          "certificate": null });
    assert_eq!(end, nothing);
    let (_, event_head) = heads(&History::create(EMPTY), 0, 1);
    let none = index.ok(&format!("/v1/ledgers/{EMPTY}/entries")).await;
    assert_eq!((&none["entries"], &none["event_head"]), (&json!([]), &event_head));
}

#[tokio::test]
async fn events_of_all_pages_are_the_history_up_to_the_checked_size() {
    let index = Index::open().await;
    let history = &index.shared.big;
    let (head, event_head) = heads(history, BIG_SIZE, BIG_EVENTS);
    for (first, limit) in [(0, 150), (150, 150), (300, 150)] {
        let end = (first + limit).min(BIG_EVENTS);
        let expected = json!({
            "head": head,
            "event_head": event_head,
            "events": (first..end).map(|seq| event(history, seq)).collect::<Vec<_>>(),
            "next": (end < BIG_EVENTS).then(|| end.to_string()),
            "certificate": certificate("events", &event_leaves(history), first, end),
        });
        assert_eq!(index.ok(&format!("/v1/ledgers/{BIG}/events?first={first}&limit={limit}")).await, expected);
    }
    assert_eq!(event(history, 0)["kind"], "LedgerCreated");
    assert_eq!(event(history, 1)["kind"], "WriterGranted");
}
