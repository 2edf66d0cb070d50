//! Proofs for all leaves of a page at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use counterfoil_core::LedgerHead;
use counterfoil_store::Log;
use merkle_log::{Hash, LeafHash, LeafIndex};
use tokio::sync::OnceCell;

use crate::error::ReadError;
use crate::leaf::{CheckedEvent, Entry};
use crate::prove::prove;
use crate::reader::Reader;

/// Proofs of leaves by their indexes.
pub type Proofs = HashMap<LeafIndex, Vec<Hash>>;

/// The proofs of the leaves of one page, shared by its elements. The first element that is asked for its proof loads all of
/// them by one query; the others wait for it.
#[derive(Debug)]
pub struct PageProofs {
    head: LedgerHead,
    log: Log,
    leaves: Vec<(LeafIndex, LeafHash)>,
    proofs: OnceCell<Result<Proofs, Arc<ReadError>>>,
}

impl PageProofs {
    /// The proofs of events, none loaded yet. `head` holds the heads at which the events were answered.
    #[must_use]
    pub fn of_events(head: LedgerHead, events: &[Arc<CheckedEvent>]) -> Arc<Self> {
        Self::new(head, Log::Events, events.iter().map(|event| (event.seq, event.leaf)).collect())
    }

    fn new(head: LedgerHead, log: Log, leaves: Vec<(LeafIndex, LeafHash)>) -> Arc<Self> {
        Arc::new(Self { head, log, leaves, proofs: OnceCell::new() })
    }

    /// The proof of one of the page's leaves; none for a leaf of another page.
    ///
    /// # Errors
    /// [`ReadError`], the same for all leaves of the page.
    pub async fn load(&self, reader: &Reader, index: LeafIndex) -> Result<Option<Vec<Hash>>, Arc<ReadError>> {
        Ok(self.load_all(reader).await?.get(&index).cloned())
    }

    /// The proofs of all the page's leaves.
    ///
    /// # Errors
    /// [`ReadError`], the same for all leaves of the page.
    pub async fn load_all(&self, reader: &Reader) -> Result<&Proofs, Arc<ReadError>> {
        let proofs = self.proofs.get_or_init(|| async {
            let proofs =
                Box::pin(prove(reader, &self.head, self.log, &self.leaves)).await.map_err(ReadError::shared)?;
            Ok(self.leaves.iter().map(|(index, _)| *index).zip(proofs).collect())
        });
        proofs.await.as_ref().map_err(Arc::clone)
    }
}

/// The proofs of entries, and of the events that appended them.
#[derive(Clone, Debug)]
pub struct EntryProofs {
    /// Of the entries.
    pub entries: Arc<PageProofs>,
    /// Of the events.
    pub events: Arc<PageProofs>,
}

impl EntryProofs {
    /// The proofs of a page's entries, none loaded yet.
    #[must_use]
    pub fn new(head: LedgerHead, entries: &[Entry]) -> Self {
        let leaves = entries.iter().map(|entry| (entry.index, entry.leaf)).collect();
        let events: BTreeMap<_, _> = entries.iter().map(|entry| (entry.event.seq, entry.event.leaf)).collect();
        Self {
            entries: PageProofs::new(head, Log::Entries, leaves),
            events: PageProofs::new(head, Log::Events, events.into_iter().collect()),
        }
    }
}
