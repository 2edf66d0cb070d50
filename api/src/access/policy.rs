//! The keys and lists of readers, as the database had them some seconds ago at most.
//!
//! Read as a whole, so that no request, however forged its key, asks the database for more than every few seconds.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use counterfoil_core::{LedgerId, Wallet};
use counterfoil_store::{
    KeyId, PgPool, Selection, StoreError, load_api_keys, load_private_ledgers, load_readers, snapshot,
};
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::caller::Who;
use super::key::ApiKey;
use super::limit::KeyLimiter;

#[derive(Debug)]
pub(super) struct Policies {
    pool: PgPool,
    patience: Duration,
    loaded: RwLock<Option<(Instant, Arc<Policy>)>>,
    /// Held by who reads the database, so that one does for all.
    loading: Mutex<()>,
}

/// Who may read what.
#[derive(Debug, Default)]
pub(super) struct Policy {
    keys: HashMap<KeyId, Key>,
    /// The private ledgers, and who reads them.
    readers: BTreeMap<LedgerId, HashSet<Wallet>>,
}

#[derive(Debug)]
struct Key {
    secret_hash: [u8; 32],
    /// Those that it reads; none for all that are not private.
    ledgers: Option<BTreeSet<LedgerId>>,
    limiter: Arc<KeyLimiter>,
    expires: Option<Timestamp>,
}

impl Policies {
    pub(super) fn new(pool: PgPool, patience: Duration) -> Self {
        Self { pool, patience, loaded: RwLock::default(), loading: Mutex::default() }
    }

    /// The policy. What cannot be read anew in time is not used any longer.
    pub(super) async fn current(&self) -> Result<Arc<Policy>, StoreError> {
        if let Some(policy) = self.fresh() {
            return Ok(policy);
        }
        let _loading = self.loading.lock().await;
        if let Some(policy) = self.fresh() {
            return Ok(policy);
        }
        let begun = Instant::now();
        let before = self.loaded.read().ok().and_then(|loaded| Some(loaded.as_ref()?.1.clone())).unwrap_or_default();
        let policy = Arc::new(Box::pin(self.load(&before)).await?);
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

    async fn load(&self, before: &Policy) -> Result<Policy, StoreError> {
        let mut snapshot = snapshot(&self.pool).await?;
        let mut policy = Policy::default();
        for row in load_api_keys(&mut snapshot).await? {
            if row.revoked.is_some() {
                continue;
            }
            // The table holds no rate of zero.
            let rate = NonZeroU32::new(row.requests_per_minute).unwrap_or(NonZeroU32::MIN);
            let kept = before.keys.get(&row.id).map(|key| &key.limiter).filter(|limiter| limiter.rate == rate);
            let limiter = kept.map_or_else(|| Arc::new(KeyLimiter::new(rate)), Arc::clone);
            let ledgers = row.ledgers.map(BTreeSet::from_iter);
            // An end that is none, which nothing here writes, has come.
            let expires = row.expires.map(|expires| expires.parse().unwrap_or(Timestamp::MIN));
            policy.keys.insert(row.id, Key { secret_hash: row.secret_hash, ledgers, limiter, expires });
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
    fn key(&self, id: KeyId) -> Option<&Key> {
        self.keys.get(&id).filter(|key| key.expires.is_none_or(|expires| Timestamp::now() < expires))
    }

    /// The rate of a key that is good.
    pub(super) fn limiter(&self, key: &ApiKey) -> Option<Arc<KeyLimiter>> {
        let stored = self.key(key.id)?;
        key.is_of(&stored.secret_hash).then(|| stored.limiter.clone())
    }

    /// The rate of a key that was good when its caller was let in; none when it is not any more.
    pub(super) fn limiter_of(&self, id: KeyId) -> Option<Arc<KeyLimiter>> {
        self.key(id).map(|key| key.limiter.clone())
    }

    /// Whether what the caller was let in with is still good.
    pub(super) fn is_good(&self, who: Who) -> bool {
        match who {
            Who::Nobody => true,
            Who::Key(id) => self.key(id).is_some(),
            Who::Wallet(session) => !session.is_over(),
        }
    }

    /// Whether the caller reads a ledger.
    pub(super) fn may_read(&self, who: Who, ledger: LedgerId) -> bool {
        if let Who::Key(id) = who {
            match self.key(id) {
                None => return false,
                Some(Key { ledgers: Some(ledgers), .. }) => return ledgers.contains(&ledger),
                Some(Key { ledgers: None, .. }) => {}
            }
        }
        match (self.readers.get(&ledger), who) {
            (None, _) => true,
            (Some(readers), Who::Wallet(session)) => readers.contains(&session.wallet),
            (Some(_), _) => false,
        }
    }

    /// The same for lists: all ledgers for which [`Self::may_read`].
    pub(super) fn selection(&self, who: Who) -> Selection {
        let scope = match who {
            Who::Key(id) => self.keys.get(&id).and_then(|key| key.ledgers.as_ref()),
            Who::Nobody | Who::Wallet(_) => None,
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
