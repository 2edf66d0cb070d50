//! Searches as clients write them: one table of fields per list, for REST and GraphQL alike.

mod fields;
mod given;
mod operators;
mod text;
mod value;

pub(crate) use fields::{
    EntryFilter, EntryOrder, EventFilter, EventOrder, LedgerFilter, LedgerOrder, TransactionFilter, TransactionOrder,
    WriterFilter, WriterOrder,
};
pub(crate) use text::{Filter, Order, parse_filter, parse_order};
pub(crate) use value::{EventKind, ToValue, push_comparison, seconds, wallet};
