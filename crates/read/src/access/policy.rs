//! API keys and lists of readers, read from the database and kept for some seconds.
//!
//! They are read as a whole, so that requests with forged keys cost no queries.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use counterfoil_core::{LedgerId, Wallet};
use counterfoil_store::{
    KeyId, KeyScope, PgPool, Quota, Selection, StoreError, load_api_keys, load_private_ledgers, load_readers, snapshot,
};
use jiff::Timestamp;
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;

use super::who::Who;
use crate::error::{Place, ReadError};

/// The policy of an index, read again when it is older than its `patience`.
#[derive(Debug)]
pub struct Policies {
    pool: PgPool,
    patience: Duration,
    loaded: RwLock<Option<(Instant, Arc<Policy>)>>,
    /// Held while the database is read, so that one read serves all.
    loading: Mutex<()>,
}

/// Keys, private ledgers and their readers.
#[derive(Debug, Default)]
pub struct Policy {
    keys: HashMap<KeyId, KeyPolicy>,
    /// The private ledgers, and who reads them.
    readers: BTreeMap<LedgerId, HashSet<Wallet>>,
}

#[derive(Debug)]
struct KeyPolicy {
    secret_hash: [u8; 32],
    scopes: Vec<KeyScope>,
    /// The ledgers that it is for; none for all that are not private.
    ledgers: Option<BTreeSet<LedgerId>>,
    requests_per_minute: NonZeroU32,
    quota: Quota,
    expires: Option<Timestamp>,
}

impl Policies {
    /// Those in this database. A change of keys and readers takes effect within `patience`.
    #[must_use]
    pub fn new(pool: PgPool, patience: Duration) -> Self {
        Self { pool, patience, loaded: RwLock::default(), loading: Mutex::default() }
    }

    /// The current policy. One that is too old is not used, even where the database does not answer.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn current(&self) -> Result<Arc<Policy>, ReadError> {
        if let Some(policy) = self.fresh() {
            return Ok(policy);
        }
        let _loading = self.loading.lock().await;
        if let Some(policy) = self.fresh() {
            return Ok(policy);
        }
        let begun = Instant::now();
        let policy = Arc::new(Box::pin(self.load()).await.map_err(Place::Index.store_error())?);
        if let Ok(mut loaded) = self.loaded.write() {
            *loaded = Some((begun, policy.clone()));
        }
        Ok(policy)
    }

    fn fresh(&self) -> Option<Arc<Policy>> {
        let loaded = self.loaded.read().ok()?;
        let (since, policy) = loaded.as_ref()?;
        (since.elapsed() < self.patience).then(|| policy.clone())
    }

    async fn load(&self) -> Result<Policy, StoreError> {
        let mut snapshot = snapshot(&self.pool).await?;
        let mut policy = Policy::default();
        for row in load_api_keys(&mut snapshot).await? {
            if row.revoked.is_some() {
                continue;
            }
            // The table holds no rate of zero.
            let requests_per_minute = NonZeroU32::new(row.requests_per_minute).unwrap_or(NonZeroU32::MIN);
            let ledgers = row.ledgers.map(BTreeSet::from_iter);
            // An end that cannot be read counts as past: nothing here writes one.
            let expires = row.expires.map(|expires| expires.parse().unwrap_or(Timestamp::MIN));
            let (secret_hash, scopes, quota) = (row.secret_hash, row.scopes, row.quota);
            let key = KeyPolicy { secret_hash, scopes, ledgers, requests_per_minute, quota, expires };
            policy.keys.insert(row.id, key);
        }
        for ledger in load_private_ledgers(&mut snapshot).await? {
            policy.readers.entry(ledger).or_default();
        }
        for reader in load_readers(&mut snapshot).await? {
            policy.readers.entry(reader.ledger).or_default().insert(reader.wallet);
        }
        Ok(policy)
    }
}

impl Policy {
    pub(super) fn is_private(&self, ledger: LedgerId) -> bool {
        self.readers.contains_key(&ledger)
    }

    /// A key that is good.
    fn key(&self, id: KeyId) -> Option<&KeyPolicy> {
        self.keys.get(&id).filter(|key| key.expires.is_none_or(|expires| Timestamp::now() < expires))
    }

    /// The rate of a good key, if this is the hash of its secret. The comparison takes the same time wherever they differ.
    #[must_use]
    pub fn requests_per_minute(&self, id: KeyId, secret_hash: &[u8; 32]) -> Option<NonZeroU32> {
        let key = self.key(id)?;
        bool::from(key.secret_hash.ct_eq(secret_hash)).then_some(key.requests_per_minute)
    }

    /// The rate of a key whose secret was shown before; none when the key is no longer good.
    #[must_use]
    pub fn requests_per_minute_of_admitted(&self, id: KeyId) -> Option<NonZeroU32> {
        self.key(id).map(|key| key.requests_per_minute)
    }

    /// Whether the caller's credential is still good.
    pub(super) fn is_good(&self, who: Who) -> bool {
        match who {
            Who::Anonymous => true,
            Who::Key(id) => self.key(id).is_some(),
            Who::Wallet(session) => !session.is_over(Timestamp::now()),
        }
    }

    /// Whether the caller reads a ledger.
    pub(super) fn may_read(&self, who: Who, ledger: LedgerId) -> bool {
        if let Who::Key(id) = who {
            match self.key(id) {
                None => return false,
                Some(key) if !key.scopes.contains(&KeyScope::Read) => return false,
                Some(KeyPolicy { ledgers: Some(ledgers), .. }) => return ledgers.contains(&ledger),
                Some(KeyPolicy { ledgers: None, .. }) => {}
            }
        }
        match (self.readers.get(&ledger), who) {
            (None, _) => true,
            (Some(readers), Who::Wallet(session)) => readers.contains(&session.wallet),
            (Some(_), _) => false,
        }
    }

    /// The bounds of what the caller has accepted for a ledger; none where it may not: a key alone may, by its scope.
    pub(super) fn writing(&self, who: Who, ledger: LedgerId, scope: KeyScope) -> Option<Quota> {
        let Who::Key(id) = who else { return None };
        let key = self.key(id).filter(|key| key.scopes.contains(&scope))?;
        let is_for_it = match &key.ledgers {
            Some(ledgers) => ledgers.contains(&ledger),
            None => !self.is_private(ledger),
        };
        is_for_it.then_some(key.quota)
    }

    /// The same for lists: all ledgers for which [`Self::may_read`].
    pub(super) fn selection(&self, who: Who) -> Selection {
        let scope = match who {
            Who::Key(id) => match self.keys.get(&id) {
                Some(key) if !key.scopes.contains(&KeyScope::Read) => {
                    return Selection { only: Some(Vec::new()), except: Vec::new() };
                }
                key => key.and_then(|key| key.ledgers.as_ref()),
            },
            Who::Anonymous | Who::Wallet(_) => None,
        };
        match scope {
            Some(ledgers) => Selection { only: Some(ledgers.iter().copied().collect()), except: Vec::new() },
            None => {
                let private = self.readers.keys().copied();
                Selection { only: None, except: private.filter(|ledger| !self.may_read(who, *ledger)).collect() }
            }
        }
    }
}
