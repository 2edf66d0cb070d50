//! One snapshot of a ledger: all that one answer is read from.

use std::future::Future;
use std::ops::DerefMut;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{Cluster, Connection, LedgerRow, Log, PgConnection, Snapshot, load_cluster, load_ledger};
use merkle_log::TreeHead;

use crate::cache::Cache;
use crate::error::{Place, ReadError};
use crate::reader::Reader;

/// A ledger that was checked at least once, up to what was checked.
///
/// How far that is may be known from memory; then the database is asked only for what is not. Its rows up to a
/// checked head stay as they are, so that one later snapshot does as well.
pub(crate) struct LedgerSnapshot {
    reader: Reader,
    source: Source,
    row: Arc<LedgerRow>,
    /// The checked heads: where every answer ends.
    pub(crate) head: LedgerHead,
    /// The slot at which they were compared with the chain.
    pub(crate) slot: u64,
}

/// The source of a snapshot.
enum Source {
    /// Nothing was read yet; when something is, the row is first.
    Unread,
    /// Nothing was read yet, and what is, is read by the row in cache.
    UnreadByThisRow,
    Connection(Connection),
    Snapshot(Snapshot),
}

/// Answers by the row in memory where there is one; and where that fails, once more by the row as it is.
///
/// Only for what is verified when it was read: then an old row can make an answer fail, and cannot make a wrong one. For this
/// the database is asked neither for a transaction nor for the row.
pub(crate) async fn answer<T, F>(
    reader: &Reader,
    ledger: LedgerId,
    make: impl Fn(LedgerSnapshot) -> F,
) -> Result<T, ReadError>
where
    F: Future<Output = Result<T, ReadError>>,
{
    if let Some(row) = reader.cache().rows.ledger(ledger) {
        reader.authorize(ledger).await?;
        match make(LedgerSnapshot::at(reader, row, Source::UnreadByThisRow)?).await {
            Err(error) if !matches!(error, ReadError::Database(_)) => {}
            answered => return answered,
        }
    }
    make(Box::pin(LedgerSnapshot::open_anew(reader, ledger)).await?).await
}

impl LedgerSnapshot {
    /// How long each statement of a search may take.
    pub(crate) fn search_time(&self) -> Duration {
        self.reader.search_time()
    }

    pub(crate) async fn open(reader: &Reader, ledger: LedgerId) -> Result<Self, ReadError> {
        let Some(row) = reader.cache().rows.ledger(ledger) else {
            return Box::pin(Self::open_anew(reader, ledger)).await;
        };
        reader.authorize(ledger).await?;
        Self::at(reader, row, Source::Unread)
    }

    /// With the row as it is now in the database.
    pub(crate) async fn open_anew(reader: &Reader, ledger: LedgerId) -> Result<Self, ReadError> {
        let asked = reader.cache().rows.ask();
        let (snapshot, row) = read(reader, ledger).await?;
        if let Some(asked) = asked {
            reader.cache().rows.keep_ledger(asked, row.clone());
        }
        Self::at(reader, row, Source::Snapshot(snapshot))
    }

    fn at(reader: &Reader, row: Arc<LedgerRow>, source: Source) -> Result<Self, ReadError> {
        let Some((head, slot)) = row.checked else { return Err(ReadError::NotCheckedYet(row.ledger)) };
        Ok(Self { reader: reader.clone(), source, row, head, slot })
    }

    /// The connection and the row to read by, which is of the same snapshot of the database unless the answer may be of an old
    /// one.
    pub(crate) async fn parts(&mut self) -> Result<(&mut PgConnection, &LedgerRow), ReadError> {
        match self.source {
            Source::Unread => {
                // The number that stands for a ledger may be another than it was, when the index was rebuilt.
                let (snapshot, row) = Box::pin(read(&self.reader, self.row.ledger)).await?;
                self.row = row;
                self.source = Source::Snapshot(snapshot);
            }
            Source::UnreadByThisRow => {
                let place = Place::Ledger(self.row.ledger);
                self.source = Source::Connection(Box::pin(self.reader.connection(place)).await?);
            }
            Source::Connection(_) | Source::Snapshot(_) => {}
        }
        match &mut self.source {
            Source::Connection(connection) => Ok((connection.deref_mut(), &self.row)),
            Source::Snapshot(snapshot) => Ok((snapshot.deref_mut(), &self.row)),
            Source::Unread | Source::UnreadByThisRow => unreachable!("it was opened above"),
        }
    }

    /// The cluster that the index is bound to, if it is.
    pub(crate) async fn cluster(&mut self, place: Place) -> Result<Option<Cluster>, ReadError> {
        if let Some(cluster) = self.cache().rows.cluster() {
            return Ok(Some(cluster));
        }
        let asked = self.cache().rows.ask();
        let (connection, _) = self.parts().await?;
        let cluster = Box::pin(load_cluster(connection)).await.map_err(place.store_error())?;
        if let Some((asked, cluster)) = asked.zip(cluster) {
            self.cache().rows.keep_cluster(asked, cluster);
        }
        Ok(cluster)
    }

    /// Whether all is to be read as it is now in the database.
    pub(crate) const fn is_anew(&self) -> bool {
        matches!(self.source, Source::Snapshot(_))
    }

    pub(crate) fn cache(&self) -> &Cache {
        self.reader.cache()
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

async fn read(reader: &Reader, ledger: LedgerId) -> Result<(Snapshot, Arc<LedgerRow>), ReadError> {
    let place = Place::Ledger(ledger);
    let mut snapshot = reader.snapshot_of(ledger).await?;
    let row = load_ledger(&mut snapshot, ledger).await.map_err(place.store_error())?;
    Ok((snapshot, Arc::new(row)))
}
