//! The examples of docs/api.md run as they stand, and docs/verify.py refuses what does not hold.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::stack::{expect_refusal, expect_success, index, program, stack, text, typescript_client};

const API: &str = include_str!("../../docs/api.md");

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn verify(answer: &Value) -> Output {
    run_python(&root().join("docs/verify.py"), answer)
}

/// A ledger of `count` entries.
fn ledger_of(count: u64) -> String {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &(0..count).map(|n| format!("\"entry {n}\"")).collect::<Vec<_>>());
    index.wait_for(&ledger, count);
    ledger
}

/// The examples of this language.
fn examples(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    API.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn run_python(script: &Path, answer: &Value) -> Output {
    run_python_on(script, &answer.to_string())
}

fn run_python_on(script: &Path, answer: &str) -> Output {
    let mut python = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    python.wait_with_output().unwrap()
}

#[test]
fn thirty_lines_of_python_verify_proofs_and_pages_and_refuse_any_change() {
    let [script] = examples("python")[..] else { panic!("there is one") };
    assert!(script.lines().count() <= 35, "{}", script.lines().count());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fold.py");
    std::fs::write(&path, script).unwrap();
    let ledger = ledger_of(21);
    for (route, field, change) in [
        ("entries?first=3&limit=7", "/entries/2/payload", json!("Zm9yZ2Vk")),
        ("entries?first=3&limit=7", "/certificate/to", json!("9")),
        ("entries?first=3&limit=7", "/certificate/from", json!("2")),
        ("events", "/certificate/head/root", json!("00".repeat(32))),
        ("inclusion?log=entries&index=20", "/leaf_hash", json!("00".repeat(32))),
        ("inclusion?log=entries&index=4&size=9", "/index", json!("5")),
        ("inclusion?log=entries&index=4&size=9", "/index", json!("9")),
        ("consistency?log=entries&first=1&second=21", "/second/root", json!("00".repeat(32))),
        ("consistency?log=events&first=1", "/first/root", json!("00".repeat(32))),
    ] {
        let (status, mut answer) = index().get(&format!("/v1/ledgers/{ledger}/{route}"));
        assert_eq!(status, 200, "{route}: {answer}");
        expect_success(&run_python(&path, &answer));
        *answer.pointer_mut(field).unwrap() = change;
        assert!(!run_python(&path, &answer).status.success(), "{route} with another {field}");
    }
}

#[test]
fn the_script_of_the_api_verifies_a_page_against_the_chain() {
    let [script] = examples("js")[..] else { panic!("there is one") };
    let client = typescript_client();
    // Inside of the package, whose own name leads to it there.
    let folder = tempfile::tempdir_in(client).unwrap();
    std::fs::write(folder.path().join("page.mjs"), script).unwrap();
    let output = Command::new("node")
        .arg("page.mjs")
        .current_dir(&folder)
        .env("COUNTERFOIL_API", index().api.url())
        .env("COUNTERFOIL_RPC", &stack().rpc)
        .env("LEDGER", ledger_of(9))
        .output()
        .unwrap();
    expect_success(&output);
    assert_eq!(text(&output.stdout).trim(), "9 entries, whole; the chain's head is same");
}

#[test]
fn every_example_of_the_api_runs() {
    let ledger = ledger_of(5);
    let examples = examples("sh");
    assert!(examples.len() >= 6, "the examples were found");
    let bin = program("counterfoil").parent().unwrap().to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    for example in examples {
        let output = stack()
            .in_shell(example)
            .current_dir(root())
            .env("PATH", &path)
            .env("LEDGER", &ledger)
            .env("COUNTERFOIL_API", index().api.url())
            .output()
            .unwrap();
        expect_success(&output);
        let said = text(&output.stdout);
        assert!(!said.trim().is_empty() && !said.contains("\"errors\""), "{example}\n{said}");
    }
}

#[test]
fn a_page_of_python_verifies_each_kind_of_answer_and_refuses_any_change() {
    let ledger = ledger_of(21);
    let answers = [
        ("entries?first=3&limit=7", "/entries/2/payload", json!("Zm9yZ2Vk")),
        ("events", "/certificate/head/root", json!("00".repeat(32))),
        ("entries?first=3&limit=7", "/certificate/to", json!("9")),
        ("inclusion?log=entries&index=20", "/leaf_hash", json!("00".repeat(32))),
        ("inclusion?log=entries&index=4&size=9", "/index", json!("5")),
        ("consistency?log=entries&first=1&second=21", "/second/root", json!("00".repeat(32))),
        ("consistency?log=events&first=1", "/first/root", json!("00".repeat(32))),
        ("entries/7/receipt", "/entry/payload", json!("Zm9yZ2Vk")),
        ("entries/7/receipt", "/entry/index", json!("900")),
        ("entries/7/receipt", "/ledger", json!("11111111111111111111111111111111")),
        ("entries/7/receipt", "/bridge/head/size", json!("2")),
        ("entries/7/receipt", "/bridge/event_head/root", json!("00".repeat(32))),
    ];
    for (path, field, change) in answers {
        let (status, mut answer) = index().get(&format!("/v1/ledgers/{ledger}/{path}"));
        assert_eq!(status, 200, "{path}: {answer}");
        let output = verify(&answer);
        expect_success(&output);
        let heads = ["/head/root", "/second/root", "/bridge/head/root"];
        let root = heads.iter().find_map(|head| answer.pointer(head));
        let root = root.filter(|_| path != "events").or_else(|| answer.pointer("/event_head/root")).unwrap();
        assert!(text(&output.stdout).contains(root.as_str().unwrap()), "{path}: {}", text(&output.stdout));
        *answer.pointer_mut(field).unwrap() = change;
        expect_refusal(&verify(&answer), "REFUSED");
    }
    // A row before the first, in a range that begins before it.
    let (_, mut answer) = index().get(&format!("/v1/ledgers/{ledger}/entries?limit=4"));
    let forged = answer["entries"][3].clone();
    answer["entries"].as_array_mut().unwrap().insert(0, forged);
    answer["certificate"]["from"] = json!("-1");
    expect_refusal(&verify(&answer), "REFUSED");
    expect_refusal(&verify(&json!({ "status": "ok" })), "REFUSED");
}

/// The output must not repeat the answer's own claims: its reader compares those lines with the account.
#[test]
fn the_page_of_python_prints_only_what_it_computed() {
    let ledger = ledger_of(4);
    let (_, page) = index().get(&format!("/v1/ledgers/{ledger}/entries?limit=1"));
    let chain = page["certificate"]["head"]["root"].as_str().unwrap();
    let payload = STANDARD.encode("forged");
    let leaf = Sha256::digest(b"\0forged");
    let root: String = leaf.iter().map(|byte| format!("{byte:02x}")).collect();
    for log in [format!("entries from 0 up to 4: root {chain} of 4 leaves\n\u{1b}[8m"), "entries".to_owned()] {
        let forged = json!({
            "entries": [{ "payload": payload }],
            "certificate": { "log": log, "from": "0", "to": "1", "proof": [], "head": { "size": "1", "root": root } },
        });
        let output = verify(&forged);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!said.contains(chain) || said.starts_with("REFUSED"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        // A log of its own it may prove, under its own root.
        assert_eq!(output.status.success(), log == "entries", "{said}");
    }
}

#[test]
fn the_page_of_python_reads_as_strictly_as_verify_and_always_ends() {
    let ledger = ledger_of(3);
    let (_, receipt) = index().get(&format!("/v1/ledgers/{ledger}/entries/1/receipt"));
    let (_, page) = index().get(&format!("/v1/ledgers/{ledger}/entries"));
    let script = root().join("docs/verify.py");
    let with = |answer: &Value, field: &str, value: Value| {
        let mut answer = answer.clone();
        *answer.pointer_mut(field).unwrap() = value;
        answer.to_string()
    };
    let hash = receipt["bridge"]["head"]["root"].as_str().unwrap();
    let payload = receipt["entry"]["payload"].as_str().unwrap();
    let mut more = receipt.clone();
    more["note"] = json!("trust me");
    let text_of = receipt.to_string();
    let mut hostile = vec![
        "null".to_owned(),
        "[]".to_owned(),
        "1".to_owned(),
        "\"x\"".to_owned(),
        "{}".to_owned(),
        String::new(),
        "{".to_owned(),
        "[".repeat(100_000),
        "{\"certificate\":".repeat(100_000),
        "\u{feff}{}".to_owned(),
        more.to_string(),
        text_of.replacen("\"index\":\"1\"", "\"index\":\"0\",\"index\":\"1\"", 1),
        with(&receipt, "/ledger", json!("1".repeat(100_000))),
        with(&receipt, "/ledger", json!("0".repeat(44))),
        with(&receipt, "/bridge/head/size", json!("9".repeat(4_000))),
        with(&receipt, "/bridge/head/root", json!(hash.to_uppercase() + " ")),
        with(&receipt, "/entry/payload", json!(format!("{payload}!!"))),
        with(&receipt, "/entry/payload", json!(format!("{payload}===="))),
        with(&receipt, "/entry/proof", json!(hash)),
        with(&receipt, "/entry/proof/0", json!(null)),
        with(&receipt, "/bridge/head", json!([])),
        with(&receipt, "/format", json!(1)),
        with(&receipt, "/transaction", json!("1".repeat(100_000))),
        with(&receipt, "/bridge", json!(null)),
        with(&page, "/certificate", json!([])),
        with(&page, "/entries", json!(null)),
        with(&page, "/entries/0", json!(null)),
    ];
    for number in ["+1", "01", " 1", "1 ", "1_0", "\u{661}", "1.0", "-1", "0x1", ""] {
        hostile.push(with(&receipt, "/entry/index", json!(number)));
    }
    hostile.push(with(&receipt, "/entry/index", json!(1)));
    hostile.push(with(&receipt, "/entry/index", json!(1.0)));
    let file = stack().folder.path().join("strict.receipt.json");
    for answer in hostile {
        let output = run_python_on(&script, &answer);
        let said = text(&output.stderr);
        let shown = &answer[..answer.char_indices().nth(200).map_or(answer.len(), |(at, _)| at)];
        assert_eq!(output.status.code(), Some(1), "{shown}: {said}");
        assert!(said.starts_with("REFUSED: ") && output.stdout.is_empty(), "{shown}: {said}");
        // The command line refuses the same receipts as the page.
        std::fs::write(&file, &answer).unwrap();
        assert!(!stack().cli(&["verify", file.to_str().unwrap()]).status.success(), "{shown}");
    }
    expect_success(&run_python_on(&script, &text_of));
    expect_success(&run_python_on(&script, &page.to_string()));
}

#[test]
fn the_page_of_python_verifies_what_evidence_writes_and_refuses_any_altered_line() {
    let (ledger, script) = (ledger_of(40), root().join("docs/verify.py"));
    for more in [&[][..], &["--with-content"], &["--from", "7", "--to", "31"], &["--from", "39", "--with-content"]] {
        let output = stack().cli(&[&["evidence", &ledger, "--out", "-"], more].concat());
        expect_success(&output);
        let lines: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let verified = run_python_on(&script, &text(&output.stdout));
        expect_success(&verified);
        for head in ["/entries/head/root", "/bridge/head/root", "/events/head/root"] {
            let root = lines[0].pointer(head).unwrap().as_str().unwrap();
            assert!(text(&verified.stdout).contains(root), "{head}: {}", text(&verified.stdout));
        }
        let changes = [
            ("/entries/head/root", json!("00".repeat(32))),
            ("/event/seq", json!("900")),
            ("/entry/payload", json!("Zm9yZ2Vk")),
            ("/leaf/hash", json!("00".repeat(32))),
            ("/end/entries", json!("900")),
        ];
        for at in 0..lines.len() {
            let mut altered = lines.clone();
            let (field, change) = changes.iter().find(|(field, _)| lines[at].pointer(field).is_some()).unwrap();
            *altered[at].pointer_mut(field).unwrap() = change.clone();
            let altered: String = altered.iter().map(|line| format!("{line}\n")).collect();
            expect_refusal(&run_python_on(&script, &altered), "REFUSED");
        }
    }
}

#[test]
fn the_sql_of_the_operations_page_runs_and_finds_the_entries() {
    let ledger = ledger_of(2);
    let stack = stack();
    stack.append_lines(&ledger, &[json!({ "actor": "mallory" }).to_string()]);
    index().wait_for(&ledger, 3);
    let operations = include_str!("../../docs/operations.md");
    let (_, section) = operations.split_once("## SQL on the index").unwrap();
    let (_, sql) = section.split_once("```sql\n").unwrap();
    let (sql, _) = sql.split_once("```").unwrap();
    let address: String = bs58::decode(&ledger).into_vec().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    let number = index().sql(&format!("select id from ledger where address = decode('{address}', 'hex')"));
    let found = index().sql(&sql.replace("where ledger = 1 ", &format!("where ledger = {number} ")));
    assert!(found.contains(&format!("{number}|{address}|3")), "{found}");
    assert!(found.ends_with("0|\n1|\n2|mallory"), "{found}");
}
