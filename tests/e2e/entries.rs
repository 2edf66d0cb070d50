//! `counterfoil entries --verify`: what a lying API leaves out, adds, alters or moves is found.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::stack::{expect_refusal, expect_success, expect_verdict, index, stack, text};

/// An API that answers as ours does, but for what `lie` makes of it. Ends with the tests.
fn lying_api(lie: impl Fn(&str, &mut Value) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
            lines.find(String::is_empty).unwrap();
            let (status, mut body) = index().get(&path);
            lie(&path, &mut body);
            let body = body.to_string();
            let head = format!("HTTP/1.1 {status} \r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    url
}

fn indexes(output: &[u8]) -> Vec<u64> {
    let lines = text(output);
    let index = |line: &str| serde_json::from_str::<Value>(line).unwrap()["index"].as_str().unwrap().parse().unwrap();
    lines.lines().map(index).collect()
}

#[test]
fn a_list_is_verified_against_the_chain_and_says_how_far_it_reaches() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &(0..1_100).map(|n| format!("\"{n}\"")).collect::<Vec<_>>());
    index.wait_for(&ledger, 1_100);

    let all = stack.cli(&["entries", &ledger, "--verify"]);
    expect_success(&all);
    assert_eq!(indexes(&all.stdout), (0..1_100).collect::<Vec<_>>());
    let said = text(&all.stderr);
    assert!(said.contains("all entries from 0 up to 1100") && said.contains("there were no more"), "{said}");

    let part = stack.cli(&["entries", &ledger, "--first", "7", "--limit", "3", "--verify"]);
    expect_success(&part);
    assert_eq!(indexes(&part.stdout), [7, 8, 9]);
    let said = text(&part.stderr);
    assert!(said.contains("all entries from 7 up to 10") && !said.contains("no more"), "{said}");

    let line: Value = serde_json::from_str(text(&part.stdout).lines().next().unwrap()).unwrap();
    // The certificate does not cover the event, so that nothing of it stands under a VERIFIED.
    assert_eq!(line, json!({ "index": "7", "text": "\"7\"" }));
    let unverified = text(&stack.cli(&["entries", &ledger, "--first", "7", "--limit", "1"]).stdout);
    let line: Value = serde_json::from_str(&unverified).unwrap();
    assert_eq!((&line["text"], &line["event"]["kind"]), (&json!("\"7\""), &json!("EntriesAppended")));
    let end = stack.cli(&["entries", &ledger, "--first", "1100", "--verify"]);
    expect_success(&end);
    assert!(text(&end.stderr).contains("no entries from 1100 on"), "{}", text(&end.stderr));
}

#[test]
fn nothing_is_not_verified() {
    let ledger = stack().new_ledger(&[]);
    expect_refusal(&stack().cli(&["entries", &ledger, "--limit", "0", "--verify"]), "--limit");
}

#[test]
fn a_lying_api_is_found_out() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &(0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    index.wait_for(&ledger, 10);
    type Lie = fn(&mut Value);
    let lies: [(&str, Lie); 10] = [
        ("is altered", |page| page["entries"][4]["payload"] = json!(STANDARD.encode("forged"))),
        ("is left out", |page| {
            page["entries"].as_array_mut().unwrap().remove(4);
        }),
        ("is left out and the rest moved up", |page| {
            let entries = page["entries"].as_array_mut().unwrap();
            entries.remove(4);
            (0..).zip(entries).for_each(|(at, entry): (u64, _)| entry["index"] = json!(at.to_string()));
        }),
        ("is the other", |page| {
            let (two, three) = (page["entries"][2]["payload"].clone(), page["entries"][3]["payload"].clone());
            (page["entries"][2]["payload"], page["entries"][3]["payload"]) = (three, two);
        }),
        ("is added", |page| {
            let entry = page["entries"][0].clone();
            page["entries"].as_array_mut().unwrap().push(entry);
        }),
        ("and all after it are hidden", |page| page["entries"].as_array_mut().unwrap().truncate(4)),
        ("and all others are hidden", |page| page["entries"] = json!([])),
        ("and all before another are hidden", |page| {
            page["entries"] = json!([]);
            page["next"] = json!("4");
        }),
        ("has no certificate", |page| page["certificate"] = Value::Null),
        ("is of another ledger", |page| page["certificate"]["ledger"] = page["certificate"]["program"].clone()),
    ];
    for (what, lie) in lies {
        let url = lying_api(move |path, body| {
            if path.contains("/entries") {
                lie(body);
            }
        });
        let output = stack.cli(&["--api", &url, "entries", &ledger, "--verify"]);
        let verdict = match what {
            // These an honest API answers too, while it does not have them.
            "has no certificate" | "and all others are hidden" => "CANNOT TELL",
            _ => "REFUSED",
        };
        expect_verdict(&output, verdict, "");
        assert!(output.stdout.is_empty(), "an entry {what}: nothing of the page is printed");
    }
}

/// All of it fits together, so that only the chain can tell.
#[test]
fn a_consistent_rewrite_is_found_out_by_the_chain() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &(0..10).map(|n| format!("\"entry {n}\"")).collect::<Vec<_>>());
    index.wait_for(&ledger, 10);
    index.sql(&format!(
        "{}; select pg_temp.counterfoil_rewrite({}, 4, 'forged')",
        include_str!("../../tools/demo/rewrite.sql"),
        crate::tamper::key(&ledger)
    ));
    expect_success(&stack.cli(&["entries", &ledger]));
    let output = stack.cli(&["entries", &ledger, "--verify"]);
    expect_verdict(&output, "REFUSED", "one of the two is false");
    assert!(output.stdout.is_empty());
}
