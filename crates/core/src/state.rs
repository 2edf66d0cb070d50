//! The state of one ledger, rebuilt from its events: the only place where an event becomes believed.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use merkle_log::{
    Edge, EdgeError, Frontier, FrontierError, FullTile, Grown, Hash, LeafHash, LeafIndex, OutOfRange, Position, Root,
    TreeHead, TreeSize, hash_leaf, subtrees,
};

use crate::limits::{MAX_ENTRY_BYTES, MAX_SUBTREE_LEVEL};
use crate::{Event, EventBody, EventHeader, LedgerAccount, LedgerHead, LedgerId};

/// A ledger's two logs as far as its events were applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerState {
    ledger: LedgerId,
    entries: Box<Edge>,
    events: Box<Edge>,
}

/// An event that follows from the state before it: sequence, indexes, leaf hashes, size and root were all
/// recomputed and equal what it says. Only [`LedgerState::apply`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAppend {
    event: Event,
    leaf_bytes: Vec<u8>,
    leaf: LeafHash,
    entries: Vec<VerifiedEntry>,
    subtrees: Vec<(Position, Hash)>,
    entry_log: Grown,
    event_log: Grown,
}

/// An entry with the leaf hash that was computed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEntry {
    /// Its index in the log.
    pub index: LeafIndex,
    /// SHA-256(0x00 || bytes).
    pub leaf: LeafHash,
    /// The entry, 1 to 65,535 bytes.
    pub bytes: Vec<u8>,
}

/// Heads that equal the account's. Only [`LedgerState::check`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedHead(LedgerHead);

/// Why an event does not follow from the state. The event is false, or one before it is missing or false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyError {
    /// The event is another ledger's.
    WrongLedger {
        /// The ledger of the state.
        expected: LedgerId,
        /// The ledger of the event.
        found: LedgerId,
    },
    /// The event is not the next one.
    WrongSequence {
        /// The next event's number.
        expected: u64,
        /// The number that the event has.
        found: u64,
    },
    /// The first event, and only the first, creates the ledger.
    WrongKind {
        /// The event's number.
        event_seq: u64,
        /// The event's name.
        name: &'static str,
    },
    /// The event does not begin at the size of the log.
    WrongFirstIndex {
        /// The size of the log.
        expected: TreeSize,
        /// Where the event begins.
        found: TreeSize,
    },
    /// The event's count is not that of its entries, or an append has none.
    WrongCount {
        /// How many entries the event has.
        entries: u64,
        /// How many it says.
        claimed: u64,
    },
    /// The event's hashes are not as many as there are subtrees in the leaves that it appends, or it appends none.
    WrongSubtrees {
        /// How many hashes the event has.
        hashes: usize,
        /// How many leaves it says.
        claimed: u64,
    },
    /// An entry has no bytes, or too many.
    WrongEntryLength {
        /// The entry.
        index: u64,
        /// How many bytes.
        bytes: usize,
    },
    /// The size after the event is another than it says.
    SizeMismatch {
        /// The size recomputed.
        computed: TreeSize,
        /// The size that the event says.
        claimed: TreeSize,
    },
    /// The root after the event is another than it says.
    RootMismatch {
        /// The size at which they differ.
        size: TreeSize,
        /// The root recomputed.
        computed: Root,
        /// The root that the event says.
        claimed: Root,
    },
    /// A log is full.
    Full(EdgeError),
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLedger { expected, found } => write!(f, "the event is of ledger {found}, not {expected}"),
            Self::WrongSequence { expected, found } => write!(f, "event {expected} comes next, not event {found}"),
            Self::WrongKind { event_seq, name } => write!(f, "event {event_seq} cannot be {name}"),
            Self::WrongFirstIndex { expected, found } => {
                write!(f, "the event begins at entry {found}, the log ends at {expected}")
            }
            Self::WrongCount { entries, claimed } => {
                write!(f, "the event carries {entries} entries and says that it appends {claimed}")
            }
            Self::WrongSubtrees { hashes, claimed } => {
                write!(f, "the event carries {hashes} hashes, which are not the subtrees of {claimed} leaves there")
            }
            Self::WrongEntryLength { index, bytes } => {
                write!(f, "entry {index} has {bytes} bytes, not 1 to {MAX_ENTRY_BYTES}")
            }
            Self::SizeMismatch { computed, claimed } => write!(f, "the size is {computed}, the event claims {claimed}"),
            Self::RootMismatch { size, computed, claimed } => {
                write!(f, "the root at size {size} is {computed}, the event claims {claimed}")
            }
            Self::Full(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ApplyError {}

/// Why the state is not the account's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckError {
    /// They stand at different events, so nothing can be said.
    DifferentMoment {
        /// Events applied here.
        applied: TreeSize,
        /// Events in the account.
        account: TreeSize,
    },
    /// At the same event their frontiers differ: one of the two is false.
    Differs(Box<HeadMismatch>),
}

/// Two heads at the same event that are not equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadMismatch {
    /// The heads rebuilt here.
    pub computed: LedgerHead,
    /// The heads of the account.
    pub account: LedgerHead,
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DifferentMoment { applied, account } => {
                write!(f, "{applied} events are applied, the account has {account}")
            }
            Self::Differs(heads) => heads.fmt(f),
        }
    }
}

impl core::error::Error for CheckError {}

impl fmt::Display for HeadMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { computed, account } = self;
        write!(
            f,
            "ledger {}: rebuilt at event {}: {} entries, root {}, event root {}; the account says: {} entries, \
             root {}, event root {}",
            computed.ledger,
            computed.events.size,
            computed.entries.size,
            computed.entries.root,
            computed.events.root,
            account.entries.size,
            account.entries.root,
            account.events.root,
        )
    }
}

impl LedgerState {
    /// The state before the first event.
    #[must_use]
    pub fn new(ledger: LedgerId) -> Self {
        Self { ledger, entries: Box::default(), events: Box::default() }
    }

    /// The state as stored. Its frontiers are computed from the edges, so [`Self::check`] proves it as any other.
    #[must_use]
    pub fn from_edges(ledger: LedgerId, entries: Edge, events: Edge) -> Self {
        Self { ledger, entries: Box::new(entries), events: Box::new(events) }
    }

    /// Applies the next event. The state is consumed: after an error, load it again.
    ///
    /// # Errors
    /// An [`ApplyError`] unless everything that the event says equals what is recomputed from the state and
    /// its entries.
    pub fn apply(mut self, event: Event) -> Result<(Self, VerifiedAppend), ApplyError> {
        self.expect_next(&event.header, &event.body)?;
        let mut applied = VerifiedAppend {
            leaf_bytes: event.leaf_bytes(),
            leaf: event.leaf_hash(),
            event,
            entries: Vec::new(),
            subtrees: Vec::new(),
            entry_log: Grown::default(),
            event_log: Grown::default(),
        };
        match &mut applied.event.body {
            EventBody::EntriesAppended { entries } => {
                for bytes in core::mem::take(entries) {
                    let entry = self.next_entry(bytes)?;
                    self.entries.append_leaf(&entry.leaf, &mut applied.entry_log).map_err(ApplyError::Full)?;
                    applied.entries.push(entry);
                }
            }
            EventBody::SubtreesAppended { hashes } => {
                applied.subtrees = self.next_subtrees(&applied.event.header, hashes)?;
                for (position, root) in &applied.subtrees {
                    let grown = &mut applied.entry_log;
                    self.entries.append_subtree(position.level, root, grown).map_err(ApplyError::Full)?;
                }
            }
            _ => {}
        }
        self.expect_head(&applied.event.header)?;
        self.events.append_leaf(&applied.leaf, &mut applied.event_log).map_err(ApplyError::Full)?;
        Ok((self, applied))
    }

    /// Compares both frontiers with the account's.
    ///
    /// # Errors
    /// [`CheckError`] unless all bytes are equal at the same event.
    pub fn check(&self, account: &LedgerAccount) -> Result<CheckedHead, CheckError> {
        if self.events.frontier().size() != account.events.size() {
            return Err(CheckError::DifferentMoment {
                applied: self.events.frontier().size(),
                account: account.events.size(),
            });
        }
        if self.entries.frontier() == &*account.entries && self.events.frontier() == &*account.events {
            Ok(CheckedHead(self.head()))
        } else {
            let heads = HeadMismatch { computed: self.head(), account: account.head(self.ledger) };
            Err(CheckError::Differs(Box::new(heads)))
        }
    }

    /// Both heads.
    #[must_use]
    pub fn head(&self) -> LedgerHead {
        LedgerHead {
            ledger: self.ledger,
            entries: self.entries.frontier().head(),
            events: self.events.frontier().head(),
        }
    }

    /// The frontiers of the log and of the event log.
    #[must_use]
    pub fn frontiers(&self) -> (&Frontier, &Frontier) {
        (self.entries.frontier(), self.events.frontier())
    }

    /// How many events are applied, which is the next event's number.
    #[must_use]
    pub fn event_seq(&self) -> TreeSize {
        self.events.frontier().size()
    }

    fn expect_next(&self, header: &EventHeader, body: &EventBody) -> Result<(), ApplyError> {
        let event_seq = header.event_seq.get();
        if header.ledger != self.ledger {
            return Err(ApplyError::WrongLedger { expected: self.ledger, found: header.ledger });
        }
        if event_seq != self.event_seq().get() {
            return Err(ApplyError::WrongSequence { expected: self.event_seq().get(), found: event_seq });
        }
        if matches!(body, EventBody::LedgerCreated { .. }) != (event_seq == 0) {
            return Err(ApplyError::WrongKind { event_seq, name: body.name() });
        }
        let size = self.entries.frontier().size();
        if header.first_index != size {
            return Err(ApplyError::WrongFirstIndex { expected: size, found: header.first_index });
        }
        let (entries, is_append) = match body {
            EventBody::EntriesAppended { entries } => (entries.len() as u64, true),
            // As many as its hashes are roots of, which is compared where these are placed.
            EventBody::SubtreesAppended { .. } => (header.count, true),
            _ => (0, false),
        };
        if header.count != entries || is_append == (entries == 0) {
            return Err(ApplyError::WrongCount { entries, claimed: header.count });
        }
        Ok(())
    }

    fn next_entry(&self, bytes: Vec<u8>) -> Result<VerifiedEntry, ApplyError> {
        let index = self.entries.frontier().size().get();
        if bytes.is_empty() || bytes.len() > MAX_ENTRY_BYTES {
            return Err(ApplyError::WrongEntryLength { index, bytes: bytes.len() });
        }
        Ok(VerifiedEntry { index: LeafIndex::new(index).map_err(full)?, leaf: hash_leaf(&bytes), bytes })
    }

    /// Places the hashes: the levels follow from the size and the count of leaves, so that there is one way.
    fn next_subtrees(&self, header: &EventHeader, hashes: &[Hash]) -> Result<Vec<(Position, Hash)>, ApplyError> {
        let start = self.entries.frontier().size();
        let end = TreeSize::new(start.get().saturating_add(header.count)).map_err(full)?;
        let mut positions = subtrees(start, end, MAX_SUBTREE_LEVEL);
        // The hashes first, so that where they end no position is taken.
        let placed = hashes.iter().zip(positions.by_ref()).map(|(hash, position)| (position, *hash));
        let placed: Vec<(Position, Hash)> = placed.collect();
        if placed.len() != hashes.len() || positions.next().is_some() {
            return Err(ApplyError::WrongSubtrees { hashes: hashes.len(), claimed: header.count });
        }
        Ok(placed)
    }

    fn expect_head(&self, header: &EventHeader) -> Result<(), ApplyError> {
        let TreeHead { size, root } = self.entries.frontier().head();
        if header.size != size {
            return Err(ApplyError::SizeMismatch { computed: size, claimed: header.size });
        }
        if header.root != root {
            return Err(ApplyError::RootMismatch { size, computed: root, claimed: header.root });
        }
        Ok(())
    }
}

fn full(error: OutOfRange) -> ApplyError {
    ApplyError::Full(EdgeError::Frontier(FrontierError::Full(error)))
}

impl VerifiedAppend {
    /// The event; the entries of an append are in [`Self::entries`].
    #[must_use]
    pub const fn event(&self) -> &Event {
        &self.event
    }

    /// The bytes that the event's leaf hash covers: kind, header and body.
    #[must_use]
    pub fn leaf_bytes(&self) -> &[u8] {
        &self.leaf_bytes
    }

    /// The event's leaf in the event log.
    #[must_use]
    pub const fn leaf(&self) -> &LeafHash {
        &self.leaf
    }

    /// The entries appended, in order.
    #[must_use]
    pub fn entries(&self) -> &[VerifiedEntry] {
        &self.entries
    }

    /// The subtrees that were appended by their hashes, in order: their entries are not on the chain.
    #[must_use]
    pub fn subtrees(&self) -> &[(Position, Hash)] {
        &self.subtrees
    }

    /// Tiles of the log that became full.
    #[must_use]
    pub fn entry_tiles(&self) -> &[FullTile] {
        &self.entry_log.tiles
    }

    /// Roots of tiles of the log that became as wide and lack hashes, for these lie inside subtrees.
    #[must_use]
    pub fn holed_tiles(&self) -> &[(Position, Hash)] {
        &self.entry_log.holed
    }

    /// Tiles of the event log that became full.
    #[must_use]
    pub fn event_tiles(&self) -> &[FullTile] {
        &self.event_log.tiles
    }
}

impl CheckedHead {
    /// The heads.
    #[must_use]
    pub const fn head(&self) -> &LedgerHead {
        &self.0
    }
}
