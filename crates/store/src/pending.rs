//! Table `pending`: what is confirmed and not final. It may be replaced or dropped at any time, and proves nothing.

use counterfoil_core::{Event, EventBody, LedgerId};
use merkle_log::LeafIndex;
use sqlx::PgConnection;

use crate::convert::{bytes, to_bigint};
use crate::{CommittedIn, LedgerRow, StoreError, load_ledger};

/// A confirmed event that is not final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The transaction.
    pub within: CommittedIn,
    /// The event; an append's with its entries.
    pub event: Event,
}

/// Puts consecutive events in the place of all pending ones from number `from` on; none drops those.
///
/// The caller owns the SQL transaction.
///
/// # Errors
/// [`StoreError::UnknownLedger`], [`StoreError::Database`].
pub async fn replace_pending(
    connection: &mut PgConnection,
    ledger: LedgerId,
    from: LeafIndex,
    events: &[Pending],
) -> Result<(), StoreError> {
    let row = load_ledger(&mut *connection, ledger).await?;
    let first = to_bigint("event", from.get())?;
    sqlx::query!("delete from pending where ledger = $1 and seq >= $2", row.key, first)
        .execute(&mut *connection)
        .await?;
    for Pending { within, event } in events {
        let entries: &[Vec<u8>] = match &event.body {
            EventBody::EntriesAppended { entries } => entries,
            _ => &[],
        };
        sqlx::query!(
            "insert into pending (ledger, seq, signature, slot, leaf, entries) values ($1, $2, $3, $4, $5, $6)",
            row.key,
            to_bigint("event", event.header.event_seq.get())?,
            &within.signature[..],
            to_bigint("slot", event.header.slot)?,
            event.leaf_bytes(),
            entries,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Drops all pending events of all ledgers.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn clear_pending(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!("delete from pending").execute(connection).await?;
    Ok(())
}

/// Reads at most `limit` pending events of a ledger, in order: those that follow what is applied.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_pending(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    limit: u32,
) -> Result<Vec<Pending>, StoreError> {
    let rows = sqlx::query!(
        "select seq, signature, leaf, entries from pending
         where ledger = $1 and seq >= $2 order by seq limit $3",
        ledger.key,
        to_bigint("event", ledger.applied_event_seq.get())?,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let name = || format!("ledger {}, event {}", ledger.ledger, row.seq);
            let mut event =
                Event::decode_leaf(&row.leaf).map_err(|error| StoreError::corrupt("pending", name(), error))?;
            if let EventBody::EntriesAppended { entries } = &mut event.body {
                *entries = row.entries;
            }
            Ok(Pending { within: CommittedIn { signature: bytes("pending", name(), &row.signature)? }, event })
        })
        .collect()
}
