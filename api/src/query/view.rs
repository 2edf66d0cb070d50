//! What answers are read from.

use std::fmt;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use counterfoil_core::LedgerId;
use counterfoil_store::{Connection, PgPool, Selection, Snapshot, acquire, snapshot};

use super::error::{Place, QueryError};
use super::memory::Memory;
use super::searches::{SearchPlace, Searches};
use crate::access::{Caller, CallerName};
use crate::problem::{Code, Problem};

/// The index as one caller sees it. All that is answered is read through it.
#[derive(Clone)]
pub struct View {
    pool: PgPool,
    memory: Arc<Memory>,
    searches: Arc<Searches>,
    caller: Caller,
}

/// How many bytes a view that is told nothing keeps in memory.
const MEMORY_BYTES: u64 = 64 << 20;
/// How many searches run at a time through a view that is told nothing.
const SEARCHES: usize = 4;

impl View {
    /// Over a database, which is not trusted with anything but the checked heads; as its operator sees it.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self::with_memory(pool, Arc::new(Memory::new(MEMORY_BYTES)), Arc::new(Searches::new(SEARCHES)))
    }

    /// As [`Self::new`], with a memory and places for searches that others share.
    pub(crate) fn with_memory(pool: PgPool, memory: Arc<Memory>, searches: Arc<Searches>) -> Self {
        Self { pool, memory, searches, caller: Caller::everything() }
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The same index as the caller sees it who signs on to a socket.
    pub(crate) async fn sign_on(self, authorization: Option<&str>) -> Result<Self, Problem> {
        let caller = self.caller.sign_on(authorization).await?;
        Ok(Self { caller, ..self })
    }

    /// Counts one more request of the caller's.
    pub(crate) async fn count(&self) -> Result<(), Problem> {
        self.caller.count().await
    }

    /// By whom streams are counted.
    pub(crate) const fn caller_name(&self) -> CallerName {
        self.caller.name()
    }

    /// Refuses unless the caller may still read this ledger: for what is handed over without being read anew.
    pub(crate) async fn authorize(&self, ledger: LedgerId) -> Result<(), QueryError> {
        self.caller.authorize(ledger).await
    }

    /// A place to search in, held until all is read. It comes before the connection.
    pub(super) async fn begin_search(&self) -> Result<SearchPlace, QueryError> {
        self.searches.begin(self.caller.name()).await
    }

    /// One moment of the database, to read this ledger of it, if the caller may.
    pub(crate) async fn moment_of(&self, ledger: LedgerId) -> Result<Snapshot, QueryError> {
        self.caller.authorize(ledger).await?;
        snapshot(&self.pool).await.map_err(Place::Ledger(ledger).store_error())
    }

    /// A connection to read what is verified, whatever moment of the database it is of.
    pub(super) async fn connection(&self, place: Place) -> Result<Connection, QueryError> {
        acquire(&self.pool).await.map_err(place.store_error())
    }

    /// One moment of the database, to list ledgers, and those that the list may hold.
    pub(crate) async fn moment_of_lists(&self) -> Result<(Snapshot, Selection), QueryError> {
        let selection = self.caller.selection().await?;
        Ok((self.moment_of_index().await?, selection))
    }

    /// One moment of the database, to read nothing of any ledger.
    pub(crate) async fn moment_of_index(&self) -> Result<Snapshot, QueryError> {
        snapshot(&self.pool).await.map_err(Place::Index.store_error())
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("caller", &self.caller).finish_non_exhaustive()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for View
where
    Self: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // Each request passes the guard, which says who calls. One that did not is shown nothing.
        let caller = parts.extensions.get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Problem::new(Code::Forbidden, "It is not known who asks."))?;
        Ok(Self { caller, ..Self::from_ref(state) })
    }
}
