//! One moment of a ledger: all that one answer is read from.

use std::ops::DerefMut;
use std::sync::Arc;

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{Cluster, LedgerRow, Log, PgConnection, Snapshot, load_cluster, load_ledger};
use merkle_log::TreeHead;

use super::error::{Place, QueryError};
use super::memory::Memory;
use super::view::View;

/// A ledger that was checked at least once, up to what was checked.
///
/// How far that is may be known from memory; then the database is asked only for what is not. What it holds up to a
/// checked head stays as it is, so that one later moment of it does as well.
pub(crate) struct Moment {
    view: View,
    snapshot: Option<Snapshot>,
    row: Arc<LedgerRow>,
    /// The checked heads: where every answer ends.
    pub(crate) head: LedgerHead,
    /// The slot at which they were compared with the chain.
    pub(crate) slot: u64,
}

impl Moment {
    pub(crate) async fn open(view: &View, ledger: LedgerId) -> Result<Self, QueryError> {
        let Some(row) = view.memory().rows.ledger(ledger) else { return Self::open_anew(view, ledger).await };
        view.authorize(ledger).await?;
        Self::at(view, row, None)
    }

    /// With the row as it is now in the database.
    pub(crate) async fn open_anew(view: &View, ledger: LedgerId) -> Result<Self, QueryError> {
        let asked = view.memory().rows.ask();
        let (snapshot, row) = read(view, ledger).await?;
        if let Some(asked) = asked {
            view.memory().rows.keep_ledger(asked, row.clone());
        }
        Self::at(view, row, Some(snapshot))
    }

    fn at(view: &View, row: Arc<LedgerRow>, snapshot: Option<Snapshot>) -> Result<Self, QueryError> {
        let Some((head, slot)) = row.checked else { return Err(QueryError::NotCheckedYet(row.ledger)) };
        Ok(Self { view: view.clone(), snapshot, row, head, slot })
    }

    /// The connection and the row to read by, which is then of the same moment of the database.
    pub(crate) async fn parts(&mut self) -> Result<(&mut PgConnection, &LedgerRow), QueryError> {
        let snapshot = match self.snapshot.take() {
            Some(snapshot) => snapshot,
            None => {
                // The number that stands for a ledger may be another than it was, when the index was made anew.
                let (snapshot, row) = read(&self.view, self.row.ledger).await?;
                self.row = row;
                snapshot
            }
        };
        Ok((self.snapshot.insert(snapshot).deref_mut(), &self.row))
    }

    /// The cluster that the index is bound to, if it is.
    pub(crate) async fn cluster(&mut self, place: Place) -> Result<Option<Cluster>, QueryError> {
        if let Some(cluster) = self.memory().rows.cluster() {
            return Ok(Some(cluster));
        }
        let asked = self.memory().rows.ask();
        let (connection, _) = self.parts().await?;
        let cluster = load_cluster(connection).await.map_err(place.store_error())?;
        if let Some((asked, cluster)) = asked.zip(cluster) {
            self.memory().rows.keep_cluster(asked, cluster);
        }
        Ok(cluster)
    }

    pub(super) fn memory(&self) -> &Memory {
        self.view.memory()
    }

    /// The ledger's row.
    pub(crate) fn row(&self) -> &LedgerRow {
        &self.row
    }

    /// The checked head of one of the logs.
    pub(crate) const fn tree_head(&self, log: Log) -> TreeHead {
        match log {
            Log::Entries => self.head.entries,
            Log::Events => self.head.events,
        }
    }

    pub(crate) fn ledger(&self) -> LedgerId {
        self.head.ledger
    }
}

async fn read(view: &View, ledger: LedgerId) -> Result<(Snapshot, Arc<LedgerRow>), QueryError> {
    let place = Place::Ledger(ledger);
    let mut snapshot = view.moment_of(ledger).await?;
    let row = load_ledger(&mut snapshot, ledger).await.map_err(place.store_error())?;
    Ok((snapshot, Arc::new(row)))
}
