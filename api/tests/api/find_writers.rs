//! Writers, against a model in memory.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use counterfoil_api::Settings;
use counterfoil_core::{EventBody, LedgerId, Wallet};
use serde_json::{Value, json};

use crate::history::{CREATOR, FIRST_TIME, History};
use crate::index::{BIG, Index, UNCHECKED, UNKNOWN, settings};
use crate::oracle::assert_included;
use crate::statements::count_statements;
use crate::walk::List;

const GRANTED: LedgerId = LedgerId([8; 32]);
const WRITERS: List = List { ledger: GRANTED, field: "findWriters", key: "wallet" };

/// A writer as the model knows it.
#[derive(Clone, Copy, Debug)]
struct Known {
    wallet: Wallet,
    permissions: u32,
    /// None for never.
    expires_at: Option<i64>,
    granted: u64,
    revoked: Option<u64>,
}

impl Known {
    /// Never is later than all.
    fn expiry(&self) -> i64 {
        self.expires_at.unwrap_or(i64::MAX)
    }

    fn id(&self) -> String {
        format!("writer:{GRANTED}:{}", self.wallet)
    }
}

type Writers = BTreeMap<[u8; 32], Known>;

fn grant(history: &mut History, known: &mut Writers, at: u64) {
    // In no order of the grants.
    let wallet = Wallet([(at * 7 % 25) as u8 + 1; 32]);
    let permissions = (at % 3 + 1) as u32;
    let expires_at = (!at.is_multiple_of(4)).then(|| FIRST_TIME + 10_000 + i64::try_from(at % 6).unwrap());
    let granted = history.events.len() as u64;
    // Never, and what is beyond the calendar, are the same.
    let last = if at.is_multiple_of(8) { i64::MAX } else { i64::MAX / 2 };
    history.emit(CREATOR, EventBody::WriterGranted { wallet, permissions, expires_at: expires_at.unwrap_or(last) });
    known.insert(wallet.0, Known { wallet, permissions, expires_at, granted, revoked: None });
}

fn revoke(history: &mut History, known: &mut Writers, at: u64) {
    let wallet = Wallet([(at * 7 % 25) as u8 + 1; 32]);
    known.get_mut(&wallet.0).unwrap().revoked = Some(history.events.len() as u64);
    history.emit(CREATOR, EventBody::WriterRevoked { wallet });
}

/// 25 wallets that are granted something, of which some are revoked, granted again, or both.
async fn open(index: &Index) -> (History, Vec<Known>) {
    let (mut history, mut known) = (History::create(GRANTED), Writers::new());
    (0..25).for_each(|at| grant(&mut history, &mut known, at));
    history.append(3);
    [1, 4, 9, 16, 23].iter().for_each(|at| revoke(&mut history, &mut known, *at));
    [29, 30, 41].iter().for_each(|at| grant(&mut history, &mut known, *at));
    revoke(&mut history, &mut known, 16);
    history.append(1);
    history.check(&index.pool).await;
    (history, known.into_values().collect())
}

fn time(after: i64) -> String {
    jiff::Timestamp::from_second(FIRST_TIME + 10_000 + after).unwrap().to_string()
}

type Holds = Box<dyn Fn(&Known) -> bool>;

fn filters(known: &[Known]) -> Vec<(String, Holds)> {
    let (some, other) = (known[3].wallet, known[8].wallet);
    let at = |after: i64| FIRST_TIME + 10_000 + after;
    vec![
        ("{}".into(), Box::new(|_| true)),
        (
            format!("{{ wallet: {{ in: [\"{some}\", \"{other}\", \"{CREATOR}\"] }} }}"),
            Box::new(move |known| known.wallet == some || known.wallet == other),
        ),
        ("{ mayAppend: true }".into(), Box::new(|known| known.permissions % 2 == 1)),
        ("{ mayAppendSubtrees: false }".into(), Box::new(|known| known.permissions < 2)),
        (
            format!("{{ expiresAt: {{ gt: \"{}\", lte: \"{}\" }} }}", time(1), time(3)),
            Box::new(move |known| (at(2)..=at(3)).contains(&known.expiry())),
        ),
        (format!("{{ expiresAt: {{ gte: \"{}\" }} }}", time(5)), Box::new(move |known| known.expiry() >= at(5))),
        (
            "{ not: { expiresAt: { lte: \"9999-12-30T00:00:00Z\" } } }".into(),
            Box::new(|known| known.expires_at.is_none()),
        ),
        ("{ grantedSeq: { lt: \"12\" } }".into(), Box::new(|known| known.granted < 12)),
        ("{ isRevoked: true }".into(), Box::new(|known| known.revoked.is_some())),
        (
            "{ or: [{ isRevoked: true }, { and: [{ mayAppend: false }, { grantedSeq: { gte: \"20\" } }] }] }".into(),
            Box::new(|known| known.revoked.is_some() || (known.permissions == 2 && known.granted >= 20)),
        ),
        ("{ or: [] }".into(), Box::new(|_| false)),
    ]
}

type Compares = fn(&Known, &Known) -> Ordering;

const ORDERS: [(&str, Compares); 4] = [
    ("[]", |left, right| left.wallet.0.cmp(&right.wallet.0)),
    ("[{ field: GRANTED_SEQ, direction: DESC }]", |left, right| right.granted.cmp(&left.granted)),
    ("[{ field: EXPIRES_AT }, { field: MAY_APPEND, direction: DESC }]", |left, right| {
        let of = |known: &Known| (known.expiry(), Reverse(known.permissions % 2), known.wallet.0);
        of(left).cmp(&of(right))
    }),
    ("[{ field: IS_REVOKED, direction: DESC }, { field: MAY_APPEND_SUBTREES }, { field: WALLET, direction: DESC }]", {
        |left, right| {
            let of = |known: &Known| (known.revoked.is_none(), known.permissions >= 2);
            of(left).cmp(&of(right)).then(right.wallet.0.cmp(&left.wallet.0))
        }
    }),
];

#[tokio::test]
async fn many_writers_of_one_query_cost_the_database_what_one_costs() {
    let index = Index::open_with(Settings { memory_bytes: 0, ..settings() }).await;
    let id = format!("writer:{BIG}:{}", crate::history::WRITER);
    let nodes = |count: usize| {
        let fields: String = (0..count).map(|at| format!("a{at}: node(id: \"{id}\") {{ id }} ")).collect();
        format!("{{ {fields} }}")
    };
    let entities = |count: usize| {
        let one = format!("{{ __typename: \"Writer\", id: \"{id}\" }}");
        format!("{{ _entities(representations: [{}]) {{ __typename }} }}", vec![one; count].join(","))
    };
    let one = count_statements(index.graphql(&nodes(1))).await;
    assert_eq!(count_statements(index.graphql(&nodes(49))).await, one);
    assert_eq!(count_statements(index.graphql(&entities(50))).await, one);
    // Each is counted for what it takes, as they may be of as many ledgers.
    let (code, message) = index.graphql_error(&nodes(50)).await;
    assert_eq!(code, "malformed_query", "{message}");
}

#[tokio::test]
async fn each_filter_in_each_order_finds_the_writers_of_the_model_from_both_ends() {
    let index = Index::open().await;
    let (_, known) = open(&index).await;
    for (filter, holds) in filters(&known) {
        for (order, compare) in ORDERS {
            let mut expected = known.clone();
            expected.retain(|known| holds(known));
            expected.sort_by(compare);
            let expected: Vec<String> = expected.iter().map(|known| known.wallet.to_string()).collect();
            let arguments = format!("where: {filter}, orderBy: {order}");
            assert_eq!(WRITERS.walk(&index, &arguments, true).await, expected, "{arguments}");
            assert_eq!(WRITERS.walk(&index, &arguments, false).await, expected, "{arguments}");
        }
        let count = known.iter().filter(|known| holds(known)).count().to_string();
        let found = WRITERS.count(&index, &format!("where: {filter}, first: 1")).await;
        assert_eq!(found, json!({ "value": count, "isExact": true }), "{filter}");
    }
}

const FIELDS: &str = "id wallet mayAppend mayAppendSubtrees expiresAt
    granted { seq proof eventHead { size root } } revoked { seq proof eventHead { size root } }";

/// As GraphQL shows it, but for proofs and heads, which are verified and left out.
fn expect_writer(history: &History, known: &Known, id: &str, mut found: Value) {
    for name in ["granted", "revoked"] {
        let Some(event) = found[name].as_object_mut() else { continue };
        let seq: usize = event["seq"].as_str().unwrap().parse().unwrap();
        assert_included(&event["eventHead"], seq as u64, &history.events[seq].0, &event["proof"]);
        event.retain(|name, _| name == "seq");
    }
    let seq = |seq: u64| json!({ "seq": seq.to_string() });
    let expected = json!({
        "id": id,
        "wallet": known.wallet.to_string(),
        "mayAppend": known.permissions % 2 == 1,
        "mayAppendSubtrees": known.permissions >= 2,
        "expiresAt": known.expires_at.map(|at| jiff::Timestamp::from_second(at).unwrap().to_string()),
        "granted": seq(known.granted),
        "revoked": known.revoked.map(seq),
    });
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_writer_has_the_events_that_say_so_with_their_proofs_and_is_found_by_its_id() {
    let index = Index::open().await;
    let (history, known) = open(&index).await;
    let query = format!("{{ ledger(address: \"{GRANTED}\") {{ findWriters {{ edges {{ node {{ {FIELDS} }} }} }} }} }}");
    let found = index.graphql(&query).await["ledger"]["findWriters"]["edges"].take();
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), known.len());
    for (known, edge) in known.iter().zip(found) {
        expect_writer(&history, known, &known.id(), edge["node"].clone());
        let query = format!("{{ node(id: \"{}\") {{ ... on Writer {{ {FIELDS} }} }} }}", known.id());
        expect_writer(&history, known, &known.id(), index.graphql(&query).await["node"].take());
    }
}

#[tokio::test]
async fn a_writer_of_a_standing_of_the_past_has_an_id_of_its_own() {
    let index = Index::open().await;
    let (history, known) = open(&index).await;
    // With 26 events there were all first grants, and nothing was revoked.
    let query = |arguments: &str| {
        format!("{{ ledger(address: \"{GRANTED}\") {{ standing{arguments} {{ writers {{ {FIELDS} }} }} }} }}")
    };
    let slot = history.events[25].1.header.slot;
    let then = index.graphql(&query(&format!("(slot: \"{slot}\")"))).await["ledger"]["standing"]["writers"].take();
    assert_eq!(then.as_array().unwrap().len(), 25);
    for found in then.as_array().unwrap() {
        let seq: usize = found["granted"]["seq"].as_str().unwrap().parse().unwrap();
        let EventBody::WriterGranted { wallet, permissions, expires_at } = history.events[seq].1.body else { panic!() };
        let expires_at = Some(expires_at).filter(|at| *at < i64::MAX / 2);
        let known = Known { wallet, permissions, expires_at, granted: seq as u64, revoked: None };
        let id = format!("{}:26", known.id());
        expect_writer(&history, &known, &id, found.clone());
        let query = format!("{{ node(id: \"{id}\") {{ ... on Writer {{ {FIELDS} }} }} }}");
        expect_writer(&history, &known, &id, index.graphql(&query).await["node"].take());
    }
    let now = index.graphql(&query("")).await["ledger"]["standing"]["writers"].take();
    let mut by_grant = known;
    by_grant.sort_by_key(|known| known.granted);
    for (known, found) in by_grant.iter().zip(now.as_array().unwrap()) {
        expect_writer(&history, known, &known.id(), found.clone());
    }
}

#[tokio::test]
async fn an_id_of_no_writer_is_refused() {
    let index = Index::open().await;
    let (history, known) = open(&index).await;
    let some = known[0].wallet;
    for (id, expected) in [
        (format!("{GRANTED}:{CREATOR}"), "not_found"),
        (format!("{GRANTED}:{some}:0"), "not_found"),
        (format!("{GRANTED}:{some}:{}", history.events.len() + 1), "size_out_of_range"),
        (format!("{UNKNOWN}:{some}"), "unknown_ledger"),
        (format!("{UNCHECKED}:{some}"), "not_checked_yet"),
        (format!("{GRANTED}:{some}:x"), "malformed_parameter"),
        (format!("{GRANTED}:{some}:1:1"), "malformed_parameter"),
        (format!("{GRANTED}:x"), "malformed_parameter"),
        (GRANTED.to_string(), "malformed_parameter"),
    ] {
        let (code, message) = index.graphql_error(&format!("{{ node(id: \"writer:{id}\") {{ id }} }}")).await;
        assert_eq!(code, expected, "{id}: {message}");
    }
}

#[tokio::test]
async fn a_page_of_writers_takes_as_many_statements_as_one() {
    let index = Index::open_with(Settings { memory_bytes: 0, ..settings() }).await;
    open(&index).await;
    let query = |count: u32| {
        let fields = format!("totalCount {{ value }} edges {{ node {{ {FIELDS} }} }}");
        format!("{{ ledger(address: \"{GRANTED}\") {{ findWriters(first: {count}) {{ {fields} }} }} }}")
    };
    let one = count_statements(index.graphql(&query(1))).await;
    let twenty = count_statements(index.graphql(&query(20))).await;
    assert_eq!(one, twenty);
}

#[tokio::test]
async fn rest_finds_the_writers_that_graphql_does() {
    let index = Index::open().await;
    let (_, known) = open(&index).await;
    let path = format!("/v1/ledgers/{GRANTED}/writers/find");
    let some = known[3].wallet;
    for (parameters, arguments) in [
        (
            "may_append=true&order=-expires_at,granted_seq".to_owned(),
            "where: { mayAppend: true }, orderBy: [{ field: EXPIRES_AT, direction: DESC }, { field: GRANTED_SEQ }]"
                .to_owned(),
        ),
        (
            "is_revoked=false&may_append_subtrees=true&order=may_append".to_owned(),
            "where: { isRevoked: false, mayAppendSubtrees: true }, orderBy: [{ field: MAY_APPEND }]".to_owned(),
        ),
        (
            format!("from_expires_at={}&to_expires_at={}", time(1), time(4)),
            format!("where: {{ expiresAt: {{ gte: \"{}\", lt: \"{}\" }} }}", time(1), time(4)),
        ),
        (format!("wallet={some}"), format!("where: {{ wallet: {{ eq: \"{some}\" }} }}")),
    ] {
        let expected = WRITERS.walk(&index, &arguments, true).await;
        assert!(!expected.is_empty());
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = index.ok(&format!("{path}?{parameters}&limit=3{after}")).await;
            let writers = page["writers"].as_array().unwrap();
            found.extend(writers.iter().map(|found| found["wallet"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(found, expected, "{parameters}");
    }
    let mut standing = index.ok(&format!("/v1/ledgers/{GRANTED}/standing")).await["writers"].take();
    standing
        .as_array_mut()
        .unwrap()
        .sort_by_key(|writer| bs58::decode(writer["wallet"].as_str().unwrap()).into_vec().unwrap());
    assert_eq!(index.ok(&path).await["writers"], standing);
}

#[tokio::test]
async fn searches_of_writers_that_are_not_good_are_refused() {
    let index = Index::open().await;
    open(&index).await;
    let cursor = WRITERS.page(&index, "first: 1").await["pageInfo"]["endCursor"].take();
    let wide = format!("where: {{ grantedSeq: {{ in: [{}] }} }}", "\"1\",".repeat(251));
    for (ledger, arguments, expected) in [
        (BIG, format!("after: {cursor}"), "unknown_cursor"),
        (GRANTED, format!("before: {cursor}, orderBy: [{{ field: IS_REVOKED }}]"), "unknown_cursor"),
        (GRANTED, "after: \"AAAA\"".to_owned(), "unknown_cursor"),
        (GRANTED, "first: 1, last: 1".to_owned(), "malformed_parameter"),
        (GRANTED, "last: 0".to_owned(), "malformed_parameter"),
        (GRANTED, "first: 1001".to_owned(), "page_too_large"),
        (GRANTED, wide, "malformed_parameter"),
        (GRANTED, "where: { wallet: { eq: \"x\" } }".to_owned(), "malformed_parameter"),
        (GRANTED, "orderBy: [{ field: SLOT }]".to_owned(), "malformed_query"),
        (UNKNOWN, "first: 1".to_owned(), "unknown_ledger"),
        (UNCHECKED, "first: 1".to_owned(), "not_checked_yet"),
    ] {
        let query =
            format!("{{ ledger(address: \"{ledger}\") {{ findWriters({arguments}) {{ edges {{ cursor }} }} }} }}");
        let (code, message) = index.graphql_error(&query).await;
        assert_eq!(code, expected, "{arguments}: {message}");
    }
    for (parameters, expected) in [
        ("order=slot", (400, "malformed_parameter")),
        ("is_revoked=perhaps", (400, "malformed_parameter")),
        ("from_expires_at=never", (400, "malformed_parameter")),
        ("limit=1001", (400, "page_too_large")),
        ("after=AAAA", (404, "unknown_cursor")),
    ] {
        let (status, code, _) = index.problem(&format!("/v1/ledgers/{GRANTED}/writers/find?{parameters}")).await;
        assert_eq!((status, code.as_str()), expected, "{parameters}");
    }
}

#[tokio::test]
async fn a_grant_that_was_changed_makes_no_writer() {
    let query = format!("{{ ledger(address: \"{BIG}\") {{ findWriters {{ edges {{ cursor }} }} }} }}");
    for (change, expected) in [
        ("update event set leaf = set_byte(leaf, 160, 1) where ledger = 1 and seq = 1", "event 1: its bytes hash to"),
        (
            "update event set leaf = set_byte(leaf, 160, 1), leaf_hash = sha256('\\x00'::bytea || set_byte(leaf, 160, 1))
             where ledger = 1 and seq = 1",
            "event 1: its leaf hash is",
        ),
    ] {
        let index = Index::open().await;
        index.graphql(&query).await;
        index.tamper(change).await;
        let (code, message) = index.graphql_error(&query).await;
        assert_eq!(code, "stored_data_corrupt", "{change}");
        assert!(message.contains(expected), "{change}: {message}");
    }
}
