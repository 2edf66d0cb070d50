//! The state of a ledger as stored, for the indexer to go on from.

use counterfoil_core::{LedgerId, LedgerState};
use merkle_log::{Edge, Tile, TreeSize};
use sqlx::PgConnection;

use crate::{LedgerRow, Log, StoreError, load_ledger, load_tiles};

/// Rebuilds the state from the right edges of both logs. When the state stands at the checked watermark its heads
/// are compared with the checked ones, so that a changed edge is found before anything is built on it.
///
/// # Errors
/// [`StoreError::UnknownLedger`], [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_state(connection: &mut PgConnection, ledger: LedgerId) -> Result<LedgerState, StoreError> {
    let row = load_ledger(&mut *connection, ledger).await?;
    let entries = load_edge(&mut *connection, &row, Log::Entries, row.applied_size).await?;
    let events = load_edge(&mut *connection, &row, Log::Events, row.applied_event_seq).await?;
    let state = LedgerState::from_edges(ledger, entries, events);
    match &row.checked {
        Some((checked, _)) if checked.events.size == row.applied_event_seq && *checked != state.head() => {
            let problem = format!("the stored edge leads to {:?}, checked was {checked:?}", state.head());
            Err(StoreError::corrupt("cursor", ledger, problem))
        }
        _ => Ok(state),
    }
}

async fn load_edge(
    connection: &mut PgConnection,
    row: &LedgerRow,
    log: Log,
    size: TreeSize,
) -> Result<Edge, StoreError> {
    let tiles: Vec<Tile> = Tile::partial(size).collect();
    let read = load_tiles(connection, row, log, &tiles).await?;
    Edge::from_tiles(size, &read).map_err(|error| StoreError::corrupt("tile", row.ledger, error))
}
