//! Which keys were used, written down now and then, so that a request costs the database nothing for it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use counterfoil_store::{KeyId, PgPool, StoreError, acquire, mark_keys_used};
use tracing::{info, warn};

/// The keys that were used since it was last written down.
#[derive(Clone, Debug, Default)]
pub(super) struct Uses(Arc<Mutex<HashSet<KeyId>>>);

impl Uses {
    /// A good key was used.
    pub(super) fn note(&self, key: KeyId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
    }

    /// Writes uses down as long as anybody notes them, unless the database takes none.
    pub(super) async fn write_down(self, pool: PgPool, interval: Duration) {
        while Arc::strong_count(&self.0) > 1 {
            tokio::time::sleep(interval).await;
            let used: Vec<KeyId> = self.0.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
            if used.is_empty() {
                continue;
            }
            match write(&pool, &used).await {
                Ok(()) => {}
                Err(error) if error.is_not_permitted() || error.is_of_standby() => {
                    info!("when keys were last used is not written down: this role, or this database, only reads");
                    return;
                }
                Err(error) => {
                    warn!("it is not written down yet that {} keys were used: {error}", used.len());
                    used.into_iter().for_each(|key| self.note(key));
                }
            }
        }
    }
}

async fn write(pool: &PgPool, used: &[KeyId]) -> Result<(), StoreError> {
    mark_keys_used(&mut *acquire(pool).await?, used).await
}
