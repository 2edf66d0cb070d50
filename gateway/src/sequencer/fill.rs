//! Handing entries to the index: the chain has statements by the hashes of their subtrees alone.

use std::num::NonZeroUsize;
use std::sync::Arc;

use counterfoil_core::{LedgerId, plan_subtrees};
use counterfoil_store::gateway::{Plan, load_sealed_entries, mark_done};
use counterfoil_store::{Fill, FillError, begin};
use merkle_log::TreeSize;

use super::work::RoundError;
use crate::ledgers::Ledgers;

/// The bounds of one write.
const ENTRIES_PER_CHUNK: usize = 8_192;

/// Fills in one plan that landed. It goes on while later plans are made and sent.
pub(super) struct Filler {
    pub(super) ledgers: Arc<Ledgers>,
    pub(super) ledger: LedgerId,
    pub(super) key: i32,
    pub(super) plan: Plan,
}

impl Filler {
    /// Fills the entries into the index, each subtree in a transaction of its own. The index verifies that they lead to the root that
    /// was appended.
    pub(super) async fn fill(&self) -> Result<(), RoundError> {
        let content = &self.plan.content;
        if content.subtrees.is_some() {
            let size = TreeSize::new(content.first_index).map_err(|error| RoundError::Blocked(error.to_string()))?;
            let batches = plan_subtrees(size, content.records, NonZeroUsize::MAX);
            let mut at = content.first_index;
            for batch in batches.map_err(|error| RoundError::Blocked(error.to_string()))? {
                for subtree in batch.subtrees() {
                    let leaves = 1_u64 << subtree.level;
                    self.fill_subtree(content.first_ordinal + (at - content.first_index), at, leaves).await?;
                    at += leaves;
                }
            }
        }
        mark_done(&mut *self.ledgers.gateway.acquire().await?, self.plan.id).await?;
        Ok(())
    }

    async fn fill_subtree(&self, first_ordinal: u64, first_index: u64, leaves: u64) -> Result<(), RoundError> {
        let mut connection = self.ledgers.index.acquire().await?;
        let mut transaction = begin(&mut connection).await?;
        let mut fill = match Fill::begin(&mut transaction, self.ledger, first_index).await {
            Ok(fill) => fill,
            Err(FillError::AlreadyFilled { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut done = 0;
        while done < leaves {
            let limit = (leaves - done).min(ENTRIES_PER_CHUNK as u64);
            let mut gateway = self.ledgers.gateway.acquire().await?;
            let entries = load_sealed_entries(&mut gateway, self.key, first_ordinal + done, limit).await?;
            drop(gateway);
            fill.push(&entries).await?;
            done += limit;
        }
        fill.finish().await?;
        transaction.commit().await?;
        Ok(())
    }
}
