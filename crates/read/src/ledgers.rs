//! Ledgers, and how far each is.

use std::ops::DerefMut;
use std::sync::Arc;

use counterfoil_core::LedgerId;
use counterfoil_store::{LedgerRow, Log, PgConnection, TileSet, load_ledger, load_selected_ledgers, load_tile_sets};
use merkle_log::{Hash, Tiles};

use crate::cache::Cache;
use crate::error::{Place, ReadError};
use crate::page::page_limit;
use crate::reader::Reader;
use crate::tree::Reading;

/// A ledger's row, and the frontier that leads to its checked head.
#[derive(Clone, Debug)]
pub struct CheckedLedger {
    /// How far it is.
    pub row: LedgerRow,
    /// The roots of the perfect subtrees that make up the checked log, the largest first; empty before the first check.
    pub frontier: Vec<Hash>,
}

/// How much was applied that is not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Entries.
    pub entries: u64,
    /// Events.
    pub events: u64,
}

impl CheckedLedger {
    /// How much was applied that is not checked yet.
    #[must_use]
    pub fn behind(&self) -> Behind {
        let checked = self.row.checked.map(|(head, _)| (head.entries.size.get(), head.events.size.get()));
        let (entries, events) = checked.unwrap_or_default();
        // The database holds the checked numbers at or below the applied ones.
        Behind {
            entries: self.row.applied_size.get().saturating_sub(entries),
            events: self.row.applied_event_seq.get().saturating_sub(events),
        }
    }
}

/// Ledgers in the order of their addresses.
#[derive(Clone, Debug)]
pub struct LedgerPage {
    /// The ledgers.
    pub ledgers: Vec<CheckedLedger>,
    /// After which ledger the next page begins; none when there is none.
    pub next: Option<LedgerId>,
}

/// Answers one ledger.
///
/// # Errors
/// [`ReadError`].
pub async fn ledger(reader: &Reader, ledger: LedgerId) -> Result<CheckedLedger, ReadError> {
    let cache = reader.cache();
    if let Some(row) = cache.rows.ledger(ledger) {
        reader.authorize(ledger).await?;
        if let Some(frontier) = recall_frontier(&row, cache)? {
            return Ok(CheckedLedger { row: Arc::unwrap_or_clone(row), frontier });
        }
    }
    Box::pin(load_checked_ledger(reader, ledger)).await
}

async fn load_checked_ledger(reader: &Reader, ledger: LedgerId) -> Result<CheckedLedger, ReadError> {
    let place = Place::Ledger(ledger);
    let asked = reader.cache().rows.ask();
    let mut snapshot = reader.snapshot_of(ledger).await?;
    let row = load_ledger(&mut snapshot, ledger).await.map_err(place.store_error())?;
    let checked = load_frontiers(reader, snapshot.deref_mut(), place, vec![row]).await?.pop();
    let checked = checked.ok_or(ReadError::UnknownLedger(ledger))?;
    if let Some(asked) = asked {
        reader.cache().rows.keep_ledger(asked, Arc::new(checked.row.clone()));
    }
    Ok(checked)
}

/// Answers a page of ledgers.
///
/// # Errors
/// [`ReadError`].
pub async fn ledgers(reader: &Reader, after: Option<LedgerId>, limit: Option<u64>) -> Result<LedgerPage, ReadError> {
    let limit = page_limit(limit)?;
    let place = Place::Index;
    let (mut snapshot, selection) = reader.snapshot_of_lists().await?;
    // One more than wanted shows whether there is a next page.
    let rows = load_selected_ledgers(&mut snapshot, &selection, after, limit.saturating_add(1));
    let mut rows = rows.await.map_err(place.store_error())?;
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().map(|row| row.ledger).filter(|_| has_more);
    Ok(LedgerPage { ledgers: load_frontiers(reader, snapshot.deref_mut(), place, rows).await?, next })
}

/// Reads the checked frontiers of all these ledgers by one query.
pub(crate) async fn load_frontiers(
    reader: &Reader,
    connection: &mut PgConnection,
    place: Place,
    rows: Vec<LedgerRow>,
) -> Result<Vec<CheckedLedger>, ReadError> {
    let cache = reader.cache();
    let recall = |row| Ok::<_, ReadError>(frontier_reading(row)?.map(|reading| reading.recall(cache)));
    let recalled = rows.iter().map(recall).collect::<Result<Vec<_>, _>>()?;
    let wanted = rows.iter().zip(&recalled).filter_map(|(row, recalled)| Some(recalled.as_ref()?.tile_set(row)));
    let sets: Vec<TileSet<'_>> = wanted.collect();
    let mut tiles = load_tile_sets(connection, &sets).await.map_err(place.store_error())?.into_iter();
    let frontiers = rows.iter().zip(recalled).map(|(row, recalled)| match recalled {
        Some(recalled) => recalled.with(row, tiles.next().unwrap_or_default(), cache)?.frontier(),
        None => Ok(Vec::new()),
    });
    let frontiers: Vec<_> = frontiers.collect::<Result<_, _>>()?;
    Ok(rows.into_iter().zip(frontiers).map(|(row, frontier)| CheckedLedger { row, frontier }).collect())
}

/// The frontier, if nothing is to be read for it.
fn recall_frontier(row: &LedgerRow, cache: &Cache) -> Result<Option<Vec<Hash>>, ReadError> {
    let Some(reading) = frontier_reading(row)? else { return Ok(Some(Vec::new())) };
    let recalled = reading.recall(cache);
    if !recalled.is_whole() {
        return Ok(None);
    }
    recalled.with(row, Tiles::default(), cache)?.frontier().map(Some)
}

/// None for a ledger that was never checked.
fn frontier_reading(row: &LedgerRow) -> Result<Option<Reading>, ReadError> {
    let Some((head, _)) = &row.checked else { return Ok(None) };
    let mut reading = Reading::new(head, Log::Entries);
    reading.add_frontier()?;
    Ok(Some(reading))
}
