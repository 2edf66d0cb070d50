//! Errors of reads.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use counterfoil_core::receipt::ReceiptError;
use counterfoil_core::{LedgerId, Wallet};
use counterfoil_signed::SignedError;
use counterfoil_store::{Log, MissingSubtree, StoreError};
use merkle_log::{FrontierError, Hash, LeafHash, PlanError, Position, ProofError, Root, TileError, TreeSize};
use tracing::error;

/// The most entries, events or ledgers in one answer.
pub const MAX_PAGE: u32 = 1_000;

/// The most conditions of one filter, with the values of its lists and the filters within it.
pub const MAX_CONDITIONS: usize = 250;
/// The most columns of one order.
pub const MAX_ORDER: usize = 4;
/// How deep these may be, the filter itself included.
pub const MAX_FILTER_DEPTH: usize = 16;

/// The reason that a read fails.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The ledger is not in the index, or private and not for this caller.
    #[error("ledger {0} is not in the index")]
    UnknownLedger(LedgerId),
    /// The caller's key or session is no longer good.
    #[error("the key or session is no longer good")]
    Unauthorized,
    /// The caller reads the ledger, and may not have records accepted for it.
    #[error("no credential came that may do `{scope}` for ledger {ledger}")]
    ScopeMissing {
        /// The ledger.
        ledger: LedgerId,
        /// The scope that a key needs.
        scope: &'static str,
    },
    /// Nothing of the ledger was compared with the chain yet.
    #[error("nothing of ledger {0} was checked against the chain yet")]
    NotCheckedYet(LedgerId),
    /// The leaf lies beyond what was checked.
    #[error("{} {index} is not below {size}, the checked size", leaf_word(*.log))]
    IndexOutOfRange {
        /// Which log.
        log: Log,
        /// The index asked for.
        index: u64,
        /// The checked size, or the smaller one that was asked for.
        size: TreeSize,
    },
    /// There is no proof for this size.
    #[error("size {size} is not between {least} and {most}")]
    SizeOutOfRange {
        /// The size asked for.
        size: u64,
        /// The smallest that can be asked for.
        least: u64,
        /// The largest, at most the checked one.
        most: u64,
    },
    /// More was asked for than one answer holds.
    #[error("{asked} are too many for one page: ask for at most {MAX_PAGE} and follow the pages")]
    PageTooLarge {
        /// How many.
        asked: u64,
    },
    /// The search did not end in the time that a search has.
    #[error("the database did not find it in the time of a search")]
    TooExpensive,
    /// As many searches run as may, or as one caller may.
    #[error("other searches took all places for {waited_ms} ms")]
    TooManySearches {
        /// How long it waited.
        waited_ms: u128,
    },
    /// More events than one answer takes say who could do what.
    #[error("more than {most} events say who could do what")]
    TooMuchHistory {
        /// The most.
        most: u32,
    },
    /// More writers than one answer looks through.
    #[error("more than {most} writers appended in that time, or before it")]
    TooManyWriters {
        /// The most.
        most: u32,
    },
    /// A forecast of nothing, or of more than one holds.
    #[error("a forecast has 1 to {most} buckets, not {asked}")]
    HorizonOutOfRange {
        /// How many were asked for.
        asked: u64,
        /// The most.
        most: usize,
    },
    /// More conditions, or deeper ones, than one answer takes.
    #[error(
        "a filter has at most {MAX_CONDITIONS} conditions, {MAX_FILTER_DEPTH} deep: each comparison is one, each \
         value of a list, and each filter within it"
    )]
    FilterTooLarge,
    /// More columns than an order takes.
    #[error("an order has at most {MAX_ORDER} columns")]
    OrderTooLong,
    /// The event is not the first of a transaction, or not checked.
    #[error("no transaction of ledger {ledger} begins with event {first}, as far as is checked")]
    NoTransaction {
        /// The ledger.
        ledger: LedgerId,
        /// The event's number.
        first: u64,
    },
    /// The wallet was never granted anything.
    #[error("ledger {ledger} never granted {wallet} anything, as far as is checked")]
    NoWriter {
        /// The ledger.
        ledger: LedgerId,
        /// The wallet.
        wallet: Wallet,
    },
    /// A cursor of another list, of another ledger's, or of another order.
    #[error("the cursor is not of this list in this order")]
    ForeignCursor,
    /// A page counted from both ends.
    #[error(
        "a page of what was found is counted from its beginning or from its end: give first and after, or last and before"
    )]
    BothEnds,
    /// A page of nothing.
    #[error("a page holds 1 to {MAX_PAGE}")]
    EmptyPage,
    /// The entry was appended by the hash of its subtree, and has not been filled in.
    #[error(
        "ledger {ledger}: entry {index} is missing from the index. Event {} appended the {} entries from {} on by the hash of \
         their subtree", subtree.event_seq, subtree.leaves(), subtree.first_index()
    )]
    MissingEntry {
        /// The ledger.
        ledger: LedgerId,
        /// The entry asked for.
        index: u64,
        /// The subtree in which it lies.
        subtree: MissingSubtree,
    },
    /// A proof needs a node inside a subtree of which the index has only the root.
    #[error(
        "ledger {ledger}: the proof needs a hash within the {} entries from {} on, of which the index has only the \
         root of their subtree", 1_u64 << subtree.level, subtree.offset << subtree.level
    )]
    UnknownNode {
        /// The ledger.
        ledger: LedgerId,
        /// The subtree; it is one that the index holds, so its leaves are in range.
        subtree: Position,
    },
    /// Stored data contradicts itself or the checked head, so it is not answered.
    #[error("{place}: {difference}")]
    Corrupt {
        /// Where.
        place: Place,
        /// The difference.
        #[source]
        difference: Box<Difference>,
    },
    /// The database failed; trying again may help.
    #[error(transparent)]
    Database(StoreError),
}

impl ReadError {
    /// Logs what an operator must know: stored data that is corrupt, and a database that fails. To be called once for each
    /// error, where it is handled.
    pub fn log(&self) {
        match self {
            Self::Corrupt { .. } => error!("stored data is corrupt: {self}"),
            Self::Database(cause) => {
                error!(cause = cause.source().map(tracing::field::display), "a query failed: {cause}");
            }
            _ => {}
        }
    }

    /// The error for several who wait for one answer, logged once.
    pub(crate) fn shared(self) -> Arc<Self> {
        self.log();
        Arc::new(self)
    }
}

/// The part of the index that a read concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The index as a whole.
    Index,
    /// A ledger.
    Ledger(LedgerId),
    /// One of a ledger's logs.
    Log(LedgerId, Log),
    /// A leaf of one of a ledger's logs.
    Leaf(LedgerId, Log, u64),
}

impl Place {
    /// For `map_err`: an error of the store that was met here.
    pub(crate) fn store_error(self) -> impl Fn(StoreError) -> ReadError {
        move |error| match error {
            StoreError::UnknownLedger(ledger) => ReadError::UnknownLedger(ledger),
            StoreError::Database(_) => ReadError::Database(error),
            error => self.corrupt(Difference::Row(error)),
        }
    }

    pub(crate) fn corrupt(self, difference: impl Into<Difference>) -> ReadError {
        ReadError::Corrupt { place: self, difference: Box::new(difference.into()) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Index => f.write_str("the index"),
            Self::Ledger(ledger) => write!(f, "ledger {ledger}"),
            Self::Log(ledger, Log::Entries) => write!(f, "ledger {ledger}, its entries"),
            Self::Log(ledger, Log::Events) => write!(f, "ledger {ledger}, its events"),
            Self::Leaf(ledger, log, index) => write!(f, "ledger {ledger}, {} {index}", leaf_word(log)),
        }
    }
}

/// A contradiction in stored data.
#[derive(Debug, thiserror::Error)]
pub enum Difference {
    /// The bytes of an entry or event do not have the leaf hash of their row.
    #[error("its bytes hash to {computed}, its stored leaf hash is {stored}")]
    LeafHash {
        /// Recomputed from the bytes.
        computed: LeafHash,
        /// As stored.
        stored: LeafHash,
    },
    /// The bytes were changed together with the leaf hash of their row.
    #[error("its leaf hash is {leaf}, in the tree stands {in_tree}")]
    NotInTree {
        /// Recomputed from the bytes.
        leaf: LeafHash,
        /// As stored in the tree.
        in_tree: Hash,
    },
    /// A row is missing.
    #[error("its row is missing")]
    Missing,
    /// A row was found by a key that no row can have.
    #[error("a row has a key that is no address and no index")]
    Key,
    /// The row of another leaf stands in this one's place.
    #[error("the stored event says that it is number {found} of ledger {ledger}")]
    OtherEvent {
        /// The ledger that the event names.
        ledger: LedgerId,
        /// The number that the event names.
        found: u64,
    },
    /// The event that an entry's row names did not append it.
    #[error("event {seq}, {name}, which is stored as its event, appended {count} entries from {first} on")]
    NotCovered {
        /// The event's number.
        seq: u64,
        /// Its name.
        name: &'static str,
        /// The first index that it appended.
        first: u64,
        /// How many.
        count: u64,
    },
    /// More events than a page holds are stored with one signature, one after the other.
    #[error("{events} events from it on are stored as those of one transaction")]
    LongTransaction {
        /// How many.
        events: u64,
    },
    /// Events of two slots are stored with one signature, one after the other.
    #[error(
        "it came in slot {slot}, and event {first}, which is stored as of the same transaction, in slot {first_slot}"
    )]
    OtherSlot {
        /// Its slot.
        slot: u64,
        /// The first event of that signature.
        first: u64,
        /// That event's slot.
        first_slot: u64,
    },
    /// A subtree that is said to be missing was not appended by the event that its row names.
    #[error("event {seq}, which is stored as its event, did not append the subtree that begins there")]
    NotAppended {
        /// The event's number.
        seq: u64,
    },
    /// The event is newer than what was checked.
    #[error("it names event {seq}, but {size} events are checked")]
    UncheckedEvent {
        /// The event's number.
        seq: u64,
        /// The checked size of the event log.
        size: TreeSize,
    },
    /// The event says a time that no calendar has.
    #[error("{unix_time} s since 1970 is beyond the calendar")]
    Time {
        /// The stored value.
        unix_time: i64,
    },
    /// An event that the database found on one side of a moment lies on the other.
    #[error("it was found on the wrong side of {moment} s since 1970")]
    OtherSide {
        /// The moment.
        moment: i64,
    },
    /// The stored hashes lead to another head than the checked one.
    #[error("the stored hashes lead to root {computed} at size {size}, checked was {checked}")]
    Root {
        /// The checked size.
        size: TreeSize,
        /// Recomputed.
        computed: Root,
        /// Checked.
        checked: Root,
    },
    /// A proof from the stored hashes does not hold.
    #[error("the proof from the stored hashes does not hold: {0}")]
    Proof(#[from] ProofError),
    /// Another head was checked at this size before.
    #[error("the checked head of {size} leaves has another root than it had")]
    OtherHead {
        /// The size.
        size: TreeSize,
    },
    /// The stored hashes make no tree.
    #[error(transparent)]
    Frontier(#[from] FrontierError),
    /// The hashes of a tile, or a part of them, do not lead to what stands for them in the checked tree.
    #[error("the hashes of tile {level}/{index} lead to {computed}, in the tree above them stands {above}")]
    Tile {
        /// The tile's level.
        level: u8,
        /// Which tile of that level.
        index: u64,
        /// Recomputed.
        computed: Hash,
        /// The value expected.
        above: Hash,
    },
    /// Hashes of a tile are missing.
    #[error(transparent)]
    NoHash(#[from] TileError),
    /// Which cluster the rows are of is missing.
    #[error("the row of table cluster is missing")]
    NoCluster,
    /// The parts of a receipt do not belong together.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// A receipt for other people's tools does not hold.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// A row that cannot have been written.
    #[error(transparent)]
    Row(StoreError),
}

/// A plan fails for what was asked, never for what is stored.
pub(crate) fn plan_error(log: Log) -> impl Fn(PlanError) -> ReadError {
    move |error| match error {
        PlanError::IndexOutOfRange { index, size } => ReadError::IndexOutOfRange { log, index: index.get(), size },
        PlanError::NoRange { first, end, size } => {
            let index = if end > size { end.get().saturating_sub(1) } else { first.get() };
            ReadError::IndexOutOfRange { log, index, size }
        }
        PlanError::Shrinks { first, second } => {
            ReadError::SizeOutOfRange { size: first.get(), least: 0, most: second.get() }
        }
    }
}

const fn leaf_word(log: Log) -> &'static str {
    match log {
        Log::Entries => "entry",
        Log::Events => "event",
    }
}
