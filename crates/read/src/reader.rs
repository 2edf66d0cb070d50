//! The index as one caller sees it: every answer is read through it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_core::LedgerId;
use counterfoil_store::{Connection, PgPool, Selection, Snapshot, acquire, snapshot};

use crate::access::{Caller, CallerName};
use crate::budget::{SearchBudget, SearchPermit};
use crate::cache::Cache;
use crate::error::{Place, ReadError};

/// The index as one caller sees it.
#[derive(Clone)]
pub struct Reader {
    pool: PgPool,
    cache: Arc<Cache>,
    searches: Arc<SearchBudget>,
    caller: Caller,
}

/// Default cache size in bytes.
const CACHE_BYTES: u64 = 64 << 20;
/// Default number of searches that run at a time.
const SEARCHES: usize = 4;

impl Reader {
    /// Reads as the operator, with a cache of its own. The database is trusted with the checked heads alone.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self::with_cache(pool, Arc::new(Cache::new(CACHE_BYTES)), Arc::new(SearchBudget::new(SEARCHES)))
    }

    /// Reads as the operator, with a cache and a search budget that other readers share.
    #[must_use]
    pub fn with_cache(pool: PgPool, cache: Arc<Cache>, searches: Arc<SearchBudget>) -> Self {
        Self { pool, cache, searches, caller: Caller::operator() }
    }

    /// The same index as this caller sees it.
    #[must_use]
    pub fn with_caller(self, caller: Caller) -> Self {
        Self { caller, ..self }
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(crate) const fn caller_name(&self) -> CallerName {
        self.caller.name()
    }

    /// Refuses unless the caller may still read this ledger: for what is handed over without being read again.
    pub(crate) async fn authorize(&self, ledger: LedgerId) -> Result<(), ReadError> {
        self.caller.authorize(ledger).await
    }

    /// How long each statement of a search may take.
    pub(crate) fn search_time(&self) -> Duration {
        self.searches.time()
    }

    /// A permit to search, held until all is read. It comes before the connection.
    pub(crate) async fn begin_search(&self) -> Result<SearchPermit, ReadError> {
        self.searches.begin(self.caller.name()).await
    }

    /// A snapshot of the database to read this ledger from, if the caller may.
    pub(crate) async fn snapshot_of(&self, ledger: LedgerId) -> Result<Snapshot, ReadError> {
        self.caller.authorize(ledger).await?;
        snapshot(&self.pool).await.map_err(Place::Ledger(ledger).store_error())
    }

    /// A connection to read what is verified afterwards, from whichever snapshot of the database.
    pub(crate) async fn connection(&self, place: Place) -> Result<Connection, ReadError> {
        acquire(&self.pool).await.map_err(place.store_error())
    }

    /// A snapshot of the database to list ledgers from, and the ledgers that the list may hold.
    pub(crate) async fn snapshot_of_lists(&self) -> Result<(Snapshot, Selection), ReadError> {
        let selection = self.caller.selection().await?;
        Ok((self.snapshot_of_index().await?, selection))
    }

    /// A snapshot of the database to read nothing of any ledger from.
    pub(crate) async fn snapshot_of_index(&self) -> Result<Snapshot, ReadError> {
        snapshot(&self.pool).await.map_err(Place::Index.store_error())
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("caller", &self.caller).finish_non_exhaustive()
    }
}
