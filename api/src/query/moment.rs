//! One moment of a ledger: all that one answer is read from.

use std::ops::DerefMut;

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{LedgerRow, Log, PgConnection, Snapshot, load_ledger};
use merkle_log::TreeHead;

use super::error::{Place, QueryError};
use super::view::View;

/// A ledger that was checked at least once, as the database is at one moment.
pub(crate) struct Moment {
    snapshot: Snapshot,
    /// The ledger's row.
    pub(crate) row: LedgerRow,
    /// The checked heads: where every answer ends.
    pub(crate) head: LedgerHead,
    /// The slot at which they were compared with the chain.
    pub(crate) slot: u64,
}

impl Moment {
    pub(crate) async fn open(view: &View, ledger: LedgerId) -> Result<Self, QueryError> {
        let place = Place::Ledger(ledger);
        let mut snapshot = view.moment_of(ledger).await?;
        let row = load_ledger(&mut snapshot, ledger).await.map_err(place.store_error())?;
        let Some((head, slot)) = row.checked else { return Err(QueryError::NotCheckedYet(ledger)) };
        Ok(Self { snapshot, row, head, slot })
    }

    /// The connection and the row to read by.
    pub(crate) fn parts(&mut self) -> (&mut PgConnection, &LedgerRow) {
        (self.snapshot.deref_mut(), &self.row)
    }

    /// The checked head of one of the logs.
    pub(crate) const fn tree_head(&self, log: Log) -> TreeHead {
        match log {
            Log::Entries => self.head.entries,
            Log::Events => self.head.events,
        }
    }

    pub(crate) const fn ledger(&self) -> LedgerId {
        self.row.ledger
    }
}
