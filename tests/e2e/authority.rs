//! A ledger's authority beyond granting, and the program as anyone can see it.

use crate::stack::{expect_refusal, expect_success, expect_verdict, index, stack, text, wait_until};

#[test]
fn the_authority_passes_and_ends_what_it_may_end_and_the_index_follows() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&["--allow-subtrees"]);
    let (heir, address) = stack.new_wallet();
    let cli = |arguments: &[&str]| stack.cli(arguments);
    let as_heir = |arguments: &[&str]| stack.cli_as(&heir, arguments);

    expect_success(&cli(&["append", &ledger, "before"]));
    expect_refusal(&as_heir(&["ledger", "accept-authority", &ledger]), "offered");
    expect_success(&cli(&["ledger", "propose-authority", &ledger, &address]));
    expect_success(&cli(&["ledger", "propose-authority", &ledger, "--nobody"]));
    expect_refusal(&as_heir(&["ledger", "accept-authority", &ledger]), "offered");
    expect_success(&cli(&["ledger", "propose-authority", &ledger, &address]));
    expect_success(&as_heir(&["ledger", "accept-authority", &ledger]));
    expect_refusal(&cli(&["append", &ledger, "too late"]), "may not append");

    expect_success(&as_heir(&["append", &ledger, "after"]));
    expect_success(&as_heir(&["ledger", "disallow-subtrees", &ledger]));
    expect_refusal(&as_heir(&["ledger", "disallow-subtrees", &ledger]), "no subtrees");
    // With the count that it had before: an append that was not seen is not sealed in.
    expect_refusal(&as_heir(&["ledger", "seal", &ledger, "--size", "1"]), "has 2 entries, not 1: it was not sealed");
    expect_success(&as_heir(&["ledger", "seal", &ledger, "--size", "2"]));
    expect_refusal(&as_heir(&["append", &ledger, "one more"]), "sealed");

    // Created, appended, proposed three times, accepted, appended, disallowed, sealed.
    let body = wait_until("all events are checked", || {
        let (_, body) = index.get(&format!("/v1/ledgers/{ledger}"));
        (body["checked"]["event_head"]["size"] == "9").then_some(body)
    });
    assert_eq!(body["checked"]["head"]["size"], "2", "{body}");
    let file = stack.folder.path().join("sealed.receipt.json");
    let file = file.to_str().unwrap();
    expect_success(&cli(&["receipt", &ledger, "1", "--out", file]));
    expect_verdict(&cli(&["verify", file, "--ledger", &ledger]), "VERIFIED", "entry 1");
    expect_success(&cli(&["audit", &ledger]));
    let shown = text(&cli(&["ledger", "show", &ledger]).stdout);
    assert!(shown.contains("sealed") && shown.contains(&address), "{shown}");
}

#[test]
fn doctor_knows_the_released_program_and_who_can_replace_it() {
    let stack = stack();
    // Doctor shows finalized accounts, which a program that was just deployed is not yet.
    let said = wait_until("the program is finalized", || {
        let output = stack.cli(&["doctor"]);
        output.status.success().then(|| text(&output.stdout))
    });
    assert!(said.contains("is the one released with"), "{said}");
    assert!(said.contains("a single key"), "{said}");
    // Another address, where no program is. Its content depends on the validator: nothing, or an empty account.
    let nowhere = stack.new_wallet().1;
    expect_verdict(&stack.cli(&["doctor", "--program", &nowhere]), "CANNOT TELL", "0 of 1 servers told, 1 needed");
}
