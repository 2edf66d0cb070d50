//! Evidence: all entries of a range with their events, for readers who trust no operator, as lines of JSON.
//!
//! It is verified line by line, in memory that does not grow with it. Like a receipt, it proves by itself that its parts
//! belong together. Source: docs/protocol.md, section 8.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use merkle_log::{
    Hash, LeafHash, LeafIndex, OutOfRange, ProofError, RangeVerifier, TreeHead, hash_leaf, verify_consistency,
};
use serde::Serialize;

use crate::json::{FromJson, ReadError, Value, deserialize_from_json};
use crate::limits::MAX_ENTRY_BYTES;
use crate::receipt::{Head, TransactionSignature};
use crate::{Event, EventBody, EventError, GenesisHash, LedgerHead, LedgerId, ProgramId, json};

/// The first member of the first line.
pub const FORMAT: &str = "counterfoil evidence v1";

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// The cluster.
    #[serde(with = "json::text")]
    pub genesis_hash: GenesisHash,
    /// The program on it.
    #[serde(with = "json::text")]
    pub program: ProgramId,
    /// The ledger.
    #[serde(with = "json::text")]
    pub ledger: LedgerId,
    /// The entries; their head is the one that the last event states.
    pub entries: Range,
    /// The events that appended them, and those between; their head is one of any later moment.
    pub events: Range,
    /// Whether the entries stand there with their bytes, or by their leaf hashes.
    pub content: bool,
    /// The transaction that holds the last event: a hint.
    #[serde(with = "json::optional::text", skip_serializing_if = "Option::is_none")]
    pub transaction: Option<TransactionSignature>,
    /// How a later head contains the entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bridge: Option<Growth>,
}

/// A run of a log's leaves, and that it is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The first leaf.
    #[serde(with = "json::text")]
    pub from: u64,
    /// The leaf that follows the last.
    #[serde(with = "json::text")]
    pub to: u64,
    /// The head that the proof leads to.
    pub head: Head,
    /// The roots of the largest subtrees outside the run, from left to right.
    #[serde(with = "json::hashes")]
    pub proof: Vec<Hash>,
}

/// How a later head extends the entries' one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Growth {
    /// The later head.
    pub head: Head,
    /// From the entries' head to it.
    #[serde(with = "json::hashes")]
    pub consistency: Vec<Hash>,
}

/// Any other line. Each event comes before its entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// An event.
    Event(EventLine),
    /// An entry with its bytes.
    Entry(EntryLine),
    /// An entry by its leaf hash.
    Leaf(LeafLine),
    /// The last line: without it something was cut off.
    End(EndLine),
}

/// See [`Line::Event`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventLine {
    /// Its index in the event log.
    #[serde(with = "json::text")]
    pub seq: u64,
    /// Kind, header and body.
    #[serde(with = "json::bytes")]
    pub leaf: Vec<u8>,
}

/// See [`Line::Entry`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryLine {
    /// Its index.
    #[serde(with = "json::text")]
    pub index: u64,
    /// Its bytes.
    #[serde(with = "json::bytes")]
    pub payload: Vec<u8>,
}

/// See [`Line::Leaf`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeafLine {
    /// Its index.
    #[serde(with = "json::text")]
    pub index: u64,
    /// The leaf hash.
    #[serde(with = "json::text")]
    pub hash: Hash,
}

/// See [`Line::End`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndLine {
    /// How many lines of entries there were.
    #[serde(with = "json::text")]
    pub entries: u64,
    /// How many lines of events.
    #[serde(with = "json::text")]
    pub events: u64,
}

/// Why the parts of evidence do not belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceError {
    /// The first member is not [`FORMAT`].
    UnknownFormat,
    /// An index or a size is beyond the largest tree.
    OutOfRange(OutOfRange),
    /// The entries do not lead to their head.
    Entries(ProofError),
    /// The events do not lead to theirs.
    Events(ProofError),
    /// The bridge's head does not extend the entries' one.
    Bridge(ProofError),
    /// An event cannot be read.
    UnreadableEvent(EventError),
    /// A line stands where another belongs.
    WrongLine {
        /// The line that belongs there.
        expected: &'static str,
    },
    /// An entry has no bytes, or too many.
    EntryLength {
        /// Its index.
        index: u64,
    },
    /// An event is another ledger's.
    WrongLedger {
        /// Its ledger.
        found: LedgerId,
    },
    /// The last event does not state the entries' head.
    HeadMismatch,
    /// The last line says another count.
    WrongCount,
}

impl fmt::Display for EvidenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFormat => write!(f, "the format is not \"{FORMAT}\""),
            Self::OutOfRange(error) => error.fmt(f),
            Self::Entries(error) => write!(f, "the entries are not all of their range: {error}"),
            Self::Events(error) => write!(f, "the events are not all of theirs: {error}"),
            Self::Bridge(error) => write!(f, "the bridge's head does not extend the entries' one: {error}"),
            Self::UnreadableEvent(error) => write!(f, "an event cannot be read: {error}"),
            Self::WrongLine { expected } => write!(f, "{expected} belongs here"),
            Self::EntryLength { index } => write!(f, "entry {index} does not have 1 to {MAX_ENTRY_BYTES} bytes"),
            Self::WrongLedger { found } => write!(f, "an event is ledger {found}'s"),
            Self::HeadMismatch => f.write_str("the last event does not state the entries' head"),
            Self::WrongCount => f.write_str("the last line says another count of lines"),
        }
    }
}

impl core::error::Error for EvidenceError {}

impl FromJson for Header {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|header| {
            Ok(Self {
                format: header.member("format")?,
                genesis_hash: header.member("genesis_hash")?,
                program: header.member("program")?,
                ledger: header.member("ledger")?,
                entries: header.member("entries")?,
                events: header.member("events")?,
                content: header.member("content")?,
                transaction: header.optional("transaction")?,
                bridge: header.optional("bridge")?,
            })
        })
    }
}

impl FromJson for Range {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|range| {
            Ok(Self {
                from: range.member("from")?,
                to: range.member("to")?,
                head: range.member("head")?,
                proof: range.member("proof")?,
            })
        })
    }
}

impl FromJson for Growth {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|growth| Ok(Self { head: growth.member("head")?, consistency: growth.member("consistency")? }))
    }
}

impl FromJson for Line {
    /// Reads an object of one member, whose name says what the line is.
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|line| {
            let event = line.optional("event")?.map(Self::Event);
            let entry = line.optional("entry")?.map(Self::Entry);
            let leaf = line.optional("leaf")?.map(Self::Leaf);
            let end = line.optional("end")?.map(Self::End);
            let mut found = [event, entry, leaf, end].into_iter().flatten();
            match (found.next(), found.next()) {
                (Some(line), None) => Ok(line),
                _ => Err(ReadError::new("a line has one member: `event`, `entry`, `leaf` or `end`")),
            }
        })
    }
}

impl FromJson for EventLine {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|line| Ok(Self { seq: line.member("seq")?, leaf: line.member("leaf")? }))
    }
}

impl FromJson for EntryLine {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|line| Ok(Self { index: line.member("index")?, payload: line.member("payload")? }))
    }
}

impl FromJson for LeafLine {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|line| Ok(Self { index: line.member("index")?, hash: line.member("hash")? }))
    }
}

impl FromJson for EndLine {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|line| Ok(Self { entries: line.member("entries")?, events: line.member("events")? }))
    }
}

deserialize_from_json!(Header, Line);

/// Evidence that is being read.
#[derive(Clone, Debug)]
pub struct EvidenceVerifier<'a> {
    header: &'a Header,
    entries: RangeVerifier<'a>,
    events: RangeVerifier<'a>,
    /// The next entry's index.
    next: u64,
    /// The next event's number.
    seq: u64,
    /// The entries that the last append covers end here.
    covered: u64,
    last: Option<Event>,
    later: LedgerHead,
}

/// Evidence whose parts belong together. Only [`EvidenceVerifier::finish`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEvidence {
    /// The event that appended the last of the entries.
    pub last_event: Event,
    /// The head that it states.
    pub stated: TreeHead,
    /// Later heads that contain the entries and the events.
    pub later: LedgerHead,
}

impl<'a> EvidenceVerifier<'a> {
    /// Begins after the first line.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn new(header: &'a Header) -> Result<Self, EvidenceError> {
        if header.format != FORMAT {
            return Err(EvidenceError::UnknownFormat);
        }
        let head = |range: &Range| TreeHead::try_from(range.head).map_err(EvidenceError::OutOfRange);
        let (entries, events) = (head(&header.entries)?, head(&header.events)?);
        let mut later = LedgerHead { ledger: header.ledger, entries, events };
        if let Some(bridge) = &header.bridge {
            later.entries = bridge.head.try_into().map_err(EvidenceError::OutOfRange)?;
            verify_consistency(&entries, &later.entries, &bridge.consistency).map_err(EvidenceError::Bridge)?;
        }
        let begin = |head: &TreeHead, range: &'a Range, error: fn(ProofError) -> EvidenceError| {
            let first = LeafIndex::new(range.from).map_err(EvidenceError::OutOfRange)?;
            RangeVerifier::new(head, 0, first, &range.proof).map_err(error)
        };
        Ok(Self {
            header,
            entries: begin(&entries, &header.entries, EvidenceError::Entries)?,
            events: begin(&events, &header.events, EvidenceError::Events)?,
            next: header.entries.from,
            seq: header.events.from,
            covered: header.entries.from,
            last: None,
            later,
        })
    }

    /// Takes the next line; whether it was the last.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn push(&mut self, line: &Line) -> Result<bool, EvidenceError> {
        match line {
            Line::Event(EventLine { seq, leaf }) => self.push_event(*seq, leaf)?,
            Line::Entry(EntryLine { index, payload }) if self.header.content => {
                if !(1..=MAX_ENTRY_BYTES).contains(&payload.len()) {
                    return Err(EvidenceError::EntryLength { index: *index });
                }
                self.push_leaf(*index, hash_leaf(payload))?;
            }
            Line::Leaf(LeafLine { index, hash }) if !self.header.content => self.push_leaf(*index, LeafHash(hash.0))?,
            Line::Entry(_) => return Err(EvidenceError::WrongLine { expected: "an entry by its leaf hash" }),
            Line::Leaf(_) => return Err(EvidenceError::WrongLine { expected: "an entry with its bytes" }),
            Line::End(EndLine { entries, events }) => {
                let Header { entries: of_entries, events: of_events, .. } = self.header;
                if self.next != of_entries.to || self.seq != of_events.to {
                    return Err(EvidenceError::WrongLine { expected: self.expected() });
                }
                let counts = (of_entries.to.checked_sub(of_entries.from), of_events.to.checked_sub(of_events.from));
                if counts != (Some(*entries), Some(*events)) {
                    return Err(EvidenceError::WrongCount);
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Ends after the last line.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn finish(self) -> Result<VerifiedEvidence, EvidenceError> {
        self.entries.finish().map_err(EvidenceError::Entries)?;
        self.events.finish().map_err(EvidenceError::Events)?;
        let last_event = self.last.ok_or(EvidenceError::WrongLine { expected: "an event" })?;
        let stated = TreeHead { size: last_event.header.size, root: last_event.header.root };
        // An append after it may state a head of the entries, too, and says nothing of them.
        if !is_append(&last_event) || last_event.header.first_index.get() >= self.header.entries.to {
            return Err(EvidenceError::WrongLine { expected: "the event that appended the last entry, as the last," });
        }
        if Head::from(stated) != self.header.entries.head {
            return Err(EvidenceError::HeadMismatch);
        }
        Ok(VerifiedEvidence { last_event, stated, later: self.later })
    }

    fn expected(&self) -> &'static str {
        match self.next < self.covered {
            true => "an entry that the event before it appended",
            false if self.seq < self.header.events.to => "the next event",
            false => "the end",
        }
    }

    fn push_leaf(&mut self, index: u64, leaf: LeafHash) -> Result<(), EvidenceError> {
        if index != self.next || index >= self.covered {
            return Err(EvidenceError::WrongLine { expected: self.expected() });
        }
        self.next = self.next.saturating_add(1);
        self.entries.push(&leaf.into()).map_err(EvidenceError::Entries)
    }

    fn push_event(&mut self, seq: u64, leaf: &[u8]) -> Result<(), EvidenceError> {
        let event = Event::decode_leaf(leaf).map_err(EvidenceError::UnreadableEvent)?;
        let header = &event.header;
        if header.ledger != self.header.ledger {
            return Err(EvidenceError::WrongLedger { found: header.ledger });
        }
        let is_next = seq == self.seq && header.event_seq.get() == seq && seq < self.header.events.to;
        if !is_next || self.next < self.covered {
            return Err(EvidenceError::WrongLine { expected: self.expected() });
        }
        let is_append = is_append(&event);
        let (first, size) = (header.first_index.get(), header.size.get());
        // The first event appends the first entry; each append after it begins where the one before ended.
        let follows = match &self.last {
            None => is_append && first <= self.next && self.next < size,
            Some(last) => first == last.header.size.get(),
        };
        if !follows {
            return Err(EvidenceError::WrongLine { expected: "the event that appended the next entry" });
        }
        if is_append {
            self.covered = size.min(self.header.entries.to);
        }
        self.seq = self.seq.saturating_add(1);
        self.events.push(&hash_leaf(leaf).into()).map_err(EvidenceError::Events)?;
        self.last = Some(event);
        Ok(())
    }
}

const fn is_append(event: &Event) -> bool {
    matches!(event.body, EventBody::EntriesAppended { .. } | EventBody::SubtreesAppended { .. })
}
