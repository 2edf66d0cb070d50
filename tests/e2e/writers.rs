//! The right to append.

use std::process::Stdio;

use serde_json::Value;

use crate::stack::{expect_refusal, expect_success, index, stack, text, wait_until};

#[test]
fn an_unauthorised_wallet_is_refused() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let (wallet, _) = stack.new_wallet();
    expect_refusal(&stack.cli_as(&wallet, &["append", &ledger, "x"]), "may not append");
}

#[test]
fn anybody_appends_to_an_open_ledger() {
    let stack = stack();
    let ledger = stack.new_ledger(&["--open"]);
    let (wallet, _) = stack.new_wallet();
    expect_success(&stack.cli_as(&wallet, &["append", &ledger, "x"]));
}

#[test]
fn a_writer_appends_until_it_is_revoked() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let (wallet, address) = stack.new_wallet();
    expect_success(&stack.cli(&["writer", "grant", &ledger, &address]));
    expect_success(&stack.cli_as(&wallet, &["append", &ledger, "x"]));

    expect_success(&stack.cli(&["writer", "revoke", &ledger, &address]));
    expect_refusal(&stack.cli_as(&wallet, &["append", &ledger, "y"]), "may not append");
}

#[test]
fn a_writer_appends_until_its_grant_expires() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let (wallet, address) = stack.new_wallet();
    let grant_for = |seconds: u32| {
        let expires = rfc3339(&format!("{} {seconds} seconds", chain_time(&ledger)));
        stack.cli(&["writer", "grant", &ledger, &address, "--expires", &expires])
    };
    expect_success(&grant_for(3_600));
    expect_success(&stack.cli_as(&wallet, &["append", &ledger, "x"]));
    // Where the machine is slow a short one is in the past when it arrives.
    let mut seconds = 1;
    wait_until("a short grant", || {
        seconds *= 2;
        grant_for(seconds).status.success().then_some(())
    });
    let refused = wait_until("the grant expires", || {
        let output = stack.cli_as(&wallet, &["append", &ledger, "x"]);
        (!output.status.success()).then_some(output)
    });
    expect_refusal(&refused, "expired");
}

#[test]
fn only_the_authority_grants() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let (wallet, address) = stack.new_wallet();
    expect_refusal(&stack.cli_as(&wallet, &["writer", "grant", &ledger, &address]), "authority");
}

/// The chain's time of a new append to a ledger: it alone decides when a grant ends.
fn chain_time(ledger: &str) -> String {
    expect_success(&stack().cli(&["append", ledger, "now"]));
    let appended = || {
        let output = stack().cli(&["ledger", "show", ledger, "--json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).ok()?;
        shown["last_append"]["time"].as_str().map(str::to_owned)
    };
    wait_until("the append is finalized", appended)
}

/// A time as RFC 3339, by `date`, which knows nothing of our code.
fn rfc3339(time: &str) -> String {
    let output = std::process::Command::new("date").args(["-u", "-d", time, "+%FT%TZ"]).output().unwrap();
    text(&output.stdout).trim().to_owned()
}

#[test]
fn equal_entries_of_several_wallets_at_once_are_all_kept_and_each_told_its_own_index() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&["--open"]);
    let wallets: Vec<_> = (0..4).map(|_| stack.new_wallet().0).collect();
    let appends: Vec<_> = wallets
        .iter()
        .map(|wallet| {
            let mut command = stack.command(wallet, &["append", &ledger, "tick"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut told: Vec<String> = appends
        .into_iter()
        .map(|append| {
            let output = append.wait_with_output().unwrap();
            expect_success(&output);
            text(&output.stdout).trim().to_owned()
        })
        .collect();
    told.sort();
    assert_eq!(told, ["appended entry 0", "appended entry 1", "appended entry 2", "appended entry 3"]);
    index.wait_for(&ledger, 4);
}
