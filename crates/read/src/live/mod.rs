//! Leaves as they are checked, to everyone who follows a log.
//!
//! The database notifies of changes ([`hub`]), or is looked at ([`look`]). For each log that is followed, one task reads what is new and hands it to all
//! of its followers ([`tail`]): an idle follower costs no queries, and each leaf is read and verified once. A follower
//! ([`follow`]) begins at a leaf of its choice and reads what came before by itself. A follower that falls too far behind is
//! told the leaf to resume from. A slow follower never delays another.

mod ears;
mod error;
mod follow;
mod hub;
mod leaf;
mod ledgers;
mod look;
mod permit;
mod tail;

use std::sync::Arc;

use counterfoil_core::LedgerId;
use counterfoil_store::PgPool;
use futures_util::Stream;
use tokio_util::sync::CancellationToken;

use crate::budget::SearchBudget;
use crate::cache::Cache;
use crate::leaf::{CheckedEvent, Entry};
use crate::ledgers::CheckedLedger;
use crate::reader::Reader;
use follow::follow;
use hub::Hub;
use ledgers::Ledgers;
use permit::StreamPermits;
use tail::Tails;

pub use error::LiveError;
pub use leaf::{Batch, Leaf};
pub use look::Hints;
pub use permit::{StreamLimits, StreamPermit};

/// The live logs of an index, shared by all followers.
#[derive(Clone)]
pub struct Live(Arc<Shared>);

struct Shared {
    hub: Arc<Hub>,
    entries: Tails<Entry>,
    events: Tails<Arc<CheckedEvent>>,
    ledgers: Ledgers,
    permits: StreamPermits,
}

impl Live {
    /// The live logs of the index in `pool`. Changes that are heard of empty `cache` of what they made wrong.
    #[must_use]
    pub fn new(pool: PgPool, cache: Arc<Cache>, limits: StreamLimits) -> Self {
        Self::with(pool, cache, limits, false)
    }

    /// No live logs, for a process that does nothing between requests: a follower gets [`LiveError::Off`].
    #[must_use]
    pub fn off(pool: PgPool, cache: Arc<Cache>, limits: StreamLimits) -> Self {
        Self::with(pool, cache, limits, true)
    }

    fn with(pool: PgPool, cache: Arc<Cache>, limits: StreamLimits, is_off: bool) -> Self {
        let hub = Arc::new(Hub::new(pool.clone(), cache.clone(), is_off));
        // Whether a follower may read is asked of its own reader. Tails read for all followers, and never search.
        let reader = Reader::with_cache(pool, cache, Arc::new(SearchBudget::new(1)));
        Self(Arc::new(Shared {
            entries: Tails::new(reader.clone(), hub.clone()),
            events: Tails::new(reader.clone(), hub.clone()),
            ledgers: Ledgers::new(reader, hub.clone()),
            hub,
            permits: StreamPermits::new(limits),
        }))
    }

    /// Listens to the database as soon as it can be reached, followers or not: the cache depends on it.
    pub async fn listen(self) {
        self.0.hub.listen_when_possible().await;
    }

    /// From now on ledgers that are followed are also looked at: once a second, and when a hint comes. Then streams need no
    /// notification of the database, which a standby never sends.
    ///
    /// # Panics
    /// Outside of Tokio's runtime.
    #[must_use]
    pub fn hints(&self) -> Hints {
        self.0.hub.hints()
    }

    /// The number of open streams.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.0.permits.taken()
    }

    /// A permit for a stream that reads by itself. The stream ends when `stopping` is cancelled.
    ///
    /// # Errors
    /// [`LiveError::TooManyStreams`], [`LiveError::TooManyStreamsOfCaller`].
    pub fn permit(&self, reader: &Reader, stopping: CancellationToken) -> Result<StreamPermit, LiveError> {
        self.0.permits.take(reader.caller_name(), stopping)
    }

    /// The entries of a ledger from index `first` on, by default from the checked size on; and the first index.
    ///
    /// # Errors
    /// [`LiveError`]; the stream ends with its first one.
    pub async fn entries(
        &self,
        reader: Reader,
        ledger: LedgerId,
        first: Option<u64>,
        stopping: CancellationToken,
    ) -> Result<(u64, impl Stream<Item = Result<Arc<Batch<Entry>>, LiveError>> + use<>), LiveError> {
        let permit = self.permit(&reader, stopping)?;
        follow(reader, &self.0.hub, &self.0.entries, ledger, first, permit).await
    }

    /// The events of a ledger from number `first` on, as [`Self::entries`].
    ///
    /// # Errors
    /// [`LiveError`]; the stream ends with its first one.
    pub async fn events(
        &self,
        reader: Reader,
        ledger: LedgerId,
        first: Option<u64>,
        stopping: CancellationToken,
    ) -> Result<(u64, impl Stream<Item = Result<Arc<Batch<Arc<CheckedEvent>>>, LiveError>> + use<>), LiveError> {
        let permit = self.permit(&reader, stopping)?;
        follow(reader, &self.0.hub, &self.0.events, ledger, first, permit).await
    }

    /// A ledger as it is, and then whenever its checked heads move or it is halted. A slow follower misses states in between.
    ///
    /// # Errors
    /// [`LiveError`]; the stream ends with its first one.
    pub async fn ledger(
        &self,
        reader: Reader,
        ledger: LedgerId,
        stopping: CancellationToken,
    ) -> Result<impl Stream<Item = Result<CheckedLedger, LiveError>> + use<>, LiveError> {
        let permit = self.permit(&reader, stopping)?;
        self.0.ledgers.follow(reader, ledger, permit).await
    }
}
