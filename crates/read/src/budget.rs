//! The search budget: how many searches run at a time, in all and of one caller.
//!
//! A search may keep a connection for seconds. A search that waits for its permit holds no connection, so proofs and health
//! find one however many searches wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::access::CallerName;
use crate::error::ReadError;

/// How long each statement of a search may take.
const TIME: Duration = Duration::from_secs(3);

/// How long a search may wait for its place: less than one may take, so that what waits behind a slow one is told first.
const PATIENCE: Duration = Duration::from_secs(2);

/// The permits to search that all readers of an index share.
#[derive(Debug)]
pub struct SearchBudget {
    most: usize,
    time: Duration,
    places: Arc<Semaphore>,
    /// How many of them one caller may take: half, so that another finds one.
    share: usize,
    /// Of those who search or wait.
    by_caller: Mutex<HashMap<CallerName, Weak<Semaphore>>>,
}

/// Held by a search for as long as it reads.
pub(crate) struct SearchPermit {
    _own: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
    /// Keeps the caller's count as long as anything is counted.
    _count: Arc<Semaphore>,
}

impl SearchBudget {
    /// Permits for at most `places` searches at a time, at least one; for one caller half of them.
    #[must_use]
    pub fn new(places: usize) -> Self {
        let places = places.max(1);
        let share = places.div_ceil(2);
        Self { most: places, time: TIME, places: Arc::new(Semaphore::new(places)), share, by_caller: Mutex::default() }
    }

    /// The same with another time for each statement of a search; 3 s otherwise.
    #[must_use]
    pub fn with_time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// How long each statement of a search may take.
    pub(crate) const fn time(&self) -> Duration {
        self.time
    }

    /// The number of searches that run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.most.saturating_sub(self.places.available_permits())
    }

    /// Waits for a place, the caller's own first: who has as many as one may have keeps none from others by waiting.
    pub(crate) async fn begin(&self, caller: CallerName) -> Result<SearchPermit, ReadError> {
        let own = self.count_of(caller);
        let taken = timeout(PATIENCE, async {
            let _own = own.clone().acquire_owned().await.ok()?;
            let _place = self.places.clone().acquire_owned().await.ok()?;
            Some(SearchPermit { _own, _place, _count: own.clone() })
        });
        let too_many = ReadError::TooManySearches { waited_ms: PATIENCE.as_millis() };
        taken.await.ok().flatten().ok_or(too_many)
    }

    fn count_of(&self, caller: CallerName) -> Arc<Semaphore> {
        let mut by_caller = self.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_caller.get(&caller).and_then(Weak::upgrade) {
            return count;
        }
        by_caller.retain(|_, count| count.strong_count() > 0);
        let count = Arc::new(Semaphore::new(self.share));
        by_caller.insert(caller, Arc::downgrade(&count));
        count
    }
}

#[cfg(test)]
mod tests {
    use super::{ReadError, SearchBudget};
    use crate::access::CallerName;

    fn caller(last: u8) -> CallerName {
        CallerName::Network([192, 0, 2, last].into())
    }

    #[tokio::test(start_paused = true)]
    async fn one_caller_takes_half_the_places_and_what_cannot_begin_in_time_is_refused() {
        let searches = SearchBudget::new(4);
        let begin = async |last| searches.begin(caller(last)).await;
        let is_refused = |begun: &Result<_, _>| matches!(begun, Err(ReadError::TooManySearches { .. }));
        let first = [begin(1).await.unwrap(), begin(1).await.unwrap()];
        assert!(is_refused(&begin(1).await), "its share is taken");
        let second = [begin(2).await.unwrap(), begin(2).await.unwrap()];
        assert!(is_refused(&begin(3).await), "all places are taken");
        drop(second);
        assert!(begin(3).await.is_ok());
        assert!(is_refused(&begin(1).await));
        drop(first);
        assert!(begin(1).await.is_ok());
        assert!(searches.by_caller.lock().unwrap().len() <= 3);
    }
}
