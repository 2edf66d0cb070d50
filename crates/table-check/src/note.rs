//! The table's own history and the counts: parts of a report that are no findings.

use serde::Serialize;

use crate::event::{Column, Protected};
use crate::finding::Recorded;
use crate::ids::LeafIndex;
use crate::layout::source_of;

/// A column's change from one protection to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnChange {
    /// A column is new, and begins with the first record that has it.
    Added(String),
    /// A column is gone, and is compared no more.
    Dropped(String),
    /// A column has another name.
    Renamed {
        /// The name before.
        from: String,
        /// The name from here on.
        to: String,
    },
    /// A column has another type or other labels.
    Retyped(String),
}

/// An event of the table: who did what to its protection. A verdict says nothing of whether that was right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The event's record.
    pub index: LeafIndex,
    /// The act: protect, backfilled, reprotect, unprotect or adopt.
    pub act: &'static str,
    /// The users and the time.
    pub recorded: Recorded,
    /// The columns that changed, of a `reprotect`.
    pub columns: Vec<ColumnChange>,
    /// The rules that changed, of a `reprotect`: the key, the operations that are allowed, whether new columns are protected; each in words.
    pub rules: Vec<String>,
    /// The rows, of a `backfilled`.
    pub rows: Option<u64>,
    /// The reason, of an `unprotect` or `adopt`.
    pub reason: Option<String>,
}

impl Note {
    pub(crate) fn new(index: LeafIndex, act: &'static str, recorded: Recorded) -> Self {
        Self { index, act, recorded, columns: Vec::new(), rules: Vec::new(), rows: None, reason: None }
    }
}

pub(crate) fn changes(before: &[Column], after: &[Column]) -> Vec<ColumnChange> {
    let mut changes = Vec::new();
    let mut kept = vec![false; before.len()];
    for column in after {
        let source = source_of(column, before, after);
        let Some((old, kept)) = source.and_then(|place| before.get(place).zip(kept.get_mut(place))) else {
            changes.push(ColumnChange::Added(column.name.clone()));
            continue;
        };
        *kept = true;
        if old.name != column.name {
            changes.push(ColumnChange::Renamed { from: old.name.clone(), to: column.name.clone() });
        }
        if (&old.type_name, &old.labels) != (&column.type_name, &column.labels) {
            changes.push(ColumnChange::Retyped(column.name.clone()));
        }
    }
    let dropped = before.iter().zip(&kept).filter(|(_, is_kept)| !**is_kept);
    changes.extend(dropped.map(|(column, _)| ColumnChange::Dropped(column.name.clone())));
    changes
}

/// The rules of a protection that are others after a `reprotect`, in words.
pub(crate) fn rules(before: &Protected, after: &Protected) -> Vec<String> {
    let operations =
        |protected: &Protected| protected.allow.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let pair = |what: &str, before: String, after: String| {
        (before != after).then(|| format!("{what} from {before:?} to {after:?}"))
    };
    let whole = |protected: &Protected| if protected.is_whole { "all" } else { "those that are named" }.to_owned();
    let rules = [
        pair("allow", operations(before), operations(after)),
        pair("key", before.key.join(", "), after.key.join(", ")),
        pair("columns", whole(before), whole(after)),
    ];
    rules.into_iter().flatten().collect()
}

/// The numbers of a check. All are counted, none is an estimate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Records that were taken.
    pub records: u64,
    /// Changes of the table among them that were walked; those that wait in the outbox are not among them.
    pub changes_walked: u64,
    /// Events of the table among them.
    pub table_events: u64,
    /// Records of other tables, or of other types.
    pub other_records: u64,
    /// Records without a content, or with one that cannot be read.
    pub records_without_content: u64,
    /// Changes that the snapshot of the live rows does not show. They are counted, and not judged.
    pub changes_beyond_the_snapshot: u64,
    /// Changes that wait in the outbox and were walked behind the records.
    pub changes_unsent: u64,
    /// The changes among them that remove rows: deletes, truncates and retired rows.
    pub removals_unsent: u64,
    /// Table events whose notes were not kept.
    pub notes_not_kept: u64,
    /// Live rows that were shown.
    pub rows_of_the_table: u64,
    /// Live rows that were compared in each column that can be.
    pub rows_compared: u64,
    /// Live rows among those compared whose last change waits in the outbox, so that only the database says it.
    pub rows_unsent: u64,
    /// Rows that came in with attached partitions.
    pub rows_attached: u64,
    /// Rows that left with retired partitions.
    pub rows_retired: u64,
    /// Rows that the record has at its end.
    pub rows_of_the_record: u64,
}
