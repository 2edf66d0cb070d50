//! Ledgers, and how far each is.

use std::ops::DerefMut;
use std::sync::Arc;

use counterfoil_core::LedgerId;
use counterfoil_store::{LedgerRow, Log, PgConnection, TileSet, load_ledger, load_selected_ledgers, load_tile_sets};
use merkle_log::{Hash, Tiles};

use super::error::{Place, QueryError};
use super::memory::Memory;
use super::page::page_limit;
use super::tree::Reading;
use super::view::View;

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
/// [`QueryError`].
pub async fn ledger(view: &View, ledger: LedgerId) -> Result<CheckedLedger, QueryError> {
    let memory = view.memory();
    if let Some(row) = memory.rows.ledger(ledger) {
        view.authorize(ledger).await?;
        if let Some(frontier) = recall_frontier(&row, memory)? {
            return Ok(CheckedLedger { row: Arc::unwrap_or_clone(row), frontier });
        }
    }
    Box::pin(load_checked_ledger(view, ledger)).await
}

async fn load_checked_ledger(view: &View, ledger: LedgerId) -> Result<CheckedLedger, QueryError> {
    let place = Place::Ledger(ledger);
    let asked = view.memory().rows.ask();
    let mut snapshot = view.moment_of(ledger).await?;
    let row = load_ledger(&mut snapshot, ledger).await.map_err(place.store_error())?;
    let checked = load_frontiers(view, snapshot.deref_mut(), place, vec![row]).await?.pop();
    let checked = checked.ok_or(QueryError::UnknownLedger(ledger))?;
    if let Some(asked) = asked {
        view.memory().rows.keep_ledger(asked, Arc::new(checked.row.clone()));
    }
    Ok(checked)
}

/// Answers a page of ledgers.
///
/// # Errors
/// [`QueryError`].
pub async fn ledgers(view: &View, after: Option<LedgerId>, limit: Option<u64>) -> Result<LedgerPage, QueryError> {
    let limit = page_limit(limit)?;
    let place = Place::Index;
    let (mut snapshot, selection) = view.moment_of_lists().await?;
    // One more than wanted shows whether there is a next page.
    let rows = load_selected_ledgers(&mut snapshot, &selection, after, limit.saturating_add(1));
    let mut rows = rows.await.map_err(place.store_error())?;
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().map(|row| row.ledger).filter(|_| has_more);
    Ok(LedgerPage { ledgers: load_frontiers(view, snapshot.deref_mut(), place, rows).await?, next })
}

/// Reads the checked frontiers of all these ledgers by one query.
pub(super) async fn load_frontiers(
    view: &View,
    connection: &mut PgConnection,
    place: Place,
    rows: Vec<LedgerRow>,
) -> Result<Vec<CheckedLedger>, QueryError> {
    let memory = view.memory();
    let recall = |row| Ok::<_, QueryError>(frontier_reading(row)?.map(|reading| reading.recall(memory)));
    let recalled = rows.iter().map(recall).collect::<Result<Vec<_>, _>>()?;
    let wanted = rows.iter().zip(&recalled).filter_map(|(row, recalled)| Some(recalled.as_ref()?.tile_set(row)));
    let sets: Vec<TileSet<'_>> = wanted.collect();
    let mut tiles = load_tile_sets(connection, &sets).await.map_err(place.store_error())?.into_iter();
    let frontiers = rows.iter().zip(recalled).map(|(row, recalled)| match recalled {
        Some(recalled) => recalled.with(row, tiles.next().unwrap_or_default(), memory)?.frontier(),
        None => Ok(Vec::new()),
    });
    let frontiers: Vec<_> = frontiers.collect::<Result<_, _>>()?;
    Ok(rows.into_iter().zip(frontiers).map(|(row, frontier)| CheckedLedger { row, frontier }).collect())
}

/// The frontier, if nothing is to be read for it.
fn recall_frontier(row: &LedgerRow, memory: &Memory) -> Result<Option<Vec<Hash>>, QueryError> {
    let Some(reading) = frontier_reading(row)? else { return Ok(Some(Vec::new())) };
    let recalled = reading.recall(memory);
    if !recalled.is_whole() {
        return Ok(None);
    }
    recalled.with(row, Tiles::default(), memory)?.frontier().map(Some)
}

/// None for a ledger that was never checked.
fn frontier_reading(row: &LedgerRow) -> Result<Option<Reading>, QueryError> {
    let Some((head, _)) = &row.checked else { return Ok(None) };
    let mut reading = Reading::new(head, Log::Entries);
    reading.add_frontier()?;
    Ok(Some(reading))
}
