//! Between the database's types and ours: checked both ways. A row's name is written out only when the row is wrong:
//! a ledger's address in base58 takes longer than reading and hashing an entry.

use std::fmt::Display;

use merkle_log::{Hash, LeafIndex, TreeSize};

use crate::StoreError;

pub(crate) fn to_bigint(what: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::TooLarge { what, value })
}

pub(crate) fn from_bigint(table: &'static str, row: impl Display, value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::corrupt(table, row, format!("{value} is negative")))
}

pub(crate) fn tree_size(table: &'static str, row: impl Display, value: i64) -> Result<TreeSize, StoreError> {
    let leaves = from_bigint(table, &row, value)?;
    TreeSize::new(leaves).map_err(|error| StoreError::corrupt(table, row, error))
}

pub(crate) fn leaf_index(table: &'static str, row: impl Display, value: i64) -> Result<LeafIndex, StoreError> {
    let index = from_bigint(table, &row, value)?;
    LeafIndex::new(index).map_err(|error| StoreError::corrupt(table, row, error))
}

pub(crate) fn bytes<const N: usize>(
    table: &'static str,
    row: impl Display,
    value: &[u8],
) -> Result<[u8; N], StoreError> {
    let problem = || format!("{} bytes where there must be {N}", value.len());
    value.try_into().map_err(|_| StoreError::corrupt(table, row, problem()))
}

/// Hashes stored one after the other.
pub(crate) fn hashes(table: &'static str, row: impl Display, value: &[u8]) -> Result<Vec<Hash>, StoreError> {
    let (hashes, rest) = value.as_chunks::<32>();
    if rest.is_empty() {
        Ok(hashes.iter().copied().map(Hash).collect())
    } else {
        Err(StoreError::corrupt(table, row, format!("{} bytes are not whole hashes", value.len())))
    }
}
