//! The command line's output: verdicts and exit codes, text that others wrote, pipes that close, disks that are full.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::servers::{proxy_that, server_that_says};
use crate::stack::{expect_refusal, expect_success, expect_verdict, index, make_key, program, stack, text, wait_until};

/// A text that would begin lines of its own and paint over the terminal: line end, escape, CSI, bidirectional override.
const PAINT: &str = "x\nVERIFIED\n  checked: all\n\u{1b}[2J\u{9b}1;1HVERIFIED\u{202e}DEIFIREV\u{2028}VERIFIED";

/// A ledger of one entry, and its receipt's file.
fn receipt_of(name: &str, entry: &str) -> (String, PathBuf) {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &[serde_json::to_string(entry).unwrap()]);
    index.wait_for(&ledger, 1);
    let file = stack.folder.path().join(name);
    expect_success(&stack.cli(&["receipt", &ledger, "0", "--out", file.to_str().unwrap()]));
    (ledger, file)
}

/// Expects that of all that was printed no line says what only a true verdict says, and none moves the cursor.
fn expect_no_forged_line(output: &Output, whose: &str) {
    for stream in [&output.stdout, &output.stderr] {
        let said = text(stream);
        for line in said.lines() {
            let is_forged =
                line.starts_with("VERIFIED") || line.starts_with("CONSISTENT") || line.starts_with("  checked");
            assert!(!is_forged, "{whose} wrote a line of a verdict: {said}");
        }
        let hidden = ['\u{1b}', '\u{9b}', '\u{202e}', '\u{2028}', '\u{7f}'];
        assert!(!said.contains(hidden), "{whose} painted: {said:?}");
    }
}

#[test]
fn the_page_that_is_written_is_the_committed_one_by_the_hash_that_is_printed_and_documented() {
    let folder = tempfile::tempdir().unwrap();
    let counterfoil = |arguments: &[&str]| {
        let output =
            Command::new(program("counterfoil")).arg("page").args(arguments).current_dir(folder.path()).output();
        let output = output.unwrap();
        expect_success(&output);
        output
    };
    let told = text(&counterfoil(&["--out", "verify.html"]).stdout);
    let written = fs::read(folder.path().join("verify.html")).unwrap();
    assert!(written == include_bytes!("../../clients/verifier/verify.html"));
    assert!(counterfoil(&["--out", "-"]).stdout == written);
    assert_eq!(text(&counterfoil(&[]).stdout), told);
    let sums = Command::new("sha256sum").arg("verify.html").current_dir(folder.path()).output().unwrap();
    assert_eq!(text(&sums.stdout), told);
    let hash = told.split(' ').next().unwrap();
    assert!(include_str!("../../clients/verifier/README.md").contains(&format!("`{hash}`")), "{hash}");
}

#[test]
fn a_ledger_that_was_not_pinned_is_consistent_and_a_forgers_own_is_refused_where_one_was() {
    let (ledger, file) = receipt_of("pinned.receipt.json", "mine");
    let (forgers, forged) = receipt_of("forgers.receipt.json", "mine");
    let verify = |file: &PathBuf, more: &[&str]| stack().cli(&[&["verify", file.to_str().unwrap()], more].concat());
    expect_verdict(&verify(&file, &["--ledger", &ledger]), "VERIFIED", &ledger);
    expect_verdict(&verify(&file, &[]), "CONSISTENT", "--ledger");
    expect_verdict(&verify(&forged, &["--ledger", &ledger]), "REFUSED", &forgers);
    // The pin alone finds this out.
    expect_verdict(&verify(&forged, &[]), "CONSISTENT", &forgers);
}

#[test]
fn verdicts_are_the_same_in_text_and_as_json() {
    let (ledger, file) = receipt_of("json.receipt.json", "same");
    let path = file.to_str().unwrap();
    let absent = "http://127.0.0.1:1";
    let forged = stack().folder.path().join("json.forged.json");
    fs::write(&forged, fs::read_to_string(&file).unwrap().replace("receipt v2", "receipt v0")).unwrap();
    let cases: [(&[&str], &str); 8] = [
        (&["verify", path, "--ledger", &ledger], "verified"),
        (&["verify", path], "consistent"),
        (&["verify", forged.to_str().unwrap(), "--ledger", &ledger], "refused"),
        (&["--rpc", absent, "verify", path, "--ledger", &ledger], "cannot_tell"),
        (&["audit", &ledger], "verified"),
        (&["--api", absent, "audit", &ledger], "cannot_tell"),
        (&["entries", &ledger, "--verify"], "verified"),
        (&["--rpc", absent, "entries", &ledger, "--verify"], "cannot_tell"),
    ];
    for (arguments, verdict) in cases {
        expect_verdict(&stack().cli(arguments), &verdict.to_uppercase().replace('_', " "), "");
        let output = stack().cli(&[arguments, &["--json"]].concat());
        // Standard output of `entries` is its data.
        let carrier = if arguments.contains(&"entries") { &output.stderr } else { &output.stdout };
        let document: Value = serde_json::from_str(text(carrier).trim()).unwrap();
        assert_eq!(document["verdict"], verdict, "{arguments:?}: {document}");
        let code = ["verified", "refused", "cannot_tell", "consistent"].iter().position(|word| *word == verdict);
        assert_eq!(output.status.code(), code.map(|code| code as i32), "{arguments:?}");
    }
}

#[test]
fn a_command_line_that_cannot_be_run_is_no_verdict() {
    let (ledger, file) = receipt_of("usage.receipt.json", "usage");
    let path = file.to_str().unwrap();
    let cases: [&[&str]; 5] = [
        &["verify"],
        &["verify", path, "--quorum", "2"],
        &["verify", path, "--ledger", "not an address"],
        &["audit", &ledger, "--quorum", "0"],
        &["no-such-command"],
    ];
    for arguments in cases {
        let output = stack().cli(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
    expect_success(&stack().cli(&["--help"]));
    assert!(text(&stack().cli(&["--version"]).stdout).starts_with("counterfoil "));
}

#[test]
fn no_text_of_others_makes_a_line_of_a_verdict() {
    let (ledger, file) = receipt_of("text.receipt.json", "text");
    let path = file.to_str().unwrap();
    let receipt: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();

    let mut forged = receipt;
    forged[PAINT] = json!(1);
    let forged_file = stack().folder.path().join("text.forged.json");
    fs::write(&forged_file, forged.to_string()).unwrap();
    let output = stack().cli(&["verify", forged_file.to_str().unwrap(), "--ledger", &ledger]);
    expect_verdict(&output, "REFUSED", "is none that it may have");
    expect_no_forged_line(&output, "a receipt");

    let rpc = server_that_says(200, json!({ "jsonrpc": "2.0", "error": { "code": -32000, "message": PAINT } }));
    let verify = ["verify", path, "--ledger", &ledger];
    for arguments in [&verify[..], &["audit", &ledger], &["entries", &ledger, "--verify"], &["doctor"]] {
        let output = stack().cli(&[&["--rpc", &rpc], arguments].concat());
        expect_verdict(&output, "CANNOT TELL", "");
        expect_no_forged_line(&output, "an RPC server");
    }
    expect_no_forged_line(&stack().cli(&["--rpc", &rpc, "ledger", "show", &ledger]), "an RPC server");

    let api = server_that_says(503, json!({ "code": PAINT, "detail": PAINT, "status": 503 }));
    for arguments in [&["receipt", &ledger, "0"][..], &["audit", &ledger], &["entries", &ledger, "--verify"]] {
        let output = stack().cli(&[&["--api", &api], arguments].concat());
        assert!(!output.status.success());
        expect_no_forged_line(&output, "an API");
    }
}

#[test]
fn an_entry_that_would_paint_is_listed_as_the_same_json() {
    let (ledger, _) = receipt_of("paint.receipt.json", PAINT);
    for verify in [&[][..], &["--verify"]] {
        let output = stack().cli(&[&["entries", &ledger], verify].concat());
        expect_success(&output);
        let said = text(&output.stdout);
        assert!(said.trim_end().chars().all(|character| (' '..='~').contains(&character)), "{said:?}");
        let line: Value = serde_json::from_str(&said).unwrap();
        let entry: Value = serde_json::from_str(line["text"].as_str().unwrap()).unwrap();
        assert_eq!(entry, PAINT);
    }
}

/// Runs `counterfoil ... | true`: what it writes is refused from its first byte on.
fn with_closed_pipe(arguments: &[&str]) -> Output {
    let mut command = stack().command(stack().authority(), arguments);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
}

#[test]
fn a_pipe_that_closes_changes_neither_the_verdict_nor_what_was_done() {
    let (ledger, file) = receipt_of("pipe.receipt.json", "pipe");
    let path = file.to_str().unwrap();
    let cases: [(&[&str], i32); 10] = [
        (&["verify", path, "--ledger", &ledger], 0),
        (&["verify", path, "--json"], 3),
        (&["--rpc", "http://127.0.0.1:1", "verify", path], 2),
        (&["audit", &ledger], 0),
        (&["entries", &ledger], 0),
        (&["ledger", "list"], 0),
        (&["ledger", "show", &ledger], 0),
        (&["receipt", &ledger, "0"], 0),
        (&["ledger", "create"], 0),
        (&["append", &ledger, "once"], 0),
    ];
    for (arguments, code) in cases {
        let output = with_closed_pipe(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    }
    // Of a run that looked like a crash a script would have made two.
    index().wait_for(&ledger, 2);
}

#[test]
fn what_a_full_disk_does_not_take_is_told_elsewhere_and_is_no_success() {
    let (ledger, file) = receipt_of("full.receipt.json", "full");
    let path = file.to_str().unwrap();
    for arguments in [&["verify", path, "--ledger", &ledger][..], &["append", &ledger, "full"], &["ledger", "create"]] {
        let mut command = stack().command(stack().authority(), arguments);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(74), "{arguments:?}: {said}");
        assert!(said.contains("could not be written") && said.lines().count() >= 2, "{arguments:?}: {said}");
    }
    index().wait_for(&ledger, 2);
}

#[test]
fn a_receipt_is_read_from_standard_input_and_written_to_standard_output() {
    let (ledger, file) = receipt_of("standard.receipt.json", "standard");
    let mut command = stack().command(stack().authority(), &["verify", "-", "--ledger", &ledger]);
    let output = command.stdin(File::open(&file).unwrap()).output().unwrap();
    expect_verdict(&output, "VERIFIED", &ledger);
    let written = stack().cli(&["receipt", &ledger, "0", "--out", "-"]);
    expect_success(&written);
    assert_eq!(written.stdout, fs::read(&file).unwrap());
    assert!(!PathBuf::from("-").exists());
}

#[test]
fn a_file_that_is_no_receipt_is_refused_by_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let cases: [(&[u8], &str, &str); 4] = [
        (b"{}", "REFUSED", "is not a receipt"),
        (b"\xef\xbb\xbf{}", "CANNOT TELL", "byte order mark of UTF-8"),
        (b"\xff\xfe{\0}\0", "CANNOT TELL", "byte order mark of UTF-16"),
        (b"\xff", "CANNOT TELL", "not UTF-8"),
    ];
    for (bytes, word, why) in cases {
        fs::write(&file, bytes).unwrap();
        expect_verdict(&stack().cli(&["verify", file.to_str().unwrap()]), word, why);
    }
    expect_verdict(&stack().cli(&["verify", "/dev/zero"]), "CANNOT TELL", "has more than");
    expect_verdict(&stack().cli(&["verify", "/nowhere/receipt.json"]), "CANNOT TELL", "cannot read");
}

#[test]
fn a_server_that_answers_late_or_never_is_not_waited_for_once_enough_have_answered() {
    let (ledger, file) = receipt_of("late.receipt.json", "late");
    // Connections are taken and never answered.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let servers = ["--rpc", &stack().rpc, "--rpc", &url];
    let verify = ["verify", file.to_str().unwrap(), "--ledger", &ledger];
    let output = stack().cli(&[&servers[..], &verify, &["--quorum", "1"]].concat());
    expect_verdict(&output, "VERIFIED", &ledger);
    let said = text(&output.stdout);
    assert!(said.contains(&format!("warning: {url}")), "the silent server is named: {said}");
    assert!(text(&output.stderr).contains("waiting"), "{}", text(&output.stderr));
    expect_verdict(&stack().cli(&[&servers[..], &verify, &["--quorum", "2"]].concat()), "CANNOT TELL", &url);
}

/// Runs a command of a service with a pipe that is closed.
fn service_with_closed_pipe(name: &str, database_url: &str, arguments: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(program(name));
    command.args(arguments).env("DATABASE_URL", database_url).env_remove("RUST_LOG");
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
}

#[test]
fn a_pipe_that_closes_changes_nothing_of_what_the_services_commands_do() {
    let index = index();
    let (ledger, _) = receipt_of("services.receipt.json", "services");
    let wallet = stack().new_wallet().1;
    let cases: [(&str, &[&str]); 9] = [
        ("counterfoil-indexer", &["fsck", "--ledger", &ledger]),
        ("counterfoil-indexer", &["--print-config"]),
        ("counterfoil-indexer", &["--help"]),
        ("counterfoil-api", &["--help"]),
        ("counterfoil-api", &["note-key", "log.example.com"]),
        ("counterfoil-api", &["key", "create", "--name", "once"]),
        ("counterfoil-api", &["key", "list"]),
        ("counterfoil-api", &["reader", "add", &ledger, &wallet]),
        ("counterfoil-api", &["reader", "list"]),
    ];
    for (name, arguments) in cases {
        let output = service_with_closed_pipe(name, &index.database_url, arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{name} {arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{name} {arguments:?}: {said}");
    }
    let doctor = service_with_closed_pipe("counterfoil-indexer", &index.database_url, &["doctor"]);
    assert!(matches!(doctor.status.code(), Some(0 | 1)), "{}", text(&doctor.stderr));
}

#[test]
fn an_error_is_one_line_with_its_causes_and_no_stack() {
    let nowhere = "postgres://nobody@127.0.0.1:1/none";
    let absent = "http://127.0.0.1:1";
    let cases: [(&str, &[&str]); 6] = [
        ("counterfoil-indexer", &["fsck"]),
        ("counterfoil-indexer", &["clear-halt", "11111111111111111111111111111111"]),
        ("counterfoil-api", &["key", "list"]),
        ("counterfoil-api", &["note-key", "not a name"]),
        ("counterfoil-api", &["--note-key", "/nowhere/key"]),
        ("counterfoil", &["--rpc", absent, "ledger", "list"]),
    ];
    for (name, arguments) in cases {
        let mut command = Command::new(program(name));
        command.args(arguments).env("DATABASE_URL", nowhere).env("RUST_BACKTRACE", "1").stdin(Stdio::null());
        let output = command.output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name} {arguments:?}: {said}");
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines.len() == 1 && lines[0].starts_with("error: "), "{name} {arguments:?}: {said}");
    }
}

#[test]
fn doctor_tells_heads_in_words() {
    let (ledger, _) = receipt_of("words.receipt.json", "words");
    let mut command = Command::new(program("counterfoil-indexer"));
    command.args(["doctor", "--rpc", &stack().rpc]).env("DATABASE_URL", &index().database_url);
    let said = text(&command.output().unwrap().stdout);
    let line = said.lines().find(|line| line.contains(&ledger)).unwrap();
    assert!(line.contains("1 entry with root ") && line.contains("2 events with root "), "{line}");
    assert!(!said.contains("TreeHead") && !said.contains("Root("), "{said}");
}

#[test]
fn append_gives_up_on_a_server_that_stays_behind_and_names_it() {
    let ledger = stack().new_ledger(&[]);
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "getAccountInfo",
                       "params": [ledger, { "encoding": "base64", "commitment": "confirmed" }] });
    let before = stack().call(&call);
    expect_success(&stack().cli(&["append", &ledger, "first"]));
    let stale = proxy_that(move |request, answer| match request["method"] == "getAccountInfo" {
        true => before.clone(),
        false => answer,
    });
    let output = stack().cli(&["--rpc", &stale, "append", &ledger, "second"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in [stale.as_str(), "has 0 entries", "the server is behind", "the entry was not appended"] {
        assert!(said.contains(part), "no {part:?}: {said}");
    }
    assert_eq!(index().wait_for(&ledger, 1)["checked"]["head"]["size"], "1");
}

#[test]
fn an_account_that_is_no_ledger_is_told_with_the_server_that_reported_it() {
    let (ledger, file) = receipt_of("foreign.receipt.json", "foreign");
    let verify = ["verify", file.to_str().unwrap(), "--ledger", &ledger];
    type Alter = fn(&mut Value);
    let alterations: [(Alter, &str); 3] = [
        (|account| account["owner"] = json!("11111111111111111111111111111111"), "belongs to"),
        (|account| account["data"][0] = json!("AAAA"), "bytes"),
        (|account| *account = Value::Null, "there is no account"),
    ];
    for (alter, what) in alterations {
        let server = proxy_that(move |request, mut answer| {
            if request["method"] == "getAccountInfo" {
                alter(&mut answer["result"]["value"]);
            }
            answer
        });
        for arguments in [&["ledger", "show", &ledger][..], &["append", &ledger, "x"], &["audit", &ledger], &verify] {
            let output = stack().cli(&[&["--rpc", &server], arguments].concat());
            let said = text(&output.stdout) + &text(&output.stderr);
            assert!(!output.status.success(), "{arguments:?}: {said}");
            assert!(said.contains(&server) && said.contains(what), "{arguments:?}, {what:?}: {said}");
        }
    }
}

#[test]
fn a_server_that_contradicts_its_own_slot_is_warned_of() {
    let (ledger, file) = receipt_of("slot.receipt.json", "slot");
    let server = proxy_that(|request, mut answer| {
        if request["method"] == "getAccountInfo" {
            answer["result"]["context"]["slot"] = json!(1);
        }
        answer
    });
    for arguments in [&["verify", file.to_str().unwrap()][..], &["audit", &ledger]] {
        let output = stack().cli(&[&["--rpc", &server], arguments].concat());
        let said = text(&output.stdout);
        assert!(said.contains(&format!("warning: {server} says that it looked in slot 1")), "{said}");
    }
}

#[test]
fn two_names_of_one_machine_are_warned_of_wherever_servers_are_counted() {
    let (ledger, file) = receipt_of("names.receipt.json", "names");
    let port = stack().rpc.rsplit(':').next().unwrap().trim_matches('/').to_owned();
    let servers = [format!("http://localhost:{port}"), format!("http://127.0.0.1:{port}")];
    let given = ["--rpc", &servers[0], "--rpc", &servers[1]];
    let warns = |output: &Output, whose: &str| {
        let said = text(&output.stdout) + &text(&output.stderr);
        let is_told =
            servers.iter().all(|server| said.contains(server.as_str())) && said.contains("one server under two");
        assert!(is_told, "{whose}: {said}");
    };
    let path = file.to_str().unwrap();
    for arguments in [&["verify", path][..], &["audit", &ledger], &["entries", &ledger, "--verify"], &["doctor"]] {
        warns(&stack().cli(&[&given[..], arguments].concat()), &arguments.join(" "));
    }
    // A database that is not there: the settings are looked at first.
    for command in [&["doctor"][..], &[], &["rebuild"]] {
        let mut indexer = Command::new(program("counterfoil-indexer"));
        indexer.args(command).args(given).args(if command.is_empty() { &["--quorum", "2"][..] } else { &[] });
        let output = indexer.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none").output().unwrap();
        warns(&output, &format!("counterfoil-indexer {command:?}"));
    }
}

#[test]
fn what_was_done_is_the_same_in_words_and_as_json() {
    let run = |arguments: &[&str]| {
        let output = stack().cli(arguments);
        expect_success(&output);
        output
    };
    let json_of = |arguments: &[&str]| -> Value {
        let output = run(&[arguments, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let created = json_of(&["ledger", "create", "--open"]);
    assert_eq!(created["done"], "created");
    let ledger = created["ledger"].as_str().unwrap();
    let (heir, heirs) = stack().new_wallet();
    for (arguments, done) in [
        (&["writer", "grant", ledger, &heirs][..], "granted"),
        (&["writer", "revoke", ledger, &heirs], "revoked"),
        (&["ledger", "propose-authority", ledger, &heirs], "offered"),
        (&["ledger", "seal", ledger, "--size", "0"], "sealed permanently"),
    ] {
        let document = json_of(arguments);
        assert_eq!(document["done"], done);
        assert!(document["slot"].is_string() && document["transaction"].is_string(), "{document}");
    }
    // The output shows finalized accounts, which the last commands have not reached yet.
    let shown = wait_until("the seal to be finalized", || {
        let output = stack().cli(&["ledger", "show", ledger, "--json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).ok()?;
        (shown["flags"] == json!(["sealed", "open to anybody"])).then_some(shown)
    });
    assert_eq!(shown["ledger"], ledger);
    assert_eq!((&shown["offered_to"], &shown["last_append"]), (&json!(heirs), &Value::Null));
    let words = text(&run(&["ledger", "show", ledger]).stdout);
    for (name, value) in [
        ("ledger", &shown["ledger"]),
        ("entries", &shown["entries"]["size"]),
        ("root", &shown["entries"]["root"]),
        ("events", &shown["events"]["size"]),
        ("event root", &shown["events"]["root"]),
        ("authority", &shown["authority"]),
        ("offered to", &shown["offered_to"]),
    ] {
        let line = words.lines().find(|line| line.starts_with(&format!("{name}  "))).unwrap();
        assert_eq!(line.split_whitespace().last(), value.as_str(), "{name}");
    }
    let listed = json_of(&["ledger", "list"]);
    let listed: Vec<&str> =
        listed["ledgers"].as_array().unwrap().iter().map(|ledger| ledger.as_str().unwrap()).collect();
    assert!(listed.contains(&ledger));
    let accepted = stack().cli_as(&heir, &["ledger", "accept-authority", ledger, "--json"]);
    expect_success(&accepted);
    assert!(text(&accepted.stdout).contains("\"accepted\""));
}

#[test]
fn a_refusal_says_what_is_missing_and_whose() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let wallet = stack.new_wallet().1;
    expect_refusal(
        &stack.cli(&["writer", "revoke", &ledger, &wallet]),
        &format!("wallet {wallet} has no grant on ledger {ledger}"),
    );
    // A wallet's address in place of the ledger's: there is an account, and it is no ledger's.
    let params = json!([wallet, { "encoding": "base64", "commitment": "finalized" }]);
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "getAccountInfo", "params": params });
    wait_until("the wallet's account is finalized", || stack.call(&call)["result"]["value"].is_object().then_some(()));
    for (address, why) in [(&wallet, "belongs to"), (&bs58::encode([7; 32]).into_string(), "there is no account")] {
        for arguments in [
            &["writer", "revoke", address, &wallet][..],
            &["writer", "grant", address, &wallet],
            &["ledger", "accept-authority", address],
            &["ledger", "disallow-subtrees", address],
            &["ledger", "seal", address, "--size", "0"],
            &["append", address, "x"],
        ] {
            expect_refusal(&stack.cli(arguments), why);
        }
    }
    stack.append_lines(&ledger, &["1".to_owned()]);
    expect_refusal(&stack.cli(&["ledger", "seal", &ledger, "--size", "7"]), "has 1 entry, not 7: it was not sealed");
    let id = "07".repeat(32);
    expect_success(&stack.cli(&["ledger", "create", "--id", &id]));
    expect_refusal(&stack.cli(&["ledger", "create", "--id", &id]), "there is an account at that address already");
}

#[test]
fn a_wallet_that_cannot_pay_is_named_and_told_how_to_get_sol() {
    let key = stack().folder.path().join("poor.json");
    let open = stack().new_ledger(&["--open"]);
    let address = make_key(&key);
    for arguments in [&["append", &open, "x"][..], &["ledger", "create"]] {
        let output = stack().cli_as(&key, arguments);
        expect_refusal(&output, &format!("wallet {address} has no SOL"));
        expect_refusal(&output, "airdrop");
    }
}

#[test]
fn a_server_that_lists_no_accounts_of_a_program_is_answered_with_what_helps() {
    let server = server_that_says(200, json!({ "jsonrpc": "2.0", "error": { "code": -32010, "message": "excluded" } }));
    expect_refusal(&stack().cli(&["--rpc", &server, "ledger", "list"]), "--ledger");
}

#[test]
fn no_proxy_is_asked_for_this_machine() {
    let (ledger, file) = receipt_of("proxy.receipt.json", "proxy");
    for arguments in [&["entries", &ledger][..], &["verify", file.to_str().unwrap(), "--ledger", &ledger]] {
        let mut command = stack().command(stack().authority(), arguments);
        command.env("http_proxy", "http://127.0.0.1:1").env("HTTP_PROXY", "http://127.0.0.1:1").env_remove("NO_PROXY");
        expect_success(&command.env_remove("no_proxy").output().unwrap());
    }
}

#[test]
fn what_the_indexers_commands_find_is_the_same_in_words_and_as_json() {
    let (ledger, _) = receipt_of("findings.receipt.json", "findings");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(program("counterfoil-indexer"));
        text(&command.args(arguments).env("DATABASE_URL", &index().database_url).output().unwrap().stdout)
    };
    let fsck = ["fsck", "--ledger", &ledger];
    let words = run(&fsck);
    let found: Value = serde_json::from_str(&run(&[&fsck[..], &["--json"]].concat())).unwrap();
    assert_eq!(found, json!({ "ledgers": "1", "events": "2", "entries": "1", "findings": [] }));
    assert!(words.contains("1 ledger, 2 events, 1 entry") && words.contains("every row is"), "{words}");

    let found: Value = serde_json::from_str(&run(&["doctor", "--json"])).unwrap();
    let subject = format!("ledger {ledger}");
    let finding = found["findings"].as_array().unwrap().iter().find(|finding| finding["subject"] == subject).unwrap();
    let words = run(&["doctor"]);
    let state = finding["state"].as_str().unwrap();
    assert!(words.contains(&format!("ok {subject}: {state}")), "{state}: {words}");
}

#[test]
fn what_the_index_has_and_the_servers_have_not_is_told_by_audit_and_doctor() {
    let ledger = stack().new_ledger(&[]);
    expect_success(&stack().cli(&["append", &ledger, "first"]));
    let before = index().wait_for(&ledger, 1)["checked"]["event_head"]["size"].as_str().unwrap().to_owned();
    let asked = |method: &str, address: Value| {
        let params = json!([address, { "encoding": "base64", "commitment": "finalized" }]);
        stack().call(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
    };
    let (one, many) = (asked("getAccountInfo", json!(ledger)), asked("getMultipleAccounts", json!([ledger])));
    expect_success(&stack().cli(&["append", &ledger, "second"]));
    index().wait_for(&ledger, 2);
    let of = json!(ledger);
    let old = proxy_that(move |request, mut answer| {
        if request["method"] == "getAccountInfo" && request["params"][0] == of {
            return one.clone();
        }
        if request["method"] == "getMultipleAccounts"
            && let Some(place) = request["params"][0].as_array().unwrap().iter().position(|asked| *asked == of)
        {
            answer["result"]["value"][place] = many["result"]["value"][0].clone();
        }
        answer
    });
    let output = stack().cli(&["--rpc", &old, "audit", &ledger]);
    expect_verdict(&output, "VERIFIED", "up to its entry 1");
    let beyond = "not checked: 1 event that the API serves beyond that: no quorum of these servers is that far";
    assert!(text(&output.stdout).contains(beyond), "{}", text(&output.stdout));
    let mut doctor = Command::new(program("counterfoil-indexer"));
    let output = doctor.args(["doctor", "--rpc", &old]).env("DATABASE_URL", &index().database_url).output().unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in [format!("no server that was asked has more than {before} events"), "rebuild --allow-less".to_owned()] {
        assert!(said.contains(&part), "no {part:?}: {said}");
    }
}

#[test]
fn a_trust_file_says_of_each_value_where_it_was_taken_from_and_of_no_other() {
    let stack = stack();
    let ledgers = [[3; 32], [4; 32]].map(|key| bs58::encode(key).into_string());
    let file = stack.folder.path().join("sources.toml");
    let path = file.to_str().unwrap();
    let source =
        |words: &str| stack.cli(&["trust", "show", path]).stdout.windows(words.len()).any(|at| at == words.as_bytes());
    expect_success(&stack.cli(&["trust", "init", path, "--ledger", &ledgers[0], "--source", "contract, page 3"]));
    let version = text(&stack.cli(&["--version"]).stdout).trim().to_owned();
    let program = |words: &str| {
        let shown = text(&stack.cli(&["trust", "show", path]).stdout);
        shown.lines().any(|line| line.starts_with("program ") && line.ends_with(&format!("from: {words}")))
    };
    assert!(program(&format!("default of {version}")));
    expect_success(&stack.cli(&["trust", "add", path, "--ledger", &ledgers[1], "--source", "other"]));
    assert!(program(&format!("default of {version}")));
    assert!(
        source(&format!("{}  from: contract, page 3", ledgers[0])) && source(&format!("{}  from: other", ledgers[1]))
    );
    let before = fs::read(&file).unwrap();
    let nothing = stack.cli(&["trust", "add", path, "--source", "x"]);
    assert_eq!(nothing.status.code(), Some(64), "{nothing:?}");
    assert_eq!(fs::read(&file).unwrap(), before);
    let given = text(&before);
    let address = given.lines().find_map(|line| line.strip_prefix("address = ")).unwrap().trim_matches('"');
    expect_success(&stack.cli(&["trust", "add", path, "--trusted-program", address, "--source", "our own build"]));
    assert!(program("our own build"));
}
