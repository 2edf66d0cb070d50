//! The check: records in, live rows in, a report out.

use crate::change::{CHANGE_TYPE, Change, Operation};
use crate::compare::{LiveCheck, RowError, Scope};
use crate::digest::{Hasher, Seed};
use crate::event::{TABLE_TYPE, TableEvent};
use crate::finding::{Finding, FindingKind, Place, Weight};
use crate::ids::{LeafIndex, Xid};
use crate::key::Subject;
use crate::listed::{Listed, Listing};
use crate::live::{LiveColumn, LiveRow};
use crate::snapshot::Snapshot;
use crate::verdict::{Report, Verdict};
use crate::walk::Walker;

/// The verifier's own statements of what is checked. None of them comes from the database under test but the snapshot, which it says of
/// its own rows.
#[derive(Clone, Debug)]
pub struct Pins {
    /// The table, as `schema.name`.
    pub table: String,
    /// Whether all rows are going to be shown.
    pub scope: Scope,
    /// The snapshot in which rows and outbox were read. Without one, all records are walked.
    pub snapshot: Option<Snapshot>,
    /// Whether the table has partitions now: rows come in and leave with them there alone.
    pub is_partitioned: bool,
    /// The last `adopt`, from before which transaction ids are another database's: its records are walked whatever the
    /// snapshot says.
    pub adopted_at: Option<LeafIndex>,
    /// The number of findings that are kept; all are counted.
    pub max_findings: usize,
    /// The changes that the report lists. Without it, none.
    pub listing: Option<Listing>,
}

impl Pins {
    /// A check of a whole table, which may have partitions, that keeps 1,000 findings.
    #[must_use]
    pub fn whole(table: &str) -> Self {
        let table = table.to_owned();
        Self {
            table,
            scope: Scope::Whole,
            snapshot: None,
            is_partitioned: true,
            adopted_at: None,
            max_findings: 1_000,
            listing: None,
        }
    }
}

/// A record's content.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The content type.
    pub content_type: &'a str,
    /// The bytes. The caller matched them with the record's commitment.
    pub bytes: &'a [u8],
}

/// A record of the ledger that may be the table's. The caller verified that it stands there.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The subject that the record names.
    pub subject: Option<Subject>,
    /// The content, or none where it is missing or does not match its commitment.
    pub content: Option<Content<'a>>,
}

/// A record that cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TakeError {
    /// The records do not come in the ledger's order.
    #[error("record {index} comes behind record {last}")]
    NotAscending {
        /// The record's index.
        index: LeafIndex,
        /// The index of the one before.
        last: LeafIndex,
    },
    /// An outbox row comes before a record, or not in the outbox's order.
    #[error("the outbox row {position} comes before a record or behind a later outbox row")]
    OutboxNotLast {
        /// The row's position.
        position: u64,
    },
    /// The table has more than 2^32 - 2 rows at one time.
    #[error("the table has more rows than a check can hold, 4,294,967,294")]
    TooManyRows,
}

/// The first half of a check: it takes the records.
pub struct Check {
    pins: Pins,
    hasher: Hasher,
    walker: Walker,
    last: Option<Place>,
}

impl Check {
    /// Begins a check. The caller draws the seed from a source that can be trusted, once for each check.
    #[must_use]
    pub fn new(pins: Pins, seed: &Seed) -> Self {
        let hasher = Hasher::new(seed);
        let listed = pins.listing.clone().map(|listing| Listed::new(listing, &pins.scope));
        let walker = Walker::new(pins.table.clone(), hasher.clone(), pins.max_findings, listed, pins.is_partitioned);
        Self { pins, hasher, walker, last: None }
    }

    /// Takes the next record of the ledger. Records of other tables and types are counted and passed over.
    ///
    /// # Errors
    /// [`TakeError`] if the record does not come in the ledger's order, or the table has too many rows.
    pub fn take(&mut self, index: LeafIndex, record: &Record<'_>) -> Result<(), TakeError> {
        match self.last {
            Some(Place::Recorded(last)) if last >= index => return Err(TakeError::NotAscending { index, last }),
            Some(Place::Unsent(position)) => return Err(TakeError::OutboxNotLast { position }),
            _ => self.last = Some(Place::Recorded(index)),
        }
        self.walker.counts.records += 1;
        let taken = match record.content {
            None => self.take_missing(FindingKind::ContentMissing, index, record.subject),
            Some(content) => match content.content_type {
                CHANGE_TYPE => match Change::decode(content.bytes) {
                    Ok(change) => self.take_change(Place::Recorded(index), &change, record.subject),
                    Err(_) => self.take_missing(FindingKind::ContentUnreadable, index, record.subject),
                },
                TABLE_TYPE => match TableEvent::decode(content.bytes) {
                    Ok(event) if self.walker.is_ours(&event.table, &event.protection) => {
                        self.walker.take_event(index, event)
                    }
                    Ok(_) => {
                        self.walker.counts.other_records += 1;
                        Ok(())
                    }
                    Err(_) => self.take_missing(FindingKind::ContentUnreadable, index, record.subject),
                },
                _ => {
                    self.walker.counts.other_records += 1;
                    Ok(())
                }
            },
        };
        taken.map_err(|_| TakeError::TooManyRows)
    }

    /// Takes a change that waits in the outbox, in the outbox's order, behind all records.
    ///
    /// Only the database says it, so that a report counts rows that depend on it.
    ///
    /// # Errors
    /// [`TakeError`] if the row does not come in the outbox's order, or the table has too many rows.
    pub fn take_unsent(&mut self, position: u64, change: &Change<'_>) -> Result<(), TakeError> {
        match self.last {
            Some(Place::Unsent(last)) if last >= position => return Err(TakeError::OutboxNotLast { position }),
            _ => self.last = Some(Place::Unsent(position)),
        }
        self.walker.counts.changes_unsent += 1;
        if matches!(change.rows.operation(), Operation::Delete | Operation::Truncate | Operation::Retire) {
            self.walker.counts.removals_unsent += 1;
        }
        self.take_change(Place::Unsent(position), change, None).map_err(|_| TakeError::TooManyRows)
    }

    /// The newest transaction of the table's records since the last `adopt`; none where there is none.
    #[must_use]
    pub fn newest_transaction(&self) -> Option<Xid> {
        self.walker.passed.newest()
    }

    /// The second by which a transaction had begun: that of the first record since the last `adopt` whose transaction is this one or began
    /// after it, since 1970. None where no record is of such a transaction.
    #[must_use]
    pub fn had_begun(&self, xid: Xid) -> Option<i64> {
        self.walker.passed.had_begun(xid)
    }

    /// Ends the records and begins the rows, whose columns `catalog` names in the order of their texts.
    ///
    /// # Errors
    /// [`TakeError::TooManyRows`] if the table has too many rows.
    pub fn against(mut self, catalog: &[LiveColumn]) -> Result<Comparison, TakeError> {
        self.walker.finish().map_err(|_| TakeError::TooManyRows)?;
        let mut walker = self.walker;
        let live = match walker.table.take() {
            Some(table) => {
                Some(LiveCheck::new(table, catalog, self.hasher, self.pins.scope.clone(), &mut walker.findings))
            }
            None => {
                walker.findings.push(Finding::new(FindingKind::TableNotProtected, Weight::CannotTell));
                None
            }
        };
        Ok(Comparison { pins: self.pins, walker, live })
    }

    fn take_missing(
        &mut self,
        kind: FindingKind,
        index: LeafIndex,
        subject: Option<Subject>,
    ) -> Result<(), crate::store::TooManyRows> {
        self.walker.counts.records_without_content += 1;
        self.walker.take_missing(kind, index, subject)
    }

    fn take_change(
        &mut self,
        place: Place,
        change: &Change<'_>,
        subject: Option<Subject>,
    ) -> Result<(), crate::store::TooManyRows> {
        if !self.walker.is_ours(&change.table, &change.protection) {
            self.walker.counts.other_records += 1;
            return Ok(());
        }
        let is_adopted = match (place, self.pins.adopted_at) {
            (Place::Recorded(index), Some(adopted)) => index < adopted,
            _ => false,
        };
        let is_visible = self.pins.snapshot.as_ref().is_none_or(|snapshot| snapshot.is_visible(change.xid));
        if !is_adopted && !is_visible {
            self.walker.counts.changes_beyond_the_snapshot += 1;
            return Ok(());
        }
        self.walker.counts.changes_walked += u64::from(matches!(place, Place::Recorded(_)));
        self.walker.take_change(place, change, subject)
    }
}

/// The second half of a check: it compares the live rows.
pub struct Comparison {
    pins: Pins,
    walker: Walker,
    live: Option<LiveCheck>,
}

impl Comparison {
    /// Compares one live row. Rows may come in any order, each once.
    ///
    /// # Errors
    /// [`RowError`] if the row has more or fewer texts than the catalog has columns.
    pub fn compare(&mut self, row: &LiveRow<'_>) -> Result<(), RowError> {
        let Walker { counts, findings, .. } = &mut self.walker;
        match &mut self.live {
            Some(live) => live.compare(row, counts, findings),
            None => {
                counts.rows_of_the_table += 1;
                Ok(())
            }
        }
    }

    /// Ends the rows and gives the verdict.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let Walker { counts, findings, .. } = &mut self.walker;
        let (key, (columns_compared, columns_not_compared)) = match &self.live {
            Some(live) => (live.key_columns(), live.finish(counts, findings)),
            None => (Vec::new(), (Vec::new(), Vec::new())),
        };
        let verdict = match (findings.faults, findings.doubts) {
            (0, 0) => Verdict::Verified,
            (0, _) => Verdict::CannotTell,
            _ => Verdict::Refused,
        };
        Report {
            verdict,
            table: self.pins.table,
            scope: self.pins.scope,
            counts: self.walker.counts,
            columns_compared,
            columns_not_compared,
            findings_by_kind: self.walker.findings.counts,
            findings: self.walker.findings.kept,
            notes: self.walker.notes,
            changes_listed: self.walker.listed.as_ref().map_or(0, |listed| listed.all),
            changes: self.walker.listed.map_or_else(Vec::new, |listed| listed.kept),
            key,
        }
    }
}
