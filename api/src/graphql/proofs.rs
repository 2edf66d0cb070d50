//! Proofs for all leaves of a page at once.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, Result};
use counterfoil_core::LedgerHead;
use counterfoil_store::Log;
use merkle_log::{LeafHash, LeafIndex};
use tokio::sync::OnceCell;

use crate::problem::Problem;
use crate::query::{View, prove};
use crate::value::{Hash, hashes};

/// The proofs of the leaves of one page, shared by its elements: the first that is asked for its proof loads all of
/// them by one query, and the others wait for that.
pub(super) struct PageProofs {
    head: LedgerHead,
    log: Log,
    leaves: Vec<(LeafIndex, LeafHash)>,
    proofs: OnceCell<Result<HashMap<LeafIndex, Vec<Hash>>, Problem>>,
}

impl PageProofs {
    /// None loaded yet. The heads are those at which the leaves were answered.
    pub(super) fn new(head: LedgerHead, log: Log, leaves: Vec<(LeafIndex, LeafHash)>) -> Arc<Self> {
        Arc::new(Self { head, log, leaves, proofs: OnceCell::new() })
    }

    /// The proof of one of the page's leaves.
    pub(super) async fn load(&self, context: &Context<'_>, index: LeafIndex) -> Result<Vec<Hash>> {
        let view = context.data::<View>()?;
        let proofs = self.proofs.get_or_init(|| async {
            let proofs = prove(view, &self.head, self.log, &self.leaves).await?;
            Ok(self.leaves.iter().map(|(index, _)| *index).zip(proofs.into_iter().map(hashes)).collect())
        });
        let proofs = proofs.await.as_ref().map_err(Problem::clone)?;
        // The page was made from the same leaves.
        Ok(proofs.get(&index).cloned().ok_or("the leaf is not of this page")?)
    }
}
