//! Findings: each a fact about one row, one record or the table, in plain words and for machines.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::change::{Operation, Who};
use crate::ids::{LeafIndex, Timestamp};
use crate::key::Subject;

/// The place of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The change is a record of the ledger.
    Recorded(LeafIndex),
    /// The change waits in the outbox, at this position.
    Unsent(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recorded(index) => write!(f, "record {index}"),
            Self::Unsent(position) => write!(f, "outbox row {position}"),
        }
    }
}

/// The users and the time of a change, as the database said them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// The time of the database's clock.
    pub at: Timestamp,
    /// The users.
    #[serde(flatten)]
    pub who: Who,
}

/// A fault refuses the table; a doubt leaves the verdict open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Something contradicts the record.
    Fault,
    /// Something cannot be told.
    CannotTell,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A live row differs from its last record.
    RowChanged,
    /// A recorded row is not in the table.
    RowDeleted,
    /// A live row has no record, although each row had one.
    RowAdded,
    /// Two live rows have one key.
    DuplicateKey,
    /// A change does not begin where the change before it ended.
    StepDoesNotJoin,
    /// A row was inserted whose key was in the table.
    InsertOfARowThatWasThere,
    /// A row changed that was not in the table.
    ChangeOfARowThatWasNotThere,
    /// A change is none of the allowed operations, or one of partitions in a table that has none.
    OperationNotAllowed,
    /// A record names another row's subject than its content does.
    SubjectDoesNotMatch,
    /// A record has no content.
    ContentMissing,
    /// A record's content is none that this reader knows.
    ContentUnreadable,
    /// The catalog is not what the last record of it says.
    CatalogChanged,
    /// A live value has a form that cannot be compared with JSON.
    NotComparable,
    /// A row or a column has no record, and the backfill has not ended.
    NotBackfilled,
    /// The table is not protected, or was not at that record.
    TableNotProtected,
    /// The protection began a second time without an end.
    ProtectedAgain,
    /// The key's columns or the secret changed, so that rows before and after cannot be joined.
    KeyChanged,
}

/// One column of a row's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyPart {
    /// The column's name.
    pub column: String,
    /// The value's text.
    pub value: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The kind.
    pub kind: FindingKind,
    /// Whether it refuses.
    pub weight: Weight,
    /// The row's subject.
    pub subject: Option<Subject>,
    /// The row's key, where a content or a live row gave it.
    pub key: Vec<KeyPart>,
    /// The changes that it is about, in the order of the record.
    pub places: Vec<Place>,
    /// The columns that it is about.
    pub columns: Vec<String>,
    /// The operation of the last of the changes.
    pub operation: Option<Operation>,
    /// The users and the time of the last of the changes.
    pub recorded: Option<Recorded>,
    /// The record without which a fault cannot be told from a consequence of what is missing.
    pub because: Option<LeafIndex>,
}

impl Finding {
    pub(crate) fn new(kind: FindingKind, weight: Weight) -> Self {
        Self {
            kind,
            weight,
            subject: None,
            key: Vec::new(),
            places: Vec::new(),
            columns: Vec::new(),
            operation: None,
            recorded: None,
            because: None,
        }
    }

    fn row(&self) -> String {
        match (&self.subject, self.key.is_empty()) {
            (_, false) => format!("the row {}", words_of_key(&self.key)),
            (Some(subject), true) => format!("the row of subject {subject}"),
            (None, true) => "the table".to_owned(),
        }
    }

    fn place(&self, from_the_end: usize) -> String {
        let place = self.places.iter().rev().nth(from_the_end);
        place.map_or_else(|| "the beginning".to_owned(), Place::to_string)
    }

    fn columns(&self) -> String {
        match self.columns.as_slice() {
            [] => "no column".to_owned(),
            [one] => format!("the column {}", plain(one)),
            more => format!("the columns {}", more.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", ")),
        }
    }

    fn sentence(&self) -> String {
        let (row, last, columns) = (self.row(), self.place(0), self.columns());
        let operation = self.operation.map_or_else(|| "change".to_owned(), |operation| operation.to_string());
        match self.kind {
            FindingKind::RowChanged => format!("{row} was changed outside the record since {last}, in {columns}"),
            FindingKind::RowDeleted => format!("{row} was deleted outside the record since {last}"),
            FindingKind::RowAdded => match self.places.as_slice() {
                [] => format!("{row} was added outside the record"),
                _ => format!("{row} was added outside the record before {last}"),
            },
            FindingKind::DuplicateKey => format!("{row} stands in the table more than once"),
            FindingKind::StepDoesNotJoin => {
                let before = self.place(1);
                format!("{row} was changed outside the record between {before} and {last}, in {columns}")
            }
            FindingKind::InsertOfARowThatWasThere => {
                format!("{last} brings in {row}, which was in the table since {}", self.place(1))
            }
            FindingKind::ChangeOfARowThatWasNotThere => {
                format!("{last} ({operation}) changes {row}, which was not in the table")
            }
            FindingKind::OperationNotAllowed if self.operation.is_none() => {
                format!("{last} says that a partition was attached, and the table has no partitions")
            }
            FindingKind::OperationNotAllowed => {
                format!("{last} ({operation}) changes {row}, and that operation is not allowed")
            }
            FindingKind::SubjectDoesNotMatch => format!("{last} is about {row}, and names another subject"),
            FindingKind::ContentMissing => format!("{last} has no content, so that {row} cannot be followed there"),
            FindingKind::ContentUnreadable => format!("{last} has a content that this reader does not know"),
            FindingKind::CatalogChanged if self.places.is_empty() => {
                format!("the catalog has {columns} in another way than the last record of it")
            }
            FindingKind::CatalogChanged => format!("{last} and the recorded catalog differ in {columns}"),
            FindingKind::NotComparable => format!("{row} has values that cannot be compared with JSON, in {columns}"),
            FindingKind::NotBackfilled if self.columns.is_empty() => format!("{row} has no record yet"),
            FindingKind::NotBackfilled => format!("{row} has no record of {columns} yet"),
            FindingKind::TableNotProtected if self.places.is_empty() => "no record protects the table".to_owned(),
            FindingKind::TableNotProtected => format!("the table was not protected at {last}"),
            FindingKind::ProtectedAgain => format!("{last} protects the table again, and no record ended it before"),
            FindingKind::KeyChanged => format!("{last} changes the key, so that no row before it can be joined"),
        }
    }
}

/// A row's key, as `id = "7"`.
pub(crate) fn words_of_key(key: &[KeyPart]) -> String {
    let part = |part: &KeyPart| format!("{} = {:?}", plain(&part.column), part.value);
    key.iter().map(part).collect::<Vec<_>>().join(", ")
}

/// A name that needs no quotes, or the name in quotes and escaped.
fn plain(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.is_empty() && name.bytes().all(is_plain) { name.to_owned() } else { format!("{name:?}") }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = self.sentence();
        let mut letters = sentence.chars();
        if let Some(first) = letters.next() {
            write!(f, "{}{}", first.to_uppercase(), letters.as_str())?;
        }
        if let Some(Recorded { at, who }) = &self.recorded {
            write!(f, " ({}: {at}, user {:?}", self.place(0), who.user)?;
            if let Some(role) = &who.role {
                write!(f, ", role {role:?}")?;
            }
            if let Some(actor) = &who.actor {
                write!(f, ", actor {actor:?}")?;
            }
            write!(f, ")")?;
        }
        match self.because {
            Some(index) => write!(f, "; record {index} may explain it, and what it says is missing."),
            None => write!(f, "."),
        }
    }
}

/// The findings that are kept, up to a limit, and the number of all by their kind.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    limit: usize,
    pub(crate) kept: Vec<Finding>,
    pub(crate) counts: BTreeMap<FindingKind, u64>,
    pub(crate) faults: u64,
    pub(crate) doubts: u64,
}

impl Findings {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::new(), counts: BTreeMap::new(), faults: 0, doubts: 0 }
    }

    /// Counts a finding and keeps it where there is room. A fault takes the place of a doubt.
    pub(crate) fn push(&mut self, finding: Finding) {
        *self.counts.entry(finding.kind).or_default() += 1;
        match finding.weight {
            Weight::Fault => self.faults += 1,
            Weight::CannotTell => self.doubts += 1,
        }
        if self.kept.len() < self.limit {
            self.kept.push(finding);
        } else if finding.weight == Weight::Fault && self.faults <= self.limit as u64 {
            let doubt = self.kept.iter_mut().rev().find(|kept| kept.weight == Weight::CannotTell);
            if let Some(doubt) = doubt {
                *doubt = finding;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_the_row_the_records_the_columns_and_the_users_in_one_escaped_sentence() {
        let mut finding = Finding::new(FindingKind::StepDoesNotJoin, Weight::Fault);
        finding.key = vec![KeyPart { column: "id".to_owned(), value: "a\u{1b}\n".to_owned() }];
        finding.places = vec![Place::Recorded(LeafIndex(4)), Place::Recorded(LeafIndex(9))];
        finding.columns = vec!["amount".to_owned(), "a b\n".to_owned()];
        let who = Who { user: "app".to_owned(), role: None, actor: Some("ann".to_owned()) };
        finding.recorded = Some(Recorded { at: Timestamp::parse("2026-01-02T03:04:05.000000Z").unwrap(), who });
        let text = concat!(
            r#"The row id = "a\u{1b}\n" was changed outside the record between record 4 and record 9, in the columns "#,
            r#"amount, "a b\n" (record 9: 2026-01-02T03:04:05.000000Z, user "app", actor "ann")."#
        );
        assert_eq!(finding.to_string(), text);
    }

    #[test]
    fn keeps_faults_rather_than_doubts_and_counts_all() {
        let mut findings = Findings::new(2);
        for kind in [FindingKind::ContentMissing; 3] {
            findings.push(Finding::new(kind, Weight::CannotTell));
        }
        for kind in [FindingKind::RowDeleted; 3] {
            findings.push(Finding::new(kind, Weight::Fault));
        }
        assert!(findings.kept.iter().all(|finding| finding.kind == FindingKind::RowDeleted));
        assert_eq!((findings.kept.len(), findings.faults, findings.doubts), (2, 3, 3));
        assert_eq!(findings.counts[&FindingKind::ContentMissing], 3);
    }
}
