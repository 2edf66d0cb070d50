//! What a tlog-tiles log is made of: the head, tiles of hashes, bundles of entries.

use counterfoil_core::LedgerId;
use counterfoil_store::Log;
use merkle_log::{Hash, LeafHash, LeafIndex, TreeHead};

use super::entries::load_payloads;
use super::error::{Place, QueryError};
use super::events::{leaves_of, load_checked_events};
use super::moment::{Moment, answer};
use super::tree::{Reading, load_trees, verify_leaves};
use super::view::View;

/// Answers the checked head of a log.
///
/// # Errors
/// [`QueryError`].
pub async fn head(view: &View, ledger: LedgerId, log: Log) -> Result<TreeHead, QueryError> {
    Ok(Moment::open(view, ledger).await?.tree_head(log))
}

/// Answers the first `width` hashes of a tile, verified to be in the checked tree; for a whole full one with the hash that stands
/// for it in the tile above.
///
/// # Errors
/// [`QueryError::IndexOutOfRange`] where the checked tree has fewer; [`QueryError`].
pub async fn tile(
    view: &View,
    ledger: LedgerId,
    log: Log,
    level: u8,
    index: u64,
    width: u16,
) -> Result<(Vec<Hash>, Option<Hash>), QueryError> {
    let mut moment = Moment::open(view, ledger).await?;
    let mut reading = Reading::new(&moment.head, log);
    let tile = reading.add_tile(level, index, width)?;
    let [tree] = load_trees(&mut moment, Place::Log(ledger, log), [reading]).await?;
    let root = tree.root_above(tile).filter(|_| tile.is_full() && width == tile.width);
    Ok((tree.hashes(tile)?.iter().take(width.into()).copied().collect(), root))
}

/// Answers the bytes of the first `width` leaves of a tile of level 0, verified to be in the checked tree: of the entries
/// themselves, or of the events as their leaf hashes cover them.
///
/// # Errors
/// As [`tile`]; [`QueryError::MissingEntry`] where the index lacks one.
pub async fn bundle(
    view: &View,
    ledger: LedgerId,
    log: Log,
    index: u64,
    width: u16,
) -> Result<Vec<Vec<u8>>, QueryError> {
    answer(view, ledger, |moment| load_bundle(moment, log, index, width)).await
}

async fn load_bundle(mut moment: Moment, log: Log, index: u64, width: u16) -> Result<Vec<Vec<u8>>, QueryError> {
    let reading = Reading::new(&moment.head, log);
    let tile = reading.tile(0, index, width)?;
    let first = tile.first_offset();
    let range = first..first.saturating_add(width.into());
    match log {
        Log::Entries => {
            let rows = load_payloads(&mut moment, range).await?;
            let leaves: Vec<(LeafIndex, LeafHash)> = rows.iter().map(|(index, leaf, _)| (*index, *leaf)).collect();
            verify_leaves(&mut moment, &leaves, &[], None).await?;
            Ok(rows.into_iter().map(|(.., payload)| payload).collect())
        }
        Log::Events => {
            let seqs = range.map(|seq| reading.index(seq)).collect::<Result<Vec<_>, _>>()?;
            let events = load_checked_events(&mut moment, seqs).await?;
            verify_leaves(&mut moment, &[], &leaves_of(&events), None).await?;
            Ok(events.into_values().map(|event| event.leaf_bytes.clone()).collect())
        }
    }
}
