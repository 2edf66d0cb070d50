//! Filters: what clients may write, and the conditions that they are.

use super::given::Given;
use async_graphql::InputObject;
use counterfoil_store::{Comparison, Condition, EntryColumn, EventColumn, LedgerColumn, TransactionColumn};

use crate::condition::{EventKind, ToValue, push_comparison};
use crate::problem::Problem;
use crate::query::WriterField;
use crate::value::{Bytes, Hash, Key, Signature, Time, U64};

/// A number. All that is given must hold.
#[derive(InputObject)]
pub(super) struct U64Filter {
    eq: Given<U64>,
    #[graphql(name = "in")]
    one_of: Given<Vec<U64>>,
    lt: Given<U64>,
    lte: Given<U64>,
    gt: Given<U64>,
    gte: Given<U64>,
}

/// A moment, to the second, which is all that the chain's clock tells. All that is given must hold.
#[derive(InputObject)]
pub(super) struct TimeFilter {
    eq: Given<Time>,
    lt: Given<Time>,
    lte: Given<Time>,
    gt: Given<Time>,
    gte: Given<Time>,
}

/// A key. All that is given must hold.
#[derive(InputObject)]
pub(super) struct KeyFilter {
    eq: Given<Key>,
    #[graphql(name = "in")]
    one_of: Given<Vec<Key>>,
}

/// A hash. All that is given must hold.
#[derive(InputObject)]
pub(super) struct HashFilter {
    eq: Given<Hash>,
    #[graphql(name = "in")]
    one_of: Given<Vec<Hash>>,
}

/// A transaction's signature. All that is given must hold.
#[derive(InputObject)]
pub(super) struct SignatureFilter {
    eq: Given<Signature>,
    #[graphql(name = "in")]
    one_of: Given<Vec<Signature>>,
}

/// Bytes. All that is given must hold.
#[derive(InputObject)]
pub(super) struct BytesFilter {
    eq: Given<Bytes>,
    #[graphql(name = "in")]
    one_of: Given<Vec<Bytes>>,
    /// They begin with these.
    prefix: Given<Bytes>,
}

/// What happened. All that is given must hold.
#[derive(InputObject)]
pub(super) struct EventKindFilter {
    eq: Given<EventKind>,
    #[graphql(name = "in")]
    one_of: Given<Vec<EventKind>>,
}

/// What entries must satisfy: everything that is given, and `and`, `or` and `not` of more of it.
#[derive(Default, InputObject)]
pub(super) struct EntryFilter {
    and: Given<Vec<EntryFilter>>,
    or: Given<Vec<EntryFilter>>,
    not: Given<Box<EntryFilter>>,
    index: Given<U64Filter>,
    event_seq: Given<U64Filter>,
    slot: Given<U64Filter>,
    time: Given<TimeFilter>,
    signer: Given<KeyFilter>,
    transaction: Given<SignatureFilter>,
    leaf_hash: Given<HashFilter>,
    payload: Given<BytesFilter>,
    payload_bytes: Given<U64Filter>,
}

/// What events must satisfy: everything that is given, and `and`, `or` and `not` of more of it.
#[derive(Default, InputObject)]
pub(super) struct EventFilter {
    and: Given<Vec<EventFilter>>,
    or: Given<Vec<EventFilter>>,
    not: Given<Box<EventFilter>>,
    seq: Given<U64Filter>,
    kind: Given<EventKindFilter>,
    slot: Given<U64Filter>,
    time: Given<TimeFilter>,
    signer: Given<KeyFilter>,
    transaction: Given<SignatureFilter>,
    leaf_hash: Given<HashFilter>,
    first_index: Given<U64Filter>,
    count: Given<U64Filter>,
}

/// What transactions must satisfy: everything that is given, and `and`, `or` and `not` of more of it.
#[derive(Default, InputObject)]
pub(super) struct TransactionFilter {
    and: Given<Vec<TransactionFilter>>,
    or: Given<Vec<TransactionFilter>>,
    not: Given<Box<TransactionFilter>>,
    first_seq: Given<U64Filter>,
    signature: Given<SignatureFilter>,
    slot: Given<U64Filter>,
    time: Given<TimeFilter>,
    event_count: Given<U64Filter>,
    first_index: Given<U64Filter>,
    entry_count: Given<U64Filter>,
}

/// What writers must satisfy: everything that is given, and `and`, `or` and `not` of more of it.
#[derive(Default, InputObject)]
pub(super) struct WriterFilter {
    and: Given<Vec<WriterFilter>>,
    or: Given<Vec<WriterFilter>>,
    not: Given<Box<WriterFilter>>,
    wallet: Given<KeyFilter>,
    may_append: Given<bool>,
    may_append_subtrees: Given<bool>,
    /// Never is later than every moment.
    expires_at: Given<TimeFilter>,
    granted_seq: Given<U64Filter>,
    is_revoked: Given<bool>,
}

/// What ledgers must satisfy: everything that is given, and `and`, `or` and `not` of more of it.
#[derive(Default, InputObject)]
pub(super) struct LedgerFilter {
    and: Given<Vec<LedgerFilter>>,
    or: Given<Vec<LedgerFilter>>,
    not: Given<Box<LedgerFilter>>,
    ledger: Given<KeyFilter>,
    /// Entries that are checked.
    size: Given<U64Filter>,
    /// Events that are checked.
    event_seq: Given<U64Filter>,
    /// The slot at which the account was read.
    checked_slot: Given<U64Filter>,
    /// Entries that the index lacks.
    missing_leaves: Given<U64Filter>,
    is_halted: Given<bool>,
}

impl LedgerFilter {
    /// Bounded in depth by GraphQL's and JSON's parsers.
    pub(super) fn condition(self) -> Result<Condition<LedgerColumn>, Problem> {
        let mut parts = Vec::new();
        push(&mut parts, LedgerColumn::Address, self.ledger)?;
        push(&mut parts, LedgerColumn::Size, self.size)?;
        push(&mut parts, LedgerColumn::EventSeq, self.event_seq)?;
        push(&mut parts, LedgerColumn::CheckedSlot, self.checked_slot)?;
        push(&mut parts, LedgerColumn::Missing, self.missing_leaves)?;
        push_comparison(&mut parts, LedgerColumn::IsHalted, Comparison::Equal, self.is_halted.0)?;
        combine(parts, self.and.0, self.or.0, self.not.0.map(|not| *not), Self::condition)
    }
}

impl EntryFilter {
    /// Bounded in depth by GraphQL's and JSON's parsers.
    pub(super) fn condition(self) -> Result<Condition<EntryColumn>, Problem> {
        let mut parts = Vec::new();
        push(&mut parts, EntryColumn::Index, self.index)?;
        push(&mut parts, EntryColumn::EventSeq, self.event_seq)?;
        push(&mut parts, EntryColumn::Slot, self.slot)?;
        push(&mut parts, EntryColumn::Time, self.time)?;
        push(&mut parts, EntryColumn::Signer, self.signer)?;
        push(&mut parts, EntryColumn::Transaction, self.transaction)?;
        push(&mut parts, EntryColumn::LeafHash, self.leaf_hash)?;
        push(&mut parts, EntryColumn::Payload, self.payload)?;
        push(&mut parts, EntryColumn::PayloadBytes, self.payload_bytes)?;
        combine(parts, self.and.0, self.or.0, self.not.0.map(|not| *not), Self::condition)
    }
}

impl EventFilter {
    /// Bounded in depth by GraphQL's and JSON's parsers.
    pub(super) fn condition(self) -> Result<Condition<EventColumn>, Problem> {
        let mut parts = Vec::new();
        push(&mut parts, EventColumn::Seq, self.seq)?;
        push(&mut parts, EventColumn::Kind, self.kind)?;
        push(&mut parts, EventColumn::Slot, self.slot)?;
        push(&mut parts, EventColumn::Time, self.time)?;
        push(&mut parts, EventColumn::Signer, self.signer)?;
        push(&mut parts, EventColumn::Transaction, self.transaction)?;
        push(&mut parts, EventColumn::LeafHash, self.leaf_hash)?;
        push(&mut parts, EventColumn::FirstIndex, self.first_index)?;
        push(&mut parts, EventColumn::Count, self.count)?;
        combine(parts, self.and.0, self.or.0, self.not.0.map(|not| *not), Self::condition)
    }
}

impl TransactionFilter {
    /// Bounded in depth by GraphQL's and JSON's parsers.
    pub(super) fn condition(self) -> Result<Condition<TransactionColumn>, Problem> {
        let mut parts = Vec::new();
        push(&mut parts, TransactionColumn::FirstSeq, self.first_seq)?;
        push(&mut parts, TransactionColumn::Signature, self.signature)?;
        push(&mut parts, TransactionColumn::Slot, self.slot)?;
        push(&mut parts, TransactionColumn::Time, self.time)?;
        push(&mut parts, TransactionColumn::EventCount, self.event_count)?;
        push(&mut parts, TransactionColumn::FirstIndex, self.first_index)?;
        push(&mut parts, TransactionColumn::EntryCount, self.entry_count)?;
        combine(parts, self.and.0, self.or.0, self.not.0.map(|not| *not), Self::condition)
    }
}

impl WriterFilter {
    /// Bounded in depth by GraphQL's and JSON's parsers.
    pub(super) fn condition(self) -> Result<Condition<WriterField>, Problem> {
        let mut parts = Vec::new();
        push(&mut parts, WriterField::Wallet, self.wallet)?;
        push_comparison(&mut parts, WriterField::MayAppend, Comparison::Equal, self.may_append.0)?;
        push_comparison(&mut parts, WriterField::MayAppendSubtrees, Comparison::Equal, self.may_append_subtrees.0)?;
        push(&mut parts, WriterField::ExpiresAt, self.expires_at)?;
        push(&mut parts, WriterField::GrantedSeq, self.granted_seq)?;
        push_comparison(&mut parts, WriterField::IsRevoked, Comparison::Equal, self.is_revoked.0)?;
        combine(parts, self.and.0, self.or.0, self.not.0.map(|not| *not), Self::condition)
    }
}

fn combine<F, C>(
    mut parts: Vec<Condition<C>>,
    and: Option<Vec<F>>,
    or: Option<Vec<F>>,
    not: Option<F>,
    condition: impl Fn(F) -> Result<Condition<C>, Problem>,
) -> Result<Condition<C>, Problem> {
    for filter in and.into_iter().flatten() {
        parts.push(condition(filter)?);
    }
    if let Some(or) = or {
        parts.push(Condition::Any(or.into_iter().map(&condition).collect::<Result<_, _>>()?));
    }
    if let Some(not) = not {
        parts.push(Condition::Not(Box::new(condition(not)?)));
    }
    Ok(Condition::All(parts))
}

fn push<C: Copy>(parts: &mut Vec<Condition<C>>, column: C, filter: Given<impl ColumnFilter>) -> Result<(), Problem> {
    if let Some(filter) = filter.0 {
        filter.push(parts, column)?;
    }
    Ok(())
}

/// Conditions on one column.
trait ColumnFilter {
    fn push<C: Copy>(self, parts: &mut Vec<Condition<C>>, column: C) -> Result<(), Problem>;
}

/// Of values in the order equal, less, at most, greater, at least.
fn push_ordered<C: Copy>(
    parts: &mut Vec<Condition<C>>,
    column: C,
    values: [Option<impl ToValue>; 5],
) -> Result<(), Problem> {
    use Comparison::{AtLeast, AtMost, Equal, Greater, Less};
    let comparisons = [Equal, Less, AtMost, Greater, AtLeast];
    comparisons.into_iter().zip(values).try_for_each(|(how, value)| push_comparison(parts, column, how, value))
}

fn push_one_of<C: Copy, T: ToValue>(
    parts: &mut Vec<Condition<C>>,
    column: C,
    one_of: Option<Vec<T>>,
) -> Result<(), Problem> {
    if let Some(values) = one_of {
        let values = values.into_iter().map(T::to_value).collect::<Result<_, _>>()?;
        parts.push(Condition::In(column, values));
    }
    Ok(())
}

impl ColumnFilter for U64Filter {
    fn push<C: Copy>(self, parts: &mut Vec<Condition<C>>, column: C) -> Result<(), Problem> {
        push_ordered(parts, column, [self.eq.0, self.lt.0, self.lte.0, self.gt.0, self.gte.0])?;
        push_one_of(parts, column, self.one_of.0)
    }
}

impl ColumnFilter for TimeFilter {
    fn push<C: Copy>(self, parts: &mut Vec<Condition<C>>, column: C) -> Result<(), Problem> {
        push_ordered(parts, column, [self.eq.0, self.lt.0, self.lte.0, self.gt.0, self.gte.0])
    }
}

macro_rules! equality {
    ($($filter:ty),*) => {
        $(impl ColumnFilter for $filter {
            fn push<C: Copy>(self, parts: &mut Vec<Condition<C>>, column: C) -> Result<(), Problem> {
                push_comparison(parts, column, Comparison::Equal, self.eq.0)?;
                push_one_of(parts, column, self.one_of.0)
            }
        })*
    };
}
equality!(KeyFilter, HashFilter, SignatureFilter, EventKindFilter);

impl ColumnFilter for BytesFilter {
    fn push<C: Copy>(self, parts: &mut Vec<Condition<C>>, column: C) -> Result<(), Problem> {
        push_comparison(parts, column, Comparison::Equal, self.eq.0)?;
        push_one_of(parts, column, self.one_of.0)?;
        parts.extend(self.prefix.0.map(|prefix| Condition::StartsWith(column, prefix.0)));
        Ok(())
    }
}
