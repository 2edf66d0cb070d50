//! The gateway: what it accepts is in the ledger once, through kills, races and other writers.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::liar::{Lies, liar};
use crate::stack::{Index, Service, expect_success, index, program, stack, text, wait_until};

/// A gateway's files: its wallet is the authority of the tests' ledgers.
struct Keys {
    promise: PathBuf,
    names: PathBuf,
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let make = |name: &str| {
            let path = stack().folder.path().join(name);
            expect_success(&Command::new(program("counterfoil-gateway")).arg("make-key").arg(&path).output().unwrap());
            path
        };
        Keys { promise: make("promise.key"), names: make("names.key") }
    })
}

pub(crate) struct Gateway {
    pub(crate) service: Service,
    pub(crate) client: Client,
}

impl Gateway {
    /// A gateway with a database of its own.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_on(&stack().new_database(), &stack().rpc, arguments)
    }

    pub(crate) fn start_on(database_url: &str, rpc: &str, arguments: &[&str]) -> Self {
        Self::start_over(&index().database_url, database_url, rpc, arguments)
    }

    /// A gateway over an index of the test's own.
    pub(crate) fn start_over(index_url: &str, database_url: &str, rpc: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program("counterfoil-gateway"));
        command.args(["--rpc", rpc, "--listen", "127.0.0.1:0"]);
        if !arguments.contains(&"--writer") {
            command.arg("--writer").arg(stack().authority());
        }
        command.arg("--promise-key").arg(&keys().promise).arg("--names-key").arg(&keys().names);
        if !arguments.contains(&"--window-ms") {
            command.args(["--window-ms", "200"]);
        }
        command.args(arguments).env("DATABASE_URL", index_url);
        command.env("COUNTERFOIL_GATEWAY_DATABASE_URL", database_url);
        Self { service: Service::start(command), client: Client::new() }
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut request = self.client.post(format!("{}{path}", self.service.url())).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().unwrap()
    }

    pub(crate) fn record(&self, ledger: &str, headers: &[(&str, &str)], body: &str) -> Value {
        let answer = self.post(&format!("/v1/ledgers/{ledger}/records"), headers, body);
        assert_eq!(answer.status(), 202, "{:?}", answer.text());
        answer.json().unwrap()
    }

    pub(crate) fn client_get(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}{path}", self.service.url())).send().unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.client.get(format!("{}{path}", self.service.url())).send().unwrap();
        (answer.status().as_u16(), answer.json().unwrap())
    }

    /// The record once it is checked.
    pub(crate) fn wait_for(&self, id: &str) -> Value {
        wait_until(&format!("record {id} is checked"), || {
            let (_, record) = self.get(&format!("/v1/records/{id}"));
            (record["state"] == "checked").then_some(record)
        })
    }
}

pub(crate) fn id(answer: &Value) -> String {
    answer["records"][0]["id"].as_str().unwrap().to_owned()
}

fn size(index: &Index, ledger: &str) -> u64 {
    let (_, body) = index.get(&format!("/v1/ledgers/{ledger}"));
    body["checked"]["head"]["size"].as_str().map_or(0, |size| size.parse().unwrap())
}

/// Every record has an index of its own, and the ledger has no other entries.
pub(crate) fn expect_each_once(index: &Index, gateway: &Gateway, ledger: &str, ids: &[String]) {
    let indexes: BTreeSet<u64> =
        ids.iter().map(|id| gateway.wait_for(id)["index"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "each record has an id of its own");
    assert_eq!(indexes.len(), ids.len(), "no two records have one index");
    assert_eq!(size(index, ledger), ids.len() as u64, "and nothing else is in the ledger");
}

#[test]
fn a_record_is_promised_gets_into_the_ledger_and_its_receipt_verifies_without_the_gateway() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    index.wait_for(&ledger, 0);
    let gateway = Gateway::start(&[]);
    let answer = gateway.post(
        &format!("/v1/ledgers/{ledger}/records?wait=checked"),
        &[("counterfoil-stream", "orders"), ("counterfoil-time", "2026-02-28T12:00:00Z")],
        r#"{"order":1}"#,
    );
    assert_eq!(answer.status(), 201);
    let place = answer.headers()["location"].to_str().unwrap().to_owned();
    let record: Value = answer.json().unwrap();
    assert_eq!(record["state"], "checked");
    assert_eq!(gateway.get(&place).1, record, "Location leads to the record");
    let hex = |text: &str| -> Vec<u8> {
        (0..64).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let (salt, commitment) = (record["salt"].as_str().unwrap(), record["commitment"].as_str().unwrap());
    let committed = Sha256::new().chain_update(hex(salt)).chain_update(r#"{"order":1}"#).finalize();
    assert_eq!(committed[..], hex(commitment), "the commitment is of this content");
    let promise = &record["promise"];
    assert_eq!((&promise["ledger"], &promise["records"]["count"]), (&json!(ledger), &json!("1")));
    assert_eq!(promise["record"]["id"], record["id"], "the promise names the record");
    drop(gateway);
    let receipt = stack.folder.path().join("gateway.receipt.json");
    std::fs::write(&receipt, record["receipt"].to_string()).unwrap();
    let output = stack.cli(&["--api", index.api.url(), "verify", receipt.to_str().unwrap(), "--ledger", &ledger]);
    assert!(text(&output.stdout).contains("VERIFIED"), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn a_name_for_a_request_makes_it_safe_to_send_again_and_is_no_other_requests() {
    let (stack, index) = (stack(), index());
    let (ledger, other) = (stack.new_ledger(&["--allow-subtrees"]), stack.new_ledger(&["--allow-subtrees"]));
    index.wait_for(&ledger, 0);
    index.wait_for(&other, 0);
    let gateway = Gateway::start(&[]);
    let named = [("idempotency-key", "\"8e03978e\""), ("content-type", "application/json")];
    let path = format!("/v1/ledgers/{ledger}/records");
    // 64 callers at once: one record, and one answer for all.
    let answers: BTreeSet<String> = thread::scope(|scope| {
        let calls: Vec<_> =
            (0..64).map(|_| scope.spawn(|| gateway.record(&ledger, &named, r#"{"x":1,"y":2}"#).to_string())).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(answers.len(), 1, "{answers:?}");
    let first: Value = serde_json::from_str(answers.first().unwrap()).unwrap();
    let again = [named[0], ("content-type", "application/json; charset=utf-8")];
    assert_eq!(
        gateway.record(&ledger, &again, r#"{"x":1,"y":2}"#),
        first,
        "the media type's parameter changes nothing"
    );
    let another = gateway.post(&path, &named, r#"{"y":2,"x":1}"#);
    assert_eq!(another.status(), 422, "another body of the same name is refused");
    for header in [("counterfoil-stream", "a"), ("counterfoil-subject", "b"), ("ce-id", "7")] {
        let another = gateway.post(&path, &[named[0], named[1], header], r#"{"x":1,"y":2}"#);
        assert_eq!(another.status(), 422, "{header:?} is a part of the record");
    }
    let of_other = gateway.record(&other, &named, r#"{"x":1,"y":2}"#);
    assert_ne!(id(&of_other), id(&first), "a name is a ledger's own");
    expect_each_once(index, &gateway, &ledger, &[id(&first)]);
    // The twin: without a name each request is a record.
    let twice: BTreeSet<String> = (0..2).map(|_| id(&gateway.record(&ledger, &[], r#"{"x":1}"#))).collect();
    assert_eq!(twice.len(), 2);
}

#[test]
fn a_refusal_names_what_is_wrong_accepts_nothing_and_binds_no_name() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    let (plain, open) = (stack.new_ledger(&[]), stack.new_ledger(&["--open", "--allow-subtrees"]));
    for ledger in [&ledger, &plain, &open] {
        index.wait_for(ledger, 0);
    }
    let gateway = Gateway::start(&["--record-bytes", "1000"]);
    let large = "x".repeat(1001);
    let quoted = format!("\"{}\"", "x".repeat(900));
    let event = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/a"), ("ce-type", "b")];
    let json = ("content-type", "application/json");
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, u16, &'a str);
    let whole = r#"{"specversion":"1.0","id":"1","source":"/a","type":"b","data":1"#;
    let (twice, odd) = (format!(r#"{whole},"data_base64":"MQ=="}}"#), format!(r#"{whole},"Odd-Name":"x"}}"#));
    let cases: [Case<'_>; 20] = [
        (
            &ledger,
            "",
            &[("content-type", "application/vnd.counterfoil.change+json")],
            "{}",
            415,
            "unsupported_media_type",
        ),
        (&ledger, "", &[("content-type", "application/cloudevents-batch+json")], "[]", 415, "unsupported_media_type"),
        (&ledger, "", &[("content-type", "application/cloudevents+json")], &twice, 400, "malformed_parameter"),
        (&ledger, "", &[("content-type", "application/cloudevents+json")], &odd, 400, "malformed_parameter"),
        (&ledger, "?form=raw", &event, &quoted, 413, "body_too_large"),
        (&ledger, "", &event[..3], "1", 400, "malformed_body"),
        (&ledger, "", &[json], "{", 400, "malformed_body"),
        (&ledger, "", &[json], "", 400, "malformed_body"),
        (&ledger, "", &[("content-type", "text/plain")], &large, 413, "body_too_large"),
        (&ledger, "", &[("content-type", "nonsense")], "1", 415, "unsupported_media_type"),
        (&ledger, "", &[json, ("content-encoding", "gzip")], "1", 415, "unsupported_media_type"),
        (&ledger, "?form=other", &[json], "1", 400, "malformed_parameter"),
        (&ledger, "?wait=for", &[json], "1", 400, "malformed_parameter"),
        (&ledger, "?unknown=1", &[json], "1", 400, "malformed_parameter"),
        (&ledger, "", &[json, ("counterfoil-time", "yesterday")], "1", 400, "malformed_parameter"),
        (&ledger, "", &[json, ("idempotency-key", "\"open")], "1", 400, "malformed_parameter"),
        (
            &ledger,
            "",
            &[("content-type", "application/cloudevents+json")],
            r#"{"specversion":"1.0"}"#,
            400,
            "malformed_body",
        ),
        (&plain, "", &[json], "1", 409, "ledger_refuses"),
        (&open, "", &[json], "1", 409, "ledger_refuses"),
        ("11111111111111111111111111111111", "", &[json, ("idempotency-key", "late")], "1", 404, "unknown_ledger"),
    ];
    for (ledger, query, headers, body, status, code) in cases {
        let answer = gateway.post(&format!("/v1/ledgers/{ledger}/records{query}"), headers, body);
        let (found, problem): (u16, Value) = (answer.status().as_u16(), answer.json().unwrap());
        assert_eq!((found, problem["code"].as_str().unwrap()), (status, code), "{query} {headers:?} {body}: {problem}");
    }
    let lines = gateway.post(
        &format!("/v1/ledgers/{ledger}/records"),
        &[("content-type", "application/x-ndjson"), ("idempotency-key", "late")],
        "{\"n\":1}{\"n\":2}\n\n{\"m\":1}\n\"\u{e9}",
    );
    let answers: Vec<Value> = lines.text().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&answers[0]["line"], &answers[0]["code"]), (&json!(1), &json!("malformed_body")));
    assert!(answers[0]["detail"].as_str().unwrap().contains("trailing characters"));
    assert_eq!(answers[1]["line"], 3, "lines are numbered as in the body");
    assert_eq!((&answers[2]["line"], &answers[2]["code"]), (&json!(4), &json!("malformed_body")));
    assert_eq!((&answers[3]["accepted"], &answers[3]["refused"]), (&json!(1), &json!(2)));
    expect_each_once(index, &gateway, &ledger, &[answers[1]["id"].as_str().unwrap().to_owned()]);
}

#[test]
fn a_content_is_kept_byte_for_byte_and_no_bytes_pass_for_what_they_are_not() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    index.wait_for(&ledger, 0);
    let database_url = stack.new_database();
    let gateway = Gateway::start_on(&database_url, &stack.rpc, &[]);
    let path = format!("{}/v1/ledgers/{ledger}/records", gateway.service.url());
    let post = |kind: &str, body: Vec<u8>, query: &str| {
        let request = gateway.client.post(format!("{path}{query}")).header("content-type", kind);
        request.body(body).send().unwrap().status().as_u16()
    };
    for (kind, body) in [
        ("application/json", &b"{\"a\":\"\xff\"}"[..]),
        ("application/json", b"{\"\xc3\x28\":1}"),
        (
            "application/cloudevents+json",
            b"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"b\",\"data\":\"\xff\"}",
        ),
    ] {
        assert_eq!(post(kind, body.to_vec(), ""), 400, "{kind}: {body:?} is not UTF-8");
    }
    // Digits, the order of members and those that come twice: all as they came.
    let data = r#"{"n":1.10,"big":123456789012345678901234567890,"d":1,"d":2,"z":1,"a":2}"#;
    let event = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/a"),
        ("ce-type", "b"),
    ];
    let kept = id(&gateway.record(&ledger, &event, data));
    let sql = format!("select convert_from(content, 'utf8') from gateway.record where id = '{kept}'");
    let output = Command::new("psql").args(["-XAtq", &database_url, "-c", &sql]).output().unwrap();
    assert!(text(&output.stdout).contains(&format!("\"data\":{data}")), "{}", text(&output.stdout));
    // A statement of another record is no entry of its own.
    let receipt = gateway.wait_for(&kept)["receipt"].clone();
    let statement = BASE64_STANDARD.decode(receipt["entry"]["payload"].as_str().unwrap()).unwrap();
    assert_eq!(post("application/octet-stream", statement, "?form=raw"), 400);
    assert_eq!(post("application/octet-stream", b"bytes".to_vec(), "?form=raw"), 202, "the twin: other bytes are");
    let origin = gateway.client.post(&path).header("origin", "http://evil.example").body("1").send().unwrap();
    assert_eq!(origin.status(), 403, "a page of a browser writes nothing here");
}

#[test]
fn what_was_accepted_under_a_name_is_told_again_whatever_the_ledger_takes_now() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    index.wait_for(&ledger, 0);
    let gateway = Gateway::start(&[]);
    let named = [("idempotency-key", "\"before\"")];
    let first = gateway.record(&ledger, &named, "1");
    gateway.wait_for(&id(&first));
    expect_success(&stack.cli(&["ledger", "seal", &ledger, "--size", "1"]));
    let path = format!("/v1/ledgers/{ledger}/records");
    wait_until("the sealed ledger takes no more", || (gateway.post(&path, &[], "2").status() == 409).then_some(()));
    assert_eq!(gateway.record(&ledger, &named, "1"), first, "the same answer");
    let waited = gateway.post(&format!("{path}?wait=checked"), &named, "1");
    assert_eq!(waited.status(), 201, "a wait is no part of the record");
    assert_eq!(gateway.post(&path, &named, "3").status(), 422);
}

#[test]
fn two_gateways_that_both_plan_are_killed_and_nothing_is_lost_or_doubled() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    index.wait_for(&ledger, 0);
    // No lease: both plan, and the database and the chain let one at a time.
    let database_url = stack.new_database();
    let start = || Gateway::start_on(&database_url, &stack.rpc, &["--lease-ms", "0"]);
    let mut gateways = [Some(start()), Some(start())];
    let mut ids = Vec::new();
    for round in 0..10 {
        for (lane, gateway) in gateways.iter().flatten().enumerate() {
            for n in 0..10 {
                let name = format!("\"{round} {lane} {n}\"");
                ids.push(id(&gateway.record(&ledger, &[("idempotency-key", &name)], &format!("[{round},{lane},{n}]"))));
            }
        }
        gateways[round % 2].take().unwrap().service.kill();
        gateways[round % 2] = Some(start());
    }
    expect_each_once(index, gateways[0].as_ref().unwrap(), &ledger, &ids);
    let output = stack.cli(&["--api", index.api.url(), "audit", &ledger]);
    expect_success(&output);
}

#[test]
fn an_append_of_another_writer_takes_a_planned_index_and_the_records_are_planned_again() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    index.wait_for(&ledger, 0);
    let gateway = Gateway::start(&["--window-ms", "0"]);
    let mut ids = Vec::new();
    for round in 0..5 {
        for n in 0..4 {
            ids.push(id(&gateway.record(&ledger, &[], &format!("[{round},{n}]"))));
        }
        stack.append_lines(&ledger, &[format!("{round}")]);
    }
    let indexes: BTreeSet<u64> =
        ids.iter().map(|id| gateway.wait_for(id)["index"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(indexes.len(), ids.len());
    assert_eq!(size(index, &ledger), ids.len() as u64 + 5, "each of both writers' entries once");
}

#[test]
fn raw_entries_and_statements_go_by_one_queue_and_a_stream_has_no_hole() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    index.wait_for(&ledger, 0);
    let gateway = Gateway::start(&[]);
    let mut ids = Vec::new();
    for n in 0..30 {
        let form = if n % 3 == 0 { "?form=raw" } else { "" };
        let path = format!("/v1/ledgers/{ledger}/records{form}");
        let answer = gateway.post(&path, &[("counterfoil-stream", ["a", "b"][n % 2])], &n.to_string());
        assert_eq!(answer.status(), 202);
        ids.push(id(&answer.json().unwrap()));
    }
    expect_each_once(index, &gateway, &ledger, &ids);
    let raw: Vec<String> =
        (0..30).step_by(3).map(|n| gateway.wait_for(&ids[n])["receipt"]["entry"]["payload"].to_string()).collect();
    assert_eq!(raw[1], "\"Mw==\"", "the entry is the content itself");
    let order: Vec<u64> =
        ids.iter().map(|id| gateway.wait_for(id)["index"].as_str().unwrap().parse().unwrap()).collect();
    assert!(order.is_sorted(), "one caller's records keep their order: {order:?}");
}

#[test]
fn a_caller_with_a_key_writes_where_its_scopes_let_it_and_reads_what_it_wrote() {
    let (stack, index) = (stack(), index());
    let (ledger, other) = (stack.new_ledger(&["--allow-subtrees"]), stack.new_ledger(&["--allow-subtrees"]));
    index.wait_for(&ledger, 0);
    index.wait_for(&other, 0);
    let make = |scopes: &[&str]| {
        let mut command = Command::new(program("counterfoil-api"));
        command.args(["key", "create", "--name", "test", "--ledger", &ledger]).env("DATABASE_URL", &index.database_url);
        for scope in scopes {
            command.args(["--scope", scope]);
        }
        let output = command.output().unwrap();
        expect_success(&output);
        let key: Value = serde_json::from_slice(&output.stdout).unwrap();
        format!("Bearer {}", key["key"].as_str().unwrap())
    };
    let (writer, reader, raw) = (make(&["write"]), make(&["read"]), make(&["write", "raw"]));
    let gateway = Gateway::start(&["--access", "required"]);
    let status = |key: Option<&String>, ledger: &str, query: &str| {
        let headers: Vec<(&str, &str)> = key.map(|key| ("authorization", key.as_str())).into_iter().collect();
        gateway.post(&format!("/v1/ledgers/{ledger}/records{query}"), &headers, "1").status().as_u16()
    };
    assert_eq!(status(None, &ledger, ""), 401);
    assert_eq!(status(Some(&writer), &ledger, ""), 202);
    assert_eq!(status(Some(&writer), &other, ""), 404, "another ledger is not there for it");
    assert_eq!(status(Some(&reader), &ledger, ""), 403);
    assert_eq!(status(Some(&writer), &ledger, "?form=raw"), 403, "a key that may write there, and not this");
    assert_eq!(status(Some(&raw), &ledger, "?form=raw"), 202);
    let answer = gateway.post(&format!("/v1/ledgers/{ledger}/records"), &[("authorization", &writer)], "2");
    let place = answer.headers()["location"].to_str().unwrap().to_owned();
    let read = |key: &String| {
        let request = gateway.client.get(format!("{}{place}", gateway.service.url())).header("authorization", key);
        request.send().unwrap().status().as_u16()
    };
    assert_eq!((read(&writer), read(&reader)), (200, 404));
}

#[test]
fn records_are_accepted_without_a_promise_while_the_chain_is_away_and_a_new_ledger_is_not() {
    let (stack, index) = (stack(), index());
    let (ledger, unknown) = (stack.new_ledger(&["--allow-subtrees"]), stack.new_ledger(&["--allow-subtrees"]));
    index.wait_for(&ledger, 0);
    index.wait_for(&unknown, 0);
    let database_url = stack.new_database();
    let start = |rpc: &str| Gateway::start_on(&database_url, rpc, &["--lease-ms", "0"]);
    let mut ids = vec![id(&start(&stack.rpc).record(&ledger, &[], "1"))];
    // A port on which nothing listens.
    let away = start("http://127.0.0.1:9");
    let answer = away.post(&format!("/v1/ledgers/{unknown}/records"), &[], "1");
    assert_eq!(answer.status(), 503, "whether the ledger takes records is not known");
    let accepted = away.record(&ledger, &[], "2");
    assert_eq!(accepted["promise"], Value::Null, "nothing is promised that may not be kept");
    ids.push(id(&accepted));
    drop(away);
    let gateway = start(&stack.rpc);
    ids.push(id(&gateway.record(&ledger, &[], "3")));
    expect_each_once(index, &gateway, &ledger, &ids);
}

#[test]
fn a_gateway_with_another_database_writes_nothing_to_a_ledger_that_has_one() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    index.wait_for(&ledger, 0);
    let (first, second) = (Gateway::start(&[]), Gateway::start(&[]));
    let ids: Vec<String> = (0..3).map(|n| id(&first.record(&ledger, &[], &n.to_string()))).collect();
    expect_each_once(index, &first, &ledger, &ids);
    let answer = second.post(&format!("/v1/ledgers/{ledger}/records"), &[], "3");
    let (status, problem): (u16, Value) = (answer.status().as_u16(), answer.json().unwrap());
    assert_eq!((status, problem["code"].as_str().unwrap()), (409, "ledger_refuses"), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("the gateway's database does not have"), "{problem}");
    // The twin: the one whose database has the plans goes on.
    let more = id(&first.record(&ledger, &[], "4"));
    expect_each_once(index, &first, &ledger, &[ids, vec![more]].concat());
}

#[test]
fn a_server_that_swallows_doubles_and_disowns_transactions_loses_and_doubles_nothing() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    index.wait_for(&ledger, 0);
    let lies = Lies { swallows: 20, forks: 0, doubles: 20, disowns: 20, most_forks: 0 };
    let liar = liar(&stack.rpc, lies, fastrand::Rng::with_seed(7));
    let gateway = Gateway::start_on(&stack.new_database(), &liar.url, &["--window-ms", "0"]);
    let mut ids = Vec::new();
    // As many transactions as it takes for lies of some kinds.
    while liar.count.load(Ordering::Relaxed) < 6 {
        let path = format!("/v1/ledgers/{ledger}/records?wait=confirmed");
        ids.push(
            gateway.post(&path, &[], &ids.len().to_string()).json::<Value>().unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    expect_each_once(index, &gateway, &ledger, &ids);
}

#[test]
fn a_fork_that_switches_after_it_was_confirmed_has_the_same_bytes_sent_again() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    index.wait_for(&ledger, 0);
    let lies = Lies { swallows: 0, forks: 100, doubles: 0, disowns: 0, most_forks: 1 };
    let liar = liar(&stack.rpc, lies, fastrand::Rng::with_seed(7));
    let gateway = Gateway::start_on(&stack.new_database(), &liar.url, &[]);
    let path = format!("/v1/ledgers/{ledger}/records?wait=confirmed");
    let confirmed: Value = gateway.post(&path, &[], "1").json().unwrap();
    assert_eq!(confirmed["state"], "confirmed", "the fork had it: {confirmed}");
    // Those that follow expect the size after it: they land behind it and not in its place.
    let mut ids = vec![confirmed["id"].as_str().unwrap().to_owned()];
    ids.extend((2..5).map(|n| id(&gateway.record(&ledger, &[], &n.to_string()))));
    expect_each_once(index, &gateway, &ledger, &ids);
    assert_eq!(gateway.wait_for(&ids[0])["index"], "0");
}
