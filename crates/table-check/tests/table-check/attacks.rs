//! Attacks, each with its twin: the same history untouched, which must be verified.

use crate::language::judge;

const BASE: &str = "P; B; 1 insert 7=5.00; 2 update 7=5.00>7=6.00; 3 insert 8=1.10/x";
const LIVE: &str = "7=6.00, 8=1.10/x";

#[test]
fn names_each_row_that_was_changed_outside_the_record() {
    for (attack, live, expected) in [
        ("a value set back to an earlier one", "7=5.00, 8=1.10/x", "refused: row_changed 7 amount"),
        ("a scale", "7=6.00, 8=1.1/x", "refused: row_changed 8 amount"),
        ("NULL to the empty text", "7=6.00/EMPTY, 8=1.10/x", "refused: row_changed 7 note"),
        ("NULL to the text null", "7=6.00/null, 8=1.10/x", "refused: row_changed 7 note"),
        ("a text to NULL", "7=6.00, 8=1.10", "refused: row_changed 8 note"),
        ("a character of no width", "7=6.00, 8=1.10/x\u{200b}", "refused: row_changed 8 note"),
        ("another case", "7=6.00, 8=1.10/X", "refused: row_changed 8 note"),
        ("two columns", "7=6.00, 8=1.20/y", "refused: row_changed 8 amount+note"),
        ("two rows swapped", "7=1.10/x, 8=6.00", "refused: row_changed 7 amount+note; row_changed 8 amount+note"),
        ("a row deleted", "8=1.10/x", "refused: row_deleted"),
        ("all rows deleted", "", "refused: row_deleted; row_deleted"),
        ("a row added", "7=6.00, 8=1.10/x, 9=1.00", "refused: row_added 9"),
        ("a key changed", "9=6.00, 8=1.10/x", "refused: row_added 9; row_deleted"),
        ("a key written in another way", "07=6.00, 8=1.10/x", "refused: row_added 07; row_deleted"),
        ("a row twice", "7=6.00, 8=1.10/x, 7=6.00", "refused: duplicate_key 7"),
        ("a row twice, once with another value", "7=6.00, 8=1.10/x, 7=9.00", "refused: duplicate_key 7"),
    ] {
        assert_eq!(judge(BASE, "", LIVE), "verified", "the twin of {attack}");
        assert_eq!(judge(BASE, "", live), expected, "{attack}");
    }
}

/// Each history stands next to its twin; both end in the live rows of the twin, but where an attack ends in its own.
#[test]
fn names_each_record_that_does_not_follow_from_those_before() {
    let long = "P; B; 1 insert 7=1.00; 2 update 7=1.00>7=2.00; 3 update 7=2.00>7=3.00";
    let gone = "P; B; 1 insert 7=1.00; 2 delete 7=1.00";
    for (attack, twin, history, live, expected) in [
        (
            "the last update dropped",
            long,
            "P; B; 1 insert 7=1.00; 2 update 7=1.00>7=2.00",
            "7=3.00",
            "refused: row_changed 7 amount",
        ),
        (
            "an update dropped",
            long,
            "P; B; 1 insert 7=1.00; 3 update 7=2.00>7=3.00",
            "7=3.00",
            "refused: step_does_not_join 7 amount",
        ),
        (
            "two updates swapped",
            long,
            "P; B; 1 insert 7=1.00; 3 update 7=2.00>7=3.00; 2 update 7=1.00>7=2.00",
            "7=3.00",
            "refused: row_changed 7 amount; step_does_not_join 7 amount; step_does_not_join 7 amount",
        ),
        (
            "an insert dropped",
            long,
            "P; B; 2 update 7=1.00>7=2.00; 3 update 7=2.00>7=3.00",
            "7=3.00",
            "refused: change_of_a_row_that_was_not_there 7",
        ),
        ("an insert dropped, and nothing else", "P; B; 1 insert 7=1.00", "P; B", "7=1.00", "refused: row_added 7"),
        (
            "an insert twice",
            long,
            "P; B; 1 insert 7=1.00; 1 insert 7=1.00; 2 update 7=1.00>7=2.00; 3 update 7=2.00>7=3.00",
            "7=3.00",
            "refused: insert_of_a_row_that_was_there 7",
        ),
        (
            "an old value altered",
            long,
            "P; B; 1 insert 7=1.00; 2 update 7=1.01>7=2.00; 3 update 7=2.00>7=3.00",
            "7=3.00",
            "refused: step_does_not_join 7 amount",
        ),
        (
            "a new value altered",
            long,
            "P; B; 1 insert 7=1.00; 2 update 7=1.00>7=2.01; 3 update 7=2.00>7=3.00",
            "7=3.00",
            "refused: step_does_not_join 7 amount",
        ),
        (
            "the last new value altered",
            long,
            "P; B; 1 insert 7=1.00; 2 update 7=1.00>7=2.00; 3 update 7=2.00>7=3.01",
            "7=3.00",
            "refused: row_changed 7 amount",
        ),
        ("a delete dropped", gone, "P; B; 1 insert 7=1.00", "", "refused: row_deleted"),
        ("a delete undone", gone, gone, "7=1.00", "refused: row_added 7"),
        (
            "a delete of another value",
            gone,
            "P; B; 1 insert 7=1.00; 2 delete 7=2.00",
            "",
            "refused: step_does_not_join 7 amount",
        ),
        (
            "a delete of a row that was not there",
            gone,
            "P; B; 2 delete 7=1.00",
            "",
            "refused: change_of_a_row_that_was_not_there 7",
        ),
        (
            "a retire of a row that was not there",
            "P; B; 1 insert 7=1.00; 2 retire 7=1.00",
            "P; B; 2 retire 7=1.00",
            "",
            "refused: change_of_a_row_that_was_not_there 7",
        ),
        (
            "a truncate undone",
            "P; B; 1 insert 7=1.00; 2 truncate",
            "P; B; 1 insert 7=1.00; 2 truncate",
            "7=1.00",
            "refused: row_added 7",
        ),
        (
            "an update behind a truncate",
            "P; B; 1 insert 7=1.00; 2 truncate",
            "P; B; 1 insert 7=1.00; 2 truncate; 3 update 7=1.00>7=2.00",
            "7=2.00",
            "refused: change_of_a_row_that_was_not_there 7",
        ),
        (
            "a key moved onto a row",
            "P; B; 1 insert 7=1.00; 2 update 7=1.00>8=1.00",
            "P; B; 1 insert 7=1.00; 1 insert 8=2.00; 2 update 7=1.00>8=1.00",
            "8=1.00",
            "refused: insert_of_a_row_that_was_there 8",
        ),
        (
            "a step of another transaction between nested ones",
            "P; B; 1 insert 7=1.00; 2 update 7=2.00>7=3.00; 2 update 7=1.00>7=2.00",
            "P; B; 1 insert 7=1.00; 2 update 7=2.00>7=3.00; 4 update 7=1.00>7=2.00",
            "7=3.00",
            "refused: row_changed 7 amount; step_does_not_join 7 amount; step_does_not_join 7 amount",
        ),
        (
            "another row's subject",
            "P; B; 7@1 insert 7=1.00",
            "P; B; 8@1 insert 7=1.00",
            "7=1.00",
            "refused: subject_does_not_match 7",
        ),
    ] {
        let twin_live = match twin.rsplit(';').next().unwrap().trim() {
            last if last.contains("delete") || last.contains("truncate") || last.contains("retire") => "",
            last if last.contains('>') && !last.ends_with("7=2.00") => last.rsplit('>').next().unwrap(),
            last if last.contains('>') => "7=3.00",
            last => last.rsplit(' ').next().unwrap(),
        };
        assert_eq!(judge(twin, "", twin_live), "verified", "the twin of {attack}");
        assert_eq!(judge(history, "", live), expected, "{attack}");
    }
}

#[test]
fn names_each_operation_that_is_not_allowed() {
    let all = "insert+update+delete+truncate";
    for (steps, allow, live, expected) in [
        ("1 insert 7=1.00; 2 delete 7=1.00", "insert+update", "", "refused: operation_not_allowed 7"),
        ("1 insert 7=1.00; 2 update 7=1.00>7=2.00", "insert", "7=2.00", "refused: operation_not_allowed 7"),
        ("1 insert 7=1.00; 2 truncate", "insert+update+delete", "", "refused: operation_not_allowed"),
        ("1 insert 7=1.00", "update", "7=1.00", "refused: operation_not_allowed 7"),
        (
            "1 insert 7=1.00; 1 insert 8=1.00; 2 delete 7=1.00; 2 delete 8=1.00; 2 insert 9=1.00",
            "insert+update",
            "9=1.00",
            "refused: operation_not_allowed 8",
        ),
        ("1 insert 7=1.00; 2 delete 7=1.00; 2 insert 7=2.00", "insert", "7=2.00", "refused: operation_not_allowed 7"),
        (
            "1 insert 7=1.00; 2 delete 7=1.00; 3 insert 7=1.00",
            "insert+update",
            "7=1.00",
            "refused: operation_not_allowed 7",
        ),
        ("1 insert 7=1.00; 2 update 7=1.00>8=1.00", "insert+delete", "8=1.00", "refused: operation_not_allowed 8"),
    ] {
        assert_eq!(judge(&format!("P::{all}; B; {steps}"), "", live), "verified", "{steps}");
        assert_eq!(judge(&format!("P::{allow}; B; {steps}"), "", live), expected, "{steps}");
    }
}

#[test]
fn launders_nothing_by_a_backfill_or_a_reprotect() {
    for (attack, twin, twin_live, history, catalog, live, expected) in [
        (
            "a changed row stated again",
            "P; B; 1 insert 7=1.00; R:wide; 2 state 7=1.00; B:reprotect:1",
            "7=1.00",
            "P; B; 1 insert 7=1.00; R:wide; 2 state 7=2.00; B:reprotect:1",
            "wide",
            "7=2.00",
            "refused: step_does_not_join 7 amount",
        ),
        (
            "an added row stated",
            "P; 2 state 7=1.00; B",
            "7=1.00",
            "P; B; 2 state 7=1.00; B",
            "",
            "7=1.00",
            "refused: row_added 7",
        ),
        (
            "a row stated twice",
            "P; 2 state 7=1.00; 3 state 7=1.00; B",
            "7=1.00",
            "P; 2 state 7=1.00; 3 state 7=2.00; B",
            "",
            "7=2.00",
            "refused: step_does_not_join 7 amount",
        ),
        (
            "values that an ALTER changed",
            "P; B; 1 insert 7=5.00; R:retyped; 2 state 7=5.00; B:reprotect:1",
            "7=5.00",
            "P; B; 1 insert 7=5.00; R:retyped; 2 state 7=10; B:reprotect:1",
            "retyped",
            "7=10",
            "cannot_tell: catalog_changed? 7 amount",
        ),
        (
            "a renamed column's values",
            "P; B; 1 insert 7=5.00; R:renamed; 2 state 7=5.00; B:reprotect:1",
            "7=5.00",
            "P; B; 1 insert 7=5.00; R:renamed; 2 state 7=6.00; B:reprotect:1",
            "renamed",
            "7=6.00",
            "refused: step_does_not_join 7 total",
        ),
        (
            "a column of the same name",
            "P; B; 1 insert 7=5.00; R:restored; 2 state 7=5.00; B:reprotect:1",
            "7=5.00",
            "P; B; 1 insert 7=5.00; R:restored; 2 state 7=6.00; B:reprotect:1",
            "restored",
            "7=6.00",
            "refused: step_does_not_join 7 amount",
        ),
        (
            "no state at all",
            "P; B; 1 insert 7=5.00; R:narrow; B:reprotect:0",
            "7=5.00",
            "P; B; 1 insert 7=5.00; R:narrow; B:reprotect:0",
            "narrow",
            "7=6.00",
            "refused: row_changed 7 amount",
        ),
        (
            "more rows than were attached",
            "P; B; 2 state 7=1.00; B:attach:1",
            "7=1.00",
            "P; B; 2 state 7=1.00; 2 state 8=1.00; B:attach:1",
            "",
            "7=1.00, 8=1.00",
            "refused: row_added 7; row_added 8",
        ),
        (
            "a row that no backfill stated",
            "P; B; 2 update 7=1.00>7=2.00; 3 state 7=2.00; B:attach:1",
            "7=2.00",
            "P; B; 2 update 7=1.00>7=2.00; 3 state 8=2.00; B:attach:1",
            "",
            "7=2.00, 8=2.00",
            "refused: change_of_a_row_that_was_not_there 7",
        ),
        (
            "a label moved",
            "P:mood; B; 1 insert 7=1.00/sad; R:moodrenamed; 2 state 7=1.00/blue; B:reprotect:1",
            "7=1.00/blue",
            "P:mood; B; 1 insert 7=1.00/sad; R:moodrenamed; 2 state 7=1.00/ok; B:reprotect:1",
            "moodrenamed",
            "7=1.00/ok",
            "refused: step_does_not_join 7 note",
        ),
    ] {
        let name = twin.split("R:").nth(1).map_or("", |rest| rest.split(';').next().unwrap());
        assert_eq!(judge(twin, name, twin_live), "verified", "the twin of {attack}");
        assert_eq!(judge(history, catalog, live), expected, "{attack}");
    }
}
