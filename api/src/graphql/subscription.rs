//! Subscriptions.

use async_graphql::{Context, Result, Subscription};
use counterfoil_http::{Rejection, Stopping};
use counterfoil_read::{Live, Reader};
use counterfoil_wire::{Key, U64};
use futures_util::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

use super::entry::Entry;
use super::error::refuse;
use super::event::Event;
use super::flat::LeafConnection;
use super::head::PageHeads;
use super::ledger::Ledger;
use super::missing::EntryPageFields;
use super::operation::Followed;
use super::page::{connection, parse_cursor};
use crate::address::parse_ledger;

/// The complexity of a page of a stream: as that of a list of ten.
const fn complexity(child_complexity: usize) -> usize {
    child_complexity.saturating_mul(10).saturating_add(1)
}

/// The root of subscriptions.
pub(super) struct SubscriptionRoot;

/// New leaves as they are checked, each once and in order, in pages of at most 100. To go on after a connection was lost,
/// subscribe again after the last cursor that came. A slow consumer is disconnected with `too_slow`.
#[Subscription(name = "Subscription")]
impl SubscriptionRoot {
    /// Entries after a cursor, or from one on; those that are checked from now on when none is given.
    #[graphql(complexity = "complexity(child_complexity)")]
    async fn entries(
        &self,
        context: &Context<'_>,
        ledger: Key,
        after: Option<String>,
        #[graphql(desc = "The first that is wanted: 0 for who has none. With `after` both hold.")] from: Option<U64>,
    ) -> Result<impl Stream<Item = Result<LeafConnection<Entry, EntryPageFields>>> + use<>> {
        let (feed, reader, stopping) = follower(context)?;
        let (_, batches) = feed
            .entries(reader, parse_ledger(&ledger.0).map_err(refuse)?, first(after, from).map_err(refuse)?, stopping)
            .await
            .map_err(Rejection::from)
            .map_err(refuse)?;
        context.data::<Followed>()?.set();
        Ok(batches.map(|batch| {
            let batch = batch.map_err(Rejection::from).map_err(refuse)?;
            let nodes = |head, entries| Entry::with_proofs(head, entries, &batch.proofs);
            connection(Ok(batch.page.clone()), |entry| entry.index, nodes)
        }))
    }

    /// Events after a cursor, or from one on; those that are checked from now on when none is given.
    #[graphql(complexity = "complexity(child_complexity)")]
    async fn events(
        &self,
        context: &Context<'_>,
        ledger: Key,
        after: Option<String>,
        #[graphql(desc = "The first that is wanted: 0 for who has none. With `after` both hold.")] from: Option<U64>,
    ) -> Result<impl Stream<Item = Result<LeafConnection<Event, PageHeads>>> + use<>> {
        let (feed, reader, stopping) = follower(context)?;
        let (_, batches) = feed
            .events(reader, parse_ledger(&ledger.0).map_err(refuse)?, first(after, from).map_err(refuse)?, stopping)
            .await
            .map_err(Rejection::from)
            .map_err(refuse)?;
        context.data::<Followed>()?.set();
        Ok(batches.map(|batch| {
            let batch = batch.map_err(Rejection::from).map_err(refuse)?;
            let nodes = |head, events| Event::with_proofs(head, events, &batch.proofs);
            connection(Ok(batch.page.clone()), |event| event.seq, nodes)
        }))
    }

    /// A ledger as it is, and whenever its checked heads move or it is halted. A slow client misses the states between.
    #[graphql(complexity = "complexity(child_complexity)")]
    async fn ledger(&self, context: &Context<'_>, address: Key) -> Result<impl Stream<Item = Result<Ledger>> + use<>> {
        let (feed, reader, stopping) = follower(context)?;
        let states = feed
            .ledger(reader, parse_ledger(&address.0).map_err(refuse)?, stopping)
            .await
            .map_err(Rejection::from)
            .map_err(refuse)?;
        context.data::<Followed>()?.set();
        Ok(states.map(|state| Ok(Ledger(state.map_err(Rejection::from).map_err(refuse)?))))
    }
}

fn follower<'a>(context: &Context<'a>) -> Result<(&'a Live, Reader, CancellationToken)> {
    Ok((context.data::<Live>()?, context.data::<Reader>()?.clone(), context.data::<Stopping>()?.token()))
}

fn first(after: Option<String>, from: Option<U64>) -> Result<Option<u64>, Rejection> {
    let next = after.map(|after| parse_cursor(&after)).transpose()?.map(|after| after.saturating_add(1));
    Ok(next.max(from.map(|from| from.0)))
}
