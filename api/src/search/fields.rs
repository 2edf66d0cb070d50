//! The fields of each list: their names, what they can be compared with, and the columns that they are.
//!
//! A row is `name: operators => column;`, with `order NAME` where the list can be put in order by it. Each table makes the
//! filter and the order of its list, in GraphQL (`eventSeq`) and in REST's JSON (`event_seq`).

use async_graphql::{Enum, InputObject};
use counterfoil_http::Rejection;
use counterfoil_read::WriterField;
use counterfoil_store::{Condition, Direction, EntryColumn, EventColumn, LedgerColumn, TransactionColumn};
use serde::Deserialize;
use utoipa::ToSchema;

use super::given::Given;
use super::operators::{
    BytesFilter, EventKindFilter, HashFilter, KeyFilter, SignatureFilter, TimeFilter, U64Filter, combine, push,
};
use super::text::{Filter, Order};

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "OrderDirection")]
pub(crate) enum Way {
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

macro_rules! fields {
    (
        $list:literal: $filter:ident, $order:ident, $order_field:ident, $column:ident;
        $($(#[doc = $doc:literal])* $name:ident: $operators:ty => $variant:ident
            $(, order $(#[doc = $order_doc:literal])* $ordered:ident)?;)*
    ) => {
        #[doc = concat!("What ", $list, " must satisfy: everything that is given, and `and`, `or` and `not` of more of it.")]
        #[derive(Default, Deserialize, InputObject, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $filter {
            #[serde(default)]
            #[schema(no_recursion, value_type = Option<Vec<$filter>>, nullable = false)]
            and: Given<Vec<$filter>>,
            #[serde(default)]
            #[schema(no_recursion, value_type = Option<Vec<$filter>>, nullable = false)]
            or: Given<Vec<$filter>>,
            #[serde(default)]
            #[schema(no_recursion, value_type = Option<$filter>, nullable = false)]
            not: Given<Box<$filter>>,
            $($(#[doc = $doc])* #[serde(default)] #[schema(value_type = Option<$operators>, nullable = false)] $name: Given<$operators>,)*
        }

        impl Filter for $filter {
            type Column = $column;

            /// Its depth was bounded before it was parsed.
            fn condition(self) -> Result<Condition<$column>, Rejection> {
                let mut parts = Vec::new();
                $(push(&mut parts, $column::$variant, self.$name)?;)*
                combine(parts, self.and, self.or, self.not, Self::condition)
            }
        }

        #[doc = concat!("By what ", $list, " are put in order.")]
        #[derive(Clone, Copy, PartialEq, Eq, Enum)]
        pub(crate) enum $order_field {
            $($($(#[doc = $order_doc])* $ordered,)?)*
        }

        #[doc = concat!("An order of ", $list, ".")]
        #[derive(InputObject)]
        pub(crate) struct $order {
            field: $order_field,
            #[graphql(default_with = "Way::Asc")]
            direction: Way,
        }

        impl $order_field {
            const fn column(self) -> $column {
                match self {
                    $($(Self::$ordered => $column::$variant,)?)*
                }
            }
        }

        impl From<$order> for ($column, Direction) {
            fn from(order: $order) -> Self {
                (order.field.column(), order.direction.into())
            }
        }

        impl Order for $column {
            fn named(name: &str) -> Option<Self> {
                let fields = [$($((stringify!($name), $order_field::$ordered),)?)*];
                fields.into_iter().find(|(known, _)| *known == name).map(|(_, field)| field.column())
            }
        }
    };
}

fields! {
    "entries": EntryFilter, EntryOrder, EntryOrderField, EntryColumn;
    index: U64Filter => Index, order Index;
    event_seq: U64Filter => EventSeq, order EventSeq;
    slot: U64Filter => Slot, order Slot;
    time: TimeFilter => Time, order Time;
    signer: KeyFilter => Signer, order Signer;
    transaction: SignatureFilter => Transaction, order Transaction;
    leaf_hash: HashFilter => LeafHash, order LeafHash;
    payload: BytesFilter => Payload;
    payload_bytes: U64Filter => PayloadBytes, order PayloadBytes;
}

fields! {
    "events": EventFilter, EventOrder, EventOrderField, EventColumn;
    seq: U64Filter => Seq, order Seq;
    kind: EventKindFilter => Kind, order Kind;
    slot: U64Filter => Slot, order Slot;
    time: TimeFilter => Time, order Time;
    signer: KeyFilter => Signer, order Signer;
    transaction: SignatureFilter => Transaction, order Transaction;
    leaf_hash: HashFilter => LeafHash, order LeafHash;
    first_index: U64Filter => FirstIndex, order FirstIndex;
    count: U64Filter => Count, order Count;
}

fields! {
    "transactions": TransactionFilter, TransactionOrder, TransactionOrderField, TransactionColumn;
    first_seq: U64Filter => FirstSeq, order FirstSeq;
    signature: SignatureFilter => Signature, order Signature;
    slot: U64Filter => Slot, order Slot;
    time: TimeFilter => Time, order Time;
    event_count: U64Filter => EventCount, order EventCount;
    first_index: U64Filter => FirstIndex, order FirstIndex;
    entry_count: U64Filter => EntryCount, order EntryCount;
}

fields! {
    "writers": WriterFilter, WriterOrder, WriterOrderField, WriterField;
    wallet: KeyFilter => Wallet, order Wallet;
    may_append: bool => MayAppend, order MayAppend;
    may_append_subtrees: bool => MayAppendSubtrees, order MayAppendSubtrees;
    /// Never is later than every moment.
    expires_at: TimeFilter => ExpiresAt, order
        /// Never is later than every moment.
        ExpiresAt;
    granted_seq: U64Filter => GrantedSeq, order GrantedSeq;
    is_revoked: bool => IsRevoked, order IsRevoked;
}

fields! {
    "ledgers": LedgerFilter, LedgerOrder, LedgerOrderField, LedgerColumn;
    ledger: KeyFilter => Address, order Ledger;
    /// Entries that are checked.
    size: U64Filter => Size, order Size;
    /// Events that are checked.
    event_seq: U64Filter => EventSeq, order EventSeq;
    /// The slot at which the account was read.
    checked_slot: U64Filter => CheckedSlot, order CheckedSlot;
    /// Entries that the index does not have.
    missing_leaves: U64Filter => Missing, order MissingLeaves;
    is_halted: bool => IsHalted, order IsHalted;
}
