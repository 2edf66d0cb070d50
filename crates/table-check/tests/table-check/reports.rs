//! Reports: bounds, words, machine forms, and what a caller adds.

use counterfoil_table_check::*;

use crate::language::{catalog, change, entries, outcome, report, row_json};

#[test]
fn keeps_as_many_findings_as_were_asked_for_and_counts_all() {
    let inserts: String = (1..=50).map(|id| format!("{id} insert {id}=1.00;")).collect();
    let pins = Pins { max_findings: 10, ..Pins::whole("public.t") };
    let found = report(pins, &format!("P; B; {inserts}"), "", "");
    assert_eq!((found.findings.len(), found.findings_by_kind[&FindingKind::RowDeleted]), (10, 50));
    assert!(found.to_string().ends_with("40 findings more were counted and not kept.\n"));
}

#[test]
fn adds_users_times_and_keys_from_records_that_the_caller_reads_once_more() {
    let history = "P; B; 1 insert 7=1.00; 2 insert 8=1.00";
    let mut found = report(Pins::whole("public.t"), history, "", "8=2.00");
    assert_eq!(found.records_to_describe(), [LeafIndex(2), LeafIndex(3)]);
    for index in found.records_to_describe() {
        let entry = &entries(history)[usize::try_from(index.0).unwrap()];
        found.describe(index, &Change::decode(&entry.content.as_ref().unwrap().1).unwrap());
    }
    assert_eq!(outcome(&found), "refused: row_changed 8 amount; row_deleted 7");
    assert!(found.records_to_describe().is_empty());
    let text = concat!(
        "\"public.t\": refused. 1 of 1 rows compared with 2 changes and 2 table events.\n",
        "Record 0: protect at 2026-01-02T03:04:05.678900Z by user \"dba\".\n",
        "Record 1: backfilled at 2026-01-02T03:04:05.678900Z by user \"dba\", 0 rows.\n",
        "The row id = \"8\" was changed outside the record since record 3, in the column amount ",
        "(record 3: 2026-01-02T03:04:05.678900Z, user \"app\", actor \"ann\").\n",
        "The row id = \"7\" was deleted outside the record since record 2 ",
        "(record 2: 2026-01-02T03:04:05.678900Z, user \"app\", actor \"ann\").\n",
    );
    assert_eq!(found.to_string(), text);
}

#[test]
fn lists_the_changes_since_a_record_or_of_one_row_and_counts_those_that_it_does_not_keep() {
    let history = "P; B; 1 insert 7=1.00; 2 insert 8=1.00; 3 update 7=1.00>7=2.00; 4 update 8=1.00>9=1.00; 5 truncate";
    let listed = |since, key: Option<&str>, most| {
        let scope = key.map_or(Scope::Whole, |key: &str| Scope::Row(vec![key.to_owned()]));
        let listing = Some(Listing { since: LeafIndex(since), most });
        let found = report(Pins { scope, listing, ..Pins::whole("public.t") }, history, "", "");
        let places = found.changes.iter().map(|change| match change.place {
            Place::Recorded(index) => index.0,
            Place::Unsent(_) => u64::MAX,
        });
        (places.collect::<Vec<_>>(), found.changes_listed, found.to_string())
    };
    assert_eq!(listed(0, None, 10).0, [2, 3, 4, 5, 6]);
    assert_eq!(listed(4, None, 10).0, [4, 5, 6]);
    assert_eq!(listed(0, Some("7"), 10).0, [2, 4, 6]);
    assert_eq!(listed(0, Some("8"), 10).0, [3, 5, 6], "a row that left its key is told there too");
    assert_eq!(listed(4, Some("9"), 10).0, [5, 6]);
    assert_eq!((listed(0, None, 2).0, listed(0, None, 2).1), (vec![2, 3], 5));
    let text = "record 4: 2026-01-02T03:04:05.678900Z, update of the row id = \"7\" by user \"app\", actor \"ann\": amount from 1.00 to 2.00\n";
    assert!(listed(4, None, 1).2.contains(text), "{}", listed(4, None, 1).2);
    assert!(report(Pins::whole("public.t"), history, "", "").changes.is_empty());
}

#[test]
fn lists_values_of_others_without_characters_that_a_terminal_obeys() {
    let change = ListedChange {
        place: Place::Recorded(LeafIndex(4)),
        operation: Operation::Update,
        key: Vec::new(),
        columns: vec![ListedColumn {
            name: "a\u{202e}".to_owned(),
            before: Some("\"\u{9b}2J\"".to_owned()),
            after: None,
        }],
        recorded: Recorded {
            at: Timestamp::parse("2026-01-02T03:04:05.000000Z").unwrap(),
            who: Who { user: "app\n".to_owned(), role: None, actor: None },
        },
    };
    assert_eq!(
        change.to_string(),
        r#"record 4: 2026-01-02T03:04:05.000000Z, update by user "app\n": a\u{202e} from "\u{9b}2J" to nothing"#
    );
}

#[test]
fn has_a_machine_form_with_indexes_as_strings() {
    let found = report(Pins::whole("public.t"), "P; B; 1 insert 7=1.00; 2 update 7=2.00>7=3.00", "", "7=3.00");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["verdict"], "refused");
    let finding = &json["findings"][0];
    assert_eq!(finding["kind"], "step_does_not_join");
    assert_eq!(finding["places"], serde_json::json!([{"recorded": "2"}, {"recorded": "3"}]));
    assert_eq!(finding["recorded"]["user"], "app");
    assert_eq!(json["findings_by_kind"]["step_does_not_join"], 1);
}

#[test]
fn lists_the_columns_that_a_reprotect_changed() {
    let found = report(Pins::whole("public.t"), "P; B; R:renamed; R:wide; R:narrow; R:retyped", "retyped", "");
    let said: Vec<String> = found.notes.iter().map(ToString::to_string).collect();
    let said: Vec<&str> = said.iter().map(|note| note.split("\"dba\"").nth(1).unwrap()).collect();
    let expected = [
        ".",
        ", 0 rows.",
        ", column \"amount\" renamed to \"total\".",
        ", column \"total\" renamed to \"amount\", column \"extra\" added.",
        ", column \"note\" dropped, column \"extra\" dropped.",
        ", column \"amount\" of another type, column \"note\" added.",
    ];
    assert_eq!(said, ["."].iter().chain(&expected[1..]).copied().collect::<Vec<_>>());
}

#[test]
fn passes_over_other_tables_and_types_and_refuses_records_out_of_order() {
    let mut check = Check::new(Pins::whole("public.other"), &Seed([1; 32]));
    let content = change(1, "insert", None, Some(&row_json("7=1.00", "")));
    let record = |content_type| Record { subject: None, content: Some(Content { content_type, bytes: &content }) };
    check.take(LeafIndex(5), &record(CHANGE_TYPE)).unwrap();
    check.take(LeafIndex(6), &record("text/plain")).unwrap();
    let refused = check.take(LeafIndex(6), &record("text/plain"));
    assert_eq!(refused, Err(TakeError::NotAscending { index: LeafIndex(6), last: LeafIndex(6) }));
    let mut comparison = check.against(&catalog("")).unwrap();
    comparison.compare(&[None, None, None]).unwrap();
    let found = comparison.finish();
    assert_eq!((found.counts.other_records, found.counts.rows_of_the_table), (2, 1));
    assert_eq!(outcome(&found), "cannot_tell: table_not_protected?");
}

#[test]
fn refuses_a_row_of_another_width() {
    let mut check = Check::new(Pins::whole("public.t"), &Seed([1; 32]));
    for (index, entry) in (0..).zip(entries("P; B")) {
        let (content_type, bytes) = entry.content.as_ref().unwrap();
        let content = Some(Content { content_type, bytes });
        check.take(LeafIndex(index), &Record { subject: None, content }).unwrap();
    }
    let mut comparison = check.against(&catalog("")).unwrap();
    assert_eq!(comparison.compare(&[Some("7")]), Err(RowError { texts: 1, columns: 3 }));
}
