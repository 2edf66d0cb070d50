//! Activity: counts against the recording, certificates against RFC 6962's definition, and a twin without faults for each verdict.

use counterfoil_core::{LedgerId, Wallet};
use serde_json::{Value, json};

use crate::history::{CREATOR, FIRST_TIME, History, WRITER};
use crate::index::{CLUSTER, EMPTY, Index, NEW, UNCHECKED, UNKNOWN};
use crate::oracle::certified;

const ACTIVE: LedgerId = LedgerId([0xac; 32]);
const OTHER: Wallet = Wallet([0xb2; 32]);
const HOUR: i64 = 3_600;
/// Three weeks, of which the last one is judged.
const HOURS: usize = 21 * 24;
const BURST: usize = 400;
const SILENCE: std::ops::Range<usize> = 430..450;
const STRANGER: usize = 480;

/// An event an hour: five to seven entries by two writers in turns, fewer at night. Its faults: an hour of 60, twenty hours of other
/// events, an append by a writer who never wrote before.
async fn active(index: &Index, has_faults: bool) -> History {
    let mut history = History::create(ACTIVE);
    history.pace = HOUR;
    for hour in 1..HOURS {
        let usual = if hour % 24 < 6 { 3 } else { 5 + hour % 3 };
        match hour {
            BURST if has_faults => history.append_as(CREATOR, 60),
            hour if has_faults && SILENCE.contains(&hour) => history.grant(),
            STRANGER if has_faults => history.append_as(OTHER, usual),
            hour => history.append_as([CREATOR, WRITER][hour % 2], usual),
        }
    }
    history.check(&index.pool).await;
    history
}

fn path(query: &str) -> String {
    format!("/v1/ledgers/{ACTIVE}/activity?{query}")
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}

/// The recording of the time from `start` on, of one writer or all: count, bytes, and the ranges of entries and events.
fn counted(history: &History, start: i64, seconds: i64, writer: Option<Wallet>) -> Value {
    let before = |end: i64| history.events.iter().take_while(move |(_, event)| event.header.unix_time < end);
    let (first_seq, end_seq) = (before(start).count(), before(start + seconds).count());
    let size = |seqs: usize| history.events[..seqs].iter().map(|(_, event)| event.header.count).sum::<u64>();
    let (mut count, mut bytes) = (0, 0);
    for (_, event) in &history.events[first_seq..end_seq] {
        if writer.is_none_or(|writer| event.header.signer == writer) {
            count += event.header.count;
            let first = event.header.first_index.get() as usize;
            let entries = &history.payloads[first..first + event.header.count as usize];
            bytes += entries.iter().map(Vec::len).sum::<usize>();
        }
    }
    json!({ "time": time(start), "count": count.to_string(), "payload_bytes": bytes.to_string(), "missing": "0",
            "first_index": size(first_seq).to_string(), "end_index": size(end_seq).to_string(),
            "first_seq": first_seq.to_string(), "end_seq": end_seq.to_string() })
}

/// The fields that the recording tells.
fn told(bucket: &Value) -> Value {
    let names = ["time", "count", "payload_bytes", "missing", "first_index", "end_index", "first_seq", "end_seq"];
    names.iter().map(|name| ((*name).to_owned(), bucket[name].clone())).collect::<serde_json::Map<_, _>>().into()
}

fn with_verdict<'a>(answer: &'a Value, verdict: &str) -> Vec<&'a str> {
    let buckets = answer["buckets"].as_array().unwrap().iter().filter(|bucket| bucket["verdict"] == verdict);
    buckets.map(|bucket| bucket["time"].as_str().unwrap()).collect()
}

fn new_writers(answer: &Value) -> Vec<(String, String)> {
    let writers =
        answer["buckets"].as_array().unwrap().iter().flat_map(|bucket| bucket["new_writers"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    writers.map(|writer| (text(&writer["wallet"]), text(&writer["event_seq"]))).collect()
}

#[tokio::test]
async fn each_bucket_is_what_the_recording_says() {
    let index = Index::open().await;
    let history = active(&index, true).await;
    for (step, seconds) in [("hour", HOUR), ("day", 86_400)] {
        for writer in [None, Some(WRITER), Some(OTHER)] {
            let of = writer.map(|writer| format!("&writer={writer}")).unwrap_or_default();
            let answer = index.ok(&path(&format!("step={step}{of}"))).await;
            let buckets = answer["buckets"].as_array().unwrap();
            let first = FIRST_TIME.div_euclid(seconds) * seconds;
            // The last event's bucket is not over.
            let last = (FIRST_TIME + (HOURS as i64 - 1) * HOUR).div_euclid(seconds) * seconds;
            let expected: Vec<Value> = (first..last)
                .step_by(seconds as usize)
                .map(|start| counted(&history, start, seconds, writer))
                .collect();
            assert_eq!(buckets.iter().map(told).collect::<Vec<_>>(), expected, "{step}{of}");
        }
    }
}

#[tokio::test]
async fn a_span_holds_the_buckets_that_lie_in_it_as_a_whole() {
    let index = Index::open().await;
    let history = active(&index, true).await;
    let end = FIRST_TIME + HOURS as i64 * HOUR;
    for (from, to, first, last) in [
        (FIRST_TIME + 10 * HOUR, FIRST_TIME + 13 * HOUR, 10, 13),
        (FIRST_TIME + 10 * HOUR + 1, FIRST_TIME + 13 * HOUR - 1, 11, 12),
        (FIRST_TIME - 900 * HOUR, FIRST_TIME + 2 * HOUR, 0, 2),
        (end - HOUR, end + 3 * HOUR, HOURS as i64 - 1, HOURS as i64 + 3),
        (FIRST_TIME + 5 * HOUR, FIRST_TIME + 5 * HOUR, 0, 0),
        (FIRST_TIME + 5 * HOUR, FIRST_TIME, 0, 0),
    ] {
        let answer = index.ok(&path(&format!("from_time={}&to_time={}", time(from), time(to)))).await;
        let expected: Vec<Value> =
            (first..last).map(|hour| counted(&history, FIRST_TIME + hour * HOUR, HOUR, None)).collect();
        let buckets = answer["buckets"].as_array().unwrap();
        assert_eq!(buckets.iter().map(told).collect::<Vec<_>>(), expected, "{from} {to}");
    }
}

#[tokio::test]
async fn the_certificates_are_those_of_the_definition() {
    let index = Index::open().await;
    let history = active(&index, true).await;
    let leaves: Vec<Vec<u8>> = history.events.iter().map(|(leaf, _)| leaf.clone()).collect();
    let answer = index.ok(&path("")).await;
    let buckets = answer["buckets"].as_array().unwrap();
    let number = |bucket: &Value, name: &str| bucket[name].as_str().unwrap().parse::<u64>().unwrap();
    let complete = |mut certificate: Value| {
        let more = json!({ "genesis_hash": CLUSTER.genesis_hash.to_string(), "program": CLUSTER.program.to_string(),
                           "ledger": ACTIVE.to_string(), "slot": history.slot().to_string() });
        certificate.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        certificate
    };
    for hour in [0, 1, 2, 77, BURST, SILENCE.start, SILENCE.end, STRANGER, HOURS - 2] {
        let bucket = &buckets[hour];
        let (first, end) = (number(bucket, "first_index"), number(bucket, "end_index"));
        let expected =
            if first == end { Value::Null } else { complete(certified("entries", &history.payloads, first, end)) };
        assert_eq!(bucket["certificate"], expected, "hour {hour}");
        let (first, end) = (number(bucket, "first_seq"), number(bucket, "end_seq"));
        let (before, after) = (first.saturating_sub(1), (end + 1).min(leaves.len() as u64));
        let expected = complete(certified("events", &leaves, before, after));
        assert_eq!(bucket["event_certificate"], expected, "hour {hour}");
    }
}

#[tokio::test]
async fn finds_each_fault_and_none_in_its_twin() {
    let index = Index::open().await;
    active(&index, true).await;
    let hour = |hour: usize| time(FIRST_TIME + hour as i64 * HOUR);
    let answer = index.ok(&path("")).await;
    assert_eq!(with_verdict(&answer, "burst"), [hour(BURST)]);
    let silent: Vec<String> = SILENCE.map(hour).collect();
    let found = with_verdict(&answer, "silence");
    assert!(found.len() > SILENCE.len() / 2, "{found:?}");
    assert_eq!(found, silent[SILENCE.len() - found.len()..], "up to its end");
    let creator = (CREATOR.to_string(), "2".to_owned());
    let writer = (WRITER.to_string(), "1".to_owned());
    let other = (OTHER.to_string(), STRANGER.to_string());
    assert_eq!(new_writers(&answer), [writer.clone(), creator.clone(), other]);
    assert_eq!(answer["writers_since"], "0");
    assert_eq!(with_verdict(&answer, "cannot_tell").len(), 14 * 24);
    // Of one writer alone, it is silent too.
    let alone = index.ok(&path(&format!("writer={WRITER}"))).await;
    assert!(!with_verdict(&alone, "silence").is_empty());
    assert_eq!((new_writers(&alone), &alone["writers_since"]), (vec![], &Value::Null));

    let twin = Index::open().await;
    active(&twin, false).await;
    let answer = twin.ok(&path("")).await;
    assert_eq!(with_verdict(&answer, "burst"), [""; 0]);
    assert_eq!(with_verdict(&answer, "silence"), [""; 0]);
    assert_eq!(new_writers(&answer), [writer, creator]);
}

#[tokio::test]
async fn a_silence_up_to_now_is_found_when_now_is_said() {
    let index = Index::open().await;
    active(&index, false).await;
    let end = FIRST_TIME + HOURS as i64 * HOUR;
    let answer = index.ok(&path(&format!("to_time={}", time(end + 24 * HOUR)))).await;
    let silent = with_verdict(&answer, "silence");
    assert_eq!(silent.last().copied(), Some(time(end + 23 * HOUR).as_str()));
    assert!(silent.iter().all(|hour| **hour >= *time(end)), "{silent:?}");
    let answer = index.ok(&path("")).await;
    assert_eq!(with_verdict(&answer, "silence"), [""; 0]);
}

#[tokio::test]
async fn a_writer_who_wrote_before_the_span_is_not_new() {
    let index = Index::open().await;
    active(&index, true).await;
    let from = |hour: usize| path(&format!("from_time={}", time(FIRST_TIME + hour as i64 * HOUR)));
    let answer = index.ok(&from(STRANGER - 5)).await;
    assert_eq!(new_writers(&answer), [(OTHER.to_string(), STRANGER.to_string())]);
    assert_eq!(new_writers(&index.ok(&from(STRANGER + 1)).await), []);
}

#[tokio::test]
async fn forecasts_what_comes_after_the_last_bucket() {
    let index = Index::open().await;
    active(&index, false).await;
    let answer = index.ok(&path("horizon=24")).await;
    let points = answer["forecast"]["points"].as_array().unwrap();
    let last = FIRST_TIME + (HOURS as i64 - 1) * HOUR;
    for (ahead, point) in points.iter().enumerate() {
        assert_eq!(point["time"], time(last + ahead as i64 * HOUR));
        let number = |name: &str| point[name].as_f64().unwrap();
        let hour = HOURS - 1 + ahead;
        let usual = if hour % 24 < 6 { 3 } else { 5 + hour % 3 } as f64;
        assert!((number("expected") - usual).abs() < 1.5, "{hour}: {point}");
        assert!((number("low_95")..=number("high_95")).contains(&usual), "{hour}: {point}");
    }
    assert_eq!((points.len(), &answer["no_forecast"]), (24, &Value::Null));
    let short = index.ok(&path(&format!("to_time={}", time(FIRST_TIME + 20 * HOUR)))).await;
    assert_eq!(short["forecast"], Value::Null);
    assert_eq!(short["no_forecast"], "a history of 20 buckets tells nothing of the next: 49 are needed");
    for (ledger, query) in [(EMPTY, ""), (EMPTY, "&to_time=2026-02-28T14:00:00Z")] {
        let answer = index.ok(&format!("/v1/ledgers/{ledger}/activity?step=hour{query}")).await;
        assert_eq!(answer["forecast"], Value::Null);
    }
}

#[tokio::test]
async fn graphql_answers_the_same() {
    let index = Index::open().await;
    active(&index, true).await;
    let fields = "time count payloadBytes missing firstIndex endIndex firstSeq endSeq verdict expected most
                  newWriters { wallet eventSeq } certificate eventCertificate";
    let query = format!(
        "{{ ledger(address: \"{ACTIVE}\") {{ activity(step: DAY, horizon: 3) {{ slot writersSince noForecast
           head {{ size root }} forecast {{ method points {{ time expected low95 }} }} buckets {{ {fields} }} }} }} }}"
    );
    let data = index.graphql(&query).await;
    let found = &data["ledger"]["activity"];
    let rest = index.ok(&path("step=day&horizon=3")).await;
    let rest_buckets = rest["buckets"].as_array().unwrap();
    assert_eq!(found["buckets"].as_array().unwrap().len(), rest_buckets.len());
    for (one, other) in found["buckets"].as_array().unwrap().iter().zip(rest_buckets) {
        for (name, same) in [
            ("time", "time"),
            ("count", "count"),
            ("payloadBytes", "payload_bytes"),
            ("missing", "missing"),
            ("firstIndex", "first_index"),
            ("endIndex", "end_index"),
            ("firstSeq", "first_seq"),
            ("endSeq", "end_seq"),
            ("expected", "expected"),
            ("most", "most"),
            ("certificate", "certificate"),
            ("eventCertificate", "event_certificate"),
        ] {
            assert_eq!(one[name], other[same], "{name}");
        }
        assert_eq!(one["verdict"].as_str().unwrap().to_lowercase(), other["verdict"].as_str().unwrap());
        assert_eq!(one["newWriters"].as_array().unwrap().len(), other["new_writers"].as_array().unwrap().len());
    }
    assert_eq!(
        (&found["slot"], &found["writersSince"], &found["head"]),
        (&rest["slot"], &rest["writers_since"], &rest["head"])
    );
    assert_eq!(found["forecast"]["points"][2]["low95"], rest["forecast"]["points"][2]["low_95"]);
}

#[tokio::test]
async fn refuses_what_cannot_be_answered() {
    let index = Index::open().await;
    active(&index, false).await;
    for (query, code) in [
        ("step=week", "malformed_parameter"),
        ("from_time=yesterday", "malformed_parameter"),
        ("writer=me", "malformed_parameter"),
        ("horizon=0", "malformed_parameter"),
        ("horizon=169", "malformed_parameter"),
        ("horizon=-1", "malformed_parameter"),
        ("horizon=18446744073709551615", "malformed_parameter"),
        ("steps=hour", "malformed_parameter"),
    ] {
        assert_eq!(index.problem(&path(query)).await.1, code, "{query}");
    }
    for (ledger, code) in [(UNKNOWN, "unknown_ledger"), (UNCHECKED, "not_checked_yet"), (NEW, "not_checked_yet")] {
        assert_eq!(index.problem(&format!("/v1/ledgers/{ledger}/activity")).await.1, code);
    }
    let long = format!("{{ ledger(address: \"{ACTIVE}\") {{ activity(horizon: -5) {{ slot }} }} }}");
    assert_eq!(index.graphql_error(&long).await.0, "malformed_parameter");
}

#[tokio::test]
async fn of_a_long_span_the_newest_buckets_are_answered() {
    let index = Index::open().await;
    active(&index, false).await;
    for (query, first, last) in [
        ("to_time=2027-02-28T14:00:00Z&from_time=2026-02-28T14:00:00Z", "2027-01-17T22:00:00Z", "2027-02-28T13:00:00Z"),
        (
            "to_time=9999-12-30T00:00:00Z&from_time=-009999-01-02T01:59:59Z",
            "9999-11-18T08:00:00Z",
            "9999-12-29T23:00:00Z",
        ),
    ] {
        let answer = index.ok(&path(query)).await;
        let buckets = answer["buckets"].as_array().unwrap();
        assert_eq!((buckets.len(), &buckets[0]["time"], &buckets[999]["time"]), (1_000, &json!(first), &json!(last)));
    }
}

#[tokio::test]
async fn nothing_that_is_not_checked_is_counted() {
    let index = Index::open().await;
    let mut history = active(&index, false).await;
    let before = index.ok(&path("")).await;
    for _ in 0..30 {
        history.append(9);
    }
    history.commit(&index.pool).await;
    assert_eq!(index.ok(&path("")).await, before);
    history.check(&index.pool).await;
    let after = index.ok(&path("")).await;
    assert_eq!(after["buckets"].as_array().unwrap().len(), before["buckets"].as_array().unwrap().len() + 30);
}

#[tokio::test]
async fn missing_entries_are_counted_without_bytes_and_certified_for_those_who_have_them() {
    let index = Index::open().await;
    let mut history = History::create(ACTIVE);
    history.pace = HOUR;
    history.append(300);
    history.append_subtrees(70);
    history.append(10);
    history.append(1);
    history.check(&index.pool).await;
    let answer = index.ok(&path("")).await;
    let buckets = answer["buckets"].as_array().unwrap();
    let found: Vec<_> = buckets
        .iter()
        .map(|bucket| {
            let text = |name: &str| bucket[name].as_str().unwrap();
            (text("count"), text("missing"), text("payload_bytes") == "0")
        })
        .collect();
    assert_eq!(found, [("0", "0", true), ("300", "0", false), ("70", "70", true), ("10", "0", false)]);
    for (bucket, (first, end)) in buckets[1..].iter().zip([(0, 300), (300, 370), (370, 380)]) {
        let expected = certified("entries", &history.payloads, first, end);
        assert_eq!(bucket["certificate"]["proof"], expected["proof"], "{first} to {end}");
    }
}

#[tokio::test]
async fn changed_rows_are_refused() {
    for change in [
        // An event moved by a day, in its leaf alone and with its hash: as the one before a bound, and as the one after.
        "update event set leaf = set_byte(leaf, 58, (get_byte(leaf, 58) + 1) % 256) where seq = 300",
        "update event set leaf = set_byte(leaf, 58, (get_byte(leaf, 58) + 1) % 256), leaf_hash = sha256('\\x00'::bytea || set_byte(leaf, 58, (get_byte(leaf, 58) + 1) % 256)) where seq = 300",
        // An entry that is gone.
        "delete from entry where index = 700",
        // An event that is gone.
        "delete from event where seq = 77",
        // Another signer of the stranger's event.
        "update event set leaf = overlay(leaf placing decode(repeat('d3', 32), 'hex') from 65 for 32) where seq = 480",
    ] {
        let index = Index::open().await;
        active(&index, true).await;
        let ledger = "ledger = (select id from ledger where address = decode(repeat('ac', 32), 'hex'))";
        index.tamper(&format!("{change} and {ledger}")).await;
        assert_eq!(index.problem(&path("")).await.1, "stored_data_corrupt", "{change}");
    }
}
