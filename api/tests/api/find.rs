//! Filters, orders and aggregates, against a model in memory.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use counterfoil_core::{Event, LedgerId, Wallet};
use merkle_log::hash_leaf;
use serde_json::{Value, json};

use crate::history::{CREATOR, FIRST_SLOT, FIRST_TIME, History, WRITER};
use crate::index::{BIG, EMPTY, Index, NEW, SMALL, UNCHECKED, UNKNOWN};
use crate::oracle::assert_included;
use crate::walk::{List, as_json, as_order, walk_rest};

pub const FOUND: LedgerId = LedgerId([8; 32]);
const OTHER: Wallet = Wallet([0xb2; 32]);
const PACE: i64 = 2_500;

/// 120 entries of three wallets, over some 30 hours.
pub async fn open(index: &Index) -> History {
    let mut history = History::create(FOUND);
    history.pace = PACE;
    for at in 0..40 {
        history.append_as([CREATOR, WRITER, OTHER][at % 3], at % 5 + 1);
    }
    history.check(&index.pool).await;
    history
}

/// An entry as the model knows it.
#[derive(Clone, Debug)]
struct Known {
    index: u64,
    payload: Vec<u8>,
    event: Event,
}

fn known(history: &History) -> Vec<Known> {
    let events = history.events.iter().map(|(_, event)| event).filter(|event| event.header.count > 0);
    let entries = events.flat_map(|event| {
        let first = event.header.first_index.get();
        (first..first + event.header.count).map(move |index| (index, event.clone()))
    });
    entries.map(|(index, event)| Known { index, payload: history.payloads[index as usize].clone(), event }).collect()
}

fn time(seq: i64) -> String {
    jiff::Timestamp::from_second(FIRST_TIME + PACE * seq).unwrap().to_string()
}

pub const ENTRIES: List = List { ledger: FOUND, field: "findEntries", key: "index" };

async fn walk(index: &Index, arguments: &str, forwards: bool) -> Vec<u64> {
    let found = ENTRIES.walk(index, arguments, forwards).await;
    found.iter().map(|index| index.parse().unwrap()).collect()
}

type Holds = Box<dyn Fn(&Known) -> bool>;

fn filters(history: &History) -> Vec<(String, Holds)> {
    let slot = |event: &Event| event.header.slot;
    let leaf = crate::oracle::hex(&hash_leaf(&history.payloads[17]).0);
    let signature = bs58::encode(history.signature(9)).into_string();
    let prefix = crate::oracle::base64(b"entry 1");
    vec![
        ("{}".into(), Box::new(|_| true)),
        ("{ index: { gte: \"10\", lt: \"30\" } }".into(), Box::new(|known| (10..30).contains(&known.index))),
        ("{ index: { in: [\"3\", \"4\", \"900\"] } }".into(), Box::new(|known| [3, 4].contains(&known.index))),
        ("{ index: { gt: \"18446744073709551615\" } }".into(), Box::new(|_| false)),
        (format!("{{ signer: {{ eq: \"{OTHER}\" }} }}"), Box::new(|known| known.event.header.signer == OTHER)),
        (
            format!("{{ signer: {{ in: [\"{OTHER}\", \"{CREATOR}\"] }} }}"),
            Box::new(|known| known.event.header.signer != WRITER),
        ),
        (
            format!("{{ slot: {{ lte: \"{}\" }} }}", FIRST_SLOT + 20),
            Box::new(move |known| slot(&known.event) <= FIRST_SLOT + 20),
        ),
        (
            format!("{{ time: {{ gt: \"{}\", lte: \"{}\" }} }}", time(5), time(9)),
            Box::new(|known| (6..=9).contains(&known.event.header.event_seq.get())),
        ),
        (format!("{{ leafHash: {{ eq: \"{leaf}\" }} }}"), Box::new(|known| known.index == 17)),
        (
            format!("{{ transaction: {{ eq: \"{signature}\" }} }}"),
            Box::new(|known| known.event.header.event_seq.get() == 9),
        ),
        (format!("{{ payload: {{ prefix: \"{prefix}\" }} }}"), Box::new(|known| known.payload.starts_with(b"entry 1"))),
        ("{ payloadBytes: { gt: \"30\" } }".into(), Box::new(|known| known.payload.len() > 30)),
        ("{ eventSeq: { eq: \"12\" } }".into(), Box::new(|known| known.event.header.event_seq.get() == 12)),
        (
            format!(
                "{{ or: [{{ index: {{ lt: \"4\" }} }}, {{ and: [{{ index: {{ gt: \"90\" }} }}, {{ not: {{ signer: {{ eq: \"{OTHER}\" }} }} }}] }}] }}"
            ),
            Box::new(|known| known.index < 4 || (known.index > 90 && known.event.header.signer != OTHER)),
        ),
        ("{ or: [] }".into(), Box::new(|_| false)),
        ("{ not: { index: { lt: \"100\" } } }".into(), Box::new(|known| known.index >= 100)),
    ]
}

type Compares = fn(&Known, &Known) -> Ordering;

const ORDERS: [(&str, Compares); 5] = [
    ("[]", |left, right| left.index.cmp(&right.index)),
    ("[{ field: INDEX, direction: DESC }, { field: TIME }]", |left, right| right.index.cmp(&left.index)),
    ("[{ field: SIGNER }]", |left, right| {
        (left.event.header.signer.0, left.index).cmp(&(right.event.header.signer.0, right.index))
    }),
    ("[{ field: PAYLOAD_BYTES, direction: DESC }, { field: SLOT, direction: DESC }]", |left, right| {
        let of = |known: &Known| (known.payload.len(), known.event.header.slot);
        of(right).cmp(&of(left)).then(left.index.cmp(&right.index))
    }),
    ("[{ field: LEAF_HASH, direction: DESC }]", |left, right| {
        hash_leaf(&right.payload).0.cmp(&hash_leaf(&left.payload).0)
    }),
];

#[tokio::test]
async fn each_filter_in_each_order_finds_what_the_model_does_from_both_ends() {
    let index = Index::open().await;
    let history = open(&index).await;
    let known = known(&history);
    assert_eq!(known.len(), 120);
    for (filter, holds) in filters(&history) {
        for (order, compare) in ORDERS {
            let mut expected = known.clone();
            expected.retain(|known| holds(known));
            expected.sort_by(compare);
            let expected: Vec<u64> = expected.iter().map(|known| known.index).collect();
            let arguments = format!("where: {filter}, orderBy: {order}");
            assert_eq!(walk(&index, &arguments, true).await, expected, "{arguments}");
            assert_eq!(walk(&index, &arguments, false).await, expected, "{arguments}");
            let path = format!("/v1/ledgers/{FOUND}/entries/find");
            let found = walk_rest(&index, &path, "entries", "index", &as_json(&filter), &as_order(order)).await;
            let expected: Vec<String> = expected.iter().map(u64::to_string).collect();
            assert_eq!(found, expected, "REST: {arguments}");
        }
        let count = known.iter().filter(|known| holds(known)).count().to_string();
        let found = ENTRIES.count(&index, &format!("where: {filter}")).await;
        assert_eq!(found, json!({ "value": count, "isExact": true }));
    }
}

#[tokio::test]
async fn events_are_found_by_kind_and_each_has_its_proof() {
    let index = Index::open().await;
    let history = open(&index).await;
    let query = |arguments: &str| {
        format!("{{ ledger(address: \"{FOUND}\") {{ findEvents({arguments}) {{ eventHead {{ size root }} totalCount {{ value }}
            edges {{ node {{ seq leaf proof }} }} }} }} }}")
    };
    for (arguments, expected) in [
        ("where: { kind: { eq: LEDGER_CREATED } }", vec![0]),
        (
            "where: { kind: { in: [ENTRIES_APPENDED, WRITER_GRANTED] }, count: { gte: \"5\" } }, first: 3",
            vec![5, 10, 15],
        ),
        ("where: { firstIndex: { lt: \"6\" } }, orderBy: [{ field: COUNT, direction: DESC }]", vec![3, 2, 1, 0]),
    ] {
        let found = index.graphql(&query(arguments)).await["ledger"]["findEvents"].take();
        let edges = found["edges"].as_array().unwrap();
        let seqs: Vec<usize> =
            edges.iter().map(|edge| edge["node"]["seq"].as_str().unwrap().parse().unwrap()).collect();
        assert_eq!(seqs, expected, "{arguments}");
        for (edge, seq) in edges.iter().zip(seqs) {
            assert_included(&found["eventHead"], seq as u64, &history.events[seq].0, &edge["node"]["proof"]);
        }
    }
}

#[tokio::test]
async fn aggregates_are_the_models() {
    let index = Index::open().await;
    let history = open(&index).await;
    let known = known(&history);
    let fields = "buckets { signer time count payloadBytes firstIndex lastIndex } hasNext";
    for (by, bucket_of) in [
        ("", (|_| (None, None)) as fn(&Known) -> (Option<[u8; 32]>, Option<i64>)),
        ("by: SIGNER", |known| (Some(known.event.header.signer.0), None)),
        ("by: HOUR", |known| (None, Some(known.event.header.unix_time / 3_600 * 3_600))),
        ("by: DAY", |known| (None, Some(known.event.header.unix_time / 86_400 * 86_400))),
    ] {
        for (filter, holds) in filters(&history) {
            let mut expected: BTreeMap<_, (u64, usize, u64, u64)> = BTreeMap::new();
            for known in known.iter().filter(|known| holds(known)) {
                let bucket = expected.entry(bucket_of(known)).or_insert((0, 0, known.index, known.index));
                *bucket = (bucket.0 + 1, bucket.1 + known.payload.len(), bucket.2, known.index);
            }
            let expected: Vec<Value> = expected
                .into_iter()
                .map(|((signer, time), (count, bytes, first, last))| {
                    json!({
                        "signer": signer.map(|signer| Wallet(signer).to_string()),
                        "time": time.map(|time| jiff::Timestamp::from_second(time).unwrap().to_string()),
                        "count": count.to_string(),
                        "payloadBytes": bytes.to_string(),
                        "firstIndex": first.to_string(),
                        "lastIndex": last.to_string(),
                    })
                })
                .collect();
            let mut found: Vec<Value> = Vec::new();
            loop {
                let after = match (found.last(), by) {
                    (Some(last), "by: SIGNER") => format!(", afterSigner: {}", last["signer"]),
                    (Some(last), _) => format!(", afterTime: {}", last["time"]),
                    (None, _) => String::new(),
                };
                let query = format!(
                    "{{ ledger(address: \"{FOUND}\") {{ aggregateEntries(where: {filter}, first: 2, {by}{after}) {{ {fields} }} }} }}"
                );
                let page = index.graphql(&query).await["ledger"]["aggregateEntries"].take();
                found.extend(page["buckets"].as_array().unwrap().clone());
                if page["hasNext"] == false {
                    break;
                }
            }
            assert_eq!(found, expected, "{by} {filter}");
        }
    }
}

#[tokio::test]
async fn ledgers_are_found_by_how_far_they_are() {
    let index = Index::open().await;
    for (arguments, expected) in [
        ("", vec![BIG, SMALL, EMPTY, UNCHECKED, NEW]),
        ("where: { size: { gt: \"0\" } }, orderBy: [{ field: SIZE }]", vec![SMALL, BIG]),
        ("where: { isHalted: true }", vec![SMALL]),
        (
            "where: { not: { isHalted: true } }, orderBy: [{ field: LEDGER, direction: DESC }]",
            vec![NEW, UNCHECKED, EMPTY, BIG],
        ),
        (
            "where: { eventSeq: { eq: \"0\" } }, orderBy: [{ field: SIZE }, { field: LEDGER, direction: DESC }]",
            vec![NEW, UNCHECKED],
        ),
        (&format!("where: {{ ledger: {{ in: [\"{EMPTY}\", \"{UNKNOWN}\"] }} }}"), vec![EMPTY]),
    ] {
        let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let query = format!("{{ findLedgers({arguments} first: 2 {after}) {{ totalCount {{ value }} pageInfo {{ hasNextPage endCursor }}
                edges {{ node {{ ledger }} }} }} }}");
            let page = index.graphql(&query).await["findLedgers"].take();
            assert_eq!(page["totalCount"]["value"], expected.len().to_string());
            found.extend(
                page["edges"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|edge| edge["node"]["ledger"].as_str().unwrap().to_owned()),
            );
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = format!("after: {}", page["pageInfo"]["endCursor"]);
        }
        assert_eq!(found, expected, "{arguments}");
        let (filter, order) = arguments.split_once("orderBy:").unwrap_or((arguments, ""));
        let filter = filter.trim_start_matches("where: ").trim_end_matches([',', ' ']);
        let filter = if filter.is_empty() { "{}".to_owned() } else { as_json(filter) };
        let found = walk_rest(&index, "/v1/ledgers/find", "ledgers", "ledger", &filter, &as_order(order)).await;
        assert_eq!(found, expected, "REST: {arguments}");
    }
}

#[tokio::test]
async fn a_filter_in_json_is_read_as_strictly_as_graphql_s() {
    let index = Index::open().await;
    let find = |filter: &str| {
        let encoded: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!("/v1/ledgers/{BIG}/entries/find?where={encoded}")
    };
    for (filter, said) in [
        ("", "EOF"),
        ("7", "invalid type"),
        ("{\"index\":null}", "null is nothing to compare with"),
        ("{\"index\":{\"eq\":null}}", "null is nothing to compare with"),
        ("{\"or\":null}", "null is nothing to compare with"),
        ("{\"index\":{\"eq\":7}}", "invalid type"),
        ("{\"index\":{\"like\":\"7\"}}", "unknown field `like`"),
        ("{\"writer\":{\"eq\":\"7\"}}", "unknown field `writer`"),
        ("{\"index\":{\"eq\":\"7\"},\"index\":{\"eq\":\"8\"}}", "duplicate field"),
        (&format!("{}{{}}{}", "{\"not\":".repeat(16), "}".repeat(16)), "16 deep"),
        (&format!("{}{{}}{}", "{\"not\":".repeat(500), "}".repeat(500)), "16 deep"),
    ] {
        let (status, code, detail) = index.problem(&find(filter)).await;
        assert_eq!((status, code.as_str()), (400, "malformed_parameter"), "{filter}: {detail}");
        assert!(detail.contains(said), "{filter}: {detail}");
    }
}

#[tokio::test]
async fn rest_finds_and_counts_what_graphql_does() {
    let index = Index::open().await;
    open(&index).await;
    let root = format!("/v1/ledgers/{FOUND}");
    let indexes = |page: &Value| -> Vec<u64> {
        page["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["index"].as_str().unwrap().parse().unwrap())
            .collect()
    };
    for (parameters, filter, order) in [
        (
            format!("signer={OTHER}&order=-payload_bytes,slot"),
            format!("{{ signer: {{ eq: \"{OTHER}\" }} }}"),
            "[{ field: PAYLOAD_BYTES, direction: DESC }, { field: SLOT }]",
        ),
        (
            "from_index=5&to_index=100&order=signer,-index".to_owned(),
            "{ index: { gte: \"5\", lt: \"100\" } }".to_owned(),
            "[{ field: SIGNER }, { field: INDEX, direction: DESC }]",
        ),
        (
            format!("from_slot={}&to_time={}", FIRST_SLOT + 4, time(30)),
            format!("{{ slot: {{ gte: \"{}\" }}, time: {{ lt: \"{}\" }} }}", FIRST_SLOT + 4, time(30)),
            "[]",
        ),
        (
            "payload_prefix=656e7472792039".to_owned(),
            format!("{{ payload: {{ prefix: \"{}\" }} }}", crate::oracle::base64(b"entry 9")),
            "[]",
        ),
    ] {
        let expected = walk(&index, &format!("where: {filter}, orderBy: {order}"), true).await;
        assert!(!expected.is_empty());
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = index.ok(&format!("{root}/entries/find?{parameters}&limit=9{after}")).await;
            found.extend(indexes(&page));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(found, expected, "{parameters}");
    }
    let events = index.ok(&format!("{root}/events/find?kind=EntriesAppended&signer={WRITER}&order=-seq&limit=2")).await;
    let seqs: Vec<&str> =
        events["events"].as_array().unwrap().iter().map(|event| event["seq"].as_str().unwrap()).collect();
    assert_eq!(seqs, ["38", "35"]);
    for by in ["signer", "hour", "day"] {
        let query = format!(
            "{{ ledger(address: \"{FOUND}\") {{ aggregateEntries(by: {}, first: 1000) {{ buckets {{ signer time count payloadBytes firstIndex lastIndex }} }} }} }}",
            by.to_uppercase()
        );
        let expected = index.graphql(&query).await["ledger"]["aggregateEntries"]["buckets"].take();
        let found = index.ok(&format!("{root}/aggregate?by={by}")).await;
        assert_eq!((crate::graphql::camel(&found["buckets"]), &found["has_more"]), (expected, &json!(false)));
    }
    for (path, expected) in [
        ("entries/find?order=size", (400, "malformed_parameter")),
        ("entries/find?payload_prefix=6", (400, "malformed_parameter")),
        ("entries/find?payload_prefix=6G", (400, "malformed_parameter")),
        ("entries/find?from_time=now", (400, "malformed_parameter")),
        ("entries/find?after=AAAA", (404, "unknown_cursor")),
        ("events/find?kind=Nothing", (400, "malformed_parameter")),
        ("aggregate?by=minute", (400, "malformed_parameter")),
        ("standing?size=121", (404, "size_out_of_range")),
    ] {
        let (status, code, _) = index.problem(&format!("{root}/{path}")).await;
        assert_eq!((status, code.as_str()), expected, "{path}");
    }
}
