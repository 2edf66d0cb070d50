//! Entries between moments: where in the logs they lie, how many bytes they have, and whose they are.

use counterfoil_core::Wallet;
use merkle_log::LeafIndex;
use sqlx::PgConnection;

use crate::convert::{bytes, from_bigint, leaf_index, to_bigint};
use crate::{LedgerRow, StoreError};

/// Entries of a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many were appended, by the events' headers; by rows where no writer is asked for.
    pub count: u64,
    /// How many have a row.
    pub rows: u64,
    /// How many bytes these have together.
    pub payload_bytes: u64,
}

/// Counts, for each of these moments, the first events of those below `end` whose time is before it: by halves, in one query. The
/// chain's clock never falls from one event to the next.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn count_events_before(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    end: u64,
    moments: &[i64],
) -> Result<Vec<u64>, StoreError> {
    let counts = sqlx::query_scalar!(
        r#"with recursive search (place, moment, low, high) as (
               select place, moment, 0::bigint, $2::bigint
               from unnest($3::bigint[]) with ordinality as wanted (moment, place)
               union all
               select place, moment, case when time < moment then middle + 1 else low end,
                      case when time < moment then high else middle end
               from search
               cross join lateral (select (low + high) / 2) as half (middle)
               cross join lateral (
                   select (
                       select get_byte(leaf, 56)::bigint | (get_byte(leaf, 57)::bigint << 8)
                           | (get_byte(leaf, 58)::bigint << 16) | (get_byte(leaf, 59)::bigint << 24)
                           | (get_byte(leaf, 60)::bigint << 32) | (get_byte(leaf, 61)::bigint << 40)
                           | (get_byte(leaf, 62)::bigint << 48) | (get_byte(leaf, 63)::bigint << 56)
                       from event where ledger = $1 and seq = middle
                   )
               ) as found (time)
               where low < high
           )
           select low as "low!" from search where low = high order by place"#,
        ledger.key,
        to_bigint("event", end)?,
        moments,
    )
    .fetch_all(connection)
    .await?;
    counts.into_iter().map(|count| from_bigint("event", ledger.ledger, count)).collect()
}

/// Counts the rows and bytes of the entries between neighbouring bounds: as many amounts as bounds but one.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn count_entries_between(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    bounds: &[u64],
) -> Result<Vec<Amount>, StoreError> {
    let (firsts, ends) = ranges("entry", bounds)?;
    let rows = sqlx::query!(
        r#"select amount.rows as "rows!", amount.payload_bytes as "payload_bytes!"
           from unnest($2::bigint[], $3::bigint[]) with ordinality as wanted (first, "end", place)
           cross join lateral (
               select count(*) as rows, coalesce(sum(octet_length(payload)), 0)::bigint as payload_bytes
               from entry where ledger = $1 and index >= wanted.first and index < wanted."end"
           ) as amount
           order by place"#,
        ledger.key,
        &firsts,
        &ends,
    )
    .fetch_all(connection)
    .await?;
    let amounts = rows.into_iter().map(|row| {
        let rows = from_bigint("entry", ledger.ledger, row.rows)?;
        Ok(Amount { count: rows, rows, payload_bytes: from_bigint("entry", ledger.ledger, row.payload_bytes)? })
    });
    amounts.collect()
}

/// Counts the entries that a wallet's signature allowed by the events between neighbouring bounds, with their rows and bytes.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn count_of_signer_between(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    bounds: &[u64],
    signer: Wallet,
) -> Result<Vec<Amount>, StoreError> {
    let (firsts, ends) = ranges("event", bounds)?;
    let rows = sqlx::query!(
        r#"select coalesce(sum(append.size_after - append.first_index), 0)::bigint as "count!",
                  coalesce(sum(amount.rows), 0)::bigint as "rows!",
                  coalesce(sum(amount.payload_bytes), 0)::bigint as "payload_bytes!"
           from unnest($2::bigint[], $3::bigint[]) with ordinality as wanted (first, "end", place)
           left join lateral (
               select get_byte(leaf, 96)::bigint | (get_byte(leaf, 97)::bigint << 8)
                       | (get_byte(leaf, 98)::bigint << 16) | (get_byte(leaf, 99)::bigint << 24)
                       | (get_byte(leaf, 100)::bigint << 32) | (get_byte(leaf, 101)::bigint << 40)
                       | (get_byte(leaf, 102)::bigint << 48) | (get_byte(leaf, 103)::bigint << 56),
                      get_byte(leaf, 112)::bigint | (get_byte(leaf, 113)::bigint << 8)
                       | (get_byte(leaf, 114)::bigint << 16) | (get_byte(leaf, 115)::bigint << 24)
                       | (get_byte(leaf, 116)::bigint << 32) | (get_byte(leaf, 117)::bigint << 40)
                       | (get_byte(leaf, 118)::bigint << 48) | (get_byte(leaf, 119)::bigint << 56)
               from event
               where ledger = $1 and seq >= wanted.first and seq < wanted."end" and substring(leaf, 65, 32) = $4
           ) as append (first_index, size_after) on true
           left join lateral (
               select count(*) as rows, sum(octet_length(payload)) as payload_bytes
               from entry where ledger = $1 and index >= append.first_index and index < append.size_after
           ) as amount on true
           group by place order by place"#,
        ledger.key,
        &firsts,
        &ends,
        &signer.0[..],
    )
    .fetch_all(connection)
    .await?;
    let number = |number| from_bigint("event", ledger.ledger, number);
    let amounts = rows.into_iter().map(|row| {
        Ok(Amount { count: number(row.count)?, rows: number(row.rows)?, payload_bytes: number(row.payload_bytes)? })
    });
    amounts.collect()
}

/// Finds the wallets whose signature allowed entries by the events from `first` up to, not including, `end`, each with the first of
/// these events, in the events' order; at most `limit`.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Corrupt`].
pub async fn load_signers(
    connection: &mut PgConnection,
    ledger: &LedgerRow,
    first: u64,
    end: u64,
    limit: u32,
) -> Result<Vec<(Wallet, LeafIndex)>, StoreError> {
    let rows = sqlx::query!(
        r#"select substring(leaf, 65, 32) as "signer!", min(seq) as "first!" from event
           where ledger = $1 and seq >= $2 and seq < $3
               and substring(leaf, 1, 8) in ('\xf3a80463435d2aa5', '\xb62d6df3e004e071')
           group by 1 order by 2 limit $4"#,
        ledger.key,
        to_bigint("event", first)?,
        to_bigint("event", end)?,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    let signers = rows.into_iter().map(|row| {
        let name = format_args!("ledger {}, event {}", ledger.ledger, row.first);
        Ok((Wallet(bytes("event", name, &row.signer)?), leaf_index("event", name, row.first)?))
    });
    signers.collect()
}

fn ranges(table: &'static str, bounds: &[u64]) -> Result<(Vec<i64>, Vec<i64>), StoreError> {
    let ranges = bounds.windows(2).filter_map(|pair| pair.first().zip(pair.last()));
    let ranges = ranges.map(|(first, end)| Ok((to_bigint(table, *first)?, to_bigint(table, *end)?)));
    Ok(ranges.collect::<Result<Vec<_>, StoreError>>()?.into_iter().unzip())
}
