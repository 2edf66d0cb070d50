//! Entries that are missing from the index.

use async_graphql::{Json, SimpleObject};
use counterfoil_core::certificate::Certificate;
use counterfoil_read::missing_subtree_body;
use counterfoil_wire::{Head, MissingSubtree};

use super::head::PageParts;
use super::head::TotalCount;

/// The checked heads at which a page of entries was read, and what is missing in it.
#[derive(SimpleObject)]
pub(super) struct EntryPageFields {
    head: Head,
    event_head: Head,
    /// How many there are in all, those that the index does not have among them: the size of the log.
    total_count: TotalCount,
    /// Subtrees in or around the page whose entries the index does not have: they are left out.
    missing: Vec<MissingSubtree>,
    /// That the page is whole, as `counterfoil certificate v1`; null where the index does not have some of its entries, and where
    /// it is empty.
    certificate: Option<Json<Certificate>>,
}

impl From<PageParts> for EntryPageFields {
    fn from(PageParts { head, missing, certificate }: PageParts) -> Self {
        let missing = missing.into_iter().map(missing_subtree_body).collect();
        let certificate = certificate.map(Json);
        let total_count = TotalCount::exact(head.entries.size.get());
        Self { head: head.entries.into(), event_head: head.events.into(), total_count, missing, certificate }
    }
}
