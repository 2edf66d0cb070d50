//! Protected tables: the outbox in the user's database, the relay, receipts.

mod cases;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use pgcluster::{Cluster, Durability};
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::operator::{metric, metrics_url};
use crate::servers::proxy_that;
use crate::stack::{expect_refusal, expect_success, expect_verdict, index, program, stack, text, wait_until};

/// A user's database with a table `orders`, its ledger, and a gateway that relays it.
pub(crate) struct Shop {
    pub(crate) database_url: String,
    pub(crate) ledger: String,
}

impl Shop {
    pub(crate) fn open(rows: u32) -> Self {
        let shop = Self { ledger: stack().new_ledger(&["--allow-subtrees"]), ..Self::empty() };
        index().wait_for(&shop.ledger, 0);
        shop.sql("create table orders (id bigint primary key, item text not null, amount numeric(12, 2) not null, note text)");
        shop.sql(&format!(
            "insert into orders select n, 'item ' || n, n * 1.10, null from generate_series(1, {rows}) as n"
        ));
        shop
    }

    /// A database without tables.
    fn empty() -> Self {
        Self { database_url: stack().new_database(), ledger: String::new() }
    }

    pub(crate) fn sql(&self, sql: &str) -> String {
        sql_in(&self.database_url, sql)
    }

    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program("counterfoil"));
        command
            .args(arguments)
            .env("COUNTERFOIL_RPC", &stack().rpc)
            .env("COUNTERFOIL_TABLE_DATABASE_URL", &self.database_url);
        command.output().unwrap()
    }

    fn check(&self, gateway: &Gateway, more: &[&str]) -> Output {
        self.cli(&[&["check", "orders", "--ledger", &self.ledger, "--gateway", gateway.service.url()], more].concat())
    }

    pub(crate) fn protect(&self) {
        expect_success(&self.cli(&["protect", "orders", "--ledger", &self.ledger]));
    }

    pub(crate) fn relay(&self) -> Gateway {
        self.relay_from(&stack().new_database())
    }

    pub(crate) fn relay_from(&self, gateway_database_url: &str) -> Gateway {
        self.relay_with(gateway_database_url, &[])
    }

    fn relay_with(&self, gateway_database_url: &str, arguments: &[&str]) -> Gateway {
        let relay = [&["--relay-database-url", &self.database_url], arguments].concat();
        Gateway::start_on(gateway_database_url, &stack().rpc, &relay)
    }

    /// Waits until each row of the outbox has its receipt.
    pub(crate) fn wait_for_receipts(&self) {
        wait_until("each row of the outbox has a receipt", || {
            let waiting = self.sql("select count(*) from counterfoil.receipts where state <> 'recorded'");
            (waiting == "0").then_some(())
        });
    }
}

/// Runs a command over an input.
fn with_input(mut command: Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn sql_in(url: &str, sql: &str) -> String {
    let output = Command::new("psql").args(["-XAtq", "-v", "ON_ERROR_STOP=1", url, "-c", sql]).output().unwrap();
    expect_success(&output);
    text(&output.stdout).trim().to_owned()
}

#[test]
fn each_row_and_each_committed_change_of_a_protected_table_gets_a_record_and_its_receipt() {
    let shop = Shop::open(2_500);
    let dry = shop.cli(&["protect", "orders", "--ledger", &shop.ledger, "--dry-run"]);
    expect_success(&dry);
    assert!(
        text(&dry.stderr).contains("2,500 rows") || text(&dry.stderr).contains("2500 rows"),
        "{}",
        text(&dry.stderr)
    );
    assert_eq!(shop.sql("select to_regnamespace('counterfoil') is null"), "t", "a dry run changes nothing");
    shop.protect();
    shop.protect(); // A second time nothing is left to do.
    let gateway = shop.relay();
    shop.sql("begin; insert into orders values (9001, 'undone', 1, null); rollback");
    shop.sql("begin; set local counterfoil.actor = 'ada'; update orders set amount = 5 where id = 1; commit");
    shop.sql("delete from orders where id = 2; insert into orders values (9002, 'new', 1.50, null)");
    shop.wait_for_receipts();
    // protect, 2,500 states, backfilled, three changes.
    assert_eq!(
        shop.sql("select count(*), count(distinct index), min(index), max(index) from counterfoil.receipt"),
        "2505|2505|0|2504"
    );
    let (_, ledger) = index().get(&format!("/v1/ledgers/{}", shop.ledger));
    assert_eq!(ledger["checked"]["head"]["size"], "2505", "and nothing else is in the ledger");
    // Contents are those of the outbox, in its order.
    let mut kinds = Vec::new();
    let mut from = 0;
    loop {
        let page = gateway.client_get(&format!("/v1/ledgers/{}/contents?from={from}", shop.ledger));
        let lines: Vec<Value> = page.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if lines.is_empty() {
            break;
        }
        for line in lines {
            assert_eq!(line["index"], from.to_string());
            let content = decode(line["content"].as_str().unwrap());
            let content: Value = serde_json::from_slice(&content).unwrap();
            kinds.push(content["operation"].as_str().unwrap().to_owned());
            if from == 2_502 {
                assert_eq!(
                    (&content["actor"], &content["old"]["amount"], &content["new"]["amount"]),
                    (&"ada".into(), &serde_json::json!(1.10), &serde_json::json!(5.00))
                );
            }
            from += 1;
        }
    }
    assert_eq!(kinds.iter().filter(|kind| *kind == "state").count(), 2_500);
    assert_eq!(
        (kinds[0].as_str(), &kinds[2_501..]),
        ("protect", &["backfilled", "update", "delete", "insert"].map(str::to_owned)[..])
    );
}

#[test]
fn a_relay_that_is_killed_takes_each_row_once_and_a_second_one_waits() {
    let shop = Shop::open(0);
    shop.protect();
    let database_url = stack().new_database();
    for round in 0..5 {
        let gateway = shop.relay_from(&database_url);
        let second = shop.relay_from(&database_url);
        for n in 0..20 {
            shop.sql(&format!("insert into orders values ({}, 'x', 1, null)", round * 100 + n));
        }
        gateway.service.kill();
        second.service.kill();
    }
    let _gateway = shop.relay_from(&database_url);
    shop.wait_for_receipts();
    assert_eq!(shop.sql("select count(*), count(distinct index) from counterfoil.receipt"), "102|102");
    let (_, ledger) = index().get(&format!("/v1/ledgers/{}", shop.ledger));
    assert_eq!(ledger["checked"]["head"]["size"], "102");
}

#[test]
fn a_ledger_that_takes_no_rows_holds_up_its_own_in_their_order_and_no_other_ledgers() {
    let (shop, stack) = (Shop::open(5), stack());
    let (file, writer) = stack.new_wallet();
    let grant = |ledger: &str| expect_success(&stack.cli(&["writer", "grant", ledger, &writer, "--subtrees"]));
    grant(&shop.ledger);
    let late = stack.new_ledger(&["--allow-subtrees"]);
    shop.sql("create table late (id int primary key, n int); insert into late values (1, 0)");
    shop.protect();
    expect_success(&shop.cli(&["protect", "late", "--ledger", &late]));
    shop.sql("select counterfoil.record('11111111111111111111111111111112', 'there is no such ledger')");
    let database_url = stack.new_database();
    let relay =
        || shop.relay_with(&database_url, &["--metrics-listen", "127.0.0.1:0", "--writer", file.to_str().unwrap()]);
    let recorded = |rows: &str| {
        shop.sql(&format!("select count(*) from counterfoil.receipts where ledger = '{rows}' and state = 'recorded'"))
    };
    let mut gateway = relay();
    wait_until("the first ledger's rows are recorded", || (recorded(&shop.ledger) == "7").then_some(()));
    for n in 1..=3 {
        shop.sql(&format!("update late set n = {n}; update orders set note = '{n}' where id = 1"));
        gateway.service.kill();
        gateway = relay();
        wait_until("the change", || (recorded(&shop.ledger) == format!("{}", 7 + n)).then_some(()));
    }
    let waiting = |gateway: &Gateway| metric(&metrics_url(gateway), "counterfoil_gateway_relay_waiting_rows");
    assert_eq!(
        (waiting(&gateway), recorded(&late)),
        (Some(7.0), "0".to_owned()),
        "protect, a state, backfilled, three updates; a record"
    );
    let check =
        |table: &str, ledger: &str| shop.cli(&["check", table, "--ledger", ledger, "--gateway", gateway.service.url()]);
    expect_verdict(&check("orders", &shop.ledger), "VERIFIED", "5 rows");

    grant(&late);
    wait_until("the other's too", || (recorded(&late) == "6").then_some(()));
    expect_verdict(&check("late", &late), "VERIFIED", "1 row");
    assert_eq!(waiting(&gateway), Some(1.0), "the record without a ledger");
    shop.sql("delete from counterfoil.outbox where operation = 'record'");
    wait_until("none waits", || (waiting(&gateway) == Some(0.0)).then_some(()));
}

#[test]
fn a_database_without_an_outbox_or_a_table_without_a_key_is_told_what_to_do() {
    let shop = Shop::open(1);
    shop.sql("create table keyless (a int)");
    let output = shop.cli(&["protect", "keyless", "--ledger", &shop.ledger]);
    expect_refusal(&output, "key");
    let plain = stack().new_ledger(&[]);
    expect_refusal(&shop.cli(&["protect", "orders", "--ledger", &plain]), "takes no subtrees");
    let nowhere = "11111111111111111111111111111112";
    expect_refusal(&shop.cli(&["protect", "orders", "--ledger", nowhere]), "there is no account at");
    let output = shop.cli(&["protect", "nothing", "--ledger", &shop.ledger]);
    expect_refusal(&output, "nothing");
    expect_success(&shop.cli(&["outbox", "install"]));
    expect_success(&shop.cli(&["outbox", "install"]));
    shop.protect();
    expect_refusal(&shop.cli(&["outbox", "remove"]), "protect");
    expect_success(&shop.cli(&["outbox", "remove", "--force"]));
    assert_eq!(shop.sql("select to_regnamespace('counterfoil') is null"), "t");
    shop.sql("insert into orders values (2, 'after', 1, null)");
}

#[test]
fn a_table_is_verified_and_each_tampering_is_named() {
    let shop = Shop::open(300);
    shop.protect();
    let early = stack().new_database();
    let idle = Gateway::start_on(&early, &stack().rpc, &[]);
    let output = shop.cli(&["check", "orders", "--ledger", &shop.ledger, "--gateway", idle.service.url()]);
    expect_verdict(&output, "CANNOT TELL", "the protect of the table waits");
    drop(idle);
    let gateway = shop.relay();
    shop.sql("update orders set note = 'paid' where id <= 10; delete from orders where id = 300; insert into orders values (301, 'late', 7, null)");
    let check = |arguments: &[&str]| {
        let all =
            [&["check", "orders", "--ledger", &shop.ledger, "--gateway", gateway.service.url()], arguments].concat();
        shop.cli(&all)
    };
    shop.wait_for_receipts();
    expect_verdict(&check(&[]), "VERIFIED", "300 rows of public.orders");
    let page = stack().folder.path().join("check.html");
    expect_verdict(&check(&["--html", page.to_str().unwrap(), "--api", index().api.url()]), "VERIFIED", "300 rows");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, evidence) = page.split_once("base64,").unwrap();
    let file = stack().folder.path().join("check.evidence.jsonl");
    std::fs::write(&file, decode(evidence.split_once('"').unwrap().0)).unwrap();
    let verified = shop.cli(&["verify", file.to_str().unwrap(), "--ledger", &shop.ledger]);
    expect_verdict(&verified, "VERIFIED", "");
    let some = check(&["--where", "id < 10"]);
    expect_verdict(&some, "VERIFIED", "9 rows");
    let said = text(&some.stdout);
    assert!(said.contains("rows that were deleted") && !said.contains("none is missing"), "{said}");
    shop.sql("create role auditor login password 'only reads'; grant select on orders to auditor; select counterfoil.grant_check('auditor')");
    let at = shop.database_url.split_once('@').unwrap().1;
    let auditor = Shop { database_url: format!("postgres://auditor:only%20reads@{at}"), ledger: shop.ledger.clone() };
    let as_auditor = ["check", "orders", "--ledger", &shop.ledger, "--gateway", gateway.service.url()];
    expect_verdict(&auditor.cli(&as_auditor), "VERIFIED", "300 rows of public.orders");
    let unpinned = shop.cli(&["check", "orders", "--gateway", gateway.service.url()]);
    expect_verdict(&unpinned, "CONSISTENT", "did not name");
    for (tampering, kind, undo) in [
        (
            "update orders set amount = 99999 where id = 7",
            "row_changed",
            "update orders set amount = 7.70 where id = 7",
        ),
        ("delete from orders where id = 8", "row_deleted", "insert into orders values (8, 'item 8', 8.80, 'paid')"),
        ("insert into orders values (999, 'forged', 1, null)", "row_added", "delete from orders where id = 999"),
        ("update orders set note = '' where id = 20", "row_changed", "update orders set note = null where id = 20"),
        (
            "update orders set amount = 7.7 where id = 7; update orders set item = 'item 7 ' where id = 7",
            "row_changed",
            "update orders set item = 'item 7' where id = 7",
        ),
    ] {
        let untriggered = |sql: &str| {
            shop.sql(&format!("alter table orders disable trigger user; {sql}; alter table orders enable always trigger \"!counterfoil_change\""))
        };
        untriggered(tampering);
        let output = check(&["--json"]);
        assert_eq!(output.status.code(), Some(1), "{tampering}: {}{}", text(&output.stdout), text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let kinds = report["found"]["findings_by_kind"].as_object().unwrap();
        assert_eq!(kinds.keys().collect::<Vec<_>>(), [kind], "{tampering}: {report}");
        untriggered(undo);
        expect_verdict(&check(&[]), "VERIFIED", "300 rows of public.orders"); // The twin: the same rows, put back.
    }
}

#[test]
fn a_waiting_change_is_told_as_the_databases_word_and_one_that_no_relay_takes_is_doubted() {
    let shop = Shop::open(20);
    shop.protect();
    let gateway = shop.relay();
    shop.wait_for_receipts();
    let check = |more: &[&str]| shop.check(&gateway, more);
    expect_verdict(&check(&[]), "VERIFIED", "none is missing");
    // A row that the relay has passed by, of a transaction of before, and the deletion that it covers.
    shop.sql(
        "insert into counterfoil.outbox (xid, id, protection, operation, old, session_user_name, ledger)
         select o.xid, counterfoil.new_id(), o.protection, 'delete', o.new, 'app', o.ledger from counterfoil.outbox as o
         where o.new ->> 'id' = '8' order by o.position desc limit 1;
         alter table orders disable trigger user; delete from orders where id = 8;
         alter table orders enable always trigger \"!counterfoil_change\";",
    );
    expect_verdict(&check(&[]), "VERIFIED", "and 1 change that only the database says");
    let told = text(&check(&[]).stdout);
    assert!(
        told.contains("1 change that waits in the outbox, which only the database says")
            && told.contains("1 remove rows"),
        "{told}"
    );
    wait_until("the transaction is older than the longest wait", || {
        shop.sql("update counterfoil.outbox set at = now() where operation = 'delete'");
        let checked = check(&["--longest-wait-s", "5"]);
        text(&checked.stdout).contains("a change waits whose transaction began long ago").then(|| {
            expect_verdict(&checked, "CANNOT TELL", "a change waits whose transaction began long ago");
        })
    });
    // Twin: a change that is late by its own time is refused.
    shop.sql("update counterfoil.outbox set at = now() - interval '1 hour' where operation = 'delete'");
    expect_verdict(&check(&["--longest-wait-s", "5"]), "REFUSED", "a change waits longer than it may");
}

#[test]
fn what_others_put_into_a_schema_is_not_run_and_a_condition_is_one() {
    let shop = Shop::open(3);
    // An operator of these very types is a better match than the system's, in whatever order the schemas are asked.
    shop.sql(
        "create table ran (by text);
         create function public.eq(oid, regclass) returns boolean language plpgsql as $$ begin
             insert into public.ran values (current_user); return $1 operator(pg_catalog.=) $2::oid; end $$;
         create operator public.= (leftarg = oid, rightarg = regclass, function = public.eq);
         create function public.to_regclass(text) returns regclass language plpgsql as $$ begin
             insert into public.ran values (current_user); return pg_catalog.to_regclass($1); end $$;",
    );
    shop.protect();
    let gateway = shop.relay();
    shop.wait_for_receipts();
    let check = |more: &[&str]| shop.check(&gateway, more);
    expect_verdict(&check(&[]), "VERIFIED", "public.orders");
    assert_eq!(shop.sql("select count(*) from ran"), "0");
    expect_verdict(&check(&["--where", "id < 3"]), "VERIFIED", "2 rows");
    for condition in ["true; commit; delete from public.orders", "id = ", "true) or (", "pg_sleep(0) is null; select 1"]
    {
        expect_refusal(&check(&["--where", condition]), "--where is no condition");
    }
    assert_eq!(shop.sql("select count(*) from orders"), "3");
    // A name that two schemas of the path have is none.
    shop.sql(
        "create schema second; create table second.orders (id int);
         do $$ begin execute format('alter role %I in database %I set search_path = second, public', current_user, current_database()); end $$",
    );
    expect_refusal(&check(&[]), "name the schema");
}

#[test]
fn a_check_goes_on_from_a_head_judges_one_row_and_compares_a_backup_with_the_ledger_of_then() {
    let (shop, backup, database_url) = with_a_backup();
    let gateway = shop.relay_from(&database_url);
    let check_of = |shop: &Shop, arguments: &[&str]| {
        let all =
            [&["check", "orders", "--ledger", &shop.ledger, "--gateway", gateway.service.url()], arguments].concat();
        shop.cli(&all)
    };
    let check = |arguments: &[&str]| check_of(&shop, arguments);
    let before: Value = serde_json::from_slice(&check(&["--json"]).stdout).unwrap();
    let head = before["facts"]["head"].as_str().unwrap();
    shop.sql("begin; set local counterfoil.actor = 'ada'; update orders set amount = 9.00 where id = 7; commit");
    shop.sql("delete from orders where id = 20");
    shop.wait_for_receipts();

    let since = check(&["--since", head]);
    expect_verdict(&since, "VERIFIED", "19 rows");
    let said = text(&since.stdout);
    assert!(
        said.contains(r#"update of the row id = "7""#) && said.contains(r#"actor "ada": amount from 7.70 to 9.00"#)
    );
    assert!(said.contains(r#"delete of the row id = "20""#) && !said.contains("state of the row"), "{said}");
    let (size, root) = head.split_once(':').unwrap();
    let other = format!("{size}:{}", root.chars().rev().collect::<String>());
    expect_verdict(&check(&["--since", &other]), "REFUSED", "the head that you hold");
    expect_verdict(&check(&["--since", &format!("9999:{root}")]), "CANNOT TELL", "they are behind");

    expect_verdict(&check_of(&backup, &[]), "REFUSED", "2 findings");
    expect_verdict(&check_of(&backup, &["--as-of", head]), "VERIFIED", "as of the ledger's first 22 entries");
    expect_verdict(&check_of(&backup, &["--as-of", &other]), "REFUSED", "the head that you hold");
    backup.sql("alter table orders disable trigger user; update orders set amount = 1 where id = 3");
    expect_verdict(&check_of(&backup, &["--as-of", head]), "REFUSED", "1 finding");

    let one = check(&["--key", "7"]);
    expect_verdict(&one, "VERIFIED", "the row is what its last recorded change made it");
    let said = text(&one.stdout);
    assert!(
        said.contains("state of the row") && said.contains("update of the row") && !said.contains("delete"),
        "{said}"
    );
    expect_verdict(&check(&["--key", "20"]), "VERIFIED", "no row with this key");
    assert_eq!(check(&["--key", "7", "--key", "8"]).status.code(), Some(64));
    shop.sql("alter table orders disable trigger user; delete from orders where id = 8");
    expect_verdict(&check(&["--key", "8"]), "REFUSED", "1 finding");
    expect_verdict(&check(&["--key", "7"]), "VERIFIED", "the row is");

    let folder = stack().folder.path().join("receipts");
    let fetch_into = |folder: &Path, arguments: &[&str]| {
        let all = [&["--api", index().api.url(), "receipts", "fetch", folder.to_str().unwrap()], arguments].concat();
        shop.cli(&all)
    };
    let fetch = |arguments: &[&str]| {
        let output = fetch_into(&folder, arguments);
        expect_success(&output);
        text(&output.stderr)
    };
    assert!(fetch(&["--where", "operation = 'update' and key = '{7}'"]).contains("1 receipt fetched"));
    assert!(fetch(&[]).contains("23 receipts fetched"), "protect, 20 rows, backfilled, update, delete, less one");
    assert!(fetch(&[]).contains("0 receipts fetched"));
    let receipt = folder.join(format!("{}-22.receipt.json", shop.ledger));
    expect_verdict(&shop.cli(&["verify", receipt.to_str().unwrap(), "--ledger", &shop.ledger]), "VERIFIED", "");
    shop.sql("update counterfoil.receipt set leaf_hash = sha256('') where index = 22");
    let others = stack().folder.path().join("others");
    expect_refusal(&fetch_into(&others, &["--where", "index = 22"]), "another one than the database says");
    expect_success(&fetch_into(&others, &["--where", "index = 21"]));
}

#[test]
fn servers_at_other_sizes_are_compared_too_and_a_statement_of_another_ledger_says_nothing() {
    let shop = Shop::open(5);
    shop.protect();
    let gateway = shop.relay();
    shop.wait_for_receipts();
    let first = RefCell::new(HashMap::new());
    let frozen = proxy_that(move |request, answer| {
        first.borrow_mut().entry(json!([request["method"], request["params"]]).to_string()).or_insert(answer).clone()
    });
    let check = || {
        let arguments =
            ["check", "orders", "--ledger", &shop.ledger, "--gateway", gateway.service.url(), "--quorum", "1"];
        shop.cli(&[&["--rpc", &stack().rpc, "--rpc", &frozen], &arguments[..]].concat())
    };
    expect_verdict(&check(), "VERIFIED", "5 rows");
    shop.sql("update orders set note = 'paid' where id = 1");
    shop.wait_for_receipts();
    let output = check();
    expect_verdict(&output, "VERIFIED", "5 rows");
    assert!(text(&output.stdout).contains("the 8 entries against root"), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("2 of 2 servers are equal"), "{}", text(&output.stdout));

    // An update of another ledger's table: here it is no record of this one, and no gateway has its content.
    let other = Shop::open(1);
    other.protect();
    let of_other = other.relay();
    other.wait_for_receipts();
    let page = of_other.client_get(&format!("/v1/ledgers/{}/contents?from=1&limit=1", other.ledger));
    let row: Value = serde_json::from_str(page.lines().next().unwrap()).unwrap();
    let file = stack().folder.path().join("foreign.entry");
    std::fs::write(&file, decode(row["entry"].as_str().unwrap())).unwrap();
    let append = &["append", &shop.ledger, "--wait", "--file", file.to_str().unwrap(), "--api", index().api.url()];
    expect_success(&stack().cli(append));
    let output = check();
    expect_verdict(&output, "VERIFIED", "5 rows");
    assert!(text(&output.stdout).contains("the 9 entries against root"), "{}", text(&output.stdout));
}

#[test]
fn a_change_is_named_by_the_key_that_it_had_when_a_relay_begins_again_behind_a_tidied_outbox() {
    let shop = Shop::open(5);
    shop.sql("alter table orders add unique (item)");
    shop.protect();
    let database_url = stack().new_database();
    let gateway = shop.relay_from(&database_url);
    shop.wait_for_receipts();
    assert_eq!(shop.sql("select counterfoil.forget('0')"), "6");
    gateway.service.kill();
    shop.sql("begin; update orders set note = 'paid' where id = 3; select counterfoil.reprotect('orders', key => array['item']); commit");
    shop.sql("call counterfoil.backfill('orders', kind => 'reprotect')");
    let gateway = shop.relay_from(&database_url);
    shop.wait_for_receipts();
    let check = shop.cli(&["check", "orders", "--ledger", &shop.ledger, "--gateway", gateway.service.url()]);
    expect_verdict(&check, "CANNOT TELL", "1 finding");
    assert!(
        text(&check.stdout).contains("changes the key, so that no row before it can be joined"),
        "{}",
        text(&check.stdout)
    );
}

#[test]
fn large_rows_are_relayed_and_an_outbox_forgets_what_has_its_receipt_and_nothing_else() {
    let shop = Shop::open(0);
    shop.protect();
    shop.sql("insert into orders select n, repeat(md5(n::text), 100000), 1, null from generate_series(1, 12) as n");
    let database_url = stack().new_database();
    let gateway = shop.relay_with(&database_url, &["--outbox-hours", "0"]);
    wait_until("the outbox has the protection alone", || {
        (shop.sql("select string_agg(operation, ' ') from counterfoil.outbox") == "protect").then_some(())
    });
    assert_eq!(shop.sql("select count(*) from counterfoil.receipt"), "14");
    gateway.service.kill();
    shop.sql("insert into orders values (13, 'waits', 1, null)");
    assert_eq!(shop.sql("select counterfoil.forget('0')"), "0", "it has no receipt yet");
    // The row that was read last is gone, and its receipt tells that this is the same outbox.
    let gateway = shop.relay_from(&database_url);
    shop.wait_for_receipts();
    let check = shop.cli(&["check", "orders", "--ledger", &shop.ledger, "--gateway", gateway.service.url()]);
    expect_verdict(&check, "VERIFIED", "13 rows");
}

#[test]
fn a_copy_and_a_restore_are_refused_until_they_are_adopted() {
    let (shop, copy, database_url) = with_a_backup();
    let gateway = shop.relay_from(&database_url);
    shop.sql("update orders set note = 'shipped' where id = 3");
    shop.wait_for_receipts();
    let check =
        |shop: &Shop| shop.cli(&["check", "orders", "--ledger", &shop.ledger, "--gateway", gateway.service.url()]);
    expect_verdict(&check(&shop), "VERIFIED", "20 rows");
    expect_verdict(&check(&copy), "REFUSED", "20 rows");
    // Its relay takes nothing: the ledger would get two histories.
    copy.sql("insert into orders values (500, 'of the copy', 1, null)");
    let of_copy = copy.relay_from(&database_url);
    shop.sql("insert into orders values (501, 'of the original', 1, null)");
    shop.wait_for_receipts();
    assert_eq!(copy.sql("select count(*) from counterfoil.receipts where state = 'waiting'"), "1");
    of_copy.service.kill();
    gateway.service.kill();
    // The original is lost, and the copy is gone on with.
    copy.sql("select counterfoil.adopt('restored from yesterday')");
    let gateway = copy.relay_from(&database_url);
    copy.wait_for_receipts();
    let output = copy.cli(&["check", "orders", "--ledger", &copy.ledger, "--gateway", gateway.service.url()]);
    // The changes that the lost database recorded since stay recorded: they are named, and nothing is passed over.
    expect_verdict(&output, "REFUSED", "21 rows");
    let said = text(&output.stdout);
    assert!(said.contains("adopt") && said.contains("restored from yesterday"), "{said}");
}

#[test]
fn a_dump_that_is_loaded_into_another_server_goes_on_once_it_is_adopted() {
    let transactions = "do $$ begin for i in 1..1000 loop perform pg_current_xact_id(); commit; end loop; end $$";
    sql_in(&stack().new_database(), transactions);
    let (shop, _, database_url) = with_a_backup();
    let server = Cluster::start_temporary(Durability::None).unwrap();
    server.create_database("shop").unwrap();
    let moved = Shop { database_url: server.url("shop"), ledger: shop.ledger.clone() };
    let dump = stack().folder.path().join("shop.sql");
    expect_success(&Command::new("pg_dump").arg("--file").arg(&dump).arg(&shop.database_url).output().unwrap());
    moved.sql("create role counterfoil_writer nologin");
    let load = ["-Xq", "-v", "ON_ERROR_STOP=1", "-f", dump.to_str().unwrap(), &moved.database_url];
    expect_success(&Command::new("psql").args(load).output().unwrap());
    let future = "select count(*) > 0 from counterfoil.outbox where xid >= pg_snapshot_xmax(pg_current_snapshot())";
    assert_eq!(moved.sql(future), "t", "there are rows of transactions that this server did not have yet");

    let gateway = moved.relay_from(&database_url);
    let check = || moved.cli(&["check", "orders", "--ledger", &moved.ledger, "--gateway", gateway.service.url()]);
    moved.sql("update orders set note = 'moved' where id = 3");
    moved.sql("select counterfoil.adopt('moved to another server')");
    moved.sql("update orders set note = 'moved, and changed' where id = 4");
    moved.wait_for_receipts();
    let output = check();
    expect_verdict(&output, "VERIFIED", "20 rows");
    assert!(text(&output.stdout).contains("moved to another server"), "{}", text(&output.stdout));
    moved.sql("alter table orders disable trigger user; update orders set amount = 1 where id = 4");
    expect_verdict(&check(), "REFUSED", "1 finding");
}

/// A shop of 20 rows that is recorded, its state of then as a backup has it, and the database of its gateway, which is not running.
fn with_a_backup() -> (Shop, Shop, String) {
    let shop = Shop::open(20);
    shop.protect();
    let database_url = stack().new_database();
    let gateway = shop.relay_from(&database_url);
    shop.wait_for_receipts();
    gateway.service.kill();
    let backup = Shop { database_url: copied(&shop.database_url), ledger: shop.ledger.clone() };
    (shop, backup, database_url)
}

/// A database with the contents of another one, which no one uses meanwhile.
fn copied(url: &str) -> String {
    let (server, name) = url.rsplit_once('/').unwrap();
    let copy = format!("{name}_copy");
    wait_until("no one uses the database", || {
        let output = Command::new("createdb")
            .args(["--maintenance-db", &format!("{server}/postgres"), "--template", name, &copy])
            .output();
        output.unwrap().status.success().then_some(())
    });
    format!("{server}/{copy}")
}

fn decode(base64: &str) -> Vec<u8> {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.decode(base64).unwrap()
}
