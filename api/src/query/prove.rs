//! Proofs of leaves that were answered before, many at once.

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{Log, PgPool};
use merkle_log::{Hash, LeafHash, LeafIndex, TreeHead};

use super::error::{Difference, Place, QueryError};
use super::moment::Moment;
use super::tree::{CheckedTree, Reading, load_trees};

/// A leaf that was answered at a checked head, for whose proof somebody asks now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProofWanted {
    /// The checked heads at which the leaf was answered: the proof leads there, also when more was checked since.
    pub head: LedgerHead,
    /// Which log.
    pub log: Log,
    /// The leaf.
    pub index: LeafIndex,
    /// Recomputed from the leaf's bytes.
    pub leaf: LeafHash,
}

impl ProofWanted {
    const fn tree_head(&self) -> TreeHead {
        match self.log {
            Log::Entries => self.head.entries,
            Log::Events => self.head.events,
        }
    }
}

/// Proves leaves of one ledger; all tiles are read by one query. The answers have the order of `wanted`.
///
/// # Errors
/// [`QueryError`], for all when the ledger or its tiles cannot be read, or for one.
pub async fn prove(
    pool: &PgPool,
    ledger: LedgerId,
    wanted: &[ProofWanted],
) -> Result<Vec<Result<Vec<Hash>, QueryError>>, QueryError> {
    let mut moment = Moment::open(pool, ledger).await?;
    let mut entries = Reading::new(&moment.head, Log::Entries);
    let mut events = Reading::new(&moment.head, Log::Events);
    for leaf in wanted {
        let reading = match leaf.log {
            Log::Entries => &mut entries,
            Log::Events => &mut events,
        };
        let size = reading.size_or_checked(Some(leaf.tree_head().size.get()), leaf.index.smallest_size())?;
        reading.add_leaf(leaf.index, size)?;
        reading.add_head(size)?;
    }
    let (connection, row) = moment.parts();
    let [entries, events] = load_trees(connection, row, Place::Ledger(ledger), [entries, events]).await?;
    let proofs = wanted.iter().map(|leaf| match leaf.log {
        Log::Entries => prove_one(&entries, leaf),
        Log::Events => prove_one(&events, leaf),
    });
    Ok(proofs.collect())
}

fn prove_one(tree: &CheckedTree, leaf: &ProofWanted) -> Result<Vec<Hash>, QueryError> {
    let answered = leaf.tree_head();
    let head = tree.head_at(answered.size)?;
    if head != answered {
        let place = Place::Log(leaf.head.ledger, leaf.log);
        return Err(place.corrupt(Difference::OtherHead { size: answered.size }));
    }
    tree.prove_leaf(&head, leaf.index, &leaf.leaf)
}
