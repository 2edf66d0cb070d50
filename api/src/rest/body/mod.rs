//! The JSON bodies, and what they are made from.

mod entry;
mod event;
mod ledger;
mod proof;

use counterfoil_store::Log;
use merkle_log::TreeHead;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::value::{Hash, U64};

pub(super) use entry::{Entry, EntryPage, Missing, ProvenEntry};
pub(super) use event::{Event, EventPage, Pending};
pub(super) use ledger::{Heads, Ledger, LedgerPage, Status};
pub(super) use proof::{Certificate, Consistency, Inclusion, ReceiptForm};

/// The size of a log, and the root over that many leaves.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Head {
    size: U64,
    root: Hash,
}

impl From<TreeHead> for Head {
    fn from(head: TreeHead) -> Self {
        Self { size: head.size.into(), root: head.root.into() }
    }
}

/// Which of a ledger's two logs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogName {
    Entries,
    Events,
}

impl From<Log> for LogName {
    fn from(log: Log) -> Self {
        match log {
            Log::Entries => Self::Entries,
            Log::Events => Self::Events,
        }
    }
}

impl From<LogName> for Log {
    fn from(log: LogName) -> Self {
        match log {
            LogName::Entries => Self::Entries,
            LogName::Events => Self::Events,
        }
    }
}
