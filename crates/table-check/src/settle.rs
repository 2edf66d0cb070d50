//! A protected table as far as its record was read: the rows, and how steps change them.

use std::collections::{BTreeMap, BTreeSet};

use crate::chain::{State, Step, differing, follow, join, merge};
use crate::change::Operation;
use crate::digest::UNSAID;
use crate::finding::{Finding, FindingKind, Findings, KeyPart, Place, Weight};
use crate::ids::{LeafIndex, ProtectionId};
use crate::key::Subject;
use crate::layout::Layout;
use crate::store::{Facts, Store, TooManyRows};

/// Rows that came in unrecorded and may belong to a partition that is being attached. More than these are faults at once.
const MAX_LATE: usize = 100_000;

pub(crate) struct Table {
    pub(crate) protection: ProtectionId,
    pub(crate) layout: Layout,
    pub(crate) store: Store,
    /// Each row of the table had a record at one time.
    pub(crate) is_complete: bool,
    /// The last record of which it is not known to which rows it belongs.
    pub(crate) blind: Option<LeafIndex>,
    /// Records without content of rows that were not there: each may have moved a row here from another key.
    pub(crate) movers: u64,
    pub(crate) last_mover: LeafIndex,
    /// The columns of which a change of the type made other texts since the last backfill: no record says that the values are the same.
    pub(crate) retyped: BTreeSet<usize>,
    late: BTreeMap<Subject, Late>,
}

struct Late {
    finding: Finding,
    /// A backfill stated the row.
    is_stated: bool,
}

impl Table {
    pub(crate) fn new(protection: ProtectionId, layout: Layout) -> Self {
        let store = Store::new(layout.columns().len());
        Self {
            protection,
            layout,
            store,
            is_complete: false,
            blind: None,
            movers: 0,
            last_mover: LeafIndex(0),
            retyped: BTreeSet::new(),
            late: BTreeMap::new(),
        }
    }

    pub(crate) fn state(&self, subject: &Subject) -> (State, Option<Place>) {
        let Some(row) = self.store.find(subject) else { return (State::Absent, None) };
        let facts = self.store.facts(row);
        let state = if facts.is_unknown { State::Unknown } else { State::Row(self.store.hashes(row).into()) };
        (state, Some(place_of(facts)))
    }

    /// Applies steps that form a chain. `false` if they form none, and then nothing has changed.
    pub(crate) fn settle_chain(&mut self, subject: &Subject, steps: &[Step]) -> Result<bool, TooManyRows> {
        let (start, _) = self.state(subject);
        let Some(end) = follow(&start, steps, self.is_complete) else { return Ok(false) };
        steps.iter().for_each(|step| self.note_stated(subject, step));
        self.write(subject, &end, steps.iter().map(|step| step.place).max())?;
        Ok(true)
    }

    /// Applies steps in the order in which they stand, and says where they do not join.
    pub(crate) fn settle(
        &mut self,
        subject: &Subject,
        steps: &[Step],
        findings: &mut Findings,
    ) -> Result<(), TooManyRows> {
        if self.settle_chain(subject, steps)? {
            return Ok(());
        }
        let (mut at, mut last) = self.state(subject);
        for step in steps {
            at = match join(&at, step, self.is_complete) {
                Some(next) => {
                    self.note_stated(subject, step);
                    next
                }
                None => {
                    self.push_break(subject, &at, last, step, findings);
                    match (&at, &step.to) {
                        (State::Row(row), Some(stated)) if step.operation == Operation::State => {
                            State::Row(merge(row, stated))
                        }
                        _ => step.end(),
                    }
                }
            };
            last = Some(step.place);
        }
        self.write(subject, &at, last)
    }

    fn note_stated(&mut self, subject: &Subject, step: &Step) {
        if let Some(late) = self.late.get_mut(subject).filter(|_| step.operation == Operation::State) {
            late.is_stated = true;
        }
    }

    fn push_break(&mut self, subject: &Subject, at: &State, last: Option<Place>, step: &Step, findings: &mut Findings) {
        let is_state = step.operation == Operation::State;
        let (kind, columns) = match (at, &step.from) {
            (State::Row(_), None) if !is_state => (FindingKind::InsertOfARowThatWasThere, Vec::new()),
            (State::Row(row), from) => {
                let side = from.as_ref().or(step.to.as_ref());
                (FindingKind::StepDoesNotJoin, side.map_or_else(Vec::new, |side| differing(row, side)))
            }
            (_, None) => (FindingKind::RowAdded, Vec::new()),
            (_, Some(_)) => (FindingKind::ChangeOfARowThatWasNotThere, Vec::new()),
        };
        let mut finding = if kind == FindingKind::StepDoesNotJoin && self.is_retyped(&columns) {
            Finding::new(FindingKind::CatalogChanged, Weight::CannotTell)
        } else {
            self.finding(kind, last)
        };
        finding.subject = Some(*subject);
        finding.key = self.key(&step.key);
        finding.places = last.into_iter().chain([step.place]).collect();
        finding.columns = self.names(&columns);
        finding.operation = Some(step.operation);
        finding.recorded = Some((*step.recorded).clone());
        let may_be_attached = matches!(kind, FindingKind::RowAdded | FindingKind::ChangeOfARowThatWasNotThere);
        if may_be_attached && self.late.len() < MAX_LATE {
            let late = Late { finding, is_stated: is_state };
            if let Some(before) = self.late.insert(*subject, late) {
                findings.push(before.finding);
            }
        } else {
            findings.push(finding);
        }
    }

    /// Whether all these columns, of which there are some, got other texts by another type.
    pub(crate) fn is_retyped(&self, columns: &[usize]) -> bool {
        !columns.is_empty() && columns.iter().all(|column| self.retyped.contains(column))
    }

    /// A fault, or a doubt where a record that cannot be read may explain it.
    pub(crate) fn finding(&self, kind: FindingKind, last: Option<Place>) -> Finding {
        let is_before = |blind: &LeafIndex| match last {
            None => true,
            Some(Place::Recorded(index)) => index < *blind,
            Some(Place::Unsent(_)) => false,
        };
        let because = self.blind.filter(is_before);
        let weight = if because.is_some() { Weight::CannotTell } else { Weight::Fault };
        Finding { because, ..Finding::new(kind, weight) }
    }

    /// Ends the wait for the record of an attached partition of `attached` rows: each row that it stated is explained.
    /// Returns the number of those.
    pub(crate) fn settle_late(&mut self, attached: u64, findings: &mut Findings) -> u64 {
        let late = std::mem::take(&mut self.late);
        let stated = late.values().filter(|late| late.is_stated).count() as u64;
        for (_, Late { finding, is_stated }) in late {
            if !is_stated || stated > attached {
                findings.push(finding);
            }
        }
        if stated > attached { 0 } else { stated }
    }

    /// Removes all rows. From here on each row has a record.
    pub(crate) fn clear(&mut self) {
        self.store = Store::new(self.layout.columns().len());
        self.is_complete = true;
    }

    /// Makes the values of a row unknown.
    pub(crate) fn forget(&mut self, subject: &Subject, index: LeafIndex) -> Result<(), TooManyRows> {
        if self.store.find(subject).is_none() {
            self.movers += 1;
            self.last_mover = index;
        }
        let facts = Facts { last: index.0, is_unknown: true, ..Facts::default() };
        self.store.put(subject, facts, &vec![UNSAID; self.layout.columns().len()])
    }

    pub(crate) fn key(&self, values: &[String]) -> Vec<KeyPart> {
        let part = |(column, value): (&String, &String)| KeyPart { column: column.clone(), value: value.clone() };
        self.layout.protected.key.iter().zip(values).map(part).collect()
    }

    pub(crate) fn names(&self, places: &[usize]) -> Vec<String> {
        places.iter().filter_map(|place| self.layout.columns().get(*place)).map(|column| column.name.clone()).collect()
    }

    fn write(&mut self, subject: &Subject, end: &State, last: Option<Place>) -> Result<(), TooManyRows> {
        let (last, is_unsent) = match last {
            Some(Place::Recorded(index)) => (index.0, false),
            Some(Place::Unsent(position)) => (position, true),
            None => return Ok(()),
        };
        match end {
            State::Row(row) => self.store.put(subject, Facts { last, is_unsent, ..Facts::default() }, row),
            // Only a record without content makes a row unknown, and no step leaves it so.
            State::Absent | State::Unknown => {
                self.store.remove(subject);
                Ok(())
            }
        }
    }
}

pub(crate) fn place_of(facts: Facts) -> Place {
    if facts.is_unsent { Place::Unsent(facts.last) } else { Place::Recorded(LeafIndex(facts.last)) }
}
