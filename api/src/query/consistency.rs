//! The consistency proof between two sizes.

use counterfoil_core::LedgerId;
use counterfoil_store::Log;
use merkle_log::{Hash, TreeHead, TreeSize};

use super::error::{Place, QueryError};
use super::moment::Moment;
use super::tree::{Reading, load_trees};
use super::view::View;

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
/// [`QueryError`].
pub async fn consistency(
    view: &View,
    ledger: LedgerId,
    log: Log,
    first: u64,
    second: Option<u64>,
) -> Result<Consistency, QueryError> {
    let mut moment = Moment::open(view, ledger).await?;
    let mut reading = Reading::new(&moment.head, log);
    let first = reading.size_or_checked(Some(first), TreeSize::ZERO)?;
    let second = reading.size_or_checked(second, first)?;
    reading.add_head(first)?;
    reading.add_head(second)?;
    reading.add_growth(first, second)?;
    let [tree] = load_trees(&mut moment, Place::Log(ledger, log), [reading]).await?;
    let (first, second) = (tree.head_at(first)?, tree.head_at(second)?);
    let proof = tree.prove_growth(&first, &second)?;
    Ok(Consistency { log, first, second, proof })
}
