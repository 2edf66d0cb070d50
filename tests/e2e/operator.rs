//! The gateway's operator: wallets that pay, budget, quotas, stated waits, metrics, the archive.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::gateway::{Gateway, expect_each_once, id};
use crate::stack::{Index, expect_success, index, make_key, program, stack, text, wait_until};

/// Source: the rent minimum of an account without data, which surfpool and Agave tell.
const RENT_MINIMUM: u64 = 890_880;

fn airdrop(address: &str, lamports: u64) {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "requestAirdrop", "params": [address, lamports]});
    let before = balance(address);
    assert!(stack().call(&call)["result"].is_string());
    wait_until("the airdrop", || (balance(address) == before + lamports).then_some(()));
}

fn balance(address: &str) -> u64 {
    let params = json!([address, {"commitment": "confirmed"}]);
    let answer = stack().call(&json!({"jsonrpc": "2.0", "id": 1, "method": "getBalance", "params": params}));
    answer["result"]["value"].as_u64().unwrap()
}

/// A wallet with this balance: its file and its address.
fn wallet(name: &str, lamports: u64) -> (String, String) {
    let path = stack().folder.path().join(format!("{name}.json"));
    let address = make_key(&path);
    airdrop(&address, lamports);
    (path.to_str().unwrap().to_owned(), address)
}

/// The value of a metric whose line begins so.
pub(crate) fn metric(url: &str, begins: &str) -> Option<f64> {
    let text = reqwest::blocking::get(url).unwrap().text().unwrap();
    text.lines().find(|line| line.starts_with(begins)).and_then(|line| line.rsplit(' ').next()?.parse().ok())
}

pub(crate) fn metrics_url(gateway: &Gateway) -> String {
    gateway.service.ready["metrics_url"].as_str().unwrap().to_owned()
}

fn new_ledger() -> String {
    let ledger = stack().new_ledger(&["--allow-subtrees"]);
    index().wait_for(&ledger, 0);
    ledger
}

#[test]
fn a_wallet_that_can_pay_pays_and_where_none_can_nothing_is_promised_and_nothing_lost() {
    let ledger = new_ledger();
    let (poor, poor_address) = wallet("short-of-sol", RENT_MINIMUM + 2_000);
    let (rich, rich_address) = wallet("rich", 1_000_000_000);
    let database_url = stack().new_database();
    let gateway = Gateway::start_on(&database_url, &stack().rpc, &["--payer", &poor, "--payer", &rich]);
    let mut ids = vec![id(&gateway.record(&ledger, &[], "1"))];
    gateway.wait_for(&ids[0]);
    assert_eq!(balance(&poor_address), RENT_MINIMUM + 2_000);
    assert_eq!(balance(&rich_address), 1_000_000_000 - 10_000, "two signatures, and no price where no one bids");
    drop(gateway);

    let payer = ["--payer", &poor, "--metrics-listen", "127.0.0.1:0", "--lease-ms", "0"];
    let gateway = Gateway::start_on(&database_url, &stack().rpc, &payer);
    let metrics = metrics_url(&gateway);
    wait_until("nothing is promised any more", || {
        let answer = gateway.record(&ledger, &[], "2");
        ids.push(id(&answer));
        answer["promise"].is_null().then_some(())
    });
    let blocked = format!("counterfoil_gateway_ledger_blocked{{ledger=\"{ledger}\"}}");
    wait_until("the ledger is told to be blocked", || (metric(&metrics, &blocked)? == 1.0).then_some(()));
    let lamports = format!("counterfoil_gateway_payer_lamports{{payer=\"{poor_address}\"}}");
    assert_eq!(metric(&metrics, &lamports), Some((RENT_MINIMUM + 2_000) as f64));
    airdrop(&poor_address, 1_000_000_000);
    expect_each_once(index(), &gateway, &ledger, &ids);
    wait_until("promises are given again", || (!gateway.record(&ledger, &[], "3")["promise"].is_null()).then_some(()));
}

#[test]
fn a_key_has_as_much_accepted_as_its_quota_says_and_is_told_what_it_used() {
    let (index, ledger) = (index(), new_ledger());
    let mut command = Command::new(program("counterfoil-api"));
    command.args(["key", "create", "--name", "test", "--ledger", &ledger, "--scope", "write", "--records-a-day", "3"]);
    let output = command.env("DATABASE_URL", &index.database_url).output().unwrap();
    expect_success(&output);
    let key: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bearer = format!("Bearer {}", key["key"].as_str().unwrap());
    let gateway = Gateway::start(&["--access", "required"]);
    let path = format!("/v1/ledgers/{ledger}/records");
    let post = |name: &str, kind: &str, body: &str| {
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", name), ("content-type", kind)];
        let answer = gateway.post(&path, &headers, body);
        let after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), after, answer.text().unwrap())
    };
    let lines = "application/x-ndjson";
    assert_eq!(post("a", lines, "1\n2\n").0, 202);
    let (status, after, problem) = post("b", lines, "3\n4\n");
    assert_eq!((status, after.as_deref()), (429, Some("3600")), "{problem}");
    assert!(problem.contains("quota_exceeded") && problem.contains("may use 3 records"), "{problem}");
    assert_eq!(post("b", "application/json", "3").0, 202, "a refusal binds no name, and one record still fits");
    assert_eq!(post("c", "application/json", "4").0, 429);
    assert_eq!(post("a", lines, "1\n2\n").0, 202, "what was accepted is told again");
    let request = gateway.client.get(format!("{}/v1/usage", gateway.service.url())).header("authorization", &bearer);
    let usage: Value = request.send().unwrap().json().unwrap();
    let used = &usage["usage"][0];
    assert_eq!((&used["key"], &used["records"], &used["bytes"]), (&key["id"], &json!("3"), &json!("3")));
    wait_until("the key is charged", || {
        let request =
            gateway.client.get(format!("{}/v1/usage", gateway.service.url())).header("authorization", &bearer);
        let usage: Value = request.send().unwrap().json().unwrap();
        (usage["usage"][0]["lamports"] != "0").then_some(())
    });
}

#[test]
fn records_that_wait_too_long_stop_promises_first_and_more_records_then() {
    let ledger = new_ledger();
    let database_url = stack().new_database();
    let known = Gateway::start_on(&database_url, &stack().rpc, &[]);
    let mut ids = vec![id(&known.record(&ledger, &[], "1"))];
    known.wait_for(&ids[0]);
    drop(known);
    // A port on which nothing listens.
    let stated = ["--lease-ms", "0", "--longest-wait-s", "1"];
    let gateway = Gateway::start_on(&database_url, "http://127.0.0.1:9", &stated);
    let refused = wait_until("more records are refused", || {
        let answer = gateway.post(&format!("/v1/ledgers/{ledger}/records"), &[], "2");
        if answer.status() == 202 {
            let answer: Value = answer.json().unwrap();
            assert!(answer["promise"].is_null());
            ids.push(id(&answer));
            return None;
        }
        Some(answer)
    });
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"60".parse().unwrap()));
    let problem: Value = refused.json().unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("after 1 s no more are taken"), "{problem}");
    drop(gateway);
    let gateway = Gateway::start_on(&database_url, &stack().rpc, &["--lease-ms", "0"]);
    expect_each_once(index(), &gateway, &ledger, &ids);
}

#[test]
fn nothing_is_promised_for_longer_than_the_grant_holds() {
    let (stack, ledger) = (stack(), new_ledger());
    let (file, writer) = stack.new_wallet();
    let grant = |expires: &str| {
        expect_success(&stack.cli(&["writer", "grant", &ledger, &writer, "--subtrees", "--expires", expires]))
    };
    let now = text(&Command::new("date").args(["-u", "+%FT%TZ", "-d", "+200 seconds"]).output().unwrap().stdout)
        .trim()
        .to_owned();
    grant(&now);
    let database_url = stack.new_database();
    let start = |seconds: &str| {
        let arguments = ["--writer", file.to_str().unwrap(), "--promise-s", seconds, "--lease-ms", "0"];
        Gateway::start_on(&database_url, &stack.rpc, &arguments)
    };
    assert!(start("600").record(&ledger, &[], "1")["promise"].is_null(), "the grant ends before");
    let gateway = start("100");
    wait_until("a shorter promise is given", || {
        (!gateway.record(&ledger, &[], "1")["promise"].is_null()).then_some(())
    });
}

#[test]
fn every_metric_of_the_dashboard_is_there_and_the_description_of_the_routes_is_whole() {
    let ledger = new_ledger();
    let gateway = Gateway::start(&["--metrics-listen", "127.0.0.1:0"]);
    let record = id(&gateway.record(&ledger, &[], "1"));
    gateway.wait_for(&record);
    let metrics = metrics_url(&gateway);
    for name in [
        "records_accepted_total",
        "commit_seconds_count",
        "commit_records_sum",
        "transactions_total{outcome=\"confirmed\"}",
        "lamports_total",
        "year_sol",
        "chain_reachable",
        "ledger_backlog_records",
        "ledger_oldest_seconds",
        "ledger_blocked",
        "ledger_overdue_promises",
        "payer_lamports",
    ] {
        wait_until(name, || metric(&metrics, &format!("counterfoil_gateway_{name}")));
    }
    let (_, description) = gateway.get("/v1/openapi.json");
    assert_eq!(description["openapi"], "3.1.0");
    let text = description.to_string();
    for reference in text.split("\"#/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(description.pointer(&format!("/{reference}")).is_some(), "{reference} is not there");
    }
    for (path, schema) in [
        (format!("/v1/records/{record}"), "/paths/~1v1~1records~1{id}"),
        ("/v1/usage".to_owned(), "/paths/~1v1~1usage"),
        ("/v1/promise-key".to_owned(), "/paths/~1v1~1promise-key"),
    ] {
        let (status, body) = gateway.get(&path);
        assert_eq!(status, 200);
        let schema = description.pointer(schema).unwrap();
        let schema = &schema["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let reference = schema["$ref"].as_str().unwrap().trim_start_matches('#');
        let described = description.pointer(reference).unwrap()["properties"].as_object().unwrap();
        for field in body.as_object().unwrap().keys() {
            assert!(described.contains_key(field), "{path}: {field} is not described");
        }
    }
}

#[test]
fn a_caller_that_goes_away_leaves_one_record_and_no_connection_half_used() {
    let ledger = new_ledger();
    let database_url = stack().new_database();
    let gateway = Gateway::start_on(&database_url, &stack().rpc, &["--max-connections-per-address", "4096"]);
    gateway.record(&ledger, &[("idempotency-key", "first")], "0");
    let host = gateway.service.url().trim_start_matches("http://").to_owned();
    let calls = 300;
    thread::scope(|scope| {
        for lane in 0..4 {
            let (host, ledger) = (&host, &ledger);
            scope.spawn(move || {
                for n in (lane..calls).step_by(4) {
                    let mut stream = TcpStream::connect(host).unwrap();
                    let body = n.to_string();
                    write!(
                        stream,
                        "POST /v1/ledgers/{ledger}/records HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
                         idempotency-key: \"{n}\"\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    )
                    .unwrap();
                    // Some close at once, some after the first byte of an answer.
                    if n % 3 == 0 {
                        let _ = stream.read(&mut [0]);
                    }
                }
            });
        }
    });
    let ids: Vec<String> = (0..calls)
        .map(|n| id(&gateway.record(&ledger, &[("idempotency-key", &format!("\"{n}\""))], &n.to_string())))
        .collect();
    let first = id(&gateway.record(&ledger, &[("idempotency-key", "first")], "0"));
    expect_each_once(index(), &gateway, &ledger, &[ids, vec![first]].concat());
    let idle = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'";
    let output = Command::new("psql").args(["-XAtq", &database_url, "-c", idle]).output().unwrap();
    assert_eq!(text(&output.stdout).trim(), "0");
}

/// `counterfoil-indexer` on a database, for one ledger.
fn indexer(database_url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("counterfoil-indexer"));
    command.args(arguments).env("DATABASE_URL", database_url).env_remove("COUNTERFOIL_ARCHIVE");
    command.output().unwrap()
}

#[test]
fn an_index_that_is_lost_gets_its_entries_back_from_the_archive_and_a_false_archive_gives_none() {
    let stack = stack();
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    let archive = stack.folder.path().join("archive");
    let place = archive.to_str().unwrap();
    let first = Index::start(stack);
    first.wait_for(&ledger, 0);
    let gateway = Gateway::start_over(&first.database_url, &stack.new_database(), &stack.rpc, &["--archive", place]);
    let lines: String = (0..300).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let answer =
        gateway.post(&format!("/v1/ledgers/{ledger}/records"), &[("content-type", "application/x-ndjson")], &lines);
    assert_eq!(answer.status(), 202);
    // One more in a plan of its own: its bundle grows.
    gateway.wait_for(&id(&gateway.record(&ledger, &[], "300")));
    let checkpoint = archive.join(&ledger).join("checkpoint");
    wait_until("all is archived", || fs::read_to_string(&checkpoint).ok()?.contains("\n301\n").then_some(()));
    let entry = |url: &str| -> Value {
        reqwest::blocking::get(format!("{url}/v1/ledgers/{ledger}/entries/299")).unwrap().json().unwrap()
    };
    let before = entry(first.api.url());
    assert!(before["payload"].is_string(), "{before}");
    drop((gateway, first));

    // The index is lost: a new one has from the chain what it can have, and no entry.
    let sources = ["--rpc", &stack.rpc, "--ledger", &ledger];
    let lost = Index::start(stack);
    lost.wait_for(&ledger, 301);
    let database_url = lost.database_url.clone();
    drop(lost.indexer);
    let rebuild = |more: &[&str]| {
        let output = indexer(&database_url, &[&["rebuild"], &sources[..], &["--allow-less"], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert_eq!(entry(lost.api.url())["code"], "entry_missing", "the twin: without the archive they are missing");
    let bundle = archive.join(&ledger).join("tile/entries/000");
    let whole = fs::read(&bundle).unwrap();
    let mut false_bundle = whole.clone();
    *false_bundle.last_mut().unwrap() ^= 1;
    fs::write(&bundle, &false_bundle).unwrap();
    let told = rebuild(&["--archive", place]);
    assert!(told.contains("not filled in from the archive") && told.contains("lead to"), "{told}");
    assert_eq!(entry(lost.api.url())["code"], "entry_missing");
    fs::write(&bundle, &whole).unwrap();
    let told = rebuild(&["--archive", place]);
    assert!(told.contains("from the archive: 301 entries"), "{told}");
    assert_eq!(entry(lost.api.url()), before, "the very same answer, proof included");
    let fsck = indexer(&database_url, &["fsck"]);
    assert!(fsck.status.success(), "{}", text(&fsck.stdout));
    assert!(!archive.join(&ledger).join("tile/entries/001.p/44").exists(), "the smaller bundle is gone");

    // A static server over the folder is a log that serves tlog-tiles.
    let other = Index::start(stack);
    other.wait_for(&ledger, 301);
    assert_eq!(entry(other.api.url())["code"], "entry_missing");
    let mut server = Command::new("python3");
    server.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]).arg(archive.join(&ledger));
    let mut server = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let port = said.split("port ").nth(1).unwrap().split(' ').next().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let filled = indexer(&other.database_url, &["fill", "--ledger", &ledger, "--tiles-url", &url]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(filled.status.success(), "{}", text(&filled.stderr));
    assert_eq!(entry(other.api.url()), before);
}

#[test]
fn a_database_of_another_server_than_it_was_is_quiet_until_all_that_was_sent_has_landed_or_expired() {
    let (stack, ledger) = (stack(), new_ledger());
    let database_url = stack.new_database();
    let gateway = Gateway::start_on(&database_url, &stack.rpc, &[]);
    let first = gateway.record(&ledger, &[], "1");
    assert!(!first["promise"].is_null(), "the twin: on the server that it was it promises");
    let mut ids = vec![id(&first)];
    gateway.wait_for(&ids[0]);
    let sql = |sql: &str| {
        let output = Command::new("psql").args(["-XAtq", &database_url, "-c", sql]).output().unwrap();
        expect_success(&output);
        text(&output.stdout).trim().to_owned()
    };
    let was = sql("select server from gateway.origin");
    assert!(was.contains("timeline"), "{was}");
    sql("update gateway.origin set server = 'another'");
    wait_until("nothing is promised", || {
        let answer = gateway.record(&ledger, &[], "2");
        ids.push(id(&answer));
        answer["promise"].is_null().then_some(())
    });
    let quiet = gateway.record(&ledger, &[], "3");
    ids.push(id(&quiet));
    let mut doctor = Command::new(program("counterfoil-gateway"));
    doctor.args(["doctor", "--rpc", &stack.rpc, "--writer"]).arg(stack.authority()).arg("--promise-key");
    doctor.arg(stack.folder.path().join("promise.key")).env("DATABASE_URL", &index().database_url);
    let told = doctor.env("COUNTERFOIL_GATEWAY_DATABASE_URL", &database_url).output().unwrap();
    assert!(text(&told.stdout).contains("!! gateway's database: "), "{}", text(&told.stdout));
    let sealed = format!("select count(*) from gateway.sealed where record = '{}'", id(&quiet));
    assert_eq!(sql(&sealed), "0", "nothing is planned");
    wait_until("it is of the server that it is now", || {
        (sql("select server from gateway.origin") == was).then_some(())
    });
    expect_each_once(index(), &gateway, &ledger, &ids);
}

#[test]
fn a_budget_makes_a_busy_ledgers_records_wait_and_none_is_lost() {
    let ledger = new_ledger();
    // Two transactions a second at most, and one at once.
    let budget = ["--sol-a-day", "0.864", "--window-ms", "0", "--metrics-listen", "127.0.0.1:0"];
    let gateway = Gateway::start(&budget);
    let metrics = metrics_url(&gateway);
    let started = std::time::Instant::now();
    let mut ids = Vec::new();
    while started.elapsed().as_secs() < 5 {
        ids.push(id(&gateway.record(&ledger, &[], "1")));
    }
    expect_each_once(index(), &gateway, &ledger, &ids);
    let sent = metric(&metrics, "counterfoil_gateway_transactions_total{outcome=\"confirmed\"}").unwrap();
    // An hour's worth may be saved up, and nothing of it was there at the start.
    let most = 2.0 + 2.0 * started.elapsed().as_secs_f64();
    assert!(sent <= most, "{sent} transactions for {} records in {:?}", ids.len(), started.elapsed());
    let year = metric(&metrics, "counterfoil_gateway_year_sol").unwrap();
    assert!((300.0..330.0).contains(&year), "{year}: what the budget allows");
}

#[test]
fn the_doctor_names_what_is_ill_and_finds_a_well_gateway_well() {
    let (stack, ledger) = (stack(), new_ledger());
    let database_url = stack.new_database();
    let gateway = Gateway::start_on(&database_url, &stack.rpc, &[]);
    gateway.wait_for(&id(&gateway.record(&ledger, &[], "1")));
    let (poor, _) = wallet("ill", RENT_MINIMUM + 2_000);
    let promise_key = stack.folder.path().join("promise.key");
    let doctor = |rpc: &str, more: &[&str]| {
        let mut command = Command::new(program("counterfoil-gateway"));
        command.args(["doctor", "--rpc", rpc]).arg("--writer").arg(stack.authority());
        command.arg("--promise-key").arg(&promise_key).args(more).env("DATABASE_URL", &index().database_url);
        command.env("COUNTERFOIL_GATEWAY_DATABASE_URL", &database_url).output().unwrap()
    };
    let told = doctor(&stack.rpc, &["--json"]);
    let found: Value = serde_json::from_slice(&told.stdout).unwrap();
    let ill: Vec<&str> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| !finding["advice"].is_null())
        // A validator's clock is late where the machine is too busy for its slots.
        .filter(|finding| !finding["state"].as_str().unwrap().starts_with("its chain's clock"))
        .map(|finding| finding["subject"].as_str().unwrap())
        .collect();
    // The tests' database does not write to the disk.
    assert_eq!(ill, ["commits"], "{found}");
    let told = doctor("http://127.0.0.1:9", &["--payer", &poor, "--copies", "2"]);
    assert_eq!(told.status.code(), Some(1));
    let words = text(&told.stdout);
    for ill in ["!! copies: ", "!! server http://127.0.0.1:9: ", "!! payer ", &format!("!! ledger {ledger}: ")] {
        assert!(words.contains(ill), "{ill}: {words}");
    }
    let words = text(&doctor(&stack.rpc, &["--payer", &poor]).stdout);
    assert!(words.contains("pays 0 transactions and leaves the rent minimum"), "{words}");
}
