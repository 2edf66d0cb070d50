//! Rows changed behind the index's back: refused by the API, and by an audit.

use serde_json::Value;

use crate::stack::{expect_refusal, expect_success, expect_verdict, index, stack};

/// A ledger of 10 entries that only this test changes.
fn ledger_of_ten() -> String {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &(0..10).map(|n| format!("\"entry {n}\"")).collect::<Vec<_>>());
    index.wait_for(&ledger, 10);
    expect_success(&stack.cli(&["audit", &ledger]));
    ledger
}

/// The ledger's number, as an SQL expression.
pub fn key(ledger: &str) -> String {
    let bytes = bs58::decode(ledger).into_vec().unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("(select id from ledger where address = '\\x{hex}')")
}

fn expect_corrupt(path: &str) {
    let (status, problem): (u16, Value) = index().get(path);
    assert_eq!((status, problem["code"].as_str()), (500, Some("stored_data_corrupt")), "{path}: {problem}");
}

#[test]
fn a_changed_entry_is_refused_and_the_others_are_served() {
    let ledger = ledger_of_ten();
    index().sql(&format!(
        "update entry set payload = set_byte(payload, 3, get_byte(payload, 3) # 1) where ledger = {} and index = 4",
        key(&ledger)
    ));
    expect_corrupt(&format!("/v1/ledgers/{ledger}/entries/4"));
    expect_corrupt(&format!("/v1/ledgers/{ledger}/entries/4/receipt"));
    expect_corrupt(&format!("/v1/ledgers/{ledger}/entries?first=0&limit=10"));
    assert_eq!(index().get(&format!("/v1/ledgers/{ledger}/entries/5")).0, 200);
    expect_verdict(&stack().cli(&["audit", &ledger]), "REFUSED", "");
    expect_refusal(&stack().cli(&["receipt", &ledger, "4"]), "stored_data_corrupt");
}

#[test]
fn a_changed_entry_with_its_leaf_hash_is_refused() {
    let ledger = ledger_of_ten();
    index().sql(&format!(
        "update entry set payload = 'forged', leaf_hash = sha256('\\x00'::bytea || 'forged'::bytea)
         where ledger = {} and index = 4",
        key(&ledger)
    ));
    expect_corrupt(&format!("/v1/ledgers/{ledger}/entries/4"));
    expect_verdict(&stack().cli(&["audit", &ledger]), "REFUSED", "");
}

#[test]
fn a_deleted_entry_is_refused() {
    let ledger = ledger_of_ten();
    index().sql(&format!("delete from entry where ledger = {} and index = 9", key(&ledger)));
    expect_corrupt(&format!("/v1/ledgers/{ledger}/entries/9"));
    expect_corrupt(&format!("/v1/ledgers/{ledger}/entries?first=0&limit=10"));
    expect_verdict(&stack().cli(&["audit", &ledger]), "REFUSED", "");
}

#[test]
fn two_swapped_entries_are_refused() {
    let ledger = ledger_of_ten();
    index().sql(&format!(
        "with pair as (select index, payload, leaf_hash from entry where ledger = {key} and index in (2, 7))
         update entry set payload = pair.payload, leaf_hash = pair.leaf_hash from pair
         where ledger = {key} and entry.index in (2, 7) and entry.index = 9 - pair.index",
        key = key(&ledger)
    ));
    expect_corrupt(&format!("/v1/ledgers/{ledger}/entries/2"));
    expect_corrupt(&format!("/v1/ledgers/{ledger}/entries/7"));
    expect_verdict(&stack().cli(&["audit", &ledger]), "REFUSED", "");
}

#[test]
fn a_changed_event_is_refused() {
    let ledger = ledger_of_ten();
    // Byte 40 is the event's number's first; byte 64 the signer's.
    index().sql(&format!(
        "update event set leaf = set_byte(leaf, 64, get_byte(leaf, 64) # 1) where ledger = {} and seq = 1",
        key(&ledger)
    ));
    expect_corrupt(&format!("/v1/ledgers/{ledger}/entries/0"));
    expect_verdict(&stack().cli(&["audit", &ledger]), "REFUSED", "");
}

#[test]
fn a_consistent_rewrite_fools_the_api_but_neither_verify_nor_audit() {
    let ledger = ledger_of_ten();
    index().sql(&format!(
        "{}; select pg_temp.counterfoil_rewrite({}, 4, 'forged')",
        include_str!("../../tools/demo/rewrite.sql"),
        key(&ledger)
    ));
    // The API cannot know, once it has heard that the head is another.
    while index().get(&format!("/v1/ledgers/{ledger}/entries/4")).0 != 200 {}

    let file = stack().folder.path().join("forged.receipt.json");
    let file = file.to_str().unwrap();
    expect_success(&stack().cli(&["receipt", &ledger, "4", "--out", file]));
    expect_verdict(&stack().cli(&["verify", file, "--ledger", &ledger]), "REFUSED", "one of the two is false");
    expect_verdict(&stack().cli(&["audit", &ledger]), "REFUSED", "");
}
