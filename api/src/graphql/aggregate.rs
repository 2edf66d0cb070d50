//! Entries put together.

use async_graphql::{Enum, SimpleObject};
use counterfoil_read::{self as read, aggregates_body};
use counterfoil_store::Bucket;
use counterfoil_wire::{Aggregate, Aggregates, Head};

/// The grouping of entries.
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

/// A page of them. The database counts: nothing proves it.
#[derive(SimpleObject)]
pub(super) struct EntryAggregates {
    /// The checked head up to which was counted.
    head: Head,
    /// In order of the signers' bytes, or of time.
    buckets: Vec<Aggregate>,
    /// Whether there are more: go on after the last one's signer or time.
    has_next: bool,
}

impl EntryAggregates {
    pub(super) fn new(found: read::Aggregates, bucket: Bucket) -> Self {
        let Aggregates { head, buckets, has_more } = aggregates_body(found, bucket);
        Self { head, buckets, has_next: has_more }
    }
}
