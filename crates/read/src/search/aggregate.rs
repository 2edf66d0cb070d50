//! Entries put together. The database counts: nothing proves it.

use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_store::{Aggregate, Bucket, Condition, EntryColumn, Log, Value};

use super::plan::{expect_small, expensive, limit};
use crate::error::{Place, ReadError};
use crate::page::page_limit;
use crate::reader::Reader;
use crate::snapshot::LedgerSnapshot;

/// The counts.
#[derive(Clone, Debug)]
pub struct Aggregates {
    /// The checked heads up to which it was counted.
    pub head: LedgerHead,
    /// A page of buckets, in their order.
    pub buckets: Vec<Aggregate>,
    /// Whether there are more.
    pub has_next: bool,
}

/// Counts the entries that satisfy a condition by bucket, after the bucket `after`.
///
/// # Errors
/// [`ReadError`].
pub async fn aggregate(
    reader: &Reader,
    ledger: LedgerId,
    condition: &Condition<EntryColumn>,
    bucket: Bucket,
    after: Option<&Value>,
    first: Option<u64>,
) -> Result<Aggregates, ReadError> {
    expect_small(condition)?;
    let most = page_limit(first)?;
    let _place = reader.begin_search().await?;
    let mut snapshot = LedgerSnapshot::open(reader, ledger).await?;
    let end = snapshot.head.entries.size.get();
    limit(&mut snapshot).await?;
    let (connection, row) = snapshot.parts().await?;
    let most_and_one = most.saturating_add(1);
    let buckets = counterfoil_store::aggregate(connection, row, end, condition, bucket, after, most_and_one).await;
    let mut buckets = buckets.map_err(expensive(Place::Log(ledger, Log::Entries)))?;
    let has_next = buckets.len() > most as usize;
    buckets.truncate(most as usize);
    Ok(Aggregates { head: snapshot.head, buckets, has_next })
}
