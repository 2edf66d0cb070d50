//! The consistency proof between two sizes.

use counterfoil_core::LedgerId;
use counterfoil_store::Log;
use merkle_log::{Hash, TreeHead, TreeSize};

use crate::error::{Place, ReadError};
use crate::reader::Reader;
use crate::snapshot::LedgerSnapshot;
use crate::tree::{Reading, load_trees};

/// A consistency proof and what it proves.
#[derive(Clone, Debug)]
pub struct Consistency {
    /// Which log.
    pub log: Log,
    /// The earlier head, shown to be consistent with the checked one.
    pub first: TreeHead,
    /// The later head; it is the checked one, or was shown to be consistent with it.
    pub second: TreeHead,
    /// From the leaves to the root.
    pub proof: Vec<Hash>,
}

/// Answers the proof that the tree of `second` leaves, by default the checked one, begins with that of `first`.
///
/// # Errors
/// [`ReadError`].
pub async fn consistency(
    reader: &Reader,
    ledger: LedgerId,
    log: Log,
    first: u64,
    second: Option<u64>,
) -> Result<Consistency, ReadError> {
    let mut snapshot = LedgerSnapshot::open(reader, ledger).await?;
    let mut reading = Reading::new(&snapshot.head, log);
    let first = reading.size_or_checked(Some(first), TreeSize::ZERO)?;
    let second = reading.size_or_checked(second, first)?;
    reading.add_head(first)?;
    reading.add_head(second)?;
    reading.add_growth(first, second)?;
    let [tree] = load_trees(&mut snapshot, Place::Log(ledger, log), [reading]).await?;
    let (first, second) = (tree.head_at(first)?, tree.head_at(second)?);
    let proof = tree.prove_growth(&first, &second)?;
    Ok(Consistency { log, first, second, proof })
}
