//! An indexer that is killed goes on where it was.

use crate::stack::{Index, expect_success, stack, wait_until};

#[test]
fn a_killed_indexer_resumes_without_loss_or_repeat() {
    let stack = stack();
    let index = Index::start(stack);
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &(0..40).map(|n| n.to_string()).collect::<Vec<_>>());
    index.wait_for(&ledger, 40);
    let Index { database_url, indexer, api } = index;
    indexer.kill();
    stack.append_lines(&ledger, &(40..90).map(|n| n.to_string()).collect::<Vec<_>>());

    let indexer = Index::start_indexer(stack, &database_url);
    let index = Index { database_url, indexer, api };
    index.wait_for(&ledger, 90);
    let output = stack.cli(&["--api", index.api.url(), "audit", &ledger]);
    expect_success(&output);
}

#[test]
fn a_second_indexer_stands_by_and_takes_over() {
    let stack = stack();
    let index = Index::start(stack);
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &["1".to_owned()]);
    index.wait_for(&ledger, 1);
    let Index { database_url, indexer, api } = index;
    let standby = Index::start_indexer(stack, &database_url);
    let ready = |url: &str| reqwest::blocking::get(format!("{url}/readyz")).unwrap().status().as_u16();
    assert_eq!(ready(standby.url()), 503, "it stands by");

    indexer.kill();
    stack.append_lines(&ledger, &["2".to_owned()]);
    let index = Index { database_url, indexer: standby, api };
    index.wait_for(&ledger, 2);
    wait_until("the standby is ready", || (ready(index.indexer.url()) == 200).then_some(()));
}
