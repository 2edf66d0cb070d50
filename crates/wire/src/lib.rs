#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod activity;
mod entry;
mod event;
#[cfg(feature = "openapi")]
mod form;
#[cfg(feature = "graphql")]
mod graphql;
mod head;
mod hint;
mod ledger;
mod problem;
mod proof;
mod record;
mod search;
mod standing;
mod value;

pub use activity::{
    Activity, ActivityBucket, ActivityStep, ActivityVerdict, Forecast, ForecastMethod, ForecastPoint, NewWriter,
};
pub use entry::{Entry, EntryEvent, EntryPage, EventText, Missing, MissingSubtree, ProvenEntry, ProvenEvent};
pub use event::{Event, EventPage, Pending, PendingEvent};
#[cfg(feature = "openapi")]
pub use form::{CertificateForm, ReceiptForm};
pub use head::{Head, LogName};
pub use hint::{AppendHint, EntriesHint, HeadHint, Reached};
pub use ledger::{Applied, Behind, Checked, Halt, Heads, Ledger, LedgerPage, LedgerStatus, ServerHead, Status};
pub use problem::{Code, Problem};
pub use proof::{Consistency, Inclusion};
pub use record::{
    Acceptance, AcceptedRecord, EntryContent, KeyUsage, LineAnswer, LinesEnd, PromiseKey, Record, RecordState, Usage,
};
pub use search::{
    Aggregate, Aggregates, FoundEntries, FoundEvents, FoundLedgers, FoundTransactions, FoundWriters, Transaction,
};
pub use standing::{Standing, Writer};
pub use value::{Bytes, Hash, Hashes, Key, Signature, Time, U64};
