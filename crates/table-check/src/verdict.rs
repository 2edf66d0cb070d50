//! The report of a check: its verdict, what was compared, and what cannot be said.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::change::Change;
use crate::compare::Scope;
use crate::finding::{Finding, FindingKind, KeyPart, Place, Recorded};
use crate::ids::LeafIndex;
use crate::key::text_of_json;
use crate::listed::ListedChange;
use crate::note::{ColumnChange, Counts, Note};

/// The verdict over a table, against the records that were taken. Whether those are the ledger's is the caller's to verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Each row that was shown is what its last change made it.
    Verified,
    /// Something contradicts the record.
    Refused,
    /// Something cannot be told, and nothing contradicts.
    CannotTell,
}

/// A check's outcome. `Display` writes it in plain words, a line for each finding; text of others is escaped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// The table, as `schema.name`.
    pub table: String,
    /// Whether all rows were shown.
    pub scope: Scope,
    /// The numbers.
    pub counts: Counts,
    /// The columns in which rows were compared.
    pub columns_compared: Vec<String>,
    /// The protected columns in which they were not.
    pub columns_not_compared: Vec<String>,
    /// The number of all findings by their kind.
    pub findings_by_kind: BTreeMap<FindingKind, u64>,
    /// The findings that were kept, up to the limit.
    pub findings: Vec<Finding>,
    /// The table's own history: protection, backfills, columns.
    pub notes: Vec<Note>,
    /// The changes that were to be listed, the first ones up to the limit.
    pub changes: Vec<ListedChange>,
    /// The number of all of them.
    pub changes_listed: u64,
    #[serde(skip)]
    pub(crate) key: Vec<String>,
}

impl Report {
    /// The columns of the table's key; none where no record protects it.
    #[must_use]
    pub fn key_columns(&self) -> &[String] {
        &self.key
    }

    /// The records that [`Report::describe`] would take to name users, times and keys: ascending, each once.
    #[must_use]
    pub fn records_to_describe(&self) -> Vec<LeafIndex> {
        let open = self.findings.iter().filter(|finding| finding.recorded.is_none());
        let mut indexes: Vec<LeafIndex> = open.filter_map(last_record).collect();
        indexes.sort_unstable();
        indexes.dedup();
        indexes
    }

    /// Adds to the findings whose last record is `index` its users, its time, its operation and the row's key.
    ///
    /// The check keeps no contents, so that a caller who wants these reads the records once more.
    pub fn describe(&mut self, index: LeafIndex, change: &Change<'_>) {
        let is_about = |finding: &&mut Finding| finding.recorded.is_none() && last_record(finding) == Some(index);
        for finding in self.findings.iter_mut().filter(is_about) {
            finding.recorded = Some(Recorded { at: change.at.clone(), who: change.who.clone() });
            finding.operation = Some(change.rows.operation());
            if let Some(row) = change.rows.new_row().or(change.rows.old()).filter(|_| finding.key.is_empty()) {
                let part = |column: &String| {
                    let value = row.member(column, 0).and_then(text_of_json)?.into_owned();
                    Some(KeyPart { column: column.clone(), value })
                };
                finding.key = self.key.iter().filter_map(part).collect();
            }
        }
    }
}

fn last_record(finding: &Finding) -> Option<LeafIndex> {
    match finding.places.last() {
        Some(Place::Recorded(index)) => Some(*index),
        Some(Place::Unsent(_)) | None => None,
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verified => "verified",
            Self::Refused => "refused",
            Self::CannotTell => "cannot tell",
        })
    }
}

impl fmt::Display for ColumnChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(name) => write!(f, "{name:?} added"),
            Self::Dropped(name) => write!(f, "{name:?} dropped"),
            Self::Renamed { from, to } => write!(f, "{from:?} renamed to {to:?}"),
            Self::Retyped(name) => write!(f, "{name:?} of another type"),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Recorded { at, who } = &self.recorded;
        write!(f, "Record {}: {} at {at} by user {:?}", self.index, self.act, who.user)?;
        if let Some(rows) = self.rows {
            write!(f, ", {rows} {}", if rows == 1 { "row" } else { "rows" })?;
        }
        for change in &self.columns {
            write!(f, ", column {change}")?;
        }
        for rule in &self.rules {
            write!(f, ", {rule}")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, ", because {reason:?}")?;
        }
        write!(f, ".")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { rows_compared, rows_of_the_table, changes_walked, table_events, .. } = self.counts;
        writeln!(
            f,
            "{:?}: {}. {rows_compared} of {rows_of_the_table} rows compared with {changes_walked} changes and {table_events} table events.",
            self.table, self.verdict
        )?;
        let numbers = [
            (self.counts.records_without_content, "records have no readable content"),
            (self.counts.changes_beyond_the_snapshot, "changes are newer than the rows, and were not judged"),
            (self.counts.changes_unsent, "changes wait in the outbox"),
            (self.counts.rows_unsent, "of the compared rows were last changed by one that waits"),
            (self.counts.removals_unsent, "of the changes that wait remove rows"),
            (self.counts.rows_attached, "rows came in with attached partitions"),
            (self.counts.rows_retired, "rows left with retired partitions"),
            (self.counts.notes_not_kept, "table events more are not listed"),
        ];
        for (count, words) in numbers.iter().filter(|(count, _)| *count > 0) {
            writeln!(f, "{count} {words}.")?;
        }
        match &self.scope {
            Scope::Whole => {}
            Scope::Subset => writeln!(f, "Some rows were shown, so that deleted rows were not judged.")?,
            Scope::Row(_) => writeln!(f, "One row was compared.")?,
        }
        if !self.columns_not_compared.is_empty() {
            writeln!(f, "Columns not compared: {:?}.", self.columns_not_compared)?;
        }
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        let all: u64 = self.findings_by_kind.values().sum();
        let kept = self.findings.len() as u64;
        if all > kept {
            writeln!(f, "{} findings more were counted and not kept.", all - kept)?;
        }
        Ok(())
    }
}
