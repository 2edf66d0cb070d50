//! The columns that searches may name, and the expressions that they are. An event's fields stand in its leaf, at the
//! places of docs/protocol.md.

use std::fmt::Debug;

/// The columns of one list that conditions and orders may name. A column's `Debug` is its name.
pub trait Field: Copy + Debug + PartialEq {
    /// The list's name.
    const LIST: &'static str;
    /// The column that tells the list's elements apart; its order is the default one.
    const KEY: Self;

    /// Whether it is a number; else it is bytes.
    fn is_number(self) -> bool;
}

/// A field that is in the database.
pub trait Column: Field {
    /// Where the rows are.
    const FROM: &'static str;
    /// The ledger's number there.
    const LEDGER: &'static str;

    /// The expression. `scope.size` is the end of what is looked through.
    fn sql(self) -> &'static str;
}

/// One byte of an event's leaf, moved to its place in a number.
macro_rules! leaf_byte {
    ($event:literal, $at:literal, $byte:literal) => {
        concat!("(get_byte(", $event, ".leaf, ", $at, " + ", $byte, ")::bigint << ", $byte, " * 8)")
    };
}

/// The number of eight bytes of an event's leaf, little-endian.
macro_rules! leaf_number {
    ($at:literal) => {
        leaf_number!("event", $at)
    };
    ($event:literal, $at:literal) => {
        concat!(
            "(",
            leaf_byte!($event, $at, 0),
            " | ",
            leaf_byte!($event, $at, 1),
            " | ",
            leaf_byte!($event, $at, 2),
            " | ",
            leaf_byte!($event, $at, 3),
            " | ",
            leaf_byte!($event, $at, 4),
            " | ",
            leaf_byte!($event, $at, 5),
            " | ",
            leaf_byte!($event, $at, 6),
            " | ",
            leaf_byte!($event, $at, 7),
            ")"
        )
    };
}

/// The number after that of the last event of a run.
macro_rules! run_end {
    () => {
        "coalesce((select min(next.seq) from event as next where next.ledger = event.ledger and next.seq > event.seq \
         and next.seq < scope.size and next.signature <> event.signature), scope.size)"
    };
}

const KIND: &str = "substring(event.leaf, 1, 8)";
const SLOT: &str = leaf_number!("48");
const TIME: &str = leaf_number!("56");
/// Where an event's hour begins, in seconds since 1970.
pub(crate) const HOUR: &str = concat!("(", leaf_number!("56"), " / 3600) * 3600");
/// Where an event's day begins, in seconds since 1970.
pub(crate) const DAY: &str = concat!("(", leaf_number!("56"), " / 86400) * 86400");
pub(crate) const SIGNER: &str = "substring(event.leaf, 65, 32)";
const FIRST_INDEX: &str = leaf_number!("96");
const COUNT: &str = leaf_number!("104");
const RUN_EVENTS: &str = concat!("(", run_end!(), " - event.seq)");
const RUN_ENTRIES: &str = concat!(
    "(select sum(",
    leaf_number!("part", "104"),
    ")::bigint from event as part where part.ledger = event.ledger and part.seq >= event.seq and part.seq < ",
    run_end!(),
    ")"
);

/// The columns of entries and of the events that appended them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryColumn {
    /// The index in the log.
    Index,
    /// The event that appended it.
    EventSeq,
    /// The leaf hash.
    LeafHash,
    /// The bytes.
    Payload,
    /// How many bytes.
    PayloadBytes,
    /// The event's slot.
    Slot,
    /// The event's time: seconds since 1970.
    Time,
    /// The wallet that signed.
    Signer,
    /// The transaction's signature, which nothing proves.
    Transaction,
}

impl Field for EntryColumn {
    const LIST: &'static str = "entries";
    const KEY: Self = Self::Index;

    fn is_number(self) -> bool {
        matches!(self, Self::Index | Self::EventSeq | Self::PayloadBytes | Self::Slot | Self::Time)
    }
}

impl Column for EntryColumn {
    const FROM: &'static str = "entry join event on event.ledger = entry.ledger and event.seq = entry.event_seq";
    const LEDGER: &'static str = "entry.ledger";

    fn sql(self) -> &'static str {
        match self {
            Self::Index => "entry.index",
            Self::EventSeq => "entry.event_seq",
            Self::LeafHash => "entry.leaf_hash",
            Self::Payload => "entry.payload",
            Self::PayloadBytes => "octet_length(entry.payload)::bigint",
            Self::Slot => SLOT,
            Self::Time => TIME,
            Self::Signer => SIGNER,
            Self::Transaction => "event.signature",
        }
    }
}

/// The columns of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventColumn {
    /// The number in the event log.
    Seq,
    /// The eight bytes that tell what happened.
    Kind,
    /// The leaf hash.
    LeafHash,
    /// The slot.
    Slot,
    /// The time: seconds since 1970.
    Time,
    /// The wallet that signed.
    Signer,
    /// The size of the log before.
    FirstIndex,
    /// How many entries it appended.
    Count,
    /// The transaction's signature, which nothing proves.
    Transaction,
}

impl Field for EventColumn {
    const LIST: &'static str = "events";
    const KEY: Self = Self::Seq;

    fn is_number(self) -> bool {
        matches!(self, Self::Seq | Self::Slot | Self::Time | Self::FirstIndex | Self::Count)
    }
}

impl Column for EventColumn {
    const FROM: &'static str = "event";
    const LEDGER: &'static str = "event.ledger";

    fn sql(self) -> &'static str {
        match self {
            Self::Seq => "event.seq",
            Self::Kind => KIND,
            Self::LeafHash => "event.leaf_hash",
            Self::Slot => SLOT,
            Self::Time => TIME,
            Self::Signer => SIGNER,
            Self::FirstIndex => FIRST_INDEX,
            Self::Count => COUNT,
            Self::Transaction => "event.signature",
        }
    }
}

/// The columns of transactions: each is the run of neighbouring events of one signature, and its row is the first of them.
/// A run ends where what is looked through does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionColumn {
    /// The number of its first event.
    FirstSeq,
    /// Its signature, which nothing proves.
    Signature,
    /// Its slot.
    Slot,
    /// Its time: seconds since 1970.
    Time,
    /// How many events came in it.
    EventCount,
    /// The size of the log before.
    FirstIndex,
    /// How many entries these events appended.
    EntryCount,
}

impl Field for TransactionColumn {
    const LIST: &'static str = "transactions";
    const KEY: Self = Self::FirstSeq;

    fn is_number(self) -> bool {
        self != Self::Signature
    }
}

impl Column for TransactionColumn {
    const FROM: &'static str = "(select event.* from event left join event as before \
        on before.ledger = event.ledger and before.seq = event.seq - 1 \
        where before.signature is distinct from event.signature) as event";
    const LEDGER: &'static str = "event.ledger";

    fn sql(self) -> &'static str {
        match self {
            Self::FirstSeq => "event.seq",
            Self::Signature => "event.signature",
            Self::Slot => SLOT,
            Self::Time => TIME,
            Self::EventCount => RUN_EVENTS,
            Self::FirstIndex => FIRST_INDEX,
            Self::EntryCount => RUN_ENTRIES,
        }
    }
}

/// The columns of ledgers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerColumn {
    /// The address.
    Address,
    /// Entries that are checked.
    Size,
    /// Events that are checked.
    EventSeq,
    /// The slot at which the account was read; -1 before it ever was.
    CheckedSlot,
    /// Entries that the index does not have.
    Missing,
    /// 1 for a ledger that is halted, else 0.
    IsHalted,
}

impl Field for LedgerColumn {
    const LIST: &'static str = "ledgers";
    const KEY: Self = Self::Address;

    fn is_number(self) -> bool {
        self != Self::Address
    }
}

impl Column for LedgerColumn {
    const FROM: &'static str =
        "ledger join cursor on cursor.ledger = ledger.id left join halt on halt.ledger = ledger.id";
    const LEDGER: &'static str = "ledger.id";

    fn sql(self) -> &'static str {
        match self {
            Self::Address => "ledger.address",
            Self::Size => "cursor.checked_size",
            Self::EventSeq => "cursor.checked_event_seq",
            Self::CheckedSlot => "coalesce(cursor.checked_slot, -1)",
            Self::Missing => "cursor.missing",
            Self::IsHalted => "(halt.ledger is not null)::integer::bigint",
        }
    }
}
