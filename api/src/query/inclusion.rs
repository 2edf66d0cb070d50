//! The inclusion proof of a leaf, for the checked size or an earlier one.

use counterfoil_core::LedgerId;
use counterfoil_store::Log;
use merkle_log::{Hash, LeafHash, LeafIndex, TreeHead};

use super::entries::load_entry_leaf;
use super::error::{Place, QueryError};
use super::events::load_checked_event;
use super::moment::Moment;
use super::tree::{Reading, load_trees};
use super::view::View;

/// An inclusion proof and what it proves.
#[derive(Clone, Debug)]
pub struct Inclusion {
    /// Which log.
    pub log: Log,
    /// The leaf.
    pub index: LeafIndex,
    /// Recomputed from the entry's or event's bytes.
    pub leaf: LeafHash,
    /// The head that the proof leads to; it is the checked one, or was shown to be consistent with it.
    pub head: TreeHead,
    /// From the leaf to the root.
    pub proof: Vec<Hash>,
}

/// Answers the proof that leaf `index` is in the tree of `size` leaves, by default the checked one.
///
/// # Errors
/// [`QueryError`].
pub async fn inclusion(
    view: &View,
    ledger: LedgerId,
    log: Log,
    index: u64,
    size: Option<u64>,
) -> Result<Inclusion, QueryError> {
    let mut moment = Moment::open(view, ledger).await?;
    let mut reading = Reading::new(&moment.head, log);
    let index = reading.index(index)?;
    let size = reading.size_or_checked(size, index.smallest_size())?;
    reading.add_leaf(index, size)?;
    reading.add_head(size)?;
    let leaf = match log {
        Log::Entries => load_entry_leaf(&mut moment, index).await?,
        Log::Events => load_checked_event(&mut moment, index).await?.leaf,
    };
    let place = Place::Leaf(ledger, log, index.get());
    let (connection, row) = moment.parts();
    let [tree] = load_trees(connection, row, place, [reading]).await?;
    let head = tree.head_at(size)?;
    let proof = tree.prove_leaf(&head, index, &leaf)?;
    Ok(Inclusion { log, index, leaf, head, proof })
}
