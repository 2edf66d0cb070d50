//! How an earlier head of a log stands to what a ledger's account says now.

use merkle_log::TreeHead;
use serde::Serialize;

use crate::LedgerAccount;
use crate::json::{FromJson, ReadError, Value};

/// How an earlier head stands to what an account says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The account's head is the same.
    Same,
    /// The account has grown, and its ring still holds the earlier head.
    InRing,
    /// The account has grown: a consistency proof to this head must show that it extends the earlier one.
    Grown(TreeHead),
    /// The account is behind: the server is stale, or on another fork. Ask again, ask another.
    Stale(TreeHead),
    /// The account says another root for the same size: one of the two is false.
    Contradiction(TreeHead),
}

/// Which of a ledger's two logs a head is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogKind {
    /// The entries.
    Entries,
    /// The events.
    Events,
}

impl LogKind {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Events => "events",
        }
    }
}

impl FromJson for LogKind {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        let name = value.as_text()?;
        let named = [Self::Entries, Self::Events].into_iter().find(|log| log.name() == name);
        named.ok_or_else(|| ReadError::new("a log is `entries` or `events`"))
    }
}

/// Compares an earlier head with an account.
#[must_use]
pub fn relate(log: LogKind, earlier: &TreeHead, account: &LedgerAccount) -> Relation {
    let (current, ring): (TreeHead, &[TreeHead]) = match log {
        LogKind::Entries => (account.entries.head(), &account.heads),
        LogKind::Events => (account.events.head(), &[]),
    };
    match earlier.size.cmp(&current.size) {
        core::cmp::Ordering::Equal if earlier.root == current.root => Relation::Same,
        core::cmp::Ordering::Equal => Relation::Contradiction(current),
        core::cmp::Ordering::Greater => Relation::Stale(current),
        core::cmp::Ordering::Less => match ring.iter().find(|head| head.size == earlier.size) {
            Some(head) if head.root == earlier.root => Relation::InRing,
            Some(head) => Relation::Contradiction(*head),
            None => Relation::Grown(current),
        },
    }
}
