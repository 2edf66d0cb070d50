//! The content of a change's record: written by the relay, read by the check.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::ids::{ProtectionId, Timestamp, Xid};
use crate::row::{NotARow, Row};

/// The content type of a change.
pub const CHANGE_TYPE: &str = "application/vnd.counterfoil.change+json";

/// The version of the contents that this crate reads and writes.
pub(crate) const VERSION: u64 = 1;

/// The database's users of one change, and the application's. The database says all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Who {
    /// The session's user.
    pub user: String,
    /// The role in force, where it is another one.
    pub role: Option<String>,
    /// The application's user, as its setting named it.
    pub actor: Option<String>,
}

/// The operation of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A row came in.
    Insert,
    /// A row changed, its key perhaps too.
    Update,
    /// A row went away.
    Delete,
    /// All rows went away.
    Truncate,
    /// A row stood like this when it was backfilled.
    State,
    /// A row leaves the record and stays in the table.
    Retire,
}

impl Operation {
    /// Reads an operation's name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Insert, Self::Update, Self::Delete, Self::Truncate, Self::State, Self::Retire];
        all.into_iter().find(|operation| operation.to_string() == name)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Truncate => "truncate",
            Self::State => "state",
            Self::Retire => "retire",
        })
    }
}

/// The rows of a change, before it and after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows<'a> {
    operation: Operation,
    old: Option<Row<'a>>,
    new: Option<Row<'a>>,
}

impl<'a> Rows<'a> {
    /// Joins an operation with its rows.
    ///
    /// # Errors
    /// [`ChangeError::WrongRows`] if the operation has other rows: `insert` and `state` have a new one, `update` has both,
    /// `delete` and `retire` have an old one, `truncate` has neither.
    pub fn new(operation: Operation, old: Option<Row<'a>>, new: Option<Row<'a>>) -> Result<Self, ChangeError> {
        let expected = match operation {
            Operation::Insert | Operation::State => (false, true),
            Operation::Update => (true, true),
            Operation::Delete | Operation::Retire => (true, false),
            Operation::Truncate => (false, false),
        };
        if (old.is_some(), new.is_some()) != expected {
            return Err(ChangeError::WrongRows { operation });
        }
        Ok(Self { operation, old, new })
    }

    /// The operation.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The row before the change.
    #[must_use]
    pub fn old(&self) -> Option<&Row<'a>> {
        self.old.as_ref()
    }

    /// The row after the change.
    #[must_use]
    pub fn new_row(&self) -> Option<&Row<'a>> {
        self.new.as_ref()
    }
}

/// One change of a protected table.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<'a> {
    /// The table, as `schema.name`.
    pub table: String,
    /// The protection under which the trigger ran.
    pub protection: ProtectionId,
    /// The operation and its rows.
    pub rows: Rows<'a>,
    /// The time of the database's clock.
    pub at: Timestamp,
    /// The transaction.
    pub xid: Xid,
    /// The users.
    pub who: Who,
}

/// A content that is no change.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The content is not JSON of a change's members, each once and none else.
    #[error("the content does not have a change's members, each once and none else")]
    Members(#[source] serde_json::Error),
    /// The content has another version.
    #[error("the content has version {version}, and this reader knows version 1")]
    Version {
        /// The version that stands there.
        version: u64,
    },
    /// The operation has other rows.
    #[error("the operation {operation} does not have the rows that belong to it")]
    WrongRows {
        /// The operation.
        operation: Operation,
    },
    /// A row is no object.
    #[error(transparent)]
    Row(#[from] NotARow),
}

impl<'a> Change<'a> {
    /// Reads a record's content. The rows borrow from it.
    ///
    /// # Errors
    /// [`ChangeError`] if a member is unknown, missing or there twice, the version is another, or the rows do not fit.
    pub fn decode(content: &'a [u8]) -> Result<Self, ChangeError> {
        let wire: Wire<'a> = serde_json::from_slice(content).map_err(ChangeError::Members)?;
        if wire.v != VERSION {
            return Err(ChangeError::Version { version: wire.v });
        }
        let old = wire.old.map(Row::from_raw).transpose()?;
        let new = wire.new.map(Row::from_raw).transpose()?;
        Ok(Self {
            table: wire.table,
            protection: wire.protection,
            rows: Rows::new(wire.operation, old, new)?,
            at: wire.at,
            xid: wire.xid,
            who: Who { user: wire.user, role: wire.role, actor: wire.actor },
        })
    }

    /// Writes the content: JSON without white space, the members in their fixed order, both rows byte for byte.
    ///
    /// # Panics
    /// Never: each member has a JSON form, and a vector takes all bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let wire = Wire {
            v: VERSION,
            table: self.table.clone(),
            protection: self.protection.clone(),
            operation: self.rows.operation,
            at: self.at.clone(),
            xid: self.xid,
            user: self.who.user.clone(),
            role: self.who.role.clone(),
            actor: self.who.actor.clone(),
            old: self.rows.old.as_ref().map(Row::raw),
            new: self.rows.new.as_ref().map(Row::raw),
        };
        serde_json::to_vec(&wire).expect("each member has a JSON form, and a vector takes all bytes")
    }
}

/// The members in their order. `deserialize_with` makes a member that may be null one that must be there.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    v: u64,
    table: String,
    protection: ProtectionId,
    operation: Operation,
    at: Timestamp,
    xid: Xid,
    user: String,
    #[serde(deserialize_with = "present")]
    role: Option<String>,
    #[serde(deserialize_with = "present")]
    actor: Option<String>,
    #[serde(borrow, deserialize_with = "present")]
    old: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "present")]
    new: Option<&'a RawValue>,
}

/// Reads a member that may be null and may not be missing.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: &str = concat!(
        r#"{"v":1,"table":"public.t","protection":"018f3f2e-0000-7000-8000-0000000000aa","operation":"update","#,
        r#""at":"2026-01-02T03:04:05.678900Z","xid":"18446744073709551615","user":"app \"x\"","role":null,"actor":"é","#,
        r#""old":{"id":1,"x":1.10,"j":{ "a" : [1,2 ] }},"new":{"id":1,"x":-0,"j":null}}"#
    );

    #[test]
    fn encodes_what_it_decoded_byte_for_byte() {
        let change = Change::decode(CONTENT.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(change.encode()).unwrap(), CONTENT);
        assert_eq!(change.rows.old().unwrap().json(), r#"{"id":1,"x":1.10,"j":{ "a" : [1,2 ] }}"#);
    }

    #[test]
    fn refuses_members_that_are_unknown_missing_or_there_twice() {
        let broken = [
            CONTENT.replace(r#""v":1,"#, r#""v":1,"w":1,"#),
            CONTENT.replace(r#""v":1,"#, r#""v":1,"v":1,"#),
            CONTENT.replace(r#""v":1,"#, ""),
            CONTENT.replace(r#""role":null,"#, ""),
            CONTENT.replace(r#""actor":"é","#, ""),
            CONTENT.replace(r#""xid":"18446744073709551615""#, r#""xid":18446744073709551615"#),
            CONTENT.replace(r#""xid":"18446744073709551615""#, r#""xid":"18446744073709551616""#),
            CONTENT.replace(r#""xid":"18446744073709551615""#, r#""xid":"+1""#),
            CONTENT.replace("update", "upsert"),
            format!("{CONTENT}x"),
        ];
        for content in broken {
            assert!(matches!(Change::decode(content.as_bytes()), Err(ChangeError::Members(_))), "{content}");
        }
    }

    #[test]
    fn refuses_another_version_and_rows_that_do_not_belong_to_the_operation() {
        let version = CONTENT.replace(r#""v":1"#, r#""v":2"#);
        assert!(matches!(Change::decode(version.as_bytes()), Err(ChangeError::Version { version: 2 })));
        for operation in ["insert", "delete", "truncate", "state", "retire"] {
            let content = CONTENT.replace("update", operation);
            assert!(matches!(Change::decode(content.as_bytes()), Err(ChangeError::WrongRows { .. })), "{operation}");
        }
        let twice = CONTENT.replace(r#"{"id":1,"x":-0"#, r#"{"id":1,"id":1,"x":-0"#);
        assert!(matches!(Change::decode(twice.as_bytes()), Err(ChangeError::Row(_))));
    }
}
