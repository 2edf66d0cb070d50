//! Where in the event log something was so: the events that append nothing, and the events up to a moment.

use merkle_log::LeafIndex;
use sqlx::PgConnection;

use crate::convert::{from_bigint, leaf_index, to_bigint};
use crate::{LedgerRow, StoreError};

/// A number in each event's header that never falls from one event to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rising {
    /// The slot.
    Slot,
    /// The chain's clock, seconds since 1970. A block's is never before its parent's: Agave, `Bank::update_clock`.
    Time,
    /// The size of the log after the event.
    Size,
}

impl Rising {
    /// Where it stands in an event's leaf.
    const fn offset(self) -> i32 {
        match self {
            Self::Slot => 48,
            Self::Time => 56,
            Self::Size => 112,
        }
    }
}

/// Counts the first events, of those below `end`, whose number is at most `most`: by halves, in one query.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn count_events_until(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    end: u64,
    rising: Rising,
    most: i64,
) -> Result<u64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"with recursive search (low, high) as (
               select 0::bigint, $2::bigint
               union all
               select case when number <= $4 then middle + 1 else low end,
                      case when number <= $4 then high else middle end
               from search
               cross join lateral (select (low + high) / 2) as half (middle)
               cross join lateral (
                   select (
                       select get_byte(leaf, $3)::bigint | (get_byte(leaf, $3 + 1)::bigint << 8)
                           | (get_byte(leaf, $3 + 2)::bigint << 16) | (get_byte(leaf, $3 + 3)::bigint << 24)
                           | (get_byte(leaf, $3 + 4)::bigint << 32) | (get_byte(leaf, $3 + 5)::bigint << 40)
                           | (get_byte(leaf, $3 + 6)::bigint << 48) | (get_byte(leaf, $3 + 7)::bigint << 56)
                       from event where ledger = $1 and seq = middle
                   )
               ) as found (number)
               where low < high
           )
           select low as "low!" from search where low = high"#,
        ledger.key,
        to_bigint("event", end)?,
        rising.offset(),
        most,
    )
    .fetch_one(connection)
    .await?;
    from_bigint("event", ledger.ledger, count)
}

/// Reads the numbers of at most `limit` events below `end` that append nothing, from `first` on, in order.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_administrative(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    first: u64,
    end: u64,
    limit: u32,
) -> Result<Vec<LeafIndex>, StoreError> {
    let seqs = sqlx::query_scalar!(
        r"select seq from event
          where ledger = $1 and seq >= $2 and seq < $3
              and substring(leaf, 1, 8) not in ('\xf3a80463435d2aa5', '\xb62d6df3e004e071')
          order by seq limit $4",
        ledger.key,
        to_bigint("event", first)?,
        to_bigint("event", end)?,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    seqs.into_iter().map(|seq| leaf_index("event", ledger.ledger, seq)).collect()
}
