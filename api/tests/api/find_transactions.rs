//! Transactions of one event and of several, against a model in memory.

use std::cmp::Ordering;
use std::ops::Range;

use counterfoil_api::Settings;
use counterfoil_core::LedgerId;
use serde_json::{Value, json};

use crate::history::{FIRST_SLOT, FIRST_TIME, History};
use crate::index::{BIG, Index, settings};
use crate::oracle::{assert_included, base64};
use crate::statements::count_statements;
use crate::walk::List;

const GROUPED: LedgerId = LedgerId([8; 32]);
const TRANSACTIONS: List = List { ledger: GROUPED, field: "findTransactions", key: "firstSeq" };
const PACE: i64 = 2_500;

/// A transaction as the model knows it.
#[derive(Clone, Debug)]
struct Known {
    events: Range<u64>,
    entries: Range<u64>,
}

impl Known {
    const fn event_count(&self) -> u64 {
        self.events.end - self.events.start
    }

    const fn entry_count(&self) -> u64 {
        self.entries.end - self.entries.start
    }
}

/// Appends `entries` entries in each of the events of one transaction.
fn transact(history: &mut History, appends: &[usize]) -> Known {
    let (first, index) = (history.events.len() as u64, history.payloads.len() as u64);
    history.transaction = Some(first);
    appends.iter().for_each(|count| history.append(*count));
    history.transaction = None;
    Known { events: first..history.events.len() as u64, entries: index..history.payloads.len() as u64 }
}

/// 42 transactions of one to four events. The last has a fifth one, which is not checked.
async fn open(index: &Index) -> (History, Vec<Known>) {
    let mut history = History::create(GROUPED);
    history.pace = PACE;
    let mut known = vec![Known { events: 0..1, entries: 0..0 }];
    for at in 0..40 {
        let shapes: [&[usize]; 5] = [&[1], &[2, 1], &[3], &[1, 1, 4, 2], &[5, 1, 1]];
        known.push(transact(&mut history, shapes[at % 5]));
    }
    let cut = transact(&mut history, &[2, 2]);
    history.check(&index.pool).await;
    history.transaction = Some(cut.events.start);
    history.append(3);
    history.transaction = None;
    history.commit(&index.pool).await;
    known.push(cut);
    (history, known)
}

fn signature(history: &History, known: &Known) -> String {
    bs58::encode(history.signature(known.events.start)).into_string()
}

fn time(seq: u64) -> String {
    jiff::Timestamp::from_second(FIRST_TIME + PACE * i64::try_from(seq).unwrap()).unwrap().to_string()
}

type Holds = Box<dyn Fn(&Known) -> bool>;

fn filters(history: &History, known: &[Known]) -> Vec<(String, Holds)> {
    let (some, other) = (known[4].clone(), known[9].clone());
    let signatures = [&some, &other].map(|known| signature(history, known));
    let (slot, first) = (FIRST_SLOT + known[20].events.start, other.events.start);
    vec![
        ("{}".into(), Box::new(|_| true)),
        ("{ firstSeq: { gte: \"10\", lt: \"30\" } }".into(), Box::new(|known| (10..30).contains(&known.events.start))),
        // In the midst of a transaction none begins.
        (
            format!("{{ firstSeq: {{ in: [\"{}\", \"{first}\"] }} }}", some.events.start + 1),
            Box::new(move |known| known.events.start == first),
        ),
        (
            format!("{{ signature: {{ in: [\"{}\", \"{}\"] }} }}", signatures[0], signatures[1]),
            Box::new(move |known| known.events == some.events || known.events == other.events),
        ),
        (format!("{{ slot: {{ lte: \"{slot}\" }} }}"), Box::new(move |known| FIRST_SLOT + known.events.start <= slot)),
        (
            format!("{{ time: {{ gt: \"{}\", lte: \"{}\" }} }}", time(5), time(19)),
            Box::new(|known| (6..=19).contains(&known.events.start)),
        ),
        ("{ eventCount: { eq: \"2\" } }".into(), Box::new(|known| known.event_count() == 2)),
        (
            "{ eventCount: { gt: \"1\" }, entryCount: { lt: \"8\" } }".into(),
            Box::new(|known| known.event_count() > 1 && known.entry_count() < 8),
        ),
        ("{ firstIndex: { gte: \"100\" } }".into(), Box::new(|known| known.entries.start >= 100)),
        (
            "{ or: [{ firstIndex: { lt: \"9\" } }, { not: { entryCount: { gt: \"1\" } } }] }".into(),
            Box::new(|known| known.entries.start < 9 || known.entry_count() <= 1),
        ),
    ]
}

type Compares = fn(&Known, &Known) -> Ordering;

const ORDERS: [(&str, Compares); 4] = [
    ("[]", |left, right| left.events.start.cmp(&right.events.start)),
    ("[{ field: TIME, direction: DESC }]", |left, right| right.events.start.cmp(&left.events.start)),
    ("[{ field: EVENT_COUNT, direction: DESC }, { field: ENTRY_COUNT }]", |left, right| {
        let of = |known: &Known| (u64::MAX - known.event_count(), known.entry_count(), known.events.start);
        of(left).cmp(&of(right))
    }),
    // The signatures of this history are in the order of the events.
    ("[{ field: ENTRY_COUNT, direction: DESC }, { field: SIGNATURE, direction: DESC }]", |left, right| {
        let of = |known: &Known| (known.entry_count(), known.events.start);
        of(right).cmp(&of(left))
    }),
];

#[tokio::test]
async fn each_filter_in_each_order_finds_the_transactions_of_the_model_from_both_ends() {
    let index = Index::open().await;
    let (history, known) = open(&index).await;
    for (filter, holds) in filters(&history, &known) {
        for (order, compare) in ORDERS {
            let mut expected = known.clone();
            expected.retain(|known| holds(known));
            expected.sort_by(compare);
            let expected: Vec<String> = expected.iter().map(|known| known.events.start.to_string()).collect();
            let arguments = format!("where: {filter}, orderBy: {order}");
            assert_eq!(TRANSACTIONS.walk(&index, &arguments, true).await, expected, "{arguments}");
            assert_eq!(TRANSACTIONS.walk(&index, &arguments, false).await, expected, "{arguments}");
        }
        let count = known.iter().filter(|known| holds(known)).count().to_string();
        let found = TRANSACTIONS.count(&index, &format!("where: {filter}")).await;
        assert_eq!(found, json!({ "value": count, "isExact": true }), "{filter}");
    }
}

const FIELDS: &str = "id signature slot time firstSeq eventCount firstIndex entryCount
    events { seq leaf proof eventHead { size root } }";

/// As GraphQL shows it, but for proofs and heads, which are verified and left out.
fn expect_transaction(history: &History, known: &Known, mut found: Value) {
    for event in found["events"].as_array_mut().unwrap() {
        let seq: usize = event["seq"].as_str().unwrap().parse().unwrap();
        assert_included(&event["eventHead"], seq as u64, &history.events[seq].0, &event["proof"]);
        event.as_object_mut().unwrap().retain(|name, _| name == "seq" || name == "leaf");
    }
    let event = |seq: u64| json!({ "seq": seq.to_string(), "leaf": base64(&history.events[seq as usize].0) });
    let first = known.events.start;
    let expected = json!({
        "id": format!("transaction:{GROUPED}:{first}"),
        "signature": signature(history, known),
        "slot": (FIRST_SLOT + first).to_string(),
        "time": time(first),
        "firstSeq": first.to_string(),
        "eventCount": known.event_count().to_string(),
        "firstIndex": known.entries.start.to_string(),
        "entryCount": known.entry_count().to_string(),
        "events": known.events.clone().map(event).collect::<Vec<_>>(),
    });
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_transaction_has_its_events_with_their_proofs_and_ends_where_what_is_checked_does() {
    let index = Index::open().await;
    let (history, known) = open(&index).await;
    let query =
        format!("{{ ledger(address: \"{GROUPED}\") {{ findTransactions {{ edges {{ node {{ {FIELDS} }} }} }} }} }}");
    let found = index.graphql(&query).await["ledger"]["findTransactions"]["edges"].take();
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), known.len());
    for (known, edge) in known.iter().zip(found) {
        expect_transaction(&history, known, edge["node"].clone());
        let query = format!("{{ node(id: {}) {{ ... on Transaction {{ {FIELDS} }} }} }}", edge["node"]["id"]);
        expect_transaction(&history, known, index.graphql(&query).await["node"].take());
    }
}

#[tokio::test]
async fn events_of_transactions_count_as_many_times_as_there_may_be() {
    let index = Index::open().await;
    open(&index).await;
    let query = |count: u32| {
        let events = "events { seq kind slot time signer proof }";
        format!(
            "{{ ledger(address: \"{GROUPED}\") {{ findTransactions(first: {count}) {{ edges {{ node {{ {events} }} }} }} }} }}"
        )
    };
    index.graphql(&query(100)).await;
    let (code, message) = index.graphql_error(&query(1_000)).await;
    assert_eq!((code.as_str(), message.as_str()), ("malformed_query", "Query is too complex."));
}

#[tokio::test]
async fn an_id_of_no_transaction_is_refused() {
    let index = Index::open().await;
    let (history, known) = open(&index).await;
    let within = known[2].events.start + 1;
    for (id, expected) in [
        (format!("{GROUPED}:{within}"), "not_found"),
        (format!("{GROUPED}:{}", history.events.len() - 1), "not_found"),
        (format!("{GROUPED}:{}", u64::MAX), "not_found"),
        (format!("{GROUPED}:x"), "malformed_parameter"),
        (GROUPED.to_string(), "malformed_parameter"),
    ] {
        let (code, message) = index.graphql_error(&format!("{{ node(id: \"transaction:{id}\") {{ id }} }}")).await;
        assert_eq!(code, expected, "{id}: {message}");
    }
}

#[tokio::test]
async fn a_page_of_transactions_takes_as_many_statements_as_one() {
    let index = Index::open_with(Settings { memory_bytes: 0, ..settings() }).await;
    open(&index).await;
    let query = |count: u32| {
        let fields = format!("totalCount {{ value }} edges {{ node {{ {FIELDS} }} }}");
        format!("{{ ledger(address: \"{GROUPED}\") {{ findTransactions(first: {count}) {{ {fields} }} }} }}")
    };
    let one = count_statements(index.graphql(&query(1))).await;
    let forty = count_statements(index.graphql(&query(40))).await;
    assert_eq!(one, forty);
}

#[tokio::test]
async fn a_page_ends_before_it_has_more_events_than_an_answer_may() {
    let index = Index::open().await;
    let mut history = History::create(GROUPED);
    for _ in 0..70 {
        transact(&mut history, &[1; 30]);
    }
    history.check(&index.pool).await;
    let (forwards, backwards) = ("first: 1000", "last: 1000");
    for (arguments, more, less, expected) in
        [(forwards, "hasNextPage", "hasPreviousPage", 0..34), (backwards, "hasPreviousPage", "hasNextPage", 38..71)]
    {
        let page = TRANSACTIONS.page(&index, arguments).await;
        let found: Vec<&str> =
            page["edges"].as_array().unwrap().iter().map(|edge| edge["node"]["firstSeq"].as_str().unwrap()).collect();
        let first = |at: usize| if at == 0 { 0 } else { 1 + 30 * (at - 1) };
        let expected: Vec<String> = expected.map(|at| first(at).to_string()).collect();
        assert_eq!(found, expected, "{arguments}");
        assert_eq!((&page["pageInfo"][more], &page["pageInfo"][less]), (&json!(true), &json!(false)), "{arguments}");
    }
    let all = format!("/v1/ledgers/{GROUPED}/transactions/find?limit=1000");
    let (mut found, mut after) = (0, String::new());
    loop {
        let page = index.ok(&format!("{all}{after}")).await;
        found += page["transactions"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(found, 71);
}

#[tokio::test]
async fn rest_finds_the_transactions_that_graphql_does() {
    let index = Index::open().await;
    let (history, known) = open(&index).await;
    let path = format!("/v1/ledgers/{GROUPED}/transactions/find");
    for (parameters, arguments) in [
        (
            "from_event_count=2&order=-entry_count,first_seq".to_owned(),
            "where: { eventCount: { gte: \"2\" } }, orderBy: [{ field: ENTRY_COUNT, direction: DESC }]".to_owned(),
        ),
        (
            format!("from_entry_count=3&to_slot={}&order=event_count,slot", FIRST_SLOT + 50),
            format!(
                "where: {{ entryCount: {{ gte: \"3\" }}, slot: {{ lt: \"{}\" }} }}, orderBy: [{{ field: EVENT_COUNT }}]",
                FIRST_SLOT + 50
            ),
        ),
        (
            format!("signature={}", signature(&history, &known[7])),
            format!("where: {{ signature: {{ eq: \"{}\" }} }}", signature(&history, &known[7])),
        ),
    ] {
        let expected = TRANSACTIONS.walk(&index, &arguments, true).await;
        assert!(!expected.is_empty());
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = index.ok(&format!("{path}?{parameters}&limit=9{after}")).await;
            let transactions = page["transactions"].as_array().unwrap();
            found.extend(transactions.iter().map(|found| found["first_seq"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(found, expected, "{parameters}");
    }
    let graphql = format!(
        "{{ ledger(address: \"{GROUPED}\") {{ findTransactions(first: 5) {{ edges {{ node {{ signature slot time firstSeq
            eventCount firstIndex entryCount events {{ seq kind leaf leafHash slot time signer transaction }} }} }} }} }} }}"
    );
    let expected = index.graphql(&graphql).await["ledger"]["findTransactions"]["edges"].take();
    let expected: Vec<Value> = expected.as_array().unwrap().iter().map(|edge| edge["node"].clone()).collect();
    let found = index.ok(&format!("{path}?limit=5")).await["transactions"].take();
    assert_eq!(crate::graphql::camel(&found), json!(expected));
}

#[tokio::test]
async fn searches_of_transactions_that_are_not_good_are_refused() {
    let index = Index::open().await;
    open(&index).await;
    let cursor = TRANSACTIONS.page(&index, "first: 1").await["pageInfo"]["endCursor"].take();
    let events = List { field: "findEvents", key: "seq", ..TRANSACTIONS };
    let foreign = events.page(&index, "first: 1").await["pageInfo"]["endCursor"].take();
    for (ledger, arguments, expected) in [
        (GROUPED, format!("after: {foreign}"), "unknown_cursor"),
        (BIG, format!("after: {cursor}"), "unknown_cursor"),
        (GROUPED, format!("before: {cursor}, orderBy: [{{ field: SLOT }}]"), "unknown_cursor"),
        (GROUPED, "first: 1, last: 1".to_owned(), "malformed_parameter"),
        (GROUPED, "first: 0".to_owned(), "malformed_parameter"),
        (GROUPED, "last: 1001".to_owned(), "page_too_large"),
        (GROUPED, "where: { signature: { eq: \"x\" } }".to_owned(), "malformed_parameter"),
        (GROUPED, "orderBy: [{ field: SIGNER }]".to_owned(), "malformed_query"),
    ] {
        let query =
            format!("{{ ledger(address: \"{ledger}\") {{ findTransactions({arguments}) {{ edges {{ cursor }} }} }} }}");
        let (code, message) = index.graphql_error(&query).await;
        assert_eq!(code, expected, "{arguments}: {message}");
    }
    for (parameters, expected) in [
        ("order=signer", (400, "malformed_parameter")),
        ("order=slot,time,slot,time,slot", (400, "malformed_parameter")),
        ("from_event_count=-1", (400, "malformed_parameter")),
        ("limit=1001", (400, "page_too_large")),
        ("after=AAAA", (404, "unknown_cursor")),
    ] {
        let (status, code, _) = index.problem(&format!("/v1/ledgers/{GROUPED}/transactions/find?{parameters}")).await;
        assert_eq!((status, code.as_str()), expected, "{parameters}");
    }
}

#[tokio::test]
async fn a_transaction_with_more_events_than_an_answer_may_have_is_none() {
    let index = Index::open().await;
    let mut history = History::create(GROUPED);
    transact(&mut history, &[1; 1_001]);
    history.check(&index.pool).await;
    let (status, code, detail) = index.problem(&format!("/v1/ledgers/{GROUPED}/transactions/find")).await;
    assert_eq!((status, code.as_str()), (500, "stored_data_corrupt"));
    assert!(detail.contains("event 1: 1001 events from it on"), "{detail}");
}

#[tokio::test]
async fn what_was_changed_is_no_transaction() {
    let query = format!("{{ ledger(address: \"{BIG}\") {{ findTransactions(first: 3) {{ edges {{ cursor }} }} }} }}");
    let one_signature = |which: &str| {
        format!(
            "update event set signature = (select signature from event where ledger = 1 and seq = 1) where ledger = 1 {which}"
        )
    };
    for (change, expected) in [
        // An event with its leaf hash, as by somebody who knows how it is computed: its slot is another.
        (
            "update event set leaf = set_byte(leaf, 48, 1), leaf_hash = sha256('\\x00'::bytea || set_byte(leaf, 48, 1))
             where ledger = 1 and seq = 2"
                .to_owned(),
            "event 2: its leaf hash is",
        ),
        ("update event set leaf = set_byte(leaf, 48, 1) where ledger = 1 and seq = 2".to_owned(), "its bytes hash to"),
        (one_signature("and seq = 2"), "event 2: it came in slot 300000002"),
        (one_signature(""), "event 1: it came in slot 300000001"),
    ] {
        let index = Index::open().await;
        index.graphql(&query).await;
        index.tamper(&change).await;
        let (code, message) = index.graphql_error(&query).await;
        assert_eq!(code, "stored_data_corrupt", "{change}");
        assert!(message.contains(expected), "{change}: {message}");
    }
}
