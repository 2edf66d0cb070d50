//! Writing: what was verified, and nothing else.

use std::collections::BTreeMap;

use counterfoil_core::{CheckedHead, EventHeader, LedgerId, VerifiedAppend};
use merkle_log::FullTile;
use sqlx::PgConnection;

use crate::convert::{from_bigint, to_bigint};
use crate::{Log, StoreError, load_ledger};

/// The transaction that an event came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommittedIn {
    /// Its signature.
    pub signature: [u8; 64],
    /// Its slot.
    pub slot: u64,
}

/// Writes a batch of consecutive events of one ledger and moves its cursor.
///
/// The caller owns the SQL transaction: all of it is committed or none.
///
/// # Errors
/// [`StoreError::BrokenBatch`] when the batch is not a run of this ledger's events; [`StoreError::CursorMoved`] when
/// the cursor does not stand at its first; [`StoreError::Corrupt`] when a transaction is known with another slot; [`StoreError::Database`]. Roll back then.
pub async fn commit(
    connection: &mut PgConnection,
    ledger: LedgerId,
    batch: &[(CommittedIn, VerifiedAppend)],
) -> Result<(), StoreError> {
    let (Some((_, first)), Some((_, last))) = (batch.first(), batch.last()) else { return Ok(()) };
    expect_run(ledger, batch)?;
    let row = load_ledger(&mut *connection, ledger).await?;
    let expected = first.event().header.event_seq.get();
    // The cursor moves first: its row lock keeps every other writer of this ledger out until the end.
    let moved = sqlx::query!(
        "update cursor set event_seq = $3, size = $4 where ledger = $1 and event_seq = $2 and size = $5",
        row.key,
        to_bigint("event", expected)?,
        to_bigint("event", last.event().header.event_seq.smallest_size().get())?,
        to_bigint("size", last.event().header.size.get())?,
        to_bigint("size", first.event().header.first_index.get())?,
    )
    .execute(&mut *connection)
    .await?;
    if moved.rows_affected() != 1 {
        return Err(StoreError::CursorMoved { ledger, expected });
    }
    let transactions = insert_transactions(&mut *connection, batch).await?;
    insert_events(&mut *connection, row.key, batch, &transactions).await?;
    insert_entries(&mut *connection, row.key, batch).await?;
    insert_tiles(connection, row.key, batch).await
}

/// Moves the checked watermark.
///
/// # Errors
/// [`StoreError::Corrupt`] when another head was checked at the same event; [`StoreError::CursorMoved`] when the head
/// is above what is applied or below what is checked; [`StoreError::Database`].
pub async fn mark_checked(connection: &mut PgConnection, checked: &CheckedHead, slot: u64) -> Result<(), StoreError> {
    let head = checked.head();
    let row = load_ledger(&mut *connection, head.ledger).await?;
    let moved = sqlx::query!(
        "update cursor
         set checked_event_seq = $2, checked_size = $3, checked_root = $4, checked_event_root = $5, checked_slot = $6
         where ledger = $1 and event_seq >= $2 and (
             checked_event_seq < $2
             or (checked_event_seq = $2 and checked_size = $3 and checked_root = $4 and checked_event_root = $5)
         )",
        row.key,
        to_bigint("event", head.events.size.get())?,
        to_bigint("size", head.entries.size.get())?,
        &head.entries.root.0[..],
        &head.events.root.0[..],
        to_bigint("slot", slot)?,
    )
    .execute(connection)
    .await?;
    match (moved.rows_affected(), row.checked) {
        (1, _) => Ok(()),
        (_, Some((known, _))) if known.events.size == head.events.size && known != *head => {
            Err(StoreError::corrupt("cursor", head.ledger, format!("checked was {known:?}, now it is {head:?}")))
        }
        _ => Err(StoreError::CursorMoved { ledger: head.ledger, expected: head.events.size.get() }),
    }
}

/// A `VerifiedAppend` follows from the state that it was applied to; that a slice of them is whole is seen only here.
fn expect_run(ledger: LedgerId, batch: &[(CommittedIn, VerifiedAppend)]) -> Result<(), StoreError> {
    let mut slots = BTreeMap::new();
    let mut before: Option<&EventHeader> = None;
    for (within, append) in batch {
        let header = &append.event().header;
        let follows = before.is_none_or(|before| {
            header.event_seq.get() == before.event_seq.smallest_size().get() && header.first_index == before.size
        });
        let is_in_one_slot = *slots.entry(within.signature).or_insert(within.slot) == within.slot;
        if header.ledger != ledger || !follows || !is_in_one_slot {
            return Err(StoreError::BrokenBatch { ledger, event_seq: header.event_seq.get() });
        }
        before = Some(header);
    }
    Ok(())
}

/// The numbers of the batch's transactions, by signature; those not known yet are inserted.
async fn insert_transactions(
    connection: &mut PgConnection,
    batch: &[(CommittedIn, VerifiedAppend)],
) -> Result<BTreeMap<[u8; 64], i64>, StoreError> {
    let slots: BTreeMap<[u8; 64], u64> = batch.iter().map(|(within, _)| (within.signature, within.slot)).collect();
    let signatures: Vec<Vec<u8>> = slots.keys().map(|signature| signature.to_vec()).collect();
    let wanted_slots: Vec<i64> =
        slots.values().map(|slot| to_bigint("slot", *slot)).collect::<Result<_, StoreError>>()?;
    // A transaction may be known already: it can hold events of several ledgers.
    sqlx::query!(
        "insert into transaction (signature, slot)
         select wanted.signature, wanted.slot from unnest($1::bytea[], $2::bigint[]) as wanted (signature, slot)
         where not exists (select from transaction as known where known.signature = wanted.signature)",
        &signatures,
        &wanted_slots,
    )
    .execute(&mut *connection)
    .await?;
    let rows = sqlx::query!("select id, signature, slot from transaction where signature = any($1)", &signatures)
        .fetch_all(connection)
        .await?;
    let mut numbers = BTreeMap::new();
    for row in rows {
        let signature = crate::convert::bytes("transaction", row.id, &row.signature)?;
        let slot = from_bigint("transaction", row.id, row.slot)?;
        if slots.get(&signature) != Some(&slot) {
            let problem = format!("it is stored in slot {slot} and now said to be in slot {:?}", slots.get(&signature));
            return Err(StoreError::corrupt("transaction", row.id, problem));
        }
        numbers.insert(signature, row.id);
    }
    Ok(numbers)
}

async fn insert_events(
    connection: &mut PgConnection,
    ledger: i32,
    batch: &[(CommittedIn, VerifiedAppend)],
    transactions: &BTreeMap<[u8; 64], i64>,
) -> Result<(), StoreError> {
    let (mut seqs, mut numbers, mut leaf_hashes, mut leaves) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (within, append) in batch {
        seqs.push(to_bigint("event", append.event().header.event_seq.get())?);
        let number = transactions.get(&within.signature);
        numbers.push(*number.ok_or_else(|| StoreError::corrupt("transaction", "new", "it was not inserted"))?);
        leaf_hashes.push(append.leaf().0.to_vec());
        leaves.push(append.leaf_bytes().to_vec());
    }
    sqlx::query!(
        "insert into event (ledger, seq, transaction, leaf_hash, leaf)
         select $1, * from unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[])",
        ledger,
        &seqs,
        &numbers,
        &leaf_hashes,
        &leaves,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_entries(
    connection: &mut PgConnection,
    ledger: i32,
    batch: &[(CommittedIn, VerifiedAppend)],
) -> Result<(), StoreError> {
    let (mut indexes, mut seqs, mut leaf_hashes, mut payloads) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (_, append) in batch {
        let seq = to_bigint("event", append.event().header.event_seq.get())?;
        for entry in append.entries() {
            indexes.push(to_bigint("index", entry.index.get())?);
            seqs.push(seq);
            leaf_hashes.push(&entry.leaf.0[..]);
            payloads.push(entry.bytes.as_slice());
        }
    }
    sqlx::query!(
        "insert into entry (ledger, index, event_seq, leaf_hash, payload)
         select $1, * from unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[])",
        ledger,
        &indexes,
        &seqs,
        &leaf_hashes as &[&[u8]],
        &payloads as &[&[u8]],
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_tiles(
    connection: &mut PgConnection,
    ledger: i32,
    batch: &[(CommittedIn, VerifiedAppend)],
) -> Result<(), StoreError> {
    let tiles: Vec<(Log, &FullTile)> = batch
        .iter()
        .flat_map(|(_, append)| {
            let entries = append.entry_tiles().iter().map(|tile| (Log::Entries, tile));
            entries.chain(append.event_tiles().iter().map(|tile| (Log::Events, tile)))
        })
        .collect();
    if tiles.is_empty() {
        return Ok(());
    }
    let indexes: Vec<i64> =
        tiles.iter().map(|(_, tile)| to_bigint("tile", tile.index)).collect::<Result<_, StoreError>>()?;
    sqlx::query!(
        "insert into tile (ledger, log, level, index, root, hashes)
         select $1, * from unnest($2::smallint[], $3::smallint[], $4::bigint[], $5::bytea[], $6::bytea[])",
        ledger,
        &tiles.iter().map(|(log, _)| log.number()).collect::<Vec<_>>(),
        &tiles.iter().map(|(_, tile)| i16::from(tile.level)).collect::<Vec<_>>(),
        &indexes,
        &tiles.iter().map(|(_, tile)| tile.root.0.to_vec()).collect::<Vec<_>>(),
        &tiles.iter().map(|(_, tile)| tile.hashes.iter().flat_map(|hash| hash.0).collect()).collect::<Vec<Vec<u8>>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
