//! Who may append.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::stack::{expect_refusal, expect_success, index, stack, text};

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
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let expires = rfc3339(now + 5);
    expect_success(&stack.cli(&["writer", "grant", &ledger, &address, "--expires", &expires]));
    // The chain's clock decides; it is read nowhere else, so the refusal is waited for.
    let mut appended = 0;
    let refused = loop {
        let output = stack.cli_as(&wallet, &["append", &ledger, "x"]);
        if !output.status.success() {
            break output;
        }
        appended += 1;
        assert!(appended < 1_000, "the grant never expires");
        thread::sleep(Duration::from_millis(200));
    };
    assert!(appended > 0, "it could append at first: {}", text(&refused.stderr));
    expect_refusal(&refused, "expired");
}

#[test]
fn only_the_authority_grants() {
    let stack = stack();
    let ledger = stack.new_ledger(&[]);
    let (wallet, address) = stack.new_wallet();
    expect_refusal(&stack.cli_as(&wallet, &["writer", "grant", &ledger, &address]), "authority");
}

/// A second since 1970 as RFC 3339, by `date`, which knows nothing of our code.
fn rfc3339(second: u64) -> String {
    let output =
        std::process::Command::new("date").args(["-u", "-d", &format!("@{second}"), "+%FT%TZ"]).output().unwrap();
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
