//! Appending by the hashes of subtrees: millions of leaves in one transaction.

use counterfoil_core::limits::ledger_flag;
use counterfoil_core::{SubtreeBatch, plan_subtrees};
use merkle_log::{Frontier, Hash, LeafHash};

use crate::appender::{Appended, Appender, Outcome, Patience};
use crate::error::AppendError;
use crate::host::{Host, Planned};
use crate::in_flight::InFlight;
use crate::instruction::{self, SUBTREES_PER_TRANSACTION};

impl Appender<'_> {
    /// Whether the ledger takes subtrees.
    ///
    /// # Errors
    /// [`AppendError::NoSubtrees`].
    pub const fn expect_subtrees_allowed(&self) -> Result<(), AppendError> {
        match self.account.flags & ledger_flag::SUBTREES_ALLOWED {
            0 => Err(AppendError::NoSubtrees { ledger: self.ledger }),
            _ => Ok(()),
        }
    }

    /// Appends as many of `leaves`, from the first on, as one transaction takes by the hashes of their subtrees: nearly
    /// always all. `at`: the index that the first must get, where it must follow what was appended before.
    ///
    /// # Errors
    /// As [`Appender::append`]; [`AppendError::Interleaved`] when the ledger has another size than `at`.
    pub async fn append_subtrees(
        &mut self,
        host: &mut impl Host,
        leaves: &[LeafHash],
        at: Option<u64>,
        in_flight: &InFlight,
    ) -> Result<Appended, AppendError> {
        let mut patience = Patience::default();
        loop {
            let size = self.account.entries.size();
            let first = size.get();
            if at.is_some_and(|at| at != first) {
                return Err(AppendError::Interleaved);
            }
            let mut plan =
                plan_subtrees(size, leaves.len() as u64, SUBTREES_PER_TRANSACTION).map_err(|_| AppendError::Full)?;
            let batch = plan.next().ok_or(AppendError::Nothing)?;
            let hashes = roots(&batch, leaves)?;
            let mut after = (*self.account.entries).clone();
            for (subtree, hash) in batch.subtrees().zip(&hashes) {
                after.append_subtree(subtree.level, hash).map_err(|_| AppendError::Full)?;
            }
            let planned = Planned { first, count: batch.leaves(), root: after.root() };
            host.keep(planned).await.map_err(AppendError::Keep)?;
            let is_writer = self.account.authority != self.wallet;
            let append =
                instruction::append_subtrees(self.rpc.program(), self.ledger, self.wallet, is_writer, batch, &hashes);
            match self.send(host, append, planned, in_flight).await? {
                Outcome::In(sent) => {
                    if sent.is_some() {
                        *self.account.entries = after;
                    }
                    return Ok(Appended { first, count: planned.count, hashes: hashes.len(), sent });
                }
                Outcome::NotIn(error) => {
                    self.look_again(first, error, &mut patience).await?;
                }
            }
        }
    }
}

/// The roots of a batch's subtrees, whose leaves are the first of `leaves`.
///
/// # Errors
/// [`AppendError::Full`], for no batch that [`plan_subtrees`] makes.
pub fn roots(batch: &SubtreeBatch, leaves: &[LeafHash]) -> Result<Vec<Hash>, AppendError> {
    let mut rest = leaves.iter();
    let root = |level: u8| {
        let mut subtree = Frontier::new();
        for leaf in rest.by_ref().take(1 << level) {
            subtree.append_leaf(leaf).map_err(|_| AppendError::Full)?;
        }
        Ok(Hash(subtree.root().0))
    };
    batch.subtrees().map(|subtree| subtree.level).map(root).collect()
}
