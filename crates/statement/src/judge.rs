//! Whether a promise was kept, by a receipt or by evidence. Source: docs/protocol.md, section 10.
//!
//! All here is recomputed without the chain. That the heads are the chain's is for the caller to show, as of any receipt and
//! any evidence: of *broken* those of the entries and of the events, of *kept* the event's.

use core::fmt;

use counterfoil_core::evidence::{
    EntryLine, EventLine, EvidenceError, EvidenceVerifier, Header, Line, VerifiedEvidence,
};
use counterfoil_core::receipt::{Receipt, ReceiptError, VerifiedReceipt};
use counterfoil_core::{Event, GenesisHash, LedgerId, ProgramId};

use crate::promise::{Record, VerifiedPromise};
use crate::statement::SignedStatement;

/// An entry that is a statement with a record's id, and the event that appended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The entry's index.
    pub index: u64,
    /// The event's number.
    pub seq: u64,
    /// The event's slot.
    pub slot: u64,
    /// The event's time by the chain's clock, in seconds since 1970.
    pub unix_time: i64,
}

/// The range of evidence that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its first entry.
    pub from: u64,
    /// The entry that follows its last.
    pub to: u64,
    /// The time of its last event.
    pub last_time: i64,
    is_with_content: bool,
    is_time_falling: bool,
}

/// The word on a promise, of one of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The record is in an entry whose event is not after the deadline.
    Kept(Found),
    /// No event up to the deadline appended it.
    Broken {
        /// The range that was read for it.
        read: Read,
        /// Where it is in spite of that, after the deadline.
        late: Option<Found>,
    },
    /// The deadline has not passed.
    Due {
        /// The newest time of the chain that was shown.
        newest: i64,
    },
    /// Neither can be told.
    CannotTell(Missing),
}

/// The part without which nothing can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The promise shows no record.
    Record,
    /// There is neither receipt nor evidence.
    Proof,
    /// The receipt or evidence is another ledger's.
    OtherLedger,
    /// The receipt is of another entry.
    OtherEntry,
    /// The record is in an entry of an event after the deadline, and no whole range shows that no earlier one has it.
    EarlierEntries(Found),
    /// The evidence has no bytes of entries.
    Content,
    /// The evidence begins after the first entry that can be the record's.
    Beginning {
        /// Its first entry.
        from: u64,
    },
    /// The evidence ends before the first entry that can be the record's.
    Reach {
        /// The entry that follows its last.
        to: u64,
    },
    /// The times of its events fall, so that a later one may be within the deadline.
    Order,
    /// The evidence ends before the deadline.
    End {
        /// The time of its last event.
        last_time: i64,
    },
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record => f.write_str("the promise shows no record: its member `record` is needed"),
            Self::Proof => f.write_str("a receipt of the record is needed, or evidence"),
            Self::OtherLedger => f.write_str("it is of another ledger, program or cluster than the promise"),
            Self::OtherEntry => f.write_str("the receipt's entry does not have the record"),
            Self::EarlierEntries(Found { index, .. }) => write!(
                f,
                "entry {index} has the record, appended after the deadline: evidence of all entries from the promise's \
                 first one up to it is needed, for an earlier one may have it, too"
            ),
            Self::Content => f.write_str("the evidence has entries by their hashes: one with their content is needed"),
            Self::Beginning { from } => {
                write!(f, "the evidence begins at entry {from}, after the first one that can be the record's")
            }
            Self::Reach { to } => {
                write!(
                    f,
                    "the evidence ends before entry {to}, and does not reach the first one that can be the record's"
                )
            }
            Self::Order => {
                f.write_str("the times of the evidence's events fall, so that a later one may be within the deadline")
            }
            Self::End { last_time } => write!(
                f,
                "the evidence ends with an event of second {last_time}, not after the deadline: one that ends with an append \
                 after it is needed"
            ),
        }
    }
}

/// The findings of what was read about a promise. Made of verified parts alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    from: u64,
    deadline: i64,
    /// Why nothing that was read counts.
    void: Option<Missing>,
    in_time: Option<Found>,
    late: Option<Found>,
    other_commitment: Option<Found>,
    read: Option<Read>,
    /// The newest time of an event that was read.
    newest: Option<i64>,
}

impl Findings {
    /// Those of a promise alone.
    #[must_use]
    pub fn of_nothing(promise: &VerifiedPromise) -> Self {
        let body = promise.body();
        Self {
            from: body.from,
            deadline: body.deadline,
            void: Some(if promise.record().is_some() { Missing::Proof } else { Missing::Record }),
            in_time: None,
            late: None,
            other_commitment: None,
            read: None,
            newest: None,
        }
    }

    /// Those of a receipt, which is verified first.
    ///
    /// # Errors
    /// As [`Receipt::verify`].
    pub fn of_receipt(promise: &VerifiedPromise, receipt: &Receipt) -> Result<(VerifiedReceipt, Self), ReceiptError> {
        let verified = receipt.verify()?;
        let mut findings = Self::of_nothing(promise);
        findings.begin(promise, (receipt.genesis_hash, receipt.program, receipt.ledger));
        findings.take_event(verified.event());
        findings.take_entry(promise, verified.event(), receipt.entry.index, &receipt.entry.payload);
        if findings.in_time.is_none() && findings.late.is_none() {
            findings.void.get_or_insert(Missing::OtherEntry);
        }
        Ok((verified, findings))
    }

    /// The verdict, with the newest time of the chain that servers have shown, if any.
    #[must_use]
    pub fn verdict(&self, shown_time: Option<i64>) -> Verdict {
        if let Some(found) = self.in_time {
            return Verdict::Kept(found);
        }
        let gap = self.gap();
        if let (None, Some(read)) = (&gap, self.read) {
            return Verdict::Broken { read, late: self.late };
        }
        // Events alone do not tell how late it is: the chain's clock goes on without them.
        if let Some(newest) = shown_time.map(|shown| self.newest.map_or(shown, |newest| newest.max(shown)))
            && newest <= self.deadline
        {
            return Verdict::Due { newest };
        }
        Verdict::CannotTell(gap.unwrap_or(Missing::Proof))
    }

    /// The first entry that has the record's id with another commitment: not the record.
    #[must_use]
    pub const fn other_commitment(&self) -> Option<&Found> {
        self.other_commitment.as_ref()
    }

    /// The part without which it cannot be told that no event up to the deadline has the record.
    fn gap(&self) -> Option<Missing> {
        if let Some(void @ (Missing::Record | Missing::OtherLedger)) = &self.void {
            return Some(void.clone());
        }
        let gap = match (&self.void, self.read) {
            (Some(void), _) => Some(void.clone()),
            (None, None) => Some(Missing::Proof),
            (None, Some(read)) if !read.is_with_content => Some(Missing::Content),
            (None, Some(read)) if read.from > self.from => Some(Missing::Beginning { from: read.from }),
            (None, Some(read)) if read.to <= self.from => Some(Missing::Reach { to: read.to }),
            (None, Some(read)) if read.is_time_falling => Some(Missing::Order),
            (None, Some(read)) if read.last_time <= self.deadline => Some(Missing::End { last_time: read.last_time }),
            (None, Some(_)) => None,
        };
        match (gap, self.late) {
            (Some(_), Some(late)) => Some(Missing::EarlierEntries(late)),
            (gap, _) => gap,
        }
    }

    /// Begins to read what is of this ledger.
    fn begin(&mut self, promise: &VerifiedPromise, of: (GenesisHash, ProgramId, LedgerId)) {
        let body = promise.body();
        self.void = match promise.record() {
            None => Some(Missing::Record),
            Some(_) if of != (body.genesis_hash, body.program, body.ledger) => Some(Missing::OtherLedger),
            Some(_) => None,
        };
    }

    fn take_event(&mut self, event: &Event) {
        let time = event.header.unix_time;
        if self.void.is_none() {
            self.newest = Some(self.newest.map_or(time, |newest| newest.max(time)));
        }
    }

    fn take_entry(&mut self, promise: &VerifiedPromise, event: &Event, index: u64, payload: &[u8]) {
        let (None, Some(record)) = (&self.void, promise.record()) else { return };
        let Some(found) = statement_here(promise, payload) else { return };
        if found.id != record.id {
            return;
        }
        let header = &event.header;
        let place = Found { index, seq: header.event_seq.get(), slot: header.slot, unix_time: header.unix_time };
        let list = match (found == *record, header.unix_time <= self.deadline) {
            (true, true) => &mut self.in_time,
            (true, false) => &mut self.late,
            (false, _) => &mut self.other_commitment,
        };
        list.get_or_insert(place);
    }
}

/// The record of an entry that is a statement for the promise's ledger.
fn statement_here(promise: &VerifiedPromise, payload: &[u8]) -> Option<Record> {
    let statement = SignedStatement::decode(payload).ok()??.statement;
    let body = promise.body();
    statement.expect_here(&body.genesis_hash, &body.program, &body.ledger).ok()?;
    Some(Record { id: statement.record_id, commitment: statement.commitment })
}

/// Evidence that is being read about a promise, line by line, in memory that does not grow with it.
#[derive(Clone, Debug)]
pub struct EvidenceJudge<'a> {
    promise: &'a VerifiedPromise,
    verifier: EvidenceVerifier<'a>,
    findings: Findings,
    read: Read,
    /// The event that appended the entries that follow.
    event: Option<Event>,
}

impl<'a> EvidenceJudge<'a> {
    /// Begins after the first line.
    ///
    /// # Errors
    /// As [`EvidenceVerifier::new`].
    pub fn new(promise: &'a VerifiedPromise, header: &'a Header) -> Result<Self, EvidenceError> {
        let mut findings = Findings::of_nothing(promise);
        findings.begin(promise, (header.genesis_hash, header.program, header.ledger));
        let (from, to) = (header.entries.from, header.entries.to);
        let read = Read { from, to, last_time: i64::MIN, is_with_content: header.content, is_time_falling: false };
        Ok(Self { promise, verifier: EvidenceVerifier::new(header)?, findings, read, event: None })
    }

    /// Takes the next line; whether it was the last.
    ///
    /// # Errors
    /// As [`EvidenceVerifier::push`].
    pub fn push(&mut self, line: &Line) -> Result<bool, EvidenceError> {
        let is_last = self.verifier.push(line)?;
        match line {
            Line::Event(EventLine { leaf, .. }) => {
                let event = Event::decode_leaf(leaf).map_err(EvidenceError::UnreadableEvent)?;
                let time = event.header.unix_time;
                self.read.is_time_falling |= time < self.read.last_time;
                self.read.last_time = time;
                self.findings.take_event(&event);
                self.event = Some(event);
            }
            Line::Entry(EntryLine { index, payload }) => {
                if let Some(event) = &self.event {
                    self.findings.take_entry(self.promise, event, *index, payload);
                }
            }
            Line::Leaf(_) | Line::End(_) => {}
        }
        Ok(is_last)
    }

    /// Ends after the last line.
    ///
    /// # Errors
    /// As [`EvidenceVerifier::finish`].
    pub fn finish(self) -> Result<(VerifiedEvidence, Findings), EvidenceError> {
        let verified = self.verifier.finish()?;
        Ok((verified, Findings { read: Some(self.read), ..self.findings }))
    }
}
