//! The last use of API keys, written to the database at intervals, so that a request costs no statement.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use counterfoil_store::{KeyId, PgPool, StoreError, acquire, mark_keys_used};
use tracing::{info, warn};

/// The keys used since the last write. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct KeyUses(Arc<Mutex<HashSet<KeyId>>>);

impl KeyUses {
    /// Uses that are written to a database at intervals, as long as a clone lives. Needs Tokio's runtime.
    #[must_use]
    pub fn recorded(pool: PgPool, interval: Duration) -> Self {
        let uses = Self::default();
        tokio::spawn(uses.clone().record(pool, interval));
        uses
    }

    /// Notes the use of a good key.
    pub fn note(&self, key: KeyId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
    }

    /// Writes uses until no other clone is left, or the database refuses writes.
    async fn record(self, pool: PgPool, interval: Duration) {
        while Arc::strong_count(&self.0) > 1 {
            tokio::time::sleep(interval).await;
            let used: Vec<KeyId> = self.0.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
            if used.is_empty() {
                continue;
            }
            match write(&pool, &used).await {
                Ok(()) => {}
                Err(error) if error.is_not_permitted() || error.is_of_standby() => {
                    info!("the last use of keys is not recorded: this role, or this database, only reads");
                    return;
                }
                Err(error) => {
                    warn!("the last use of {} keys is not recorded yet: {error}", used.len());
                    used.into_iter().for_each(|key| self.note(key));
                }
            }
        }
    }
}

async fn write(pool: &PgPool, used: &[KeyId]) -> Result<(), StoreError> {
    mark_keys_used(&mut *acquire(pool).await?, used).await
}
