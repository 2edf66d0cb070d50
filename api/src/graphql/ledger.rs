//! A ledger.

use async_graphql::{Context, ID, Object, Result};
use counterfoil_core::LedgerId;
use counterfoil_http::Rejection;
use counterfoil_read::{self as read, CheckedLedger, Reader, Span, When, Window, log_of};
use counterfoil_store::{Bucket, Log, Value};
use counterfoil_wire::{
    ActivityStep, Applied, Behind, Checked, Code, Consistency, Halt, Heads, Inclusion, Key, LedgerStatus, LogName,
    Missing, PendingEvent, Time, U64,
};

use super::activity::Activity;
use super::aggregate::{AggregateBy, EntryAggregates};
use super::entry::{Entry, one_entry};
use super::error::refuse;
use super::event::{Event, one_event};
use super::flat::LeafConnection;
use super::found::{Counted, FoundConnection, FoundEntries, FoundEvents, FoundTransactions, found_connection};
use super::head::PageHeads;
use super::missing::EntryPageFields;
use super::page::{Arguments, complexity, connection, count};
use super::standing::Standing;
use super::transaction::Transaction;
use super::writer::{FoundWriters, Writer};
use crate::search::{EntryFilter, EventFilter, Filter, TransactionFilter, WriterFilter};
use crate::search::{EntryOrder, EventOrder, TransactionOrder, WriterOrder};
use crate::search::{ToValue, seconds, wallet};

/// A ledger, and how far it is.
pub(super) struct Ledger(pub(super) CheckedLedger);

/// A ledger, and how far it is.
#[Object]
impl Ledger {
    pub(super) async fn id(&self) -> ID {
        ID(format!("ledger:{}", self.address()))
    }

    /// Its address, which is its name everywhere.
    async fn ledger(&self) -> Key {
        self.address().into()
    }

    /// The same as `ledger`.
    #[graphql(name = "address")]
    async fn address_text(&self) -> Key {
        self.address().into()
    }

    async fn status(&self) -> LedgerStatus {
        self.0.status()
    }

    async fn halt(&self) -> Option<Halt> {
        self.0.halt()
    }

    async fn applied(&self) -> Applied {
        self.0.applied()
    }

    /// Null before the first comparison.
    async fn checked(&self) -> Option<Checked> {
        self.0.checked()
    }

    async fn behind(&self) -> Behind {
        self.0.behind().into()
    }

    /// How many entries of the checked log the index does not have, for they were appended by the hashes of their subtrees.
    async fn missing_leaves(&self) -> U64 {
        U64(self.0.row.missing)
    }

    /// A page of the subtrees whose entries the index does not have, at most 1,000; 100 when nothing is said.
    #[graphql(complexity = "complexity(first, None, child_complexity)")]
    async fn missing(&self, context: &Context<'_>, first: Option<i32>, from: Option<U64>) -> Result<Missing> {
        let (limit, from) = (first.map(count).transpose().map_err(refuse)?, from.map_or(0, |from| from.0));
        let found = read::missing(context.data::<Reader>()?, self.address(), from, limit).await;
        Ok(found.map_err(refuse)?.into())
    }

    /// Which servers said what of its account when the indexer compared it, and since when they agree with the index.
    #[graphql(complexity = "20 * child_complexity")]
    async fn heads(&self, context: &Context<'_>) -> Result<Heads> {
        Ok(read::heads(context.data::<Reader>()?, self.address()).await.map_err(refuse)?.into())
    }

    /// Events that the cluster has confirmed and not finalized, at most 1,000; 100 when nothing is said. A fork can still take
    /// it back: nothing here is proven.
    #[graphql(complexity = "complexity(first, None, child_complexity)")]
    async fn pending(&self, context: &Context<'_>, first: Option<i32>) -> Result<Vec<PendingEvent>> {
        let limit = first.map(count).transpose().map_err(refuse)?;
        let found = read::pending(context.data::<Reader>()?, self.address(), limit).await;
        Ok(found.map_err(refuse)?.into_iter().map(PendingEvent::from).collect())
    }

    /// Its entries up to the checked size, at most 1,000 a page; 100 when nothing is said. Those that the index does not have are
    /// left out and named; a page with nothing else is followed by the one after its last missing leaf.
    #[graphql(complexity = "complexity(first, last, child_complexity)")]
    async fn entries(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<LeafConnection<Entry, EntryPageFields>> {
        let window = Window::try_from(Arguments { first, after, last, before }).map_err(refuse)?;
        let page = read::entries(context.data::<Reader>()?, self.address(), window).await;
        connection(page, |entry| entry.index, Entry::of_page)
    }

    /// One entry, below the checked size.
    async fn entry(&self, context: &Context<'_>, index: U64) -> Result<Entry> {
        let found = read::entry(context.data::<Reader>()?, self.address(), index.0).await;
        one_entry(found)
    }

    /// Its events up to the checked size of the event log, at most 1,000 a page; 100 when nothing is said.
    #[graphql(complexity = "complexity(first, last, child_complexity)")]
    async fn events(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<LeafConnection<Event, PageHeads>> {
        let window = Window::try_from(Arguments { first, after, last, before }).map_err(refuse)?;
        let page = read::events(context.data::<Reader>()?, self.address(), window).await;
        connection(page, |event| event.seq, Event::of_page)
    }

    /// One event, below the checked size of the event log.
    async fn event(&self, context: &Context<'_>, seq: U64) -> Result<Event> {
        let found = read::event(context.data::<Reader>()?, self.address(), seq.0).await;
        one_event(found)
    }

    /// The entries that satisfy a filter, at most 1,000 a page; 100 when nothing is said. A page is counted from its beginning
    /// (first, after) or from its end (last, before). Each entry is proven; that none is left out is not: only whole ranges
    /// have certificates.
    #[graphql(complexity = "100 + complexity(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "GraphQL's arguments")]
    async fn find_entries(
        &self,
        context: &Context<'_>,
        #[graphql(name = "where")] filter: Option<EntryFilter>,
        order_by: Option<Vec<EntryOrder>>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<FoundConnection<Entry, FoundEntries>> {
        let condition = filter.unwrap_or_default().condition().map_err(refuse)?;
        let search = Arguments { first, after, last, before }.search(condition.clone(), order_by).map_err(refuse)?;
        let found = read::find_entries(context.data::<Reader>()?, self.address(), search).await;
        let counted = Counted::new(self.address(), Log::Entries, condition);
        found_connection(found, |head| FoundEntries::new(head, counted), Entry::of_page)
    }

    /// The events that satisfy a filter, likewise.
    #[graphql(complexity = "100 + complexity(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "GraphQL's arguments")]
    async fn find_events(
        &self,
        context: &Context<'_>,
        #[graphql(name = "where")] filter: Option<EventFilter>,
        order_by: Option<Vec<EventOrder>>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<FoundConnection<Event, FoundEvents>> {
        let condition = filter.unwrap_or_default().condition().map_err(refuse)?;
        let search = Arguments { first, after, last, before }.search(condition.clone(), order_by).map_err(refuse)?;
        let found = read::find_events(context.data::<Reader>()?, self.address(), search).await;
        let counted = Counted::new(self.address(), Log::Events, condition);
        found_connection(found, |head| FoundEvents::new(head, counted), Event::of_page)
    }

    /// The transactions that satisfy a filter, likewise. A page ends early where they have more than 1,000 events together.
    #[graphql(complexity = "100 + complexity(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "GraphQL's arguments")]
    async fn find_transactions(
        &self,
        context: &Context<'_>,
        #[graphql(name = "where")] filter: Option<TransactionFilter>,
        order_by: Option<Vec<TransactionOrder>>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<FoundConnection<Transaction, FoundTransactions>> {
        let condition = filter.unwrap_or_default().condition().map_err(refuse)?;
        let search = Arguments { first, after, last, before }.search(condition.clone(), order_by).map_err(refuse)?;
        let found = read::find_transactions(context.data::<Reader>()?, self.address(), search).await;
        let counted = Counted::new(self.address(), Log::Events, condition);
        found_connection(found, |head| FoundTransactions::new(head, counted), Transaction::of_page)
    }

    /// The writers, as they are now, that satisfy a filter, likewise. They follow from the events that `standing` shows.
    #[graphql(complexity = "100 + complexity(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "GraphQL's arguments")]
    async fn find_writers(
        &self,
        context: &Context<'_>,
        #[graphql(name = "where")] filter: Option<WriterFilter>,
        order_by: Option<Vec<WriterOrder>>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<FoundConnection<Writer, FoundWriters>> {
        let condition = filter.unwrap_or_default().condition().map_err(refuse)?;
        let search = Arguments { first, after, last, before }.search(condition, order_by).map_err(refuse)?;
        let found = read::find_writers(context.data::<Reader>()?, self.address(), search).await;
        found_connection(found, FoundWriters::from, |found, writers| Writer::of_page(found.head, writers))
    }

    /// How many entries satisfy a filter, and how many bytes they have: in all, or by signer, hour or day, at most 1,000 of
    /// these a page; 100 when nothing is said. `after` is the last signer or time of the page before.
    #[graphql(complexity = "500 + complexity(first, None, child_complexity)")]
    async fn aggregate_entries(
        &self,
        context: &Context<'_>,
        #[graphql(name = "where")] filter: Option<EntryFilter>,
        by: Option<AggregateBy>,
        first: Option<i32>,
        after_signer: Option<Key>,
        after_time: Option<Time>,
    ) -> Result<EntryAggregates> {
        let condition = filter.unwrap_or_default().condition().map_err(refuse)?;
        let bucket = AggregateBy::bucket(by);
        let after = after_bucket(bucket, after_signer, after_time).map_err(refuse)?;
        let first = first.map(count).transpose().map_err(refuse)?;
        let reader = context.data::<Reader>()?;
        let found = read::aggregate(reader, self.address(), &condition, bucket, after.as_ref(), first).await;
        Ok(EntryAggregates::new(found.map_err(refuse)?, bucket))
    }

    /// The number of entries and of their bytes by hour or day, up to 1,000 of these, each with the certificates by which a reader counts
    /// again; which of them stand out, and a forecast. Of one writer alone, where one is named. When nothing is said, 672 hours or 364
    /// days that end before the bucket of the last checked event, and a forecast of 48 hours or 14 days.
    #[graphql(complexity = "1_000 * child_complexity")]
    async fn activity(
        &self,
        context: &Context<'_>,
        step: Option<ActivityStep>,
        from_time: Option<Time>,
        to_time: Option<Time>,
        writer: Option<Key>,
        horizon: Option<i32>,
    ) -> Result<Activity> {
        let span = Span {
            step: step.unwrap_or(ActivityStep::Hour).into(),
            from: from_time.as_ref().map(seconds).transpose().map_err(refuse)?,
            to: to_time.as_ref().map(seconds).transpose().map_err(refuse)?,
        };
        let writer = writer.as_ref().map(wallet).transpose().map_err(refuse)?;
        let horizon = horizon.map(count).transpose().map_err(refuse)?;
        let found = read::activity(context.data::<Reader>()?, self.address(), span, writer, horizon).await;
        Ok(found.map_err(refuse)?.into())
    }

    /// The ledger as it is, or as it was with `size` entries, or at the end of a slot or second: who could do what, and the
    /// events that say so. Where several are given, no further than each of them.
    #[graphql(complexity = "100 + 20 * child_complexity")]
    async fn standing(
        &self,
        context: &Context<'_>,
        size: Option<U64>,
        slot: Option<U64>,
        time: Option<Time>,
    ) -> Result<Standing> {
        let (size, slot) = (size.map(|size| size.0), slot.map(|slot| slot.0));
        let when =
            When { size, slot, time: time.as_ref().map(seconds).transpose().map_err(refuse)?, ..When::default() };
        let standing = read::ledger_at(context.data::<Reader>()?, self.address(), when).await;
        Ok(standing.map_err(refuse)?.into())
    }

    /// The proof that a leaf is in the tree of a size, from index + 1 to the checked size, which is the default.
    #[graphql(complexity = "50 + child_complexity")]
    async fn inclusion(&self, context: &Context<'_>, log: LogName, index: U64, size: Option<U64>) -> Result<Inclusion> {
        let size = size.map(|size| size.0);
        let found = read::inclusion(context.data::<Reader>()?, self.address(), log_of(log), index.0, size).await;
        Ok(found.map_err(refuse)?.into())
    }

    /// The proof that the tree of the later size, by default the checked one, begins with that of the earlier.
    #[graphql(complexity = "50 + child_complexity")]
    async fn consistency(
        &self,
        context: &Context<'_>,
        log: LogName,
        first: U64,
        second: Option<U64>,
    ) -> Result<Consistency> {
        let second = second.map(|second| second.0);
        let found = read::consistency(context.data::<Reader>()?, self.address(), log_of(log), first.0, second).await;
        Ok(found.map_err(refuse)?.into())
    }
}

fn after_bucket(bucket: Bucket, signer: Option<Key>, time: Option<Time>) -> Result<Option<Value>, Rejection> {
    match (bucket, signer, time) {
        (_, None, None) => Ok(None),
        (Bucket::Signer, Some(signer), None) => signer.to_value().map(Some),
        (Bucket::Hour | Bucket::Day, None, Some(time)) => time.to_value().map(Some),
        _ => {
            let detail = "afterSigner goes on by signers, afterTime by hours and days.";
            Err(Rejection::new(Code::MalformedParameter, detail))
        }
    }
}

impl Ledger {
    pub(super) const fn address(&self) -> LedgerId {
        self.0.row.ledger
    }
}
