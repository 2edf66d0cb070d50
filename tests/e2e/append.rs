//! `append` writes lines as they come, each once, whatever interrupts it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::servers::{proxy_that, proxy_that_refuses};
use crate::stack::{Stack, expect_refusal, expect_success, index, stack, text, wait_until};

fn with_input(stack: &Stack, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = stack.command(stack.authority(), arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may end before it has read all.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// The size of a ledger as the chain has it, finalized, once it has as many entries.
fn size(stack: &Stack, ledger: &str, at_least: u64) -> u64 {
    wait_until("the entries are finalized", || {
        // A ledger that was just created is not finalized yet.
        let shown: Value = serde_json::from_slice(&stack.cli(&["ledger", "show", ledger, "--json"]).stdout).ok()?;
        let size: u64 = shown["entries"]["size"].as_str().unwrap().parse().unwrap();
        (size >= at_least).then_some(size)
    })
}

fn payloads(stack: &Stack, ledger: &str) -> Vec<String> {
    let listed = stack.cli(&["entries", ledger]);
    expect_success(&listed);
    let rows = text(&listed.stdout);
    let rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| row["text"].as_str().or(row["payload"].as_str()).unwrap().to_owned()).collect()
}

#[test]
fn lines_are_appended_as_they_come_and_a_signal_says_what_is_in() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let mut command = stack.command(stack.authority(), &["append", &ledger, "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Kept until the process has ended: at the input's end it would be done, and the signal would find nothing to stop.
    let mut stdin = child.stdin.take().unwrap();
    // As `tail -f` writes: nothing ends, and nothing waits for more.
    for (number, expected) in [(0, 1), (1, 2)] {
        writeln!(stdin, "line {number}").unwrap();
        stdin.flush().unwrap();
        assert_eq!(size(stack, &ledger, expected), expected);
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).contains("appended 2 entries, 0 to 1"), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("in for certain: 2 entries of the input; after that nothing"), "{said}");
    assert!(said.contains("leave out the first 2 entries"), "{said}");
}

#[test]
fn what_was_interrupted_is_gone_on_with_and_nothing_is_doubled() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let journal = stack.folder.path().join("resumed.journal");
    let journal = journal.to_str().unwrap();
    let append = ["append", &ledger, "-", "--resume", journal, "--json"];
    let lines = |count: u32| (0..count).map(|number| format!("record {number}\n")).collect::<String>();

    // A line that is none ends the first run in the middle.
    let broken = lines(50) + "\n" + &lines(10);
    let first = with_input(stack, &append, broken.as_bytes());
    expect_refusal(&first, "line 51 of standard input is blank");
    assert!(text(&first.stderr).contains("in for certain: 50 entries of the input"), "{first:?}");
    assert_eq!(size(stack, &ledger, 50), 50);
    let counted: u64 = text(&first.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["count"].as_str().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(counted, 50);

    // Other input than before is refused before anything is sent.
    let other = lines(50).replace("record 7\n", "record seven\n");
    let refused = with_input(stack, &append, other.as_bytes());
    assert_eq!(refused.status.code(), Some(64), "{refused:?}");
    assert!(text(&refused.stderr).contains("are not those that"), "{refused:?}");
    expect_refusal(&with_input(stack, &append, lines(20).as_bytes()), "the input ends after 20 entries");

    expect_success(&with_input(stack, &append, lines(60).as_bytes()));
    expect_success(&with_input(stack, &append, lines(60).as_bytes()));
    assert_eq!(size(stack, &ledger, 60), 60);
    index().wait_for(&ledger, 60);
    let expected: Vec<String> = lines(60).lines().map(str::to_owned).collect();
    assert_eq!(payloads(stack, &ledger), expected);
}

/// Killed between the note that a transaction is sent and the one that it is in: whichever of both is true is found out.
#[test]
fn a_transaction_whose_outcome_was_not_noted_is_looked_for() {
    let stack = stack();
    for is_in in [true, false] {
        for others in [0, 3, 20] {
            let ledger = stack.new_ledger(&["--open"]);
            let journal = stack.folder.path().join(format!("unnoted-{is_in}-{others}.journal"));
            let append = ["append", &ledger, "-", "--resume", journal.to_str().unwrap()];
            expect_success(&with_input(stack, &append, b"a\nb\n"));
            // As if the process had been killed before its last note; or before its transaction reached a server.
            let noted = fs::read_to_string(&journal).unwrap();
            let without = |count: usize| {
                let lines: Vec<&str> = noted.lines().collect();
                lines[..lines.len() - count].join("\n") + "\n"
            };
            let mut expected = 2 + others;
            if is_in {
                fs::write(&journal, without(1)).unwrap();
            } else {
                let root = "0".repeat(64);
                let planned = json!({ "send": { "first": "2", "count": "2", "root": root } });
                fs::write(&journal, format!("{noted}{planned}\n")).unwrap();
                expected += 2;
            }
            for number in 0..others {
                expect_success(&stack.cli(&["append", &ledger, &format!("another's {number}")]));
            }
            index().wait_for(&ledger, 2 + others);
            let input: &[u8] = if is_in { b"a\nb\n" } else { b"a\nb\nc\nd\n" };
            expect_success(&with_input(stack, &append, input));
            assert_eq!(size(stack, &ledger, expected), expected, "in: {is_in}, others: {others}");
        }
    }
}

#[test]
fn two_that_go_on_from_one_journal_are_told_apart() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let journal = stack.folder.path().join("shared.journal");
    let arguments = ["append", &ledger, "-", "--resume", journal.to_str().unwrap()];
    let mut command = stack.command(stack.authority(), &arguments);
    let mut first = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the first has the journal", || fs::metadata(&journal).is_ok_and(|file| file.len() > 0).then_some(()));
    let second = with_input(stack, &arguments, b"a\n");
    assert_eq!(second.status.code(), Some(64), "{second:?}");
    assert!(text(&second.stderr).contains("another append goes on from"), "{second:?}");
    writeln!(first.stdin.take().unwrap(), "a").unwrap();
    assert!(first.wait().unwrap().success());
    assert_eq!(size(stack, &ledger, 1), 1);
}

#[test]
fn lines_are_appended_by_hash_in_one_transaction_and_kept_for_the_index() {
    let stack = stack();
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    expect_success(&stack.cli(&["append", &ledger, "before"]));
    let keep = stack.folder.path().join("by-hash.entries");
    let keep = keep.to_str().unwrap();
    let lines: String = (0..5_000).map(|number| format!("{{\"row\":{number}}}\n")).collect();
    let append = ["append", &ledger, "--jsonl", "--subtrees", "--keep", keep];
    let appended = with_input(stack, &[&append[..], &["--json"]].concat(), lines.as_bytes());
    expect_success(&appended);
    let told: Value = serde_json::from_slice(&appended.stdout).unwrap();
    assert_eq!((&told["first"], &told["count"]), (&json!("1"), &json!("5000")));
    assert!(text(&appended.stderr).contains("fill --ledger"), "{appended:?}");
    expect_refusal(&with_input(stack, &append, b"{}\n"), "is there already: give another --keep");
    index().wait_for(&ledger, 5_001);
    let mut fill = std::process::Command::new(crate::stack::program("counterfoil-indexer"));
    fill.args(["fill", "--ledger", &ledger, "--first-index", "1", "--file", keep]);
    expect_success(&fill.env("DATABASE_URL", &index().database_url).output().unwrap());
    let file = stack.folder.path().join("by-hash.json");
    expect_success(&stack.cli(&["receipt", &ledger, "4000", "--wait", "--out", file.to_str().unwrap()]));
    let verified = stack.cli(&["verify", file.to_str().unwrap(), "--ledger", &ledger]);
    crate::stack::expect_verdict(&verified, "VERIFIED", "entry 4000");

    let closed = stack.new_ledger(&[]);
    let elsewhere = stack.folder.path().join("closed.entries");
    let refused = ["append", &closed, "-", "--subtrees", "--keep", elsewhere.to_str().unwrap()];
    expect_refusal(&with_input(stack, &refused, b"a\n"), "takes no subtrees");
    assert!(!elsewhere.exists());
}

#[test]
fn an_append_that_waits_ends_when_its_receipt_can_be_had() {
    let stack = stack();
    index();
    let ledger = stack.new_ledger(&[]);
    let appended = stack.cli(&["append", &ledger, "awaited", "--wait", "--json"]);
    expect_success(&appended);
    let told: Value = serde_json::from_slice(&appended.stdout).unwrap();
    assert_eq!((&told["first"], &told["count"]), (&json!("0"), &json!("1")));
    assert!(told["transaction"].is_string());
    let file = stack.folder.path().join("awaited.json");
    expect_success(&stack.cli(&["receipt", &ledger, "0", "--out", file.to_str().unwrap()]));
}

#[test]
fn several_processes_of_one_wallet_do_no_harm_to_each_other() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let input = |process: usize| (0..40).map(|line| format!("process {process} line {line}\n")).collect::<String>();
    let runs: Vec<_> = (0..3)
        .map(|process| {
            let (ledger, input) = (ledger.clone(), input(process));
            std::thread::spawn(move || with_input(crate::stack::stack(), &["append", &ledger, "-"], input.as_bytes()))
        })
        .collect();
    for run in runs {
        expect_success(&run.join().unwrap());
    }
    assert_eq!(size(stack, &ledger, 120), 120);
    index().wait_for(&ledger, 120);
    let found = payloads(stack, &ledger);
    for process in 0..3 {
        let own: Vec<&String> =
            found.iter().filter(|entry| entry.starts_with(&format!("process {process} "))).collect();
        assert_eq!(own, input(process).lines().collect::<Vec<_>>(), "each once, in order");
    }
}

#[test]
fn a_signal_ends_the_work_while_the_input_is_read_again() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let journal = stack.folder.path().join("interrupted.journal");
    let arguments = ["append", &ledger, "-", "--resume", journal.to_str().unwrap()];
    expect_success(&with_input(stack, &arguments, b"a\nb\n"));
    let mut command = stack.command(stack.authority(), &arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Only a part of it comes, and then nothing more: the second signal finds the process listening at the latest.
    writeln!(child.stdin.as_mut().unwrap(), "a").unwrap();
    wait_until("it has ended", || {
        let _ = kill_process(Pid::from_child(&child), Signal::INT);
        child.try_wait().unwrap()
    });
    assert_eq!(size(stack, &ledger, 2), 2);
}

#[test]
fn a_server_that_will_not_take_a_transaction_is_told_with_its_own_words_and_nothing_is_in() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    for (status, words) in [
        (403, "HTTP status 403; nothing was sent"),
        (404, "HTTP status 404; nothing was sent"),
        (
            500,
            "did not arrive before its blockhash expired; nothing was written: the server answered with HTTP status 500",
        ),
    ] {
        let server = proxy_that_refuses("sendTransaction", status);
        let output = stack.cli(&["--rpc", &server, "append", &ledger, "x"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        expect_refusal(&output, words);
        expect_refusal(&output, "the entry was not appended");
    }
    let server = proxy_that_refuses("sendTransaction", 403);
    expect_refusal(&stack.cli(&["--rpc", &server, "ledger", "create"]), "nothing was sent");
}

#[test]
fn a_signal_ends_the_work_at_once_while_no_server_has_taken_anything() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let server = proxy_that_refuses("sendTransaction", 429);
    let mut command = stack.command(stack.authority(), &["--rpc", &server, "append", &ledger, "x"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let waits = lines.next().unwrap();
    assert!(waits.contains("waiting until a server takes the transaction"), "{waits}");
    assert!(waits.contains("too many requests: the server wants a pause of"), "{waits}");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let said: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said:?}");
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("in for certain: 0 entries of the input; after that nothing"), "{said:?}");
    assert!(said[1].contains("nothing of it was sent"), "{said:?}");
}

#[test]
fn an_outcome_that_no_server_tells_is_read_from_the_account() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let server = proxy_that(|request, mut answer| {
        if request["method"] == "getSignatureStatuses" {
            answer["result"]["value"] = json!([]);
        }
        answer
    });
    let appended = stack.cli(&["--rpc", &server, "append", &ledger, "x"]);
    expect_success(&appended);
    assert!(text(&appended.stdout).contains("appended entry 0"), "{appended:?}");
    let created = stack.cli(&["--rpc", &server, "ledger", "create"]);
    assert_eq!(created.status.code(), Some(2), "{created:?}");
    expect_refusal(&created, "nothing of the transaction that it was asked for");
}

#[test]
fn lines_that_cannot_be_kept_are_not_appended_and_that_is_said() {
    let stack = stack();
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    let keep = stack.folder.path().join("too-long.entries");
    // As a disk that is full after a thousand bytes.
    let lines = "trap '' XFSZ; ulimit -f 1; yes '\"a line\"' | head -5000 | \"$0\" append \"$1\" --jsonl --subtrees --keep \"$2\"";
    let mut command = stack.in_shell(lines);
    let output = command.arg(crate::stack::program("counterfoil")).arg(&ledger).arg(&keep).output().unwrap();
    expect_refusal(&output, "nothing was appended");
    expect_refusal(&output, "too-long.entries is not whole, and can be removed");
}

#[test]
fn a_journal_that_is_begun_in_a_file_that_was_there_is_told() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let journal = stack.folder.path().join("empty.journal");
    let append = ["append", &ledger, "-", "--resume", journal.to_str().unwrap()];
    let begun = |output: &Output| {
        expect_success(output);
        text(&output.stderr).contains("beginning a new journal")
    };
    assert!(!begun(&with_input(stack, &append, b"a\n")));
    fs::write(&journal, "").unwrap();
    assert!(begun(&with_input(stack, &append, b"a\n")));
    let line = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, &line[..10]).unwrap();
    assert!(begun(&with_input(stack, &append, b"a\n")));
    for file in ["/dev/zero", "/dev/full"] {
        let refused = with_input(stack, &["append", &ledger, "-", "--resume", file], b"a\n");
        assert_eq!(refused.status.code(), Some(64), "{refused:?}");
        expect_refusal(&refused, "is no regular file");
    }
}

#[test]
fn a_file_that_is_no_entry_for_its_length_is_answered_with_what_to_append_in_its_place() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let file = stack.folder.path().join("long");
    fs::write(&file, vec![b'a'; 65_536]).unwrap();
    let output = stack.cli(&["append", &ledger, "--file", file.to_str().unwrap()]);
    expect_refusal(&output, "append its SHA-256");
    expect_refusal(&output, "has more than 65535 bytes");
}
