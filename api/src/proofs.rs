//! Proofs for all leaves of a page at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use counterfoil_core::LedgerHead;
use counterfoil_store::Log;
use merkle_log::{LeafHash, LeafIndex};
use tokio::sync::OnceCell;

use crate::problem::Problem;
use crate::query::{CheckedEvent, Entry, View, prove};
use crate::value::{Hash, hashes};

/// The proofs of the leaves of one page, shared by its elements: the first that is asked for its proof loads all of
/// them by one query, and the others wait for that.
pub(crate) struct PageProofs {
    head: LedgerHead,
    log: Log,
    leaves: Vec<(LeafIndex, LeafHash)>,
    proofs: OnceCell<Result<HashMap<LeafIndex, Vec<Hash>>, Problem>>,
}

impl PageProofs {
    /// Of events. None is loaded yet. The heads are those at which the leaves were answered.
    pub(crate) fn of_events(head: LedgerHead, events: &[Arc<CheckedEvent>]) -> Arc<Self> {
        Self::new(head, Log::Events, events.iter().map(|event| (event.seq, event.leaf)).collect())
    }

    fn new(head: LedgerHead, log: Log, leaves: Vec<(LeafIndex, LeafHash)>) -> Arc<Self> {
        Arc::new(Self { head, log, leaves, proofs: OnceCell::new() })
    }

    /// The proof of one of the page's leaves; none for one that is not of the page.
    pub(crate) async fn load(&self, view: &View, index: LeafIndex) -> Result<Option<Vec<Hash>>, Problem> {
        let proofs = self.proofs.get_or_init(|| async {
            let proofs = Box::pin(prove(view, &self.head, self.log, &self.leaves)).await?;
            Ok(self.leaves.iter().map(|(index, _)| *index).zip(proofs.into_iter().map(hashes)).collect())
        });
        let proofs = proofs.await.as_ref().map_err(Problem::clone)?;
        Ok(proofs.get(&index).cloned())
    }
}

/// The proofs of entries, and of the events that appended them.
#[derive(Clone)]
pub(crate) struct EntryProofs {
    pub(crate) entries: Arc<PageProofs>,
    pub(crate) events: Arc<PageProofs>,
}

impl EntryProofs {
    /// None is loaded yet.
    pub(crate) fn new(head: LedgerHead, entries: &[Entry]) -> Self {
        let leaves = entries.iter().map(|entry| (entry.index, entry.leaf)).collect();
        let events: BTreeMap<_, _> = entries.iter().map(|entry| (entry.event.seq, entry.event.leaf)).collect();
        Self {
            entries: PageProofs::new(head, Log::Entries, leaves),
            events: PageProofs::new(head, Log::Events, events.into_iter().collect()),
        }
    }
}
