//! What can be followed: the leaves of both logs.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::Log;

use crate::proofs::{EntryProofs, PageProofs};
use crate::query::{self, CheckedEvent, Entry, Page, QueryError, View, Window};

/// A leaf that can be followed.
pub(crate) trait Leaf: Clone + Send + Sync + Sized + 'static {
    /// Proofs of the leaves of a page, loaded once for all who ask.
    type Proofs: Clone + Send + Sync;

    /// Which log.
    const LOG: Log;

    /// A page of them.
    fn load_page(
        view: &View,
        ledger: LedgerId,
        window: Window,
    ) -> impl Future<Output = Result<Page<Self>, QueryError>> + Send;

    /// None is loaded yet.
    fn proofs(head: LedgerHead, leaves: &[Self]) -> Self::Proofs;
}

impl Leaf for Entry {
    type Proofs = EntryProofs;

    const LOG: Log = Log::Entries;

    async fn load_page(view: &View, ledger: LedgerId, window: Window) -> Result<Page<Self>, QueryError> {
        query::entries(view, ledger, window).await
    }

    fn proofs(head: LedgerHead, leaves: &[Self]) -> EntryProofs {
        EntryProofs::new(head, leaves)
    }
}

impl Leaf for Arc<CheckedEvent> {
    type Proofs = Arc<PageProofs>;

    const LOG: Log = Log::Events;

    async fn load_page(view: &View, ledger: LedgerId, window: Window) -> Result<Page<Self>, QueryError> {
        query::events(view, ledger, window).await
    }

    fn proofs(head: LedgerHead, leaves: &[Self]) -> Arc<PageProofs> {
        PageProofs::of_events(head, leaves)
    }
}

/// Neighbouring leaves, for all who follow.
pub(crate) struct Batch<T: Leaf> {
    pub(crate) page: Page<T>,
    pub(crate) proofs: T::Proofs,
    /// The page as it is sent to those who take JSON; written once.
    pub(crate) json: OnceLock<String>,
}

impl<T: Leaf> Batch<T> {
    pub(super) fn new(page: Page<T>) -> Arc<Self> {
        let proofs = T::proofs(page.head, &page.items);
        Arc::new(Self { page, proofs, json: OnceLock::new() })
    }
}
