//! Orders: by what clients may put what was found in order.

use async_graphql::{Enum, InputObject};
use counterfoil_store::{Direction, EntryColumn, EventColumn, LedgerColumn, TransactionColumn};

use crate::query::WriterField;

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "OrderDirection")]
pub(super) enum Way {
    Asc,
    Desc,
}

impl From<Way> for Direction {
    fn from(way: Way) -> Self {
        match way {
            Way::Asc => Self::Ascending,
            Way::Desc => Self::Descending,
        }
    }
}

/// By what entries are put in order.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum EntryOrderField {
    Index,
    EventSeq,
    Slot,
    Time,
    Signer,
    Transaction,
    LeafHash,
    PayloadBytes,
}

/// By what events are put in order.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum EventOrderField {
    Seq,
    Kind,
    Slot,
    Time,
    Signer,
    Transaction,
    LeafHash,
    FirstIndex,
    Count,
}

/// An order of entries.
#[derive(InputObject)]
pub(super) struct EntryOrder {
    field: EntryOrderField,
    #[graphql(default_with = "Way::Asc")]
    direction: Way,
}

/// An order of events.
#[derive(InputObject)]
pub(super) struct EventOrder {
    field: EventOrderField,
    #[graphql(default_with = "Way::Asc")]
    direction: Way,
}

impl From<EntryOrder> for (EntryColumn, Direction) {
    fn from(order: EntryOrder) -> Self {
        let column = match order.field {
            EntryOrderField::Index => EntryColumn::Index,
            EntryOrderField::EventSeq => EntryColumn::EventSeq,
            EntryOrderField::Slot => EntryColumn::Slot,
            EntryOrderField::Time => EntryColumn::Time,
            EntryOrderField::Signer => EntryColumn::Signer,
            EntryOrderField::Transaction => EntryColumn::Transaction,
            EntryOrderField::LeafHash => EntryColumn::LeafHash,
            EntryOrderField::PayloadBytes => EntryColumn::PayloadBytes,
        };
        (column, order.direction.into())
    }
}

impl From<EventOrder> for (EventColumn, Direction) {
    fn from(order: EventOrder) -> Self {
        let column = match order.field {
            EventOrderField::Seq => EventColumn::Seq,
            EventOrderField::Kind => EventColumn::Kind,
            EventOrderField::Slot => EventColumn::Slot,
            EventOrderField::Time => EventColumn::Time,
            EventOrderField::Signer => EventColumn::Signer,
            EventOrderField::Transaction => EventColumn::Transaction,
            EventOrderField::LeafHash => EventColumn::LeafHash,
            EventOrderField::FirstIndex => EventColumn::FirstIndex,
            EventOrderField::Count => EventColumn::Count,
        };
        (column, order.direction.into())
    }
}

/// By what transactions are put in order.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum TransactionOrderField {
    FirstSeq,
    Signature,
    Slot,
    Time,
    EventCount,
    FirstIndex,
    EntryCount,
}

/// An order of transactions.
#[derive(InputObject)]
pub(super) struct TransactionOrder {
    field: TransactionOrderField,
    #[graphql(default_with = "Way::Asc")]
    direction: Way,
}

impl From<TransactionOrder> for (TransactionColumn, Direction) {
    fn from(order: TransactionOrder) -> Self {
        let column = match order.field {
            TransactionOrderField::FirstSeq => TransactionColumn::FirstSeq,
            TransactionOrderField::Signature => TransactionColumn::Signature,
            TransactionOrderField::Slot => TransactionColumn::Slot,
            TransactionOrderField::Time => TransactionColumn::Time,
            TransactionOrderField::EventCount => TransactionColumn::EventCount,
            TransactionOrderField::FirstIndex => TransactionColumn::FirstIndex,
            TransactionOrderField::EntryCount => TransactionColumn::EntryCount,
        };
        (column, order.direction.into())
    }
}

/// By what writers are put in order.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum WriterOrderField {
    Wallet,
    MayAppend,
    MayAppendSubtrees,
    /// Never is later than every moment.
    ExpiresAt,
    GrantedSeq,
    IsRevoked,
}

/// An order of writers.
#[derive(InputObject)]
pub(super) struct WriterOrder {
    field: WriterOrderField,
    #[graphql(default_with = "Way::Asc")]
    direction: Way,
}

impl From<WriterOrder> for (WriterField, Direction) {
    fn from(order: WriterOrder) -> Self {
        let field = match order.field {
            WriterOrderField::Wallet => WriterField::Wallet,
            WriterOrderField::MayAppend => WriterField::MayAppend,
            WriterOrderField::MayAppendSubtrees => WriterField::MayAppendSubtrees,
            WriterOrderField::ExpiresAt => WriterField::ExpiresAt,
            WriterOrderField::GrantedSeq => WriterField::GrantedSeq,
            WriterOrderField::IsRevoked => WriterField::IsRevoked,
        };
        (field, order.direction.into())
    }
}

/// By what ledgers are put in order.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum LedgerOrderField {
    Ledger,
    Size,
    EventSeq,
    CheckedSlot,
    MissingLeaves,
    IsHalted,
}

/// An order of ledgers.
#[derive(InputObject)]
pub(super) struct LedgerOrder {
    field: LedgerOrderField,
    #[graphql(default_with = "Way::Asc")]
    direction: Way,
}

impl From<LedgerOrder> for (LedgerColumn, Direction) {
    fn from(order: LedgerOrder) -> Self {
        let column = match order.field {
            LedgerOrderField::Ledger => LedgerColumn::Address,
            LedgerOrderField::Size => LedgerColumn::Size,
            LedgerOrderField::EventSeq => LedgerColumn::EventSeq,
            LedgerOrderField::CheckedSlot => LedgerColumn::CheckedSlot,
            LedgerOrderField::MissingLeaves => LedgerColumn::Missing,
            LedgerOrderField::IsHalted => LedgerColumn::IsHalted,
        };
        (column, order.direction.into())
    }
}
