//! The live rows against the walked records.

use std::collections::BTreeSet;

use crate::digest::Hasher;
use crate::finding::{Finding, FindingKind, Findings, KeyPart, Weight};
use crate::key::Subject;
use crate::live::{Compared, LiveColumn, LiveRow, Plan};
use crate::note::Counts;
use crate::settle::{Table, place_of};
use crate::store::Facts;

/// Whether all rows of the table are shown.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All rows are shown, so that a recorded row that is not among them is deleted.
    Whole,
    /// Some rows are shown. Deleted rows cannot be judged.
    Subset,
    /// All rows are shown, and the one with this key is judged: the texts of the key's columns, in their order. When it is not among
    /// them, it is deleted.
    Row(Vec<String>),
}

/// A live row with more or fewer texts than the catalog has columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the row has {texts} texts, and the catalog {columns} columns")]
pub struct RowError {
    /// The row's texts.
    pub texts: usize,
    /// The catalog's columns.
    pub columns: usize,
}

pub(crate) struct LiveCheck {
    table: Table,
    plan: Plan,
    live_columns: usize,
    hasher: Hasher,
    scope: Scope,
    /// Columns of which it was said already that their live values cannot be compared.
    not_comparable: BTreeSet<usize>,
}

impl LiveCheck {
    pub(crate) fn new(
        table: Table,
        live: &[LiveColumn],
        hasher: Hasher,
        scope: Scope,
        findings: &mut Findings,
    ) -> Self {
        let plan = Plan::new(&table.layout, live);
        if !plan.changed.is_empty() {
            let columns = plan.changed.clone();
            findings.push(Finding { columns, ..Finding::new(FindingKind::CatalogChanged, Weight::CannotTell) });
        }
        Self { plan, live_columns: live.len(), table, hasher, scope, not_comparable: BTreeSet::new() }
    }

    pub(crate) fn compare(
        &mut self,
        row: &LiveRow<'_>,
        counts: &mut Counts,
        findings: &mut Findings,
    ) -> Result<(), RowError> {
        if row.len() != self.live_columns {
            return Err(RowError { texts: row.len(), columns: self.live_columns });
        }
        counts.rows_of_the_table += 1;
        if !self.plan.has_key() {
            return Ok(());
        }
        let Some(key) = self.plan.key(row) else {
            // A key's column that became nullable: no record has such a row.
            findings.push(self.added());
            return Ok(());
        };
        if matches!(&self.scope, Scope::Row(wanted) if *wanted != key) {
            return Ok(());
        }
        let subject = self.plan.subject(&self.table.layout, &key);
        let about = Finding { subject: Some(subject), key: self.table.key(&key), ..self.added() };
        let Some(found) = self.table.store.find(&subject) else {
            findings.push(about);
            return Ok(());
        };
        let facts = self.table.store.facts(found);
        if facts.is_seen {
            findings.push(Finding { kind: FindingKind::DuplicateKey, weight: Weight::Fault, because: None, ..about });
            return Ok(());
        }
        self.table.store.mark_seen(found);
        if facts.is_unknown {
            return Ok(());
        }
        let compared = self.plan.compare(row, self.table.store.hashes(found), &self.hasher);
        if compared.unsaid.is_empty() && compared.not_comparable.is_empty() {
            counts.rows_compared += 1;
            counts.rows_unsent += u64::from(facts.is_unsent);
        }
        self.push_compared(&compared, facts, &about.key, about.subject, findings);
        Ok(())
    }

    fn push_compared(
        &mut self,
        compared: &Compared,
        facts: Facts,
        key: &[KeyPart],
        subject: Option<Subject>,
        findings: &mut Findings,
    ) {
        let place = place_of(facts);
        let about = |finding: Finding, columns: &[usize]| Finding {
            subject,
            key: key.to_vec(),
            places: vec![place],
            columns: self.table.names(columns),
            ..finding
        };
        if !compared.changed.is_empty() {
            let finding = if self.table.is_retyped(&compared.changed) {
                Finding::new(FindingKind::CatalogChanged, Weight::CannotTell)
            } else {
                self.table.finding(FindingKind::RowChanged, Some(place))
            };
            findings.push(about(finding, &compared.changed));
        }
        if !compared.unsaid.is_empty() {
            let finding = Finding::new(FindingKind::NotBackfilled, Weight::CannotTell);
            findings.push(about(finding, &compared.unsaid));
        }
        let unknown: Vec<usize> =
            compared.not_comparable.iter().copied().filter(|column| !self.not_comparable.contains(column)).collect();
        if !unknown.is_empty() {
            let finding = Finding::new(FindingKind::NotComparable, Weight::CannotTell);
            findings.push(about(finding, &unknown));
            self.not_comparable.extend(unknown);
        }
    }

    pub(crate) fn key_columns(&self) -> Vec<String> {
        self.table.layout.protected.key.clone()
    }

    /// A row without a record.
    fn added(&self) -> Finding {
        if self.table.is_complete {
            self.table.finding(FindingKind::RowAdded, None)
        } else {
            Finding::new(FindingKind::NotBackfilled, Weight::CannotTell)
        }
    }

    /// Judges the rows that were not shown. Returns the columns that were compared, and those that were not.
    pub(crate) fn finish(&self, counts: &mut Counts, findings: &mut Findings) -> (Vec<String>, Vec<String>) {
        counts.rows_of_the_record = self.table.store.len() as u64;
        match &self.scope {
            Scope::Whole if self.plan.has_key() => self.push_deleted(findings, None),
            Scope::Row(key) if self.plan.has_key() => {
                self.push_deleted(findings, Some(self.plan.subject(&self.table.layout, key)));
            }
            _ => {}
        }
        let places = 0..self.table.layout.columns().len();
        let (compared, others): (Vec<usize>, Vec<usize>) =
            places.partition(|place| self.plan.has_key() && self.plan.is_compared(*place));
        (self.table.names(&compared), self.table.names(&others))
    }

    /// Judges the recorded rows that were not shown, or the one of a subject.
    fn push_deleted(&self, findings: &mut Findings, only: Option<Subject>) {
        let is_wanted = |subject: &Subject| only.is_none_or(|only| only == *subject);
        let rows = || self.table.store.rows().filter(|(_, facts)| !facts.is_seen && !facts.is_unknown);
        let deleted = || rows().filter(|(subject, _)| is_wanted(subject));
        let mover = self.table.last_mover;
        let is_before = |facts: Facts| !facts.is_unsent && facts.last < mover.0;
        // A record without content of a row that was not there may have brought it here from another key: as many rows as
        // there are such records may have gone in that way.
        let may_have_moved = self.table.movers > 0 && rows().count() as u64 <= self.table.movers;
        for (subject, facts) in deleted() {
            let mut finding = self.table.finding(FindingKind::RowDeleted, Some(place_of(facts)));
            if may_have_moved && is_before(facts) {
                finding.weight = Weight::CannotTell;
                finding.because = Some(mover);
            }
            finding.subject = Some(subject);
            finding.places = vec![place_of(facts)];
            findings.push(finding);
        }
    }
}
