//! The parts of a tlog-tiles log: the head, tiles of hashes, bundles of entries.

use counterfoil_core::LedgerId;
use counterfoil_store::Log;
use merkle_log::{Hash, LeafHash, LeafIndex, TreeHead};

use crate::entries::load_payloads;
use crate::error::{Place, ReadError};
use crate::events::{leaves_of, load_checked_events};
use crate::reader::Reader;
use crate::snapshot::{LedgerSnapshot, answer};
use crate::tree::{Reading, load_trees, verify_leaves};

/// Answers the checked head of a log.
///
/// # Errors
/// [`ReadError`].
pub async fn head(reader: &Reader, ledger: LedgerId, log: Log) -> Result<TreeHead, ReadError> {
    Ok(LedgerSnapshot::open(reader, ledger).await?.tree_head(log))
}

/// Answers the first `width` hashes of a tile, verified to be in the checked tree; for a whole full one with the hash that stands
/// for it in the tile above.
///
/// # Errors
/// [`ReadError::IndexOutOfRange`] where the checked tree has fewer; [`ReadError`].
pub async fn tile(
    reader: &Reader,
    ledger: LedgerId,
    log: Log,
    level: u8,
    index: u64,
    width: u16,
) -> Result<(Vec<Hash>, Option<Hash>), ReadError> {
    let mut snapshot = LedgerSnapshot::open(reader, ledger).await?;
    let mut reading = Reading::new(&snapshot.head, log);
    let tile = reading.add_tile(level, index, width)?;
    let [tree] = load_trees(&mut snapshot, Place::Log(ledger, log), [reading]).await?;
    let root = tree.root_above(tile).filter(|_| tile.is_full() && width == tile.width);
    Ok((tree.hashes(tile)?.iter().take(width.into()).copied().collect(), root))
}

/// Answers the bytes of the first `width` leaves of a tile of level 0, verified to be in the checked tree: of the entries
/// themselves, or of the events as their leaf hashes cover them.
///
/// # Errors
/// As [`tile`]; [`ReadError::MissingEntry`] where an entry is missing.
pub async fn bundle(
    reader: &Reader,
    ledger: LedgerId,
    log: Log,
    index: u64,
    width: u16,
) -> Result<Vec<Vec<u8>>, ReadError> {
    answer(reader, ledger, |snapshot| load_bundle(snapshot, log, index, width)).await
}

async fn load_bundle(
    mut snapshot: LedgerSnapshot,
    log: Log,
    index: u64,
    width: u16,
) -> Result<Vec<Vec<u8>>, ReadError> {
    let reading = Reading::new(&snapshot.head, log);
    let tile = reading.tile(0, index, width)?;
    let first = tile.first_offset();
    let range = first..first.saturating_add(width.into());
    match log {
        Log::Entries => {
            let rows = load_payloads(&mut snapshot, range).await?;
            let leaves: Vec<(LeafIndex, LeafHash)> = rows.iter().map(|(index, leaf, _)| (*index, *leaf)).collect();
            verify_leaves(&mut snapshot, &leaves, &[], None).await?;
            Ok(rows.into_iter().map(|(.., payload)| payload).collect())
        }
        Log::Events => {
            let seqs = range.map(|seq| reading.index(seq)).collect::<Result<Vec<_>, _>>()?;
            let events = load_checked_events(&mut snapshot, seqs).await?;
            verify_leaves(&mut snapshot, &[], &leaves_of(&events), None).await?;
            Ok(events.into_values().map(|event| event.leaf_bytes.clone()).collect())
        }
    }
}
