//! Entries put together.

use async_graphql::{Enum, SimpleObject};
use counterfoil_store::Bucket;

use super::head::Head;
use crate::search::bucket_name;
use crate::value::{Key, Time, U64};
use counterfoil_read as read;

/// How entries are put together.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum AggregateBy {
    /// By the wallet whose signature allowed them.
    Signer,
    /// By the hour, in UTC, of the chain's clock.
    Hour,
    /// By the day, in UTC, of the chain's clock.
    Day,
}

impl AggregateBy {
    pub(super) const fn bucket(by: Option<Self>) -> Bucket {
        match by {
            None => Bucket::Whole,
            Some(Self::Signer) => Bucket::Signer,
            Some(Self::Hour) => Bucket::Hour,
            Some(Self::Day) => Bucket::Day,
        }
    }
}

/// Entries put together.
#[derive(SimpleObject)]
pub(super) struct EntryAggregate {
    /// Who, when they are put together by signers.
    signer: Option<Key>,
    /// Where the hour or day begins, when they are put together by those.
    time: Option<Time>,
    /// How many.
    count: U64,
    /// How many bytes they have together.
    payload_bytes: U64,
    /// The first of them.
    first_index: U64,
    /// The last of them.
    last_index: U64,
}

/// A page of them. The database counts: nothing proves it.
#[derive(SimpleObject)]
pub(super) struct EntryAggregates {
    /// The checked head up to which was counted.
    head: Head,
    /// In order of the signers' bytes, or of time.
    buckets: Vec<EntryAggregate>,
    /// Whether there are more: go on after the last one's signer or time.
    has_next: bool,
}

impl EntryAggregates {
    pub(super) fn new(found: read::Aggregates, bucket: Bucket) -> Self {
        let buckets = found.buckets.into_iter().map(|found| {
            let (signer, time) = bucket_name(&found.bucket, bucket);
            EntryAggregate {
                signer,
                time,
                count: U64(found.count),
                payload_bytes: U64(found.payload_bytes),
                first_index: U64(found.first_index),
                last_index: U64(found.last_index),
            }
        });
        Self { head: found.head.entries.into(), buckets: buckets.collect(), has_next: found.has_next }
    }
}
