//! Proofs of leaves that were answered before, many at once.

use counterfoil_core::LedgerHead;
use counterfoil_store::Log;
use merkle_log::{Hash, LeafHash, LeafIndex};

use super::error::{Difference, Place, QueryError};
use super::moment::Moment;
use super::tree::{Reading, load_trees};
use super::view::View;

/// Proves leaves of one log that were answered at these checked heads; all tiles are read by one query.
///
/// The proofs lead to these heads, also when more was checked since. They have the order of `leaves`.
///
/// # Errors
/// [`QueryError`] unless all can be proven.
pub async fn prove(
    view: &View,
    heads: &LedgerHead,
    log: Log,
    leaves: &[(LeafIndex, LeafHash)],
) -> Result<Vec<Vec<Hash>>, QueryError> {
    let answered = match log {
        Log::Entries => heads.entries,
        Log::Events => heads.events,
    };
    let mut moment = Moment::open(view, heads.ledger).await?;
    let mut reading = Reading::new(&moment.head, log);
    reading.add_head(answered.size)?;
    for (index, _) in leaves {
        reading.add_leaf(*index, answered.size)?;
    }
    let place = Place::Log(heads.ledger, log);
    let [tree] = load_trees(&mut moment, place, [reading]).await?;
    if tree.head_at(answered.size)? != answered {
        return Err(place.corrupt(Difference::OtherHead { size: answered.size }));
    }
    leaves.iter().map(|(index, leaf)| tree.prove_leaf(&answered, *index, leaf)).collect()
}
