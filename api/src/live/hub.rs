//! Hears from the database, and wakes those who wait for a ledger.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use counterfoil_core::LedgerId;
use counterfoil_store::{Heard, Listener, PgPool, StoreError};
use tokio::sync::{OnceCell, watch};
use tracing::{info, warn};

use crate::problem::{Code, Problem};
use crate::query::QueryError;

/// How long the database is left alone after it could not be listened to.
const PAUSE: Duration = Duration::from_secs(1);

/// Who waits for which ledger.
pub(super) struct Hub {
    pool: PgPool,
    waiting: Arc<Waiting>,
    listening: OnceCell<()>,
}

type Waiting = Mutex<HashMap<LedgerId, watch::Sender<()>>>;

impl Hub {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool, waiting: Arc::default(), listening: OnceCell::new() }
    }

    /// From when this is ready on, every change is heard of.
    pub(super) async fn listen(&self) -> Result<(), Problem> {
        let listening = self.listening.get_or_try_init(|| async {
            let listener = Listener::listen(&self.pool).await?;
            tokio::spawn(hear(listener, self.pool.clone(), self.waiting.clone()));
            Ok(())
        });
        listening.await.copied().map_err(|error: StoreError| {
            if error.is_of_standby() {
                let detail =
                    "This server reads a standby, which cannot tell what is new. Ask one that reads the primary.";
                return Problem::new(Code::NotConfigured, detail);
            }
            QueryError::Database(error).into()
        })
    }

    /// Changes of a ledger from now on; several between two looks are one.
    pub(super) fn changes(&self, ledger: LedgerId) -> watch::Receiver<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, changed| changed.receiver_count() > 0);
        waiting.entry(ledger).or_insert_with(|| watch::Sender::new(())).subscribe()
    }
}

/// Ends with the pool.
async fn hear(mut listener: Listener, pool: PgPool, waiting: Arc<Waiting>) {
    loop {
        let heard = tokio::select! {
            heard = listener.heard() => heard,
            () = pool.close_event() => return,
        };
        match heard {
            Ok(Heard::Ledger(ledger)) => {
                let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(changed) = waiting.get(&ledger) {
                    changed.send_replace(());
                }
            }
            Ok(Heard::Anything) => {
                info!("listening to the database again");
                let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.values().for_each(|changed| {
                    changed.send_replace(());
                });
            }
            Err(_) if pool.is_closed() => return,
            Err(error) => {
                warn!("cannot listen to the database, trying again: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
