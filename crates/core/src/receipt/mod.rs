//! A receipt: one entry with all that proves it, for readers who trust no operator.
//!
//! A receipt alone proves that its parts belong together. Whether they are the chain's is for [`crate::relate::relate`] to
//! say, from an account that the reader fetched from servers of its own choice, or for the transaction that holds the event.
//! Source: docs/protocol.md, section 6.

mod document;

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use merkle_log::{
    Hash, LeafHash, LeafIndex, OutOfRange, ProofError, Root, TreeHead, TreeSize, hash_leaf, verify_consistency,
    verify_inclusion,
};
use serde::Serialize;

use crate::json::{self, FromJson, ReadError, Value};
use crate::limits::MAX_ENTRY_BYTES;
use crate::{Event, EventBody, EventError, GenesisHash, LedgerHead, LedgerId, ProgramId};

/// The first member of every receipt that is written.
pub const FORMAT: &str = "counterfoil receipt v2";
/// The first member of the receipts that are only read any more.
pub const FORMAT_V1: &str = "counterfoil receipt v1";

/// A receipt as it stands in a file; nothing in it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The cluster.
    pub genesis_hash: GenesisHash,
    /// The program on it.
    pub program: ProgramId,
    /// The ledger.
    pub ledger: LedgerId,
    /// The entry.
    pub entry: EntryProof,
    /// The event that committed it.
    pub event: EventLeaf,
    /// The further proofs, by its version.
    pub version: Version,
}

/// The proofs of a receipt, besides entry and event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// The entry's proof leads to a head of any later moment.
    V1 {
        /// That head.
        head: Head,
        /// The head of the event log that the event's proof leads to.
        event_head: Head,
        /// From the event's leaf to that head's root.
        event_proof: Vec<Hash>,
    },
    /// The entry's proof leads to the head that the event states.
    V2 {
        /// The transaction that holds the event: a hint.
        transaction: Option<TransactionSignature>,
        /// How later heads contain both.
        bridge: Option<Bridge>,
        /// Which of the members there are that only a reader of statements understands.
        statement: Vec<&'static str>,
    },
}

/// How later heads contain an entry and its event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bridge {
    /// A later head of the log.
    pub head: Head,
    /// From the head that the event states to `head`.
    #[serde(with = "json::hashes")]
    pub consistency: Vec<Hash>,
    /// A later head of the event log.
    pub event_head: Head,
    /// From the event's leaf to the root of `event_head`.
    #[serde(with = "json::hashes")]
    pub event_proof: Vec<Hash>,
}

/// A transaction's first signature, which names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionSignature(pub [u8; 64]);

impl fmt::Display for TransactionSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(&self.0).into_string())
    }
}

impl FromStr for TransactionSignature {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut signature = [0; 64];
        match bs58::decode(text).onto(&mut signature) {
            Ok(64) => Ok(Self(signature)),
            _ => Err("a signature is 64 bytes in base58"),
        }
    }
}

/// An entry and its inclusion proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryProof {
    /// Its index in the log.
    #[serde(with = "json::text")]
    pub index: u64,
    /// Its bytes.
    #[serde(with = "json::bytes")]
    pub payload: Vec<u8>,
    /// From the leaf to the root of the head that the event states; of version 1, to the root of `head`.
    #[serde(with = "json::hashes")]
    pub proof: Vec<Hash>,
}

/// An event by its leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLeaf {
    /// Its index in the event log.
    pub seq: u64,
    /// Kind, header and body: what the leaf hash covers.
    pub leaf: Vec<u8>,
}

/// A head in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    /// How many leaves.
    #[serde(with = "json::text")]
    pub size: u64,
    /// The root over them.
    #[serde(with = "json::text")]
    pub root: Root,
}

impl FromJson for TransactionSignature {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.text()
    }
}

impl FromJson for Bridge {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|bridge| {
            Ok(Self {
                head: bridge.member("head")?,
                consistency: bridge.member("consistency")?,
                event_head: bridge.member("event_head")?,
                event_proof: bridge.member("event_proof")?,
            })
        })
    }
}

impl FromJson for EntryProof {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|entry| {
            Ok(Self { index: entry.member("index")?, payload: entry.member("payload")?, proof: entry.member("proof")? })
        })
    }
}

impl FromJson for Head {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|head| Ok(Self { size: head.member("size")?, root: head.member("root")? }))
    }
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
    stated: Option<TreeHead>,
    later: Option<LedgerHead>,
}

/// Why the parts of a receipt do not belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptError {
    /// It has members that only a reader of statements understands: whether it holds cannot be told.
    Statement {
        /// The first of them.
        member: &'static str,
    },
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
    /// The bridge's head does not extend the one that the event states.
    Bridge(ProofError),
}

impl fmt::Display for ReceiptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement { member } => {
                write!(f, "it carries a statement, by its member `{member}`, which this version does not read")
            }
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
            Self::Bridge(error) => {
                write!(f, "the bridge's head does not extend the one that the event states: {error}")
            }
        }
    }
}

impl core::error::Error for ReceiptError {}

impl Receipt {
    /// The transaction that is said to hold the event.
    #[must_use]
    pub const fn transaction(&self) -> Option<TransactionSignature> {
        match &self.version {
            Version::V1 { .. } => None,
            Version::V2 { transaction, .. } => *transaction,
        }
    }

    /// Recomputes everything that can be recomputed without the chain.
    ///
    /// # Errors
    /// [`ReceiptError`] unless entry, event and all heads belong together. [`ReceiptError::Statement`] refutes nothing.
    pub fn verify(&self) -> Result<VerifiedReceipt, ReceiptError> {
        let index = LeafIndex::new(self.entry.index).map_err(ReceiptError::OutOfRange)?;
        let seq = LeafIndex::new(self.event.seq).map_err(ReceiptError::OutOfRange)?;
        let bytes = self.entry.payload.len();
        if !(1..=MAX_ENTRY_BYTES).contains(&bytes) {
            return Err(ReceiptError::EntryLength { bytes });
        }
        let leaf = hash_leaf(&self.entry.payload);
        let event = Event::decode_leaf(&self.event.leaf).map_err(ReceiptError::UnreadableEvent)?;
        self.expect_event(&event)?;
        let stated = TreeHead { size: event.header.size, root: event.header.root };
        let in_events = |head: Head, proof: &[Hash]| {
            let events: TreeHead = head.try_into().map_err(ReceiptError::OutOfRange)?;
            verify_inclusion(&events, seq, &hash_leaf(&self.event.leaf), proof).map_err(ReceiptError::Event)?;
            Ok(events)
        };
        let in_entries =
            |head: &TreeHead| verify_inclusion(head, index, &leaf, &self.entry.proof).map_err(ReceiptError::Entry);
        let (stated, later) = match &self.version {
            Version::V1 { head, event_head, event_proof } => {
                let entries: TreeHead = (*head).try_into().map_err(ReceiptError::OutOfRange)?;
                in_entries(&entries)?;
                if stated.size > entries.size || (stated.size == entries.size && stated.root != entries.root) {
                    return Err(ReceiptError::HeadMismatch);
                }
                ((stated == entries).then_some(stated), Some((entries, in_events(*event_head, event_proof)?)))
            }
            Version::V2 { bridge, statement, .. } => {
                in_entries(&stated)?;
                let later = bridge.as_ref().map(|bridge| {
                    let entries: TreeHead = bridge.head.try_into().map_err(ReceiptError::OutOfRange)?;
                    verify_consistency(&stated, &entries, &bridge.consistency).map_err(ReceiptError::Bridge)?;
                    Ok((entries, in_events(bridge.event_head, &bridge.event_proof)?))
                });
                let later = later.transpose()?;
                // After all else: what contradicts itself is refused, whatever it carries besides.
                if let Some(member) = statement.first() {
                    return Err(ReceiptError::Statement { member });
                }
                (Some(stated), later)
            }
        };
        let later = later.map(|(entries, events)| LedgerHead { ledger: self.ledger, entries, events });
        Ok(VerifiedReceipt { index, leaf, event, stated, later })
    }

    fn expect_event(&self, event: &Event) -> Result<(), ReceiptError> {
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

    /// The head that the event states, where the entry is proven to be under it; always so in version 2.
    #[must_use]
    pub const fn stated_head(&self) -> Option<&TreeHead> {
        self.stated.as_ref()
    }

    /// Later heads that contain entry and event.
    #[must_use]
    pub const fn later_heads(&self) -> Option<&LedgerHead> {
        self.later.as_ref()
    }
}
