//! Notifications of the database: they invalidate the cache and wake the followers of a ledger.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use counterfoil_core::LedgerId;
use counterfoil_store::{Heard, Listener, PgPool, StoreError};
use tokio::sync::{Notify, OnceCell, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::ears::Ears;
use super::error::LiveError;
use super::look::{Hints, look};
use crate::cache::Cache;
use crate::error::ReadError;

/// How long the database is left alone after it could not be listened to.
const PAUSE: Duration = Duration::from_secs(1);

/// The tails that wait, by ledger.
pub(super) struct Hub {
    pool: PgPool,
    /// Whether it never listens and never looks.
    is_off: bool,
    ears: Ears,
    /// Ends with the hub.
    listening: OnceCell<JoinSet<()>>,
    /// Ends with the hub; there when hints come.
    looking: OnceLock<(JoinSet<()>, Hints)>,
}

impl Hub {
    pub(super) fn new(pool: PgPool, cache: Arc<Cache>, is_off: bool) -> Self {
        let ears = Ears::new(cache);
        Self { pool, is_off, ears, listening: OnceCell::new(), looking: OnceLock::new() }
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

    /// From now on ledgers that are followed are also looked at, once a second and when a hint comes.
    pub(super) fn hints(&self) -> Hints {
        let (_, hints) = self.looking.get_or_init(|| {
            let (mut looking, called) = (JoinSet::new(), Arc::<Notify>::default());
            looking.spawn(look(self.pool.clone(), self.ears.clone(), called.clone()));
            (looking, Hints { ears: self.ears.clone(), called })
        });
        hints.clone()
    }

    /// From when this is ready on, every change is heard of, or seen.
    pub(super) async fn listen(&self) -> Result<(), LiveError> {
        if self.is_off {
            return Err(LiveError::Off);
        }
        if self.looking.get().is_some() {
            return Ok(());
        }
        self.try_listen()
            .await
            .map_err(|error| if error.is_of_standby() { LiveError::Standby } else { ReadError::Database(error).into() })
    }

    async fn try_listen(&self) -> Result<(), StoreError> {
        let listening = self.listening.get_or_try_init(|| async {
            let listener = Listener::listen(&self.pool).await?;
            self.ears.start_hearing();
            let mut listening = JoinSet::new();
            listening.spawn(hear(listener, self.pool.clone(), self.ears.clone()));
            Ok(listening)
        });
        listening.await.map(|_| ())
    }

    /// Changes of a ledger from now on; several between two looks are one.
    pub(super) fn changes(&self, ledger: LedgerId) -> watch::Receiver<()> {
        self.ears.changes(ledger)
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
                ears.stop_hearing();
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
