//! The inclusion proof of a leaf, for the checked size or an earlier one.

use counterfoil_core::LedgerId;
use counterfoil_store::Log;
use merkle_log::{Hash, LeafHash, LeafIndex, TreeHead};

use crate::error::{Place, ReadError};
use crate::missing::missing_or_corrupt;
use crate::reader::Reader;
use crate::snapshot::LedgerSnapshot;
use crate::tree::{Reading, load_trees};

/// An inclusion proof and what it proves.
#[derive(Clone, Debug)]
pub struct Inclusion {
    /// Which log.
    pub log: Log,
    /// The leaf.
    pub index: LeafIndex,
    /// Its hash, as it stands in the tree.
    pub leaf: LeafHash,
    /// The head that the proof leads to; it is the checked one, or was shown to be consistent with it.
    pub head: TreeHead,
    /// From the leaf to the root.
    pub proof: Vec<Hash>,
}

/// Answers the proof that leaf `index` is in the tree of `size` leaves, by default the checked one.
///
/// # Errors
/// [`ReadError`].
pub async fn inclusion(
    reader: &Reader,
    ledger: LedgerId,
    log: Log,
    index: u64,
    size: Option<u64>,
) -> Result<Inclusion, ReadError> {
    let mut snapshot = LedgerSnapshot::open(reader, ledger).await?;
    let mut reading = Reading::new(&snapshot.head, log);
    let index = reading.index(index)?;
    let size = reading.size_or_checked(size, index.smallest_size())?;
    reading.add_leaf(index, size)?;
    reading.add_head(size)?;
    let place = Place::Leaf(ledger, log, index.get());
    let [tree] = load_trees(&mut snapshot, place, [reading]).await?;
    let leaf = match tree.leaf(index) {
        Err(ReadError::UnknownNode { .. }) => {
            return Err(Box::pin(missing_or_corrupt(&mut snapshot, index.get())).await);
        }
        leaf => leaf?,
    };
    let head = tree.head_at(size)?;
    let proof = tree.prove_leaf(&head, index, &leaf)?;
    Ok(Inclusion { log, index, leaf, head, proof })
}
