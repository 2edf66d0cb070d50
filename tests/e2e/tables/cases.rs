//! Attacks that `check` has to name, and ordinary work that it must not accuse: each a case of a file of SQL, on a table and a ledger of
//! its own, all in one database with one relay.
//!
//! A case begins with `--## name`. Its blocks are `--@before` (in place of the usual table `orders` of 50 rows), `--@work` (after the table
//! is protected, before all receipts are there) and `--@attack` (after that). `--@says VERDICT kind, kind` is what check finds at the end.
//! `--@protect options` adds options to `counterfoil protect`. Before the attack each table is verified, which is the case's twin.

use std::process::Command;
use std::thread;

use serde_json::Value;

use super::Shop;
use crate::stack::{expect_success, index, stack, text, validator_name};

const TABLE: &str =
    "create table orders (id bigint primary key, item text not null, amount numeric(12, 2) not null, note text);
    insert into orders select n, 'item ' || n, n * 1.10, null from generate_series(1, 50) as n;";

const WORKERS: usize = 6;

#[derive(Default)]
struct Case {
    name: String,
    schema: String,
    ledger: String,
    before: String,
    work: String,
    attack: String,
    protect: Vec<String>,
    verdict: String,
    kinds: Vec<String>,
}

fn cases(file: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut block = "";
    for line in file.lines() {
        if let Some(name) = line.strip_prefix("--## ") {
            let schema = format!("case_{}", cases.len());
            cases.push(Case { name: name.to_owned(), schema, ..Case::default() });
            block = "";
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        if let Some(rest) = line.strip_prefix("--@") {
            let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            match word {
                "before" | "work" | "attack" => block = word,
                "protect" => case.protect = rest.split(' ').map(str::to_owned).collect(),
                "says" => {
                    let (verdict, kinds) = rest.split_once(' ').unwrap_or((rest, ""));
                    case.verdict = verdict.replace('_', " ");
                    case.kinds = kinds.split(", ").filter(|kind| !kind.is_empty()).map(str::to_owned).collect();
                }
                other => panic!("{}: unknown block {other}", case.name),
            }
            continue;
        }
        let text = match block {
            "before" => &mut case.before,
            "work" => &mut case.work,
            "attack" => &mut case.attack,
            _ => continue,
        };
        text.push_str(line);
        text.push('\n');
    }
    cases
}

impl Case {
    /// Makes the case's ledger and table, and protects it.
    fn prepare(&mut self, shop: &Shop) {
        self.ledger = stack().new_ledger(&["--allow-subtrees"]);
        shop.sql(&format!("create schema {}", self.schema));
        self.psql(shop, if self.before.is_empty() { TABLE } else { &self.before });
        index().wait_for(&self.ledger, 0);
        let table = format!("{}.orders", self.schema);
        let mut arguments = vec!["protect", &table, "--ledger", &self.ledger];
        arguments.extend(self.protect.iter().map(String::as_str));
        let output = shop.cli(&arguments);
        assert!(output.status.success(), "{}: {}", self.name, text(&output.stderr));
    }

    fn psql(&self, shop: &Shop, sql: &str) {
        let mut command = Command::new("psql");
        command
            .args(["-Xq", "-v", "ON_ERROR_STOP=1", &shop.database_url])
            .env("PGOPTIONS", format!("-c search_path={}", self.schema))
            .env("DATABASE_URL", &shop.database_url); // For the commands of `\!`.
        let output = super::with_input(command, sql);
        assert!(output.status.success(), "{}: {}", self.name, text(&output.stderr));
    }

    fn check(&self, shop: &Shop, gateway: &str) -> (String, Vec<String>, String) {
        let table = format!("{}.orders", self.schema);
        let output = shop.cli(&["check", &table, "--ledger", &self.ledger, "--gateway", gateway, "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}: {}{}", self.name, text(&output.stdout), text(&output.stderr)));
        let kinds = report["found"]["findings_by_kind"].as_object();
        let kinds = kinds.map(|kinds| kinds.keys().cloned().collect()).unwrap_or_default();
        let verdict = report["verdict"].as_str().unwrap().replace('_', " ").to_uppercase();
        (verdict, kinds, report.to_string())
    }
}

/// Does something with each case, a few at a time: most of it is waiting.
fn in_parallel(cases: &mut [Case], work: impl Fn(&mut Case) + Sync) {
    let chunk = cases.len().div_ceil(WORKERS).max(1);
    thread::scope(|scope| {
        let work = &work;
        for cases in cases.chunks_mut(chunk) {
            scope.spawn(move || cases.iter_mut().for_each(work));
        }
    });
}

fn run(file: &str) {
    let only = std::env::var("CASE").ok();
    let mut cases = cases(file);
    cases.retain(|case| only.as_ref().is_none_or(|only| case.name.contains(only.as_str())));
    // The findings do not depend on the validator, and each ledger of one with real finality takes half a minute.
    let every = if validator_name() == "agave" { 20 } else { 1 };
    let mut at = 0..;
    cases.retain(|_| at.next().is_some_and(|at: usize| at.is_multiple_of(every)));
    let shop = Shop::empty();
    expect_success(&shop.cli(&["outbox", "install"]));
    in_parallel(&mut cases, |case| case.prepare(&shop));
    let gateway = shop.relay();
    let url = gateway.service.url().to_owned();
    for case in cases.iter().filter(|case| !case.work.is_empty()) {
        case.psql(&shop, &case.work);
    }
    shop.wait_for_receipts();
    let failures: Vec<String> = thread::scope(|scope| {
        let (shop, url) = (&shop, &url);
        let workers: Vec<_> = cases
            .chunks(cases.len().div_ceil(WORKERS).max(1))
            .map(|cases| {
                scope.spawn(move || {
                    let mut failures = Vec::new();
                    for case in cases {
                        if !case.attack.is_empty() {
                            let (verdict, kinds, report) = case.check(shop, url);
                            if verdict != "VERIFIED" {
                                failures
                                    .push(format!("{}: before the attack: {verdict} {kinds:?}: {report}", case.name));
                            }
                            case.psql(shop, &case.attack);
                        }
                        let (verdict, kinds, report) = case.check(shop, url);
                        println!("{}: {verdict} {kinds:?}", case.name);
                        if verdict != case.verdict || kinds != case.kinds {
                            failures.push(format!(
                                "{}: {verdict} {kinds:?}, not {} {:?}: {report}",
                                case.name, case.verdict, case.kinds
                            ));
                        }
                    }
                    failures
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    drop(gateway);
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn file(name: &str) -> String {
    std::fs::read_to_string(format!("{}/e2e/tables/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn each_attack_is_named() {
    run(&file("attacks.sql"));
}

#[test]
fn ordinary_work_is_not_accused() {
    run(&file("ordinary.sql"));
}
