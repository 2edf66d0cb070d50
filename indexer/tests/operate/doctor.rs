//! The doctor says how the index is, what it means and what to do.

use crate::history::{Shape, ledger, record};
use crate::support::{Database, Indexer, text};

const SHAPE: Shape = Shape { ledgers: 2, entries: 100, has_subtree: false };

#[test]
fn a_healthy_index_is_well_and_a_halted_ledger_comes_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    record(&recording, SHAPE);
    let database = Database::new();
    let indexer = Indexer::start(&database, &recording, &[]);
    indexer.wait_until_ready();
    let output = database.run(&["doctor"]);
    let said = text(&output);
    assert!(output.status.success() && said.ends_with("all is well\n"), "{said}");
    for part in [
        "cluster: genesis hash",
        "indexer: is at work, connected since 2",
        "checked at event 21 as of slot",
        "table entry: about",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }

    let halted = ledger(1);
    database.sql(&format!(
        "insert into halt (ledger, reason) select id, 'two heads' from ledger where address = '\\x{}'",
        halted.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    ));
    let output = database.run(&["doctor"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let commands = [
        format!("!! ledger {halted}: is HALTED since 2"),
        ": two heads. checked at event 21".to_owned(),
        format!("counterfoil-indexer fsck --ledger {halted}"),
        format!("counterfoil-indexer clear-halt {halted}"),
        "counterfoil-indexer rebuild".to_owned(),
        format!("ok ledger {}", ledger(0)),
        "1 of ".to_owned(),
    ];
    for part in commands {
        assert!(said.contains(&part), "{part}: {said}");
    }
    assert_eq!(indexer.stop(), Some(0));
}

#[test]
fn nobody_at_work_a_waiting_ledger_and_a_dead_server_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    record(&recording, SHAPE);
    let database = Database::indexed(&recording);
    // As after a quorum was lost: applied and not checked.
    database.sql(
        "update cursor set checked_event_seq = 0, checked_size = 0, checked_root = null,
                  checked_event_root = null, checked_slot = null, missing = 0 where ledger = 1",
    );
    let output = database.run(&["doctor", "--rpc", "http://127.0.0.1:1/?key=SECRET"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in [
        "!! indexer: none is at work",
        "!! server http://127.0.0.1:1: ",
        "waits for an indexer: never checked; 21 of 21 events are still to come",
        "3 of ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("SECRET"), "{said}");
}

#[test]
fn rows_that_another_hand_changed_are_told_as_such_and_not_as_missing_events() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    record(&recording, Shape { ledgers: 1, entries: 3_000, has_subtree: false });
    for damage in [
        "delete from event where seq = (select max(seq) from event)",
        "update event set leaf_hash = decode(repeat('00', 32), 'hex') where seq = (select max(seq) from event)",
        "delete from tile where (log, level, index) = (select log, level, max(index) from tile where log = 0 and level = 0 group by 1, 2)",
        "delete from cursor",
    ] {
        let database = Database::indexed(&recording);
        database.sql(damage);
        let output = database.run(&["doctor"]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{damage}: {said}");
        assert!(said.contains("counterfoil-indexer rebuild"), "{damage}: {said}");
        assert!(!said.contains("missing from what the servers list"), "{damage}: {said}");
        // The advice helps.
        let output = database.run(&["rebuild", "--recording", recording.to_str().unwrap()]);
        assert!(output.status.success(), "{damage}: {}", text(&output));
        database.expect_whole();
        let said = text(&database.run(&["doctor"]));
        assert!(said.contains("ok ledger") && !said.contains("!! ledger"), "{damage}: {said}");
    }
}
