//! The leaves that can be followed: those of both logs.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::Log;

use crate::entries::entries;
use crate::error::ReadError;
use crate::events::events;
use crate::leaf::{CheckedEvent, Entry};
use crate::page::{Page, Window};
use crate::page_proofs::{EntryProofs, PageProofs};
use crate::reader::Reader;

/// A leaf that can be followed.
pub trait Leaf: Clone + Send + Sync + Sized + 'static {
    /// Proofs of the leaves of a page, loaded once for all who ask.
    type Proofs: Clone + Send + Sync;

    /// Which log.
    const LOG: Log;

    /// A page of them.
    fn load_page(
        reader: &Reader,
        ledger: LedgerId,
        window: Window,
    ) -> impl Future<Output = Result<Page<Self>, ReadError>> + Send;

    /// None is loaded yet.
    fn proofs(head: LedgerHead, leaves: &[Self]) -> Self::Proofs;
}

impl Leaf for Entry {
    type Proofs = EntryProofs;

    const LOG: Log = Log::Entries;

    async fn load_page(reader: &Reader, ledger: LedgerId, window: Window) -> Result<Page<Self>, ReadError> {
        entries(reader, ledger, window).await
    }

    fn proofs(head: LedgerHead, leaves: &[Self]) -> EntryProofs {
        EntryProofs::new(head, leaves)
    }
}

impl Leaf for Arc<CheckedEvent> {
    type Proofs = Arc<PageProofs>;

    const LOG: Log = Log::Events;

    async fn load_page(reader: &Reader, ledger: LedgerId, window: Window) -> Result<Page<Self>, ReadError> {
        events(reader, ledger, window).await
    }

    fn proofs(head: LedgerHead, leaves: &[Self]) -> Arc<PageProofs> {
        PageProofs::of_events(head, leaves)
    }
}

/// Neighbouring leaves, for all who follow.
pub struct Batch<T: Leaf> {
    /// The leaves.
    pub page: Page<T>,
    /// Their proofs, loaded when they are asked for.
    pub proofs: T::Proofs,
    /// The page as a server writes it, made once for all followers.
    pub text: OnceLock<String>,
}

impl<T: Leaf> Batch<T> {
    pub(super) fn new(page: Page<T>) -> Arc<Self> {
        let proofs = T::proofs(page.head, &page.items);
        Arc::new(Self { page, proofs, text: OnceLock::new() })
    }
}
