//! The walk over a table's records in the ledger's order.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::allowed::Allowed;
use crate::chain::Step;
use crate::change::{Change, Operation};
use crate::digest::{Hash, Hasher};
use crate::event::{BackfillKind, Column, Protected, TableAct, TableEvent};
use crate::finding::{Finding, FindingKind, Findings, Place, Recorded, Weight};
use crate::ids::{LeafIndex, ProtectionId};
use crate::key::Subject;
use crate::layout::{Graft, HashedRow, Layout, Unsaid, source_of};
use crate::listed::{Listed, ListedChange};
use crate::note::{Counts, Note};
use crate::passed::Passed;
use crate::pending::Pending;
use crate::row::Row;
use crate::settle::Table;
use crate::store::TooManyRows;

pub(crate) struct Walker {
    name: String,
    hasher: Hasher,
    pub(crate) table: Option<Table>,
    pub(crate) findings: Findings,
    pub(crate) counts: Counts,
    pub(crate) notes: Vec<Note>,
    pub(crate) listed: Option<Listed>,
    pending: Pending,
    allowed: Allowed,
    /// The record with which the protection ended, until it begins again.
    ended: Option<Place>,
    /// The columns that a `reprotect` left out: by their numbers, for a name can be given to another one, and by their names, for a restore
    /// gives other numbers.
    left: BTreeSet<(i16, String)>,
    /// The transactions of the records.
    pub(crate) passed: Passed,
    /// Whether rows may come and go with partitions.
    is_partitioned: bool,
    /// Columns of which it was said already that records do not say them.
    unsaid: BTreeSet<(usize, Unsaid)>,
}

/// Notes that are kept; the later ones are counted with the records.
const MAX_NOTES: usize = 1_000;

/// The sides of a change: a row's subject, key and hashes.
struct Side {
    subject: Subject,
    key: Vec<String>,
    hashes: Box<[Hash]>,
    unsaid: Vec<(usize, Unsaid)>,
}

impl Walker {
    pub(crate) fn new(
        name: String,
        hasher: Hasher,
        limit: usize,
        listed: Option<Listed>,
        is_partitioned: bool,
    ) -> Self {
        Self {
            name,
            hasher,
            table: None,
            findings: Findings::new(limit),
            counts: Counts::default(),
            notes: Vec::new(),
            listed,
            pending: Pending::default(),
            allowed: Allowed::new(&[]),
            ended: None,
            left: BTreeSet::new(),
            passed: Passed::default(),
            is_partitioned,
            unsaid: BTreeSet::new(),
        }
    }

    /// Whether a record of this table's name and this protection is one to walk.
    pub(crate) fn is_ours(&self, table: &str, protection: &ProtectionId) -> bool {
        table == self.name || self.table.as_ref().is_some_and(|table| table.protection == *protection)
    }

    /// A record whose content is missing, or none that can be read.
    pub(crate) fn take_missing(
        &mut self,
        kind: FindingKind,
        index: LeafIndex,
        subject: Option<Subject>,
    ) -> Result<(), TooManyRows> {
        let finding =
            Finding { subject, places: vec![Place::Recorded(index)], ..Finding::new(kind, Weight::CannotTell) };
        self.findings.push(finding);
        let Some(table) = &mut self.table else { return Ok(()) };
        match subject {
            Some(subject) => {
                self.pending.settle_before_missing(table, &subject)?;
                table.forget(&subject, index)
            }
            None => self.grow_blind(index),
        }
    }

    fn grow_blind(&mut self, index: LeafIndex) -> Result<(), TooManyRows> {
        let Some(table) = &mut self.table else { return Ok(()) };
        self.pending.settle_before_blind(table)?;
        table.blind = Some(index);
        Ok(())
    }

    pub(crate) fn take_change(
        &mut self,
        place: Place,
        change: &Change<'_>,
        subject: Option<Subject>,
    ) -> Result<(), TooManyRows> {
        if matches!(place, Place::Recorded(_)) {
            self.passed.take(change.xid, &change.at);
        }
        let recorded = Arc::new(Recorded { at: change.at.clone(), who: change.who.clone() });
        if self.table.as_ref().is_none_or(|table| table.protection != change.protection) {
            let finding = Finding::new(FindingKind::TableNotProtected, Weight::CannotTell);
            self.push_at(finding, place, change.rows.operation(), &recorded);
            return Ok(());
        }
        let operation = change.rows.operation();
        self.counts.rows_retired += u64::from(operation == Operation::Retire);
        if operation == Operation::Truncate {
            self.list(place, change, &recorded, &[]);
            return self.take_truncate(place, change, &recorded);
        }
        let (Some(old), Some(new)) = (self.side(change.rows.old()), self.side(change.rows.new_row())) else {
            return self.take_keyless(place, operation, &recorded);
        };
        let keys: Vec<&[String]> = [&new, &old].into_iter().flatten().map(|side| side.key.as_slice()).collect();
        self.list(place, change, &recorded, &keys);
        for side in [&old, &new].into_iter().flatten() {
            self.push_unsaid(&side.unsaid, place, operation, &recorded);
        }
        let Some(subject_of_row) = new.as_ref().or(old.as_ref()).map(|side| side.subject) else { return Ok(()) };
        let key = new.as_ref().or(old.as_ref()).map_or_else(Vec::new, |side| side.key.clone());
        let about =
            Finding { subject: Some(subject_of_row), key: self.key(&key), ..doubt(FindingKind::CatalogChanged) };
        let is_named = subject.is_none_or(|named| [&old, &new].into_iter().flatten().any(|side| side.subject == named));
        if !is_named {
            let fault = Finding { kind: FindingKind::SubjectDoesNotMatch, weight: Weight::Fault, ..about.clone() };
            self.push_at(fault, place, operation, &recorded);
        }
        self.judge(change, place, &recorded, about);
        let make =
            |key: Vec<String>, from, to| Step { place, operation, from, to, key, recorded: Arc::clone(&recorded) };
        let steps = match (old, new) {
            (Some(old), Some(new)) if old.subject == new.subject => {
                vec![(new.subject, make(new.key, Some(old.hashes), Some(new.hashes)))]
            }
            (old, new) => {
                let old = old.map(|old| (old.subject, make(old.key, Some(old.hashes), None)));
                let new = new.map(|new| (new.subject, make(new.key, None, Some(new.hashes))));
                old.into_iter().chain(new).collect()
            }
        };
        let Some(table) = &mut self.table else { return Ok(()) };
        for (subject, step) in steps {
            self.pending.push(table, change.xid, subject, step, &mut self.findings)?;
        }
        Ok(())
    }

    pub(crate) fn take_event(&mut self, index: LeafIndex, event: TableEvent) -> Result<(), TooManyRows> {
        self.settle()?;
        self.counts.table_events += 1;
        let recorded = Recorded { at: event.at, who: event.who };
        let mut note = Note::new(index, event.act.name(), recorded.clone());
        let is_current = self.table.as_ref().is_some_and(|table| table.protection == event.protection);
        let kind = match event.act {
            TableAct::Protect(protected) => {
                let again = self.table.is_some().then_some(FindingKind::ProtectedAgain);
                if let Some(ended) = self.ended.take() {
                    // No record says what happened between.
                    let places = vec![ended, Place::Recorded(index)];
                    self.findings.push(Finding { places, ..doubt(FindingKind::TableNotProtected) });
                }
                self.begin(event.protection, protected);
                again
            }
            TableAct::Reprotect { after, before } if is_current => self.reprotect(index, after, &before, &mut note)?,
            TableAct::Reprotect { after, .. } => {
                self.begin(event.protection, after);
                Some(FindingKind::TableNotProtected)
            }
            TableAct::Backfilled { rows, kind } => {
                note.rows = Some(rows);
                if kind == BackfillKind::Attach && !self.is_partitioned {
                    let (places, recorded) = (vec![Place::Recorded(index)], Some(recorded.clone()));
                    let fault = Finding::new(FindingKind::OperationNotAllowed, Weight::Fault);
                    self.findings.push(Finding { places, recorded, ..fault });
                }
                self.backfilled(kind, rows, is_current)
            }
            TableAct::Unprotect { reason } => {
                note.reason = reason;
                let kind = (!is_current).then_some(FindingKind::TableNotProtected);
                if let Some(mut table) = self.table.take() {
                    table.settle_late(0, &mut self.findings);
                    self.ended = Some(Place::Recorded(index));
                }
                kind
            }
            TableAct::Adopt { reason } => {
                note.reason = reason;
                self.passed.clear();
                None
            }
        };
        if let Some(kind) = kind {
            let places = vec![Place::Recorded(index)];
            self.findings.push(Finding { places, recorded: Some(recorded), ..doubt(kind) });
        }
        if self.notes.len() < MAX_NOTES {
            self.notes.push(note);
        } else {
            self.counts.notes_not_kept += 1;
        }
        Ok(())
    }

    /// Ends the walk: all that waits is judged.
    pub(crate) fn finish(&mut self) -> Result<(), TooManyRows> {
        self.settle()?;
        if let Some(table) = &mut self.table {
            table.settle_late(0, &mut self.findings);
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), TooManyRows> {
        self.allowed.settle(&mut self.findings);
        match &mut self.table {
            Some(table) => self.pending.settle(table, &mut self.findings),
            None => Ok(()),
        }
    }

    fn begin(&mut self, protection: ProtectionId, protected: Protected) {
        if let Some(mut table) = self.table.take() {
            table.settle_late(0, &mut self.findings);
        }
        self.allowed = Allowed::new(&protected.allow);
        self.unsaid.clear();
        self.table = Some(Table::new(protection, Layout::new(protected)));
    }

    fn reprotect(
        &mut self,
        index: LeafIndex,
        after: Protected,
        before: &[Column],
        note: &mut Note,
    ) -> Result<Option<FindingKind>, TooManyRows> {
        let Some(table) = &mut self.table else { return Ok(None) };
        let known = &table.layout.protected;
        note.columns = crate::note::changes(&known.columns, &after.columns);
        note.rules = crate::note::rules(known, &after);
        let graft = Graft::new(&known.columns, &after.columns, &self.hasher);
        let is_other = before != known.columns.as_slice();
        let keeps_key = graft.keeps_key(known, &after);
        let kept: BTreeSet<usize> =
            after.columns.iter().filter_map(|column| source_of(column, &known.columns, &after.columns)).collect();
        let gone = known.columns.iter().enumerate().filter(|(place, _)| !kept.contains(place));
        let gone: Vec<(i16, String)> = gone.map(|(_, column)| (column.attnum, column.name.clone())).collect();
        let is_one = |column: &Column, (attnum, name): &(i16, String)| column.attnum == *attnum || column.name == *name;
        let is_back = |column: &Column| {
            let is_new = source_of(column, &known.columns, &after.columns).is_none();
            is_new && self.left.iter().any(|left| is_one(column, left))
        };
        let back: Vec<Column> = after.columns.iter().filter(|column| is_back(column)).cloned().collect();
        if !back.is_empty() {
            // No record says what happened to them while they were not protected.
            self.left.retain(|left| !back.iter().any(|column| is_one(column, left)));
            let places = vec![Place::Recorded(index)];
            let columns = back.into_iter().map(|column| column.name).collect();
            self.findings.push(Finding { places, columns, ..doubt(FindingKind::CatalogChanged) });
        }
        self.left.extend(gone);
        self.allowed = Allowed::new(&after.allow);
        self.unsaid.clear();
        if keeps_key {
            table.store = table.store.with_columns(after.columns.len(), |from, to| graft.fill(from, to))?;
            table.retyped = graft.retyped(&table.retyped);
            table.layout = Layout::new(after);
        } else {
            let protection = table.protection.clone();
            table.settle_late(0, &mut self.findings);
            *table = Table::new(protection, Layout::new(after));
            table.blind = Some(index);
        }
        let changed = is_other.then_some(FindingKind::CatalogChanged);
        Ok(if keeps_key { changed } else { Some(FindingKind::KeyChanged) })
    }

    fn backfilled(&mut self, kind: BackfillKind, rows: u64, is_current: bool) -> Option<FindingKind> {
        let Some(table) = self.table.as_mut().filter(|_| is_current) else {
            return Some(FindingKind::TableNotProtected);
        };
        if kind == BackfillKind::Attach {
            self.counts.rows_attached += table.settle_late(rows, &mut self.findings);
        } else {
            table.settle_late(0, &mut self.findings);
            table.is_complete = true;
            table.retyped.clear();
        }
        None
    }

    fn take_truncate(
        &mut self,
        place: Place,
        change: &Change<'_>,
        recorded: &Arc<Recorded>,
    ) -> Result<(), TooManyRows> {
        self.judge(change, place, recorded, doubt(FindingKind::CatalogChanged));
        let Some(table) = &mut self.table else { return Ok(()) };
        self.pending.settle(table, &mut self.findings)?;
        table.settle_late(0, &mut self.findings);
        table.clear();
        Ok(())
    }

    /// A change whose rows do not have the key's columns belongs to rows that are not known.
    fn take_keyless(
        &mut self,
        place: Place,
        operation: Operation,
        recorded: &Arc<Recorded>,
    ) -> Result<(), TooManyRows> {
        let columns = self.table.as_ref().map_or_else(Vec::new, |table| table.layout.protected.key.clone());
        let finding = Finding { columns, ..doubt(FindingKind::CatalogChanged) };
        self.push_at(finding, place, operation, recorded);
        match place {
            Place::Recorded(index) => self.grow_blind(index),
            Place::Unsent(_) => self.grow_blind(LeafIndex(u64::MAX)),
        }
    }

    fn judge(&mut self, change: &Change<'_>, place: Place, recorded: &Arc<Recorded>, about: Finding) {
        let operation = change.rows.operation();
        let fault = || Finding {
            kind: FindingKind::OperationNotAllowed,
            weight: Weight::Fault,
            places: vec![place],
            operation: Some(operation),
            recorded: Some((**recorded).clone()),
            ..about.clone()
        };
        if operation == Operation::Retire && !self.is_partitioned {
            // Rows leave by `retire` with a partition.
            self.findings.push(fault());
            return;
        }
        self.allowed.take(change.xid, operation, fault, &mut self.findings);
    }

    /// `None` if the row has no key, `Some(None)` if there is no row.
    fn side(&self, row: Option<&Row<'_>>) -> Option<Option<Side>> {
        let Some(row) = row else { return Some(None) };
        let layout = &self.table.as_ref()?.layout;
        let key = layout.key_of(row)?;
        let subject = layout.protected.secret.subject(key.iter().map(String::as_str));
        let HashedRow { hashes, unsaid } = layout.hash(row, &self.hasher);
        Some(Some(Side { subject, key, hashes, unsaid }))
    }

    /// Says once of each column that a record does not have it, or not as its type does.
    fn push_unsaid(
        &mut self,
        unsaid: &[(usize, Unsaid)],
        place: Place,
        operation: Operation,
        recorded: &Arc<Recorded>,
    ) {
        for (column, unsaid) in unsaid.iter().copied() {
            if !self.unsaid.insert((column, unsaid)) {
                continue;
            }
            let kind = match unsaid {
                Unsaid::Missing | Unsaid::Label => FindingKind::CatalogChanged,
                Unsaid::NotComparable => FindingKind::NotComparable,
            };
            let columns = self.table.as_ref().map_or_else(Vec::new, |table| table.names(&[column]));
            self.push_at(Finding { columns, ..doubt(kind) }, place, operation, recorded);
        }
    }

    fn list(&mut self, place: Place, change: &Change<'_>, recorded: &Recorded, keys: &[&[String]]) {
        let (Some(listed), Some(table)) = (&mut self.listed, &self.table) else { return };
        listed.push(place, keys, || {
            let key = keys.first().map_or_else(Vec::new, |key| table.key(key));
            ListedChange::new(place, change, key, table.layout.columns(), recorded.clone())
        });
    }

    fn push_at(&mut self, finding: Finding, place: Place, operation: Operation, recorded: &Arc<Recorded>) {
        let (places, operation) = (vec![place], Some(operation));
        self.findings.push(Finding { places, operation, recorded: Some((**recorded).clone()), ..finding });
    }

    fn key(&self, values: &[String]) -> Vec<crate::finding::KeyPart> {
        self.table.as_ref().map_or_else(Vec::new, |table| table.key(values))
    }
}

fn doubt(kind: FindingKind) -> Finding {
    Finding::new(kind, Weight::CannotTell)
}
