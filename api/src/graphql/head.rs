//! Heads.

use async_graphql::{Json, SimpleObject};
use counterfoil_core::LedgerHead;
use counterfoil_core::certificate::Certificate;
use counterfoil_read::MAX_COUNT;
use counterfoil_store::MissingSubtree;
use counterfoil_wire::{Head, U64};

/// How many there are; where they must be looked for, up to 10,000.
#[derive(SimpleObject)]
pub(super) struct TotalCount {
    value: U64,
    /// False when there are more.
    is_exact: bool,
}

impl TotalCount {
    pub(super) const fn exact(count: u64) -> Self {
        Self { value: U64(count), is_exact: true }
    }
}

impl From<u64> for TotalCount {
    fn from(count: u64) -> Self {
        let most = u64::from(MAX_COUNT);
        Self { value: U64(count.min(most)), is_exact: count <= most }
    }
}

/// The fields of a page, besides its leaves.
pub(super) struct PageParts {
    pub(super) head: LedgerHead,
    pub(super) missing: Vec<MissingSubtree>,
    pub(super) certificate: Option<Certificate>,
}

/// The checked heads at which a page was read: where pages end and proofs lead.
#[derive(SimpleObject)]
pub(super) struct PageHeads {
    head: Head,
    event_head: Head,
    /// How many there are in all: the size of the log.
    total_count: TotalCount,
    /// That the page is whole, as `counterfoil certificate v1`; null where it is empty.
    certificate: Option<Json<Certificate>>,
}

/// Of the log of events, none of which is ever missing.
impl From<PageParts> for PageHeads {
    fn from(PageParts { head, certificate, .. }: PageParts) -> Self {
        let total_count = TotalCount::exact(head.events.size.get());
        let certificate = certificate.map(Json);
        Self { head: head.entries.into(), event_head: head.events.into(), total_count, certificate }
    }
}
