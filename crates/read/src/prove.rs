//! Proofs of leaves that were answered before, many at once.

use counterfoil_core::LedgerHead;
use counterfoil_store::Log;
use merkle_log::{Hash, LeafHash, LeafIndex};

use crate::error::{Difference, Place, ReadError};
use crate::reader::Reader;
use crate::snapshot::LedgerSnapshot;
use crate::tree::{Reading, load_trees};

/// Proves leaves of one log that were answered at these checked heads; all tiles are read by one query.
///
/// The proofs lead to these heads, also when more was checked since. They have the order of `leaves`.
///
/// # Errors
/// [`ReadError`] unless all can be proven.
pub async fn prove(
    reader: &Reader,
    heads: &LedgerHead,
    log: Log,
    leaves: &[(LeafIndex, LeafHash)],
) -> Result<Vec<Vec<Hash>>, ReadError> {
    let answered = match log {
        Log::Entries => heads.entries,
        Log::Events => heads.events,
    };
    let mut snapshot = LedgerSnapshot::open(reader, heads.ledger).await?;
    let mut reading = Reading::new(&snapshot.head, log);
    reading.add_head(answered.size)?;
    for (index, _) in leaves {
        reading.add_leaf(*index, answered.size)?;
    }
    let place = Place::Log(heads.ledger, log);
    let [tree] = load_trees(&mut snapshot, place, [reading]).await?;
    if tree.head_at(answered.size)? != answered {
        return Err(place.corrupt(Difference::OtherHead { size: answered.size }));
    }
    match leaves {
        [(index, leaf)] => Ok(vec![tree.prove_leaf(&answered, *index, leaf)?]),
        _ => tree.prove_leaves(&answered, leaves),
    }
}
