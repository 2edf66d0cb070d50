//! Legitimate histories, which must never be refused.

use counterfoil_table_check::{Pins, Scope, Snapshot};

use crate::language::{judge, outcome, report};

#[test]
fn verifies_each_legitimate_history() {
    for (history, catalog, live) in [
        ("P; B", "", ""),
        ("P; 1 state 7=1.00; 1 state 8=2.00; B:protect:2", "", "8=2.00, 7=1.00"),
        ("P; B; 1 insert 7=1.00; 2 update 7=1.00>7=1.00", "", "7=1.00"),
        ("P; B; 1 insert 7=1.00; 2 delete 7=1.00; 3 insert 7=2.00", "", "7=2.00"),
        // A row that is changed between `protect` and its backfill.
        ("P; 1 update 7=1.00>7=2.00; 2 state 7=2.00; B", "", "7=2.00"),
        ("P; 1 delete 7=1.00; B", "", ""),
        ("P; 2 state 7=2.00; 3 update 7=2.00>7=3.00; B", "", "7=3.00"),
        ("P; 1 update 7=1.00>8=1.00; 2 state 8=1.00; B", "", "8=1.00"),
        // Nested triggers.
        ("P; B; 1 insert 7=1.00; 2 update 7=2.00>7=3.00; 2 update 7=1.00>7=2.00", "", "7=3.00"),
        ("P; B; 1 update 7=1.00>7=2.00; 1 insert 7=1.00", "", "7=2.00"),
        ("P; B; 1 insert 7=1.00; 2 delete 7=2.00; 2 update 7=1.00>7=2.00", "", ""),
        ("P; B; 1 insert 7=1.00; 2 update 7=1.00>7=2.00; 2 update 7=1.00>7=3.00; 2 update 7=2.00>7=1.00", "", "7=3.00"),
        // A relay that stopped in the middle of a transaction.
        (
            "P; B; 1 insert 7=1.00; 2 update 7=2.00>7=3.00; 3 insert 8=1.00; 2 update 7=1.00>7=2.00",
            "",
            "7=3.00, 8=1.00",
        ),
        // Partitions: one key, and a key to which the partition's column belongs.
        ("P::insert+update; B; 1 insert 7=1.00; 2 delete 7=1.00; 2 insert 7=2.00", "", "7=2.00"),
        ("P::insert+update; B; 1 insert 7=1.00; 2 delete 7=1.00; 2 insert 8=1.00", "", "8=1.00"),
        ("P::update; 1 state 7=1.00; B; 2 insert 8=1.00; 2 delete 7=1.00", "", "8=1.00"),
        (
            "P::insert+update; B; 1 insert 7=1.00; 1 insert 8=1.00; 2 delete 7=1.00; 2 delete 8=1.00; 3 insert 5=1.00; 2 insert 9=1.00; 2 insert 6=1.00",
            "",
            "9=1.00, 6=1.00, 5=1.00",
        ),
        // Keys.
        ("P; B; 1 insert 7=1.00; 2 update 7=1.00>8=2.00; 3 update 8=2.00>7=2.00", "", "7=2.00"),
        (
            "P; B; 1 insert 7=1.00; 1 insert 8=2.00; 2 update 7=1.00>8=1.00; 2 update 8=2.00>7=2.00",
            "",
            "7=2.00, 8=1.00",
        ),
        ("P; B; 7@1 insert 7=1.00; 8@2 update 7=1.00>8=1.00", "", "8=1.00"),
        ("P; B; 7@1 insert 7=1.00; 7@2 update 7=1.00>8=1.00", "", "8=1.00"),
        // Truncate, also before the backfill.
        ("P; B; 1 insert 7=1.00; 2 truncate; 2 insert 7=2.00", "", "7=2.00"),
        ("P; 1 state 7=1.00; 2 truncate; 3 insert 8=1.00", "", "8=1.00"),
        ("P; B; 1 insert 7=1.00; 2 retire 7=1.00; 3 insert 7=2.00", "", "7=2.00"),
        // Columns.
        (
            "P; B; 1 insert 7=1.00; R:wide; 2 state 7=1.00//x; B:reprotect:1; 3 update 7=1.00//x>7=1.00//y",
            "wide",
            "7=1.00//y",
        ),
        (
            "P; B; 1 insert 7=1.00; R:wide; 2 update 7=1.00//x>7=1.00//y; 3 state 7=1.00//y; B:reprotect:1",
            "wide",
            "7=1.00//y",
        ),
        ("P:wide; B; 1 insert 7=1.00/a/b; R:narrow; B:reprotect:0; 2 update 7=1.00>7=2.00", "narrow", "7=2.00"),
        ("P; B; 1 insert 7=1.00; R:renamed; 2 update 7=1.00>7=2.00; B:reprotect:0", "renamed", "7=2.00"),
        ("P; B; 1 insert 7=1.00; R:renamed; R; 2 update 7=1.00>7=2.00", "", "7=2.00"),
        ("P; B; 1 insert 7=1.00; R:restored; 2 state 7=1.00; B:reprotect:1", "restored", "7=1.00"),
        ("P; B; 1 insert 7=1.00; R:number; 2 update 7=1.00>7=2.00; B:reprotect:0", "number", "7=2.00"),
        ("P; B; 1 insert 7=1; R:retyped; 2 state 7=1; B:reprotect:1", "retyped", "7=1"),
        (
            "P:mood; B; 1 insert 7=1.00/sad; R:moodrenamed; 2 update 7=1.00/blue>7=1.00/ok; B:reprotect:0",
            "moodrenamed",
            "7=1.00/ok",
        ),
        (
            "P:mood; B; 1 insert 7=1.00/sad; R:moodadded; 2 update 7=1.00/sad>7=1.00/so; B:reprotect:0",
            "moodadded",
            "7=1.00/so",
        ),
        // Other events.
        ("P; B; 1 insert 7=1.00; A; 1 update 7=1.00>7=2.00", "", "7=2.00"),
        ("P; B; 2 state 7=1.00; 2 state 8=1.00; B:attach:2", "", "7=1.00, 8=1.00"),
        ("P::insert; B; 1 insert 7=1.00; R::insert+delete; 2 delete 7=1.00", "", ""),
        // The outbox.
        ("P; B; 1 insert 7=1.00; ~2 update 7=1.00>7=2.00; ~3 insert 8=1.00", "", "7=2.00, 8=1.00"),
        ("P; B; 1 insert 7=1.00; 2 update 7=2.00>7=3.00; ~2 update 7=1.00>7=2.00", "", "7=3.00"),
    ] {
        assert_eq!(judge(history, catalog, live), "verified", "{history}");
    }
}

#[test]
fn cannot_tell_where_something_is_missing_and_nothing_contradicts() {
    for (history, catalog, live, expected) in [
        ("", "", "7=1.00", "table_not_protected?"),
        ("1 insert 7=1.00", "", "7=1.00", "table_not_protected?; table_not_protected?"),
        ("P; B; U", "", "7=1.00", "table_not_protected?"),
        ("P; B; 1 insert 7=1.00; U; P; 2 state 7=2.00; B", "", "7=2.00", "table_not_protected?"),
        ("P", "", "7=1.00", "not_backfilled? 7"),
        ("P; B; 1 insert 7=1.00; P", "", "7=1.00", "not_backfilled? 7; protected_again?"),
        // Contents that are missing or unknown.
        ("P; B; ?7", "", "7=1.00", "content_missing?"),
        ("P; B; 1 insert 7=1.00; ?7", "", "", "content_missing?"),
        ("P; B; ?7; 2 update 7=1.00>7=2.00", "", "7=2.00", "content_missing?"),
        ("P; B; 1 insert 7=1.00; ?7; 2 insert 7=2.00", "", "7=2.00", "content_missing?"),
        ("P; B; 1 insert 7=1.00; 2 update 7=2.00>7=3.00; ?7; 2 update 7=3.00>7=4.00", "", "7=4.00", "content_missing?"),
        ("P; B; 1 insert 7=1.00; !7", "", "7=2.00", "content_unreadable?"),
        ("P; B; 1 insert 7=1.00; ?8", "", "8=1.00", "content_missing?; row_deleted?"),
        ("P; B; 1 insert 7=1.00; ?", "", "7=2.00", "content_missing?; row_changed? 7 amount"),
        ("P; B; 1 insert 7=1.00; ?", "", "", "content_missing?; row_deleted?"),
        ("P; B; ?; 1 update 7=1.00>7=2.00", "", "7=2.00", "change_of_a_row_that_was_not_there? 7; content_missing?"),
        // Catalogs.
        ("P; B; 1 insert 7=1.00", "wide", "7=1.00", "catalog_changed? extra"),
        ("P; B; 1 insert 7=1.00", "narrow", "7=1.00", "catalog_changed? note"),
        ("P; B; 1 insert 7=1.00", "renamed", "7=2.00", "catalog_changed? amount+total"),
        ("P; B; 1 insert 7=1.00", "retyped", "7=2", "catalog_changed? amount"),
        ("P; B; 1 insert 7=1.00", "restored", "7=1.00", "catalog_changed? amount+note"),
        ("P; B; 1 insert 7=1.00", "number", "7=1.00", "catalog_changed? id+number"),
        ("P; B; 1 insert 7=1.00", "keytext", "07=1.00", "catalog_changed? id"),
        ("P:mood; B; 1 insert 7=1.00/sad", "moodrenamed", "7=1.00/ok", "catalog_changed? note"),
        ("P:mood; B; 1 insert 7=1.00/sad", "moodadded", "7=1.00/sad", "catalog_changed? note"),
        (
            "P; B; 1 insert 7=1.00; L:renamed; 2 update 7=1.00>7=2.00",
            "renamed",
            "7=2.00",
            "catalog_changed? amount; catalog_changed? amount+total",
        ),
        (
            "P; B; 1 insert 7=1.00; L:number; 2 update 7=1.00>7=2.00",
            "number",
            "7=2.00",
            "catalog_changed? id; catalog_changed? id+number; row_changed? 7 amount",
        ),
        (
            "P:mood; B; 1 insert 7=1.00/sad; L:moodrenamed; 2 update 7=1.00/blue>7=2.00/blue",
            "moodrenamed",
            "7=2.00/blue",
            "catalog_changed? note; catalog_changed? note",
        ),
        ("P; B; 1 insert 7=1.00; R:keytext; 2 state 7=1.00; B:reprotect:1", "keytext", "7=1.00", ""),
        ("P; B; 1 insert 7=1.00/x; R:swapped", "swapped", "7=1.00/x", "row_changed"),
        ("P; B; 1 insert 7=1.00; R:wide", "wide", "7=1.00//x", "not_backfilled? 7 extra"),
        ("P:pair; B; 1 insert 7=1.00/1", "pair", "7=1.00/(1)", "not_backfilled? 7 note; not_comparable? note"),
    ] {
        let expected = match expected {
            "" => "verified".to_owned(),
            // Two names that changed places are strict: the values no longer stand under their names.
            "row_changed" => "refused: row_changed 7 note+amount".to_owned(),
            doubts => format!("cannot_tell: {doubts}"),
        };
        assert_eq!(judge(history, catalog, live), expected, "{history} | {catalog} | {live}");
    }
}

#[test]
fn refuses_what_a_missing_content_does_not_explain() {
    for (history, live, expected) in [
        ("P; B; 1 insert 7=1.00; ?8", "7=2.00, 8=1.00", "refused: content_missing?; row_changed 7 amount"),
        ("P; B; ?8; 1 insert 7=1.00", "8=1.00", "refused: content_missing?; row_deleted"),
        ("P; B; 1 insert 7=1.00; 1 insert 9=1.00; ?8", "8=1.00", "refused: content_missing?; row_deleted; row_deleted"),
        ("P; B; ?7; 2 update 7=1.00>7=2.00", "7=3.00", "refused: content_missing?; row_changed 7 amount"),
        ("P; B; ?; 1 insert 7=1.00", "7=2.00", "refused: content_missing?; row_changed 7 amount"),
        ("P; B; 1 insert 7=1.00; ~2 update 7=1.00>7=2.00", "7=3.00", "refused: row_changed 7 amount"),
        ("P; B; 1 insert 7=1.00; ~2 update 7=1.50>7=2.00", "7=2.00", "refused: step_does_not_join 7 amount"),
    ] {
        assert_eq!(judge(history, "", live), expected, "{history} | {live}");
    }
}

#[test]
fn judges_no_deleted_row_in_a_subset_and_says_that_none_was_compared() {
    let pins = Pins { scope: Scope::Subset, ..Pins::whole("public.t") };
    let history = "P; B; 1 insert 7=1.00; 1 insert 8=1.00";
    let some = report(pins.clone(), history, "", "8=1.00");
    assert_eq!(
        (outcome(&some).as_str(), some.counts.rows_compared, some.counts.rows_of_the_record),
        ("verified", 1, 2)
    );
    let none = report(pins.clone(), history, "", "");
    assert_eq!(
        (outcome(&none).as_str(), none.counts.rows_compared, none.counts.rows_of_the_record),
        ("verified", 0, 2)
    );
    assert!(none.to_string().contains("verified. 0 of 0 rows compared"), "{none}");
    assert!(none.to_string().contains("deleted rows were not judged"), "{none}");
    assert_eq!(outcome(&report(pins, history, "", "9=1.00")), "refused: row_added 9");
}

#[test]
fn judges_one_row_alone_and_finds_that_it_was_deleted() {
    let history = "P; B; 1 insert 7=1.00; 1 insert 8=1.00; 2 insert 9=1.00; 3 delete 9=1.00";
    for (key, live, expected) in [
        ("7", "7=1.00, 8=2.00", "verified"),
        ("8", "7=1.00, 8=2.00", "refused: row_changed 8 amount"),
        ("7", "8=1.00", "refused: row_deleted"),
        ("8", "8=1.00", "verified"),
        ("9", "7=1.00, 8=1.00", "verified"),
        ("9", "9=1.00", "refused: row_added 9"),
        ("10", "", "verified"),
    ] {
        let pins = Pins { scope: Scope::Row(vec![key.to_owned()]), ..Pins::whole("public.t") };
        let found = report(pins, history, "", live);
        assert!(outcome(&found).starts_with(expected), "{key} | {live}: {}", outcome(&found));
        assert_eq!(found.findings.len(), usize::from(expected != "verified"));
    }
}

#[test]
fn counts_changes_beyond_the_snapshot_and_walks_those_before_an_adoption() {
    let snapshot = Some(Snapshot::parse("10:20:12").unwrap());
    let pins = Pins { snapshot, ..Pins::whole("public.t") };
    let history = "P; B; 9 insert 7=1.00; 12 update 7=1.00>7=2.00; 20 insert 8=1.00; 13 insert 9=1.00";
    let found = report(pins.clone(), history, "", "7=1.00, 9=1.00");
    assert_eq!((outcome(&found).as_str(), found.counts.changes_beyond_the_snapshot), ("verified", 2));
    let adopted = Pins { adopted_at: Some(counterfoil_table_check::LeafIndex(4)), ..pins };
    let history = "P; B; 900 insert 7=1.00; 12 update 7=1.00>7=2.00; A; 13 insert 9=1.00; 21 insert 10=1.00";
    let found = report(adopted, history, "", "7=2.00, 9=1.00");
    assert_eq!((outcome(&found).as_str(), found.counts.changes_beyond_the_snapshot), ("verified", 1));
}
