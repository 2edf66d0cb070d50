//! Notifications of the database: they invalidate the cache and wake the followers of a ledger.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use counterfoil_core::LedgerId;
use counterfoil_store::{Heard, Listener, PgPool, StoreError};
use tokio::sync::{OnceCell, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::error::LiveError;
use crate::cache::Cache;
use crate::error::ReadError;

/// How long the database is left alone after it could not be listened to.
const PAUSE: Duration = Duration::from_secs(1);

/// The tails that wait, by ledger.
pub(super) struct Hub {
    pool: PgPool,
    ears: Ears,
    /// Ends with the hub.
    listening: OnceCell<JoinSet<()>>,
}

/// The tails to wake.
#[derive(Clone)]
struct Ears {
    cache: Arc<Cache>,
    waiting: Arc<Waiting>,
}

type Waiting = Mutex<HashMap<LedgerId, watch::Sender<()>>>;

impl Hub {
    pub(super) fn new(pool: PgPool, cache: Arc<Cache>) -> Self {
        Self { pool, ears: Ears { cache, waiting: Arc::default() }, listening: OnceCell::new() }
    }

    /// Listens as soon as the database can be listened to. A standby never can.
    pub(super) async fn listen_when_possible(&self) {
        while let Err(error) = self.try_listen().await {
            if error.is_of_standby() || self.pool.is_closed() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// From when this is ready on, every change is heard of.
    pub(super) async fn listen(&self) -> Result<(), LiveError> {
        self.try_listen()
            .await
            .map_err(|error| if error.is_of_standby() { LiveError::Standby } else { ReadError::Database(error).into() })
    }

    async fn try_listen(&self) -> Result<(), StoreError> {
        let listening = self.listening.get_or_try_init(|| async {
            let listener = Listener::listen(&self.pool).await?;
            self.ears.cache.rows.forget_all(true);
            let mut listening = JoinSet::new();
            listening.spawn(hear(listener, self.pool.clone(), self.ears.clone()));
            Ok(listening)
        });
        listening.await.map(|_| ())
    }

    /// Changes of a ledger from now on; several between two looks are one.
    pub(super) fn changes(&self, ledger: LedgerId) -> watch::Receiver<()> {
        let mut waiting = self.ears.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, changed| changed.receiver_count() > 0);
        waiting.entry(ledger).or_insert_with(|| watch::Sender::new(())).subscribe()
    }
}

/// Ends with the pool, if not before.
async fn hear(mut listener: Listener, pool: PgPool, ears: Ears) {
    loop {
        let heard = tokio::select! {
            heard = listener.heard() => heard,
            () = pool.close_event() => return,
        };
        match heard {
            Ok(Heard::Ledger(ledger)) => ears.tell(ledger),
            Ok(Heard::Anything) => {
                info!("listening to the database again");
                ears.tell_all();
            }
            Err(_) if pool.is_closed() => return,
            Err(error) => {
                warn!("cannot listen to the database, trying again: {error}");
                ears.cache.rows.forget_all(false);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

impl Ears {
    /// Invalidates before it wakes: woken followers read at once.
    fn tell(&self, ledger: LedgerId) {
        self.cache.rows.forget(ledger);
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(changed) = waiting.get(&ledger) {
            changed.send_replace(());
        }
    }

    fn tell_all(&self) {
        self.cache.rows.forget_all(true);
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.values().for_each(|changed| {
            changed.send_replace(());
        });
    }
}
