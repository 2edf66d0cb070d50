//! What the index lacks.

use async_graphql::{Json, SimpleObject};
use counterfoil_core::certificate::Certificate;

use super::head::Head;
use super::head::PageParts;
use super::head::TotalCount;
use crate::value::{Hash, U64};
use counterfoil_read as read;

/// A subtree that was appended by its hash and whose entries the index lacks.
#[derive(SimpleObject)]
pub(super) struct MissingSubtree {
    /// Its first leaf.
    first_index: U64,
    /// How many leaves it has.
    count: U64,
    /// Its root, to which the entries must lead.
    root: Hash,
    /// The event that appended it.
    event_seq: U64,
}

impl From<counterfoil_store::MissingSubtree> for MissingSubtree {
    fn from(subtree: counterfoil_store::MissingSubtree) -> Self {
        Self {
            first_index: U64(subtree.first_index()),
            count: U64(subtree.leaves()),
            root: subtree.root.into(),
            event_seq: subtree.event_seq.into(),
        }
    }
}

/// The entries that the index lacks.
#[derive(SimpleObject)]
pub(super) struct Missing {
    /// The checked head, where they end.
    head: Head,
    /// How many in all.
    leaves: U64,
    /// A page of the subtrees that they make, in the order of the log.
    subtrees: Vec<MissingSubtree>,
    /// For `from`; null when there are no more.
    next: Option<U64>,
}

impl From<read::Missing> for Missing {
    fn from(missing: read::Missing) -> Self {
        Self {
            head: missing.head.entries.into(),
            leaves: U64(missing.leaves),
            subtrees: missing.subtrees.into_iter().map(MissingSubtree::from).collect(),
            next: missing.next.map(U64),
        }
    }
}

/// The checked heads at which a page of entries was read, and what is missing in it.
#[derive(SimpleObject)]
pub(super) struct EntryPageFields {
    head: Head,
    event_head: Head,
    /// How many there are in all, those that the index lacks among them: the size of the log.
    total_count: TotalCount,
    /// Subtrees in or around the page whose entries the index lacks: they are left out.
    missing: Vec<MissingSubtree>,
    /// That the page is whole, as `counterfoil certificate v1`; null where the index lacks some of its entries, and where
    /// it is empty.
    certificate: Option<Json<Certificate>>,
}

impl From<PageParts> for EntryPageFields {
    fn from(PageParts { head, missing, certificate }: PageParts) -> Self {
        let missing = missing.into_iter().map(MissingSubtree::from).collect();
        let certificate = certificate.map(Json);
        let total_count = TotalCount::exact(head.entries.size.get());
        Self { head: head.entries.into(), event_head: head.events.into(), total_count, missing, certificate }
    }
}
