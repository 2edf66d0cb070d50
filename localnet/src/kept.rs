//! Surfpool's tables, held in memory as it holds them by itself, and kept in a [`Ledger`].

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use surfpool_core::solana_account::AccountSharedData;
use surfpool_core::storage::{Storage, StorageError, StorageResult};
use surfpool_core::surfnet::BlockHeader;
use surfpool_core::types::SurfnetTransactionStatus;

use crate::ledger::{Ledger, Unwritten};

/// A table of surfpool's.
#[derive(Clone)]
pub(crate) struct Kept<K, V> {
    pub(crate) rows: HashMap<K, V>,
    pub(crate) ledger: Arc<Ledger>,
}

/// A row that a ledger has a place for.
pub(crate) trait Row<K>: Clone + Send + Sync + 'static {
    /// Writes the row, `None` when it is removed.
    fn write(ledger: &Ledger, key: &K, row: Option<&Self>) -> Result<(), Unwritten>;
}

impl Row<String> for AccountSharedData {
    fn write(ledger: &Ledger, key: &String, row: Option<&Self>) -> Result<(), Unwritten> {
        ledger.account(key, row)
    }
}

impl Row<String> for SurfnetTransactionStatus {
    fn write(ledger: &Ledger, key: &String, row: Option<&Self>) -> Result<(), Unwritten> {
        row.map_or(Err(Unwritten), |row| ledger.transaction(key, row))
    }
}

impl Row<u64> for BlockHeader {
    fn write(ledger: &Ledger, key: &u64, row: Option<&Self>) -> Result<(), Unwritten> {
        row.map_or(Err(Unwritten), |row| ledger.block(*key, row))
    }
}

impl<K: Clone + Eq + Hash + Send + Sync + 'static, V: Row<K>> Storage<K, V> for Kept<K, V> {
    fn store(&mut self, key: K, value: V) -> StorageResult<()> {
        V::write(&self.ledger, &key, Some(&value)).map_err(refused)?;
        self.rows.insert(key, value);
        Ok(())
    }

    fn clear(&mut self) -> StorageResult<()> {
        Err(refused(self.ledger.refuse_reset()))
    }

    fn get(&self, key: &K) -> StorageResult<Option<V>> {
        Ok(self.rows.get(key).cloned())
    }

    fn take(&mut self, key: &K) -> StorageResult<Option<V>> {
        V::write(&self.ledger, key, None).map_err(refused)?;
        Ok(self.rows.remove(key))
    }

    fn keys(&self) -> StorageResult<Vec<K>> {
        Ok(self.rows.keys().cloned().collect())
    }

    fn into_iter(&self) -> StorageResult<Box<dyn Iterator<Item = (K, V)> + '_>> {
        Ok(Box::new(self.rows.iter().map(|(key, row)| (key.clone(), row.clone()))))
    }

    fn contains_key(&self, key: &K) -> StorageResult<bool> {
        Ok(self.rows.contains_key(key))
    }

    fn count(&self) -> StorageResult<u64> {
        Ok(self.rows.len() as u64)
    }

    fn clone_box(&self) -> Box<dyn Storage<K, V>> {
        Box::new(self.clone())
    }
}

/// Surfpool has no error for this: the nearest is that of a table that cannot be had.
fn refused(_: Unwritten) -> StorageError {
    StorageError::LockError
}
