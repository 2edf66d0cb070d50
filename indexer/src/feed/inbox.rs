//! Events that were delivered before their turn.

use std::collections::BTreeMap;

use counterfoil_client::{ClientError, TransactionRecord, decode};
use counterfoil_core::{Event, EventBody, LedgerId, ProgramId};
use counterfoil_store::CommittedIn;

/// An event as a server or a feed delivered it: nothing in it is verified.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The transaction that it is said to have come in.
    pub within: CommittedIn,
    /// The slot that the transaction is said to have.
    pub slot: u64,
    /// The event.
    pub event: Event,
}

impl Delivered {
    /// All events of a transaction.
    ///
    /// # Errors
    /// [`ClientError::Event`] when one cannot be read.
    pub fn decode(program: ProgramId, transaction: &TransactionRecord) -> Result<Vec<Self>, ClientError> {
        let (within, slot) = (CommittedIn { signature: transaction.signature }, transaction.slot);
        Ok(decode(program, transaction)?.into_iter().map(|event| Self { within, slot, event }).collect())
    }

    /// The ledger that the event names.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.event.header.ledger
    }

    /// About how much memory it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        const FIXED: usize = 512;
        let entries = match &self.event.body {
            EventBody::EntriesAppended { entries } => entries.iter().map(|entry| entry.len().saturating_add(32)).sum(),
            EventBody::SubtreesAppended { hashes } => hashes.len().saturating_mul(32),
            _ => 0,
        };
        FIXED.saturating_add(entries)
    }
}

/// Events of one ledger that wait for their turn, by number. Of two with one number the later delivered one stays.
#[derive(Debug, Default)]
pub struct Inbox {
    events: BTreeMap<u64, Delivered>,
    bytes: usize,
}

impl Inbox {
    /// Sets an event aside.
    pub fn insert(&mut self, delivered: Delivered) {
        self.bytes = self.bytes.saturating_add(delivered.bytes());
        if let Some(before) = self.events.insert(delivered.event.header.event_seq.get(), delivered) {
            self.bytes = self.bytes.saturating_sub(before.bytes());
        }
    }

    /// Takes the run of events from number `next` on, without a hole, below `end`; at most `most`. Events before
    /// `next` are forgotten.
    pub fn take_run(&mut self, next: u64, end: u64, most: usize) -> Vec<Delivered> {
        if self.events.first_key_value().is_some_and(|(first, _)| *first < next) {
            self.events = self.events.split_off(&next);
            self.bytes = self.events.values().map(Delivered::bytes).sum();
        }
        let mut run = Vec::new();
        for number in (next..end).take(most) {
            let Some(delivered) = self.events.remove(&number) else { break };
            self.bytes = self.bytes.saturating_sub(delivered.bytes());
            run.push(delivered);
        }
        run
    }

    /// The highest number that waits.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.events.last_key_value().map(|(number, _)| *number)
    }

    /// The slot of the first that waits.
    #[must_use]
    pub fn first_slot(&self) -> Option<u64> {
        self.events.first_key_value().map(|(_, delivered)| delivered.slot)
    }

    /// Whether this number is there.
    #[must_use]
    pub fn holds(&self, event_seq: u64) -> bool {
        self.events.contains_key(&event_seq)
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// About how much memory they take.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sets another inbox's events aside, too.
    pub fn extend(&mut self, other: Self) {
        other.events.into_values().for_each(|delivered| self.insert(delivered));
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
