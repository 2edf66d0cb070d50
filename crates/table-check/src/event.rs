//! The content of a table event's record: protect, backfilled, reprotect, unprotect, adopt.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::change::{Operation, VERSION, Who, present};
use crate::ids::{ProtectionId, Timestamp, decode_hex};
use crate::key::Secret;

/// The content type of a table event.
pub const TABLE_TYPE: &str = "application/vnd.counterfoil.table+json";

/// A protected column, as the catalog had it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The column's name.
    pub name: String,
    /// The type as `format_type` writes it, with its modifier.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The column's number, which a rename keeps. It is above 0.
    pub attnum: i16,
    /// The labels of an enum in their sort order.
    #[serde(rename = "enum", default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// Whether the column is NOT NULL.
    pub not_null: bool,
}

/// A table's protection, as `protect` and `reprotect` record it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// The protected columns in the order of their numbers.
    pub columns: Vec<Column>,
    /// The names of the key's columns, in the key's order.
    pub key: Vec<String>,
    /// The operations that are allowed, of insert, update, delete and truncate.
    pub allow: Vec<Operation>,
    /// Whether all columns of the table are protected.
    pub is_whole: bool,
    /// The secret under which subjects are made.
    pub secret: Secret,
}

/// The reason of a backfill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillKind {
    /// The table was protected.
    Protect,
    /// The protected columns changed.
    Reprotect,
    /// A partition with rows was attached.
    Attach,
}

/// The act that a table event records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableAct {
    /// The protection begins.
    Protect(Protected),
    /// The protection goes on with other columns or rules.
    Reprotect {
        /// The protection from here on.
        after: Protected,
        /// The columns until here.
        before: Vec<Column>,
    },
    /// Each row has a record from here on.
    Backfilled {
        /// The number of rows that the backfill stated.
        rows: u64,
        /// The backfill's reason.
        kind: BackfillKind,
    },
    /// The protection ends.
    Unprotect {
        /// The reason in the user's words.
        reason: Option<String>,
    },
    /// The operator took over the database after a restore or a move.
    Adopt {
        /// The reason in the user's words.
        reason: Option<String>,
    },
}

impl TableAct {
    /// The word that the content has for the act.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Protect(_) => "protect",
            Self::Reprotect { .. } => "reprotect",
            Self::Backfilled { .. } => "backfilled",
            Self::Unprotect { .. } => "unprotect",
            Self::Adopt { .. } => "adopt",
        }
    }
}

/// One event of a table: who did what to its protection, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableEvent {
    /// The table, as `schema.name`.
    pub table: String,
    /// The protection.
    pub protection: ProtectionId,
    /// The time of the database's clock.
    pub at: Timestamp,
    /// The users.
    pub who: Who,
    /// The act.
    pub act: TableAct,
}

/// A content that is no table event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The content is not JSON of a table event's members, each once and none else.
    #[error("the content does not have a table event's members, each once and none else")]
    Members(#[source] serde_json::Error),
    /// The content has another version.
    #[error("the content has version {version}, and this reader knows version 1")]
    Version {
        /// The version that stands there.
        version: u64,
    },
    /// The operation has members of another one, or is missing some.
    #[error("the operation {operation} does not have the members that belong to it")]
    WrongMembers {
        /// The operation's name.
        operation: &'static str,
    },
    /// A column's name or number is there twice, a number is below 1, or a key's column is not protected.
    #[error("the columns or the key of the protection contradict themselves")]
    Columns,
}

impl TableEvent {
    /// Reads a record's content.
    ///
    /// # Errors
    /// [`EventError`] if a member is unknown, missing or there twice, the version is another, or the columns contradict
    /// themselves.
    pub fn decode(content: &[u8]) -> Result<Self, EventError> {
        let wire: Wire = serde_json::from_slice(content).map_err(EventError::Members)?;
        if wire.v != VERSION {
            return Err(EventError::Version { version: wire.v });
        }
        let who = Who { user: wire.user.clone(), role: wire.role.clone(), actor: wire.actor.clone() };
        let (table, protection, at) = (wire.table.clone(), wire.protection.clone(), wire.at.clone());
        Ok(Self { table, protection, at, who, act: wire.act()? })
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    Protect,
    Reprotect,
    Backfilled,
    Unprotect,
    Adopt,
}

/// All members of all events; `act` holds each operation to its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u64,
    operation: Act,
    table: String,
    protection: ProtectionId,
    at: Timestamp,
    user: String,
    #[serde(deserialize_with = "present")]
    role: Option<String>,
    #[serde(deserialize_with = "present")]
    actor: Option<String>,
    columns: Option<Vec<Column>>,
    key: Option<Vec<String>>,
    allow: Option<Vec<Operation>>,
    whole: Option<bool>,
    secret: Option<String>,
    actor_setting: Option<String>,
    before: Option<Vec<Column>>,
    rows: Option<u64>,
    kind: Option<BackfillKind>,
    /// The outer option says whether the member is there, the inner one whether it is null.
    #[serde(default, deserialize_with = "reason")]
    reason: Option<Option<String>>,
}

fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Wire {
    fn act(self) -> Result<TableAct, EventError> {
        let has_protection = self.columns.is_some()
            || self.key.is_some()
            || self.allow.is_some()
            || self.whole.is_some()
            || self.secret.is_some()
            || self.actor_setting.is_some();
        let has_backfill = self.rows.is_some() || self.kind.is_some();
        let (has_before, has_reason) = (self.before.is_some(), self.reason.is_some());
        let others = match self.operation {
            Act::Protect => has_before || has_backfill || has_reason,
            Act::Reprotect => has_backfill || has_reason,
            Act::Backfilled => has_protection || has_before || has_reason,
            Act::Unprotect | Act::Adopt => has_protection || has_before || has_backfill,
        };
        let name = match self.operation {
            Act::Protect => "protect",
            Act::Reprotect => "reprotect",
            Act::Backfilled => "backfilled",
            Act::Unprotect => "unprotect",
            Act::Adopt => "adopt",
        };
        let wrong = EventError::WrongMembers { operation: name };
        if others {
            return Err(wrong);
        }
        match self.operation {
            Act::Protect => Ok(TableAct::Protect(self.protected(name)?)),
            Act::Reprotect => {
                let before = self.before.clone().ok_or(wrong)?;
                Ok(TableAct::Reprotect { after: self.protected(name)?, before })
            }
            Act::Backfilled => {
                let (rows, kind) = self.rows.zip(self.kind).ok_or(wrong)?;
                Ok(TableAct::Backfilled { rows, kind })
            }
            Act::Unprotect => Ok(TableAct::Unprotect { reason: self.reason.ok_or(wrong)? }),
            Act::Adopt => Ok(TableAct::Adopt { reason: self.reason.ok_or(wrong)? }),
        }
    }

    fn protected(self, operation: &'static str) -> Result<Protected, EventError> {
        let (Some(columns), Some(key), Some(allow), Some(is_whole), Some(secret), Some(_)) =
            (self.columns, self.key, self.allow, self.whole, self.secret, self.actor_setting)
        else {
            return Err(EventError::WrongMembers { operation });
        };
        let secret = decode_hex(&secret).map(Secret::new).ok_or(EventError::WrongMembers { operation })?;
        if allow.iter().any(|allowed| matches!(allowed, Operation::State | Operation::Retire)) {
            return Err(EventError::WrongMembers { operation });
        }
        let is_named = |name: &String| columns.iter().any(|column| column.name == *name);
        if !is_each_once(&columns) || key.is_empty() || !key.iter().all(is_named) {
            return Err(EventError::Columns);
        }
        Ok(Protected { columns, key, allow, is_whole, secret })
    }
}

fn is_each_once(columns: &[Column]) -> bool {
    let mut names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    names.sort_unstable();
    let mut numbers: Vec<i16> = columns.iter().map(|column| column.attnum).collect();
    numbers.sort_unstable();
    names.windows(2).all(|pair| pair.first() != pair.last())
        && numbers.windows(2).all(|pair| pair.first() != pair.last())
        && numbers.first().is_none_or(|first| *first > 0)
}

impl fmt::Display for BackfillKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protect => "protect",
            Self::Reprotect => "reprotect",
            Self::Attach => "attach",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMON: &str = concat!(
        r#""table":"public.t","protection":"018f3f2e-0000-7000-8000-0000000000aa","#,
        r#""at":"2026-01-02T03:04:05.678900Z","user":"app","role":null,"actor":null"#
    );
    const COLUMNS: &str = concat!(
        r#"[{"name":"id","type":"bigint","attnum":1,"not_null":true},"#,
        r#"{"name":"mood","type":"public.mood","attnum":3,"enum":["sad","ok"],"not_null":false}]"#
    );

    fn rest() -> String {
        let secret = "ab".repeat(32);
        format!(
            r#""columns":{COLUMNS},"key":["id"],"allow":["insert","truncate"],"whole":true,"secret":"{secret}","actor_setting":"a.b""#
        )
    }

    fn decode(operation: &str, rest: &str) -> Result<TableAct, EventError> {
        TableEvent::decode(format!(r#"{{"v":1,"operation":"{operation}",{COMMON},{rest}}}"#).as_bytes())
            .map(|event| event.act)
    }

    #[test]
    fn reads_each_act() {
        let TableAct::Protect(protected) = decode("protect", &rest()).unwrap() else { panic!("no protect") };
        assert_eq!(protected.columns.len(), 2);
        assert_eq!(protected.columns[1].labels.as_deref(), Some(&["sad".to_owned(), "ok".to_owned()][..]));
        assert_eq!(protected.allow, [Operation::Insert, Operation::Truncate]);
        let reprotect = decode("reprotect", &format!(r#"{},"before":{COLUMNS}"#, rest())).unwrap();
        assert!(matches!(reprotect, TableAct::Reprotect { before, .. } if before == protected.columns));
        let backfilled = decode("backfilled", r#""rows":7,"kind":"attach""#).unwrap();
        assert_eq!(backfilled, TableAct::Backfilled { rows: 7, kind: BackfillKind::Attach });
        assert_eq!(decode("unprotect", r#""reason":null"#).unwrap(), TableAct::Unprotect { reason: None });
        let reason = Some("moved".to_owned());
        assert_eq!(decode("adopt", r#""reason":"moved""#).unwrap(), TableAct::Adopt { reason });
    }

    #[test]
    fn refuses_members_of_another_act_and_missing_ones() {
        let before = format!(r#"{},"before":{COLUMNS}"#, rest());
        for (operation, rest) in [
            ("protect", before.as_str()),
            ("reprotect", rest().as_str()),
            ("backfilled", r#""rows":7"#),
            ("backfilled", r#""rows":7,"kind":"protect","reason":null"#),
            ("unprotect", r#""rows":7,"reason":null"#),
            ("protect", rest().replace("abab", "ab").as_str()),
            ("protect", rest().replace("truncate", "state").as_str()),
        ] {
            assert!(matches!(decode(operation, rest), Err(EventError::WrongMembers { .. })), "{operation} {rest}");
        }
        assert!(matches!(decode("unprotect", r#""reason":null,"reason":null"#), Err(EventError::Members(_))));
        assert!(matches!(decode("unprotect", r#""reason":null,"x":1"#), Err(EventError::Members(_))));
    }

    #[test]
    fn refuses_columns_that_contradict_themselves() {
        for (from, to) in [(r#"["id"]"#, r#"["no"]"#), (r#"["id"]"#, "[]"), (r#""attnum":3"#, r#""attnum":1"#)] {
            assert!(matches!(decode("protect", &rest().replace(from, to)), Err(EventError::Columns)), "{to}");
        }
        assert!(matches!(decode("protect", &rest().replace("mood\",\"type", "id\",\"type")), Err(EventError::Columns)));
    }
}
