//! Heads of logs, and which log.

#![allow(missing_docs, reason = "a field whose name says all needs no line")]

#[cfg(feature = "graphql")]
use async_graphql::{Enum, SimpleObject};
use counterfoil_core::relate::LogKind;
use merkle_log::{OutOfRange, Root, TreeHead, TreeSize};
use serde::{Deserialize, Serialize};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::value::{Hash, U64};

/// The size of a log, and the root over that many leaves.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(SimpleObject))]
pub struct Head {
    pub size: U64,
    pub root: Hash,
}

/// Which of a ledger's two logs.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[cfg_attr(feature = "graphql", derive(Enum))]
#[serde(rename_all = "lowercase")]
pub enum LogName {
    Entries,
    Events,
}

impl From<TreeHead> for Head {
    fn from(head: TreeHead) -> Self {
        Self { size: head.size.into(), root: head.root.into() }
    }
}

impl From<LogKind> for LogName {
    fn from(log: LogKind) -> Self {
        match log {
            LogKind::Entries => Self::Entries,
            LogKind::Events => Self::Events,
        }
    }
}

impl TryFrom<Head> for TreeHead {
    type Error = OutOfRange;

    fn try_from(head: Head) -> Result<Self, OutOfRange> {
        Ok(Self { size: TreeSize::new(head.size.0)?, root: Root(head.root.0.0) })
    }
}
