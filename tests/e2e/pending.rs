//! Confirmed events are shown before they are final, apart from the log.

use std::time::{Duration, Instant};

use crate::stack::{index, stack, validator_name};

#[test]
fn what_is_confirmed_is_pending_until_it_is_final() {
    let (stack, index) = (stack(), index());
    let ledger = stack.new_ledger(&[]);
    stack.append_lines(&ledger, &["0".to_owned()]);
    index.wait_for(&ledger, 1);

    stack.append_lines(&ledger, &["1".to_owned()]);
    let start = Instant::now();
    let (mut was_pending, mut was_checked) = (false, false);
    while !was_checked && start.elapsed() < Duration::from_secs(60) {
        let (status, body) = index.get(&format!("/v1/ledgers/{ledger}/pending"));
        assert_eq!(status, 200, "{body}");
        let (_, checked) = index.get(&format!("/v1/ledgers/{ledger}"));
        was_checked = checked["checked"]["head"]["size"] == "2";
        let events = body["events"].as_array().unwrap();
        if let Some(event) = events.first() {
            assert_eq!((&event["seq"], &event["first_index"]), (&"2".into(), &"1".into()), "{body}");
            was_pending = true;
        }
    }
    assert!(was_checked, "it becomes final");
    // The other node calls final what was just sent.
    assert!(was_pending || validator_name() != "agave", "it was pending before");
    let (_, body) = index.get(&format!("/v1/ledgers/{ledger}/pending"));
    assert_eq!(body["events"].as_array().unwrap().len(), 0, "it is pending no more: {body}");
}
