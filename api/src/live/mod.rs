//! Leaves as they are checked, to everyone who follows a log.
//!
//! The database says when there is more ([`hub`]). For each log that somebody follows, one task reads what is new and
//! hands it to all who do ([`tail`]): whoever waits costs the database nothing, and what comes is read and verified once.
//! Each follower has a place in the log ([`follow`]): it begins where it likes, reads what was before by itself, and is
//! let go when it takes too slowly what is new, with its place to go on from. Nobody waits for anybody.

mod follow;
mod hub;
mod leaf;
mod ledgers;
mod place;
mod tail;

use std::sync::Arc;

use counterfoil_core::LedgerId;
use counterfoil_store::PgPool;
use futures_util::Stream;

use crate::problem::Problem;
use crate::query::{CheckedEvent, CheckedLedger, Entry, Memory, Searches, View};
use crate::stop::Stopping;
use follow::follow;
use hub::Hub;
use ledgers::Ledgers;
use place::Places;
use tail::Tails;

pub(crate) use leaf::{Batch, Leaf};
pub(crate) use place::Place;

/// What all followers share.
#[derive(Clone)]
pub(crate) struct Feed(Arc<Shared>);

struct Shared {
    hub: Arc<Hub>,
    entries: Tails<Entry>,
    events: Tails<Arc<CheckedEvent>>,
    ledgers: Ledgers,
    places: Places,
}

impl Feed {
    /// At most `most` followers at a time, and of one caller `most_per_caller`.
    pub(crate) fn new(pool: PgPool, memory: Arc<Memory>, most: usize, most_per_caller: usize) -> Self {
        let hub = Arc::new(Hub::new(pool.clone(), memory.clone()));
        // Each follower's own view decides whether it may follow; what tails read is for all of them.
        // They search nothing.
        let view = View::with_memory(pool, memory, Arc::new(Searches::new(1)));
        Self(Arc::new(Shared {
            entries: Tails::new(view.clone(), hub.clone()),
            events: Tails::new(view.clone(), hub.clone()),
            ledgers: Ledgers::new(view, hub.clone()),
            hub,
            places: Places::new(most, most_per_caller),
        }))
    }

    /// Hears of changes from as soon as possible on, whether or not anybody follows: what is in memory depends on it.
    pub(crate) async fn listen(self) {
        self.0.hub.listen_when_possible().await;
    }

    /// How many streams are open.
    pub(crate) fn streams(&self) -> usize {
        self.0.places.taken()
    }

    /// A place among the streams, for one that reads by itself.
    pub(crate) fn place(&self, view: &View, stopping: Stopping) -> Result<Place, Problem> {
        self.0.places.take(view.caller_name(), stopping)
    }

    /// The entries of a ledger from an index on; from the checked size on when none is said. Tells also which is the first.
    pub(crate) async fn entries(
        &self,
        view: View,
        ledger: LedgerId,
        first: Option<u64>,
        stopping: Stopping,
    ) -> Result<(u64, impl Stream<Item = Result<Arc<Batch<Entry>>, Problem>> + use<>), Problem> {
        let place = self.0.places.take(view.caller_name(), stopping)?;
        follow(view, &self.0.hub, &self.0.entries, ledger, first, place).await
    }

    /// The events of a ledger, likewise.
    pub(crate) async fn events(
        &self,
        view: View,
        ledger: LedgerId,
        first: Option<u64>,
        stopping: Stopping,
    ) -> Result<(u64, impl Stream<Item = Result<Arc<Batch<Arc<CheckedEvent>>>, Problem>> + use<>), Problem> {
        let place = self.0.places.take(view.caller_name(), stopping)?;
        follow(view, &self.0.hub, &self.0.events, ledger, first, place).await
    }

    /// A ledger as it is, and then whenever its checked heads move or it is halted. Who is slow misses what was between.
    pub(crate) async fn ledger(
        &self,
        view: View,
        ledger: LedgerId,
        stopping: Stopping,
    ) -> Result<impl Stream<Item = Result<CheckedLedger, Problem>> + use<>, Problem> {
        let place = self.0.places.take(view.caller_name(), stopping)?;
        self.0.ledgers.follow(view, ledger, place).await
    }
}
