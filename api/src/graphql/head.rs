//! Heads.

use async_graphql::SimpleObject;
use counterfoil_core::LedgerHead;
use counterfoil_store::MissingSubtree;
use merkle_log::TreeHead;

use crate::value::{Hash, U64};

/// The size of a log, and the root over that many leaves.
#[derive(Clone, Copy, SimpleObject)]
pub(super) struct Head {
    size: U64,
    root: Hash,
}

impl From<TreeHead> for Head {
    fn from(head: TreeHead) -> Self {
        Self { size: head.size.into(), root: head.root.into() }
    }
}

/// The checked heads at which a page was read: where pages end and proofs lead.
#[derive(SimpleObject)]
pub(super) struct PageHeads {
    head: Head,
    event_head: Head,
}

/// Of a log that lacks nothing.
impl From<(LedgerHead, Vec<MissingSubtree>)> for PageHeads {
    fn from((head, _): (LedgerHead, Vec<MissingSubtree>)) -> Self {
        Self { head: head.entries.into(), event_head: head.events.into() }
    }
}
