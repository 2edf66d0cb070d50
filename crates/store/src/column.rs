//! The columns that searches may name, and the expressions that they are. What an event says stands in its leaf, at the
//! places of docs/protocol.md.

use std::fmt::Debug;

/// What conditions and orders of one list may name. Its `Debug` is its name.
pub trait Field: Copy + Debug + PartialEq {
    /// What the list is called.
    const LIST: &'static str;
    /// What tells its elements apart, and in whose order they are when nothing is said.
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

/// The number of eight bytes of an event's leaf, little-endian.
macro_rules! leaf_number {
    ($at:literal) => {
        concat!(
            "(get_byte(event.leaf, ",
            $at,
            ")::bigint | (get_byte(event.leaf, ",
            $at,
            " + 1)::bigint << 8)",
            " | (get_byte(event.leaf, ",
            $at,
            " + 2)::bigint << 16) | (get_byte(event.leaf, ",
            $at,
            " + 3)::bigint << 24)",
            " | (get_byte(event.leaf, ",
            $at,
            " + 4)::bigint << 32) | (get_byte(event.leaf, ",
            $at,
            " + 5)::bigint << 40)",
            " | (get_byte(event.leaf, ",
            $at,
            " + 6)::bigint << 48) | (get_byte(event.leaf, ",
            $at,
            " + 7)::bigint << 56))"
        )
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
    /// Whose signature allowed it.
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
    /// Whose signature allowed it.
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
    /// Entries that the index lacks.
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
