//! The state of a ledger as stored, for the indexer to go on from.

use counterfoil_core::{LedgerHead, LedgerId, LedgerState};
use merkle_log::{Edge, LeafIndex, Tile, TreeHead, TreeSize};
use sqlx::PgConnection;

use crate::{LedgerRow, Log, StoreError, load_events, load_ledger, load_tiles};

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

/// The heads after the first events, 1 to all that are stored: the entries' as the last of them says, the events' from
/// the right edge of the event log as it was then.
///
/// # Errors
/// [`StoreError::Database`]; [`StoreError::Corrupt`], also when there are fewer events.
pub async fn load_head_at(
    connection: &mut PgConnection,
    row: &LedgerRow,
    events: TreeSize,
) -> Result<LedgerHead, StoreError> {
    let name = format!("ledger {}, after {events} events", row.ledger);
    let last = events.get().checked_sub(1).and_then(|last| LeafIndex::new(last).ok());
    let last = last.ok_or_else(|| StoreError::corrupt("event", &name, "there is no event before the first"))?;
    let stored = load_events(&mut *connection, row, &[last]).await?;
    let header = stored.first().map(|stored| stored.event.header.clone());
    let header = header.ok_or_else(|| StoreError::corrupt("event", &name, "the row is missing"))?;
    let edge = load_edge(connection, row, Log::Events, events).await?;
    Ok(LedgerHead {
        ledger: row.ledger,
        entries: TreeHead { size: header.size, root: header.root },
        events: TreeHead { size: events, root: edge.frontier().root() },
    })
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
