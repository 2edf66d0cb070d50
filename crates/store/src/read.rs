//! Tables `entry` and `event`, for the API.

use counterfoil_core::Event;
use merkle_log::{LeafHash, LeafIndex};
use sqlx::PgConnection;

use crate::convert::{bytes, leaf_index, to_bigint};
use crate::{LedgerRow, StoreError};

/// An entry as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// Its index in the log.
    pub index: LeafIndex,
    /// The event that appended it.
    pub event_seq: LeafIndex,
    /// The leaf hash as stored.
    pub leaf: LeafHash,
    /// The entry's bytes as stored.
    pub payload: Vec<u8>,
}

/// An event as stored, without its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The event read from its leaf bytes.
    pub event: Event,
    /// Kind, header and body: the preimage of the leaf hash.
    pub leaf_bytes: Vec<u8>,
    /// The leaf hash as stored.
    pub leaf: LeafHash,
    /// The signature of the transaction that it came in: a hint, which nothing proves.
    pub signature: [u8; 64],
}

/// Reads at most `limit` entries from `first` on, in order.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_entries(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    first: u64,
    limit: u32,
) -> Result<Vec<EntryRow>, StoreError> {
    let rows = sqlx::query_as!(
        StoredEntry,
        "select index, event_seq, leaf_hash, payload from entry
         where ledger = $1 and index >= $2 order by index limit $3",
        ledger.key,
        to_bigint("index", first)?,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| row.read(ledger)).collect()
}

/// Reads entries by index, in order; those that are missing are left out.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_entries_at(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    indexes: &[u64],
) -> Result<Vec<EntryRow>, StoreError> {
    let wanted = indexes.iter().map(|index| to_bigint("index", *index)).collect::<Result<Vec<_>, _>>()?;
    let rows = sqlx::query_as!(
        StoredEntry,
        "select index, event_seq, leaf_hash, payload from entry
         where ledger = $1 and index = any($2) order by index",
        ledger.key,
        &wanted,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| row.read(ledger)).collect()
}

struct StoredEntry {
    index: i64,
    event_seq: i64,
    leaf_hash: Vec<u8>,
    payload: Vec<u8>,
}

impl StoredEntry {
    fn read(self, ledger: &LedgerRow) -> Result<EntryRow, StoreError> {
        let name = format_args!("ledger {}, index {}", ledger.ledger, self.index);
        Ok(EntryRow {
            index: leaf_index("entry", name, self.index)?,
            event_seq: leaf_index("entry", name, self.event_seq)?,
            leaf: LeafHash(bytes("entry", name, &self.leaf_hash)?),
            payload: self.payload,
        })
    }
}

/// Reads one entry.
///
/// # Errors
/// [`StoreError::Corrupt`] when the row is missing, [`StoreError::Database`].
pub async fn load_entry(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    index: LeafIndex,
) -> Result<EntryRow, StoreError> {
    let rows = load_entries(connection, ledger, index.get(), 1).await?;
    let row = rows.into_iter().find(|row| row.index == index);
    row.ok_or_else(|| {
        StoreError::corrupt("entry", format!("ledger {}, index {index}", ledger.ledger), "the row is missing")
    })
}

/// Reads events by number, in order; those that are missing are an error.
///
/// # Errors
/// [`StoreError::Corrupt`], [`StoreError::Database`].
pub async fn load_events(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    seqs: &[LeafIndex],
) -> Result<Vec<EventRow>, StoreError> {
    let wanted: Vec<i64> = seqs.iter().map(|seq| to_bigint("event", seq.get())).collect::<Result<_, StoreError>>()?;
    let rows = sqlx::query!(
        "select seq, leaf_hash, leaf, signature from event
         where ledger = $1 and seq = any($2) order by seq",
        ledger.key,
        &wanted,
    )
    .fetch_all(connection)
    .await?;
    let missing = wanted.iter().find(|seq| rows.binary_search_by_key(*seq, |row| row.seq).is_err());
    if let Some(seq) = missing {
        return Err(StoreError::corrupt("event", format!("ledger {}, {seq}", ledger.ledger), "the row is missing"));
    }
    rows.into_iter()
        .map(|row| {
            let name = format_args!("ledger {}, event {}", ledger.ledger, row.seq);
            let event = Event::decode_leaf(&row.leaf).map_err(|error| StoreError::corrupt("event", name, error))?;
            Ok(EventRow {
                event,
                leaf: LeafHash(bytes("event", name, &row.leaf_hash)?),
                leaf_bytes: row.leaf,
                signature: bytes("event", name, &row.signature)?,
            })
        })
        .collect()
}

/// Reads the event that appended a leaf, by its entry or by the subtree that it was appended with; none where the index has
/// neither.
///
/// # Errors
/// [`StoreError::Corrupt`], [`StoreError::Database`].
pub async fn load_event_of_leaf(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    index: LeafIndex,
) -> Result<Option<EventRow>, StoreError> {
    let seq = sqlx::query_scalar!(
        r#"select coalesce(
               (select event_seq from entry where ledger = $1 and index = $2),
               (select event_seq from subtree
                where ledger = $1 and not is_tile and (index << level) <= $2 and $2 < ((index + 1) << level)
                order by (index << level) desc limit 1)
           ) as seq"#,
        ledger.key,
        to_bigint("index", index.get())?,
    );
    let Some(seq) = seq.fetch_one(&mut *connection).await? else { return Ok(None) };
    let seq = leaf_index("event", ledger.ledger, seq)?;
    Ok(load_events(connection, ledger, &[seq]).await?.pop())
}
