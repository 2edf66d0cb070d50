//! A receipt: one entry with all that proves it, for whoever trusts no operator.
//!
//! What a receipt proves by itself is that entry, event and heads belong together. That the heads are the chain's
//! is for [`relate`] to say, from an account that the reader fetched from servers of its own choice.

use alloc::vec::Vec;
use core::fmt;

use merkle_log::{
    Hash, LeafHash, LeafIndex, OutOfRange, ProofError, Root, TreeHead, TreeSize, hash_leaf, verify_inclusion,
};
use serde::{Deserialize, Serialize};

use crate::json;
use crate::limits::MAX_ENTRY_BYTES;
use crate::{Event, EventBody, EventError, GenesisHash, LedgerAccount, LedgerHead, LedgerId, ProgramId};

/// The first field of every receipt of this form.
pub const FORMAT: &str = "counterfoil receipt v1";

/// A receipt as it stands in a file; nothing in it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`FORMAT`].
    pub format: alloc::string::String,
    /// The cluster.
    #[serde(with = "json::text")]
    pub genesis_hash: GenesisHash,
    /// The program on it.
    #[serde(with = "json::text")]
    pub program: ProgramId,
    /// The ledger.
    #[serde(with = "json::text")]
    pub ledger: LedgerId,
    /// The entry.
    pub entry: EntryProof,
    /// The event that committed it.
    pub event: EventProof,
    /// The head of the log that the entry's proof leads to.
    pub head: Head,
    /// The head of the event log that the event's proof leads to.
    pub event_head: Head,
}

/// An entry and its inclusion proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryProof {
    /// Its index in the log.
    #[serde(with = "json::text")]
    pub index: u64,
    /// Its bytes.
    #[serde(with = "json::bytes")]
    pub payload: Vec<u8>,
    /// From the leaf to the root.
    #[serde(with = "json::hashes")]
    pub proof: Vec<Hash>,
}

/// An event and its inclusion proof in the event log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventProof {
    /// Its index in the event log.
    #[serde(with = "json::text")]
    pub seq: u64,
    /// Kind, header and body: what the leaf hash covers.
    #[serde(with = "json::bytes")]
    pub leaf: Vec<u8>,
    /// From the leaf to the root.
    #[serde(with = "json::hashes")]
    pub proof: Vec<Hash>,
}

/// A head in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// How many leaves.
    #[serde(with = "json::text")]
    pub size: u64,
    /// The root over them.
    #[serde(with = "json::text")]
    pub root: Root,
}

impl From<TreeHead> for Head {
    fn from(head: TreeHead) -> Self {
        Self { size: head.size.get(), root: head.root }
    }
}

impl TryFrom<Head> for TreeHead {
    type Error = OutOfRange;

    fn try_from(head: Head) -> Result<Self, OutOfRange> {
        Ok(Self { size: TreeSize::new(head.size)?, root: head.root })
    }
}

/// A receipt whose parts belong together. Only [`Receipt::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedReceipt {
    index: LeafIndex,
    leaf: LeafHash,
    event: Event,
    head: LedgerHead,
}

/// Why the parts of a receipt do not belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptError {
    /// The first field is not [`FORMAT`].
    UnknownFormat,
    /// An index or a size is beyond the largest tree.
    OutOfRange(OutOfRange),
    /// The entry has no bytes, or too many.
    EntryLength {
        /// How many.
        bytes: usize,
    },
    /// The entry's proof does not lead to the head.
    Entry(ProofError),
    /// The event cannot be read.
    UnreadableEvent(EventError),
    /// The event is not one that appends entries, by their bytes or by the hashes of their subtrees.
    WrongEvent {
        /// Its name.
        name: &'static str,
    },
    /// The event is another ledger's.
    WrongLedger {
        /// The event's ledger.
        found: LedgerId,
    },
    /// The event says another number than the receipt.
    WrongSequence {
        /// The event's number.
        found: u64,
    },
    /// The event did not append this entry.
    NotCovered {
        /// The first index that it appended.
        first: u64,
        /// How many.
        count: u64,
    },
    /// The event is newer than the head, or says another root for the head's size.
    HeadMismatch,
    /// The event's proof does not lead to the event log's head.
    Event(ProofError),
}

impl fmt::Display for ReceiptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFormat => write!(f, "the format is not \"{FORMAT}\""),
            Self::OutOfRange(error) => error.fmt(f),
            Self::EntryLength { bytes } => write!(f, "the entry has {bytes} bytes, not 1 to {MAX_ENTRY_BYTES}"),
            Self::Entry(error) => write!(f, "the entry is not in the log: {error}"),
            Self::UnreadableEvent(error) => write!(f, "the event cannot be read: {error}"),
            Self::WrongEvent { name } => write!(f, "the event is {name}, which appends no entries"),
            Self::WrongLedger { found } => write!(f, "the event is ledger {found}'s"),
            Self::WrongSequence { found } => write!(f, "the event says that it is number {found}"),
            Self::NotCovered { first, count } => {
                write!(f, "the event appended {count} entries from {first} on, not this one")
            }
            Self::HeadMismatch => f.write_str("the event and the head contradict each other"),
            Self::Event(error) => write!(f, "the event is not in the event log: {error}"),
        }
    }
}

impl core::error::Error for ReceiptError {}

impl Receipt {
    /// Recomputes everything that can be recomputed without the chain.
    ///
    /// # Errors
    /// [`ReceiptError`] unless entry, event and both heads belong together.
    pub fn verify(&self) -> Result<VerifiedReceipt, ReceiptError> {
        if self.format != FORMAT {
            return Err(ReceiptError::UnknownFormat);
        }
        let entries: TreeHead = self.head.try_into().map_err(ReceiptError::OutOfRange)?;
        let events: TreeHead = self.event_head.try_into().map_err(ReceiptError::OutOfRange)?;
        let index = LeafIndex::new(self.entry.index).map_err(ReceiptError::OutOfRange)?;
        let seq = LeafIndex::new(self.event.seq).map_err(ReceiptError::OutOfRange)?;
        let bytes = self.entry.payload.len();
        if !(1..=MAX_ENTRY_BYTES).contains(&bytes) {
            return Err(ReceiptError::EntryLength { bytes });
        }
        let leaf = hash_leaf(&self.entry.payload);
        verify_inclusion(&entries, index, &leaf, &self.entry.proof).map_err(ReceiptError::Entry)?;

        let event = Event::decode_leaf(&self.event.leaf).map_err(ReceiptError::UnreadableEvent)?;
        self.expect_event(&event, &entries)?;
        let event_leaf = hash_leaf(&self.event.leaf);
        verify_inclusion(&events, seq, &event_leaf, &self.event.proof).map_err(ReceiptError::Event)?;
        let head = LedgerHead { ledger: self.ledger, entries, events };
        Ok(VerifiedReceipt { index, leaf, event, head })
    }

    fn expect_event(&self, event: &Event, head: &TreeHead) -> Result<(), ReceiptError> {
        let header = &event.header;
        if !matches!(event.body, EventBody::EntriesAppended { .. } | EventBody::SubtreesAppended { .. }) {
            return Err(ReceiptError::WrongEvent { name: event.body.name() });
        }
        if header.ledger != self.ledger {
            return Err(ReceiptError::WrongLedger { found: header.ledger });
        }
        if header.event_seq.get() != self.event.seq {
            return Err(ReceiptError::WrongSequence { found: header.event_seq.get() });
        }
        let (first, count) = (header.first_index.get(), header.count);
        if self.entry.index.checked_sub(first).is_none_or(|offset| offset >= count) {
            return Err(ReceiptError::NotCovered { first, count });
        }
        if header.size > head.size || (header.size == head.size && header.root != head.root) {
            return Err(ReceiptError::HeadMismatch);
        }
        Ok(())
    }
}

impl VerifiedReceipt {
    /// The entry's index.
    #[must_use]
    pub const fn index(&self) -> LeafIndex {
        self.index
    }

    /// The entry's leaf hash.
    #[must_use]
    pub const fn leaf(&self) -> &LeafHash {
        &self.leaf
    }

    /// The event that committed the entry: who, in which slot, when.
    #[must_use]
    pub const fn event(&self) -> &Event {
        &self.event
    }

    /// The heads that the proofs lead to.
    #[must_use]
    pub const fn head(&self) -> &LedgerHead {
        &self.head
    }
}

/// How an earlier head stands to what an account says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The account's head is the same.
    Same,
    /// The account has grown, and its ring still holds the earlier head.
    InRing,
    /// The account has grown: a consistency proof to this head must show that it extends the earlier one.
    Grown(TreeHead),
    /// The account is behind: the server is stale, or on another fork. Ask again, ask another.
    Stale(TreeHead),
    /// The account says another root for the same size: one of the two is false.
    Contradiction(TreeHead),
}

/// Which of a ledger's two logs a head is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogKind {
    /// The entries.
    Entries,
    /// The events.
    Events,
}

/// Compares an earlier head with an account.
#[must_use]
pub fn relate(log: LogKind, earlier: &TreeHead, account: &LedgerAccount) -> Relation {
    let (current, ring): (TreeHead, &[TreeHead]) = match log {
        LogKind::Entries => (account.entries.head(), &account.heads),
        LogKind::Events => (account.events.head(), &[]),
    };
    match earlier.size.cmp(&current.size) {
        core::cmp::Ordering::Equal if earlier.root == current.root => Relation::Same,
        core::cmp::Ordering::Equal => Relation::Contradiction(current),
        core::cmp::Ordering::Greater => Relation::Stale(current),
        core::cmp::Ordering::Less => match ring.iter().find(|head| head.size == earlier.size) {
            Some(head) if head.root == earlier.root => Relation::InRing,
            Some(head) => Relation::Contradiction(*head),
            None => Relation::Grown(current),
        },
    }
}
