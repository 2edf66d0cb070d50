//! Why a ledger could not be brought up to date, and what follows from that.

use counterfoil_client::ClientError;
use counterfoil_core::{ApplyError, HeadMismatch};
use counterfoil_store::StoreError;

use crate::Quorum;

/// Why a ledger could not be brought up to date, by what must be done.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// A server or the database did not answer; try again.
    #[error(transparent)]
    Client(ClientError),
    /// The database did not answer, or another indexer is at work; load again and try again.
    #[error(transparent)]
    Store(StoreError),
    /// Too few servers answered to compare with; try again.
    #[error("{answered} of {asked} servers reported the account, {quorum} are needed: {errors}")]
    TooFewServers {
        /// How many answered.
        answered: usize,
        /// How many were asked.
        asked: usize,
        /// How many are needed.
        quorum: usize,
        /// The errors of the others.
        errors: String,
    },
    /// An event is missing from all that the server lists; nothing after it is served. Try again, elsewhere.
    #[error("event {expected} is missing from what {server} lists; its account has {account} events")]
    Gap {
        /// The missing event.
        expected: u64,
        /// The server asked.
        server: String,
        /// Events in the account.
        account: u64,
    },
    /// A server delivered an event that does not follow; try elsewhere, halt when all say so.
    #[error("{server} delivered an event that does not follow: {cause}")]
    FalseEvent {
        /// The server.
        server: String,
        /// Why it does not follow.
        cause: ApplyError,
    },
    /// A server delivered an event in a transaction of another slot than the event's; try elsewhere.
    #[error("{server} delivered event {event_seq} of slot {event_slot} in a transaction of slot {slot}")]
    WrongSlot {
        /// The server.
        server: String,
        /// The event.
        event_seq: u64,
        /// The slot that the event names.
        event_slot: u64,
        /// The slot that the server names.
        slot: u64,
    },
    /// A quorum says other than what we recomputed; try elsewhere, halt when it is so with what all deliver.
    #[error("{heads}; said by {servers}")]
    Refuted {
        /// Both heads.
        heads: Box<HeadMismatch>,
        /// The servers that say so.
        servers: String,
    },
}

impl FollowError {
    /// Whether the ledger must stop until a person has looked. One server's fault counts only when the others did
    /// no better.
    #[must_use]
    pub const fn halts(&self) -> bool {
        match self {
            Self::Client(error) => !error.is_transient(),
            Self::Store(error) => matches!(error, StoreError::Corrupt { .. }),
            Self::TooFewServers { .. } | Self::Gap { .. } => false,
            Self::Refuted { .. } | Self::FalseEvent { .. } | Self::WrongSlot { .. } => true,
        }
    }

    /// Whether only a change at the database can help, so that there is no use in trying again soon.
    #[must_use]
    pub fn is_for_operator(&self) -> bool {
        matches!(self, Self::Store(error) if !error.is_transient() && !matches!(error, StoreError::CursorMoved { .. }))
    }

    /// Why the ledger halts, for everybody: without the servers' names.
    #[must_use]
    pub fn public_reason(&self) -> String {
        match self {
            Self::Refuted { heads, .. } => heads.to_string(),
            Self::FalseEvent { cause, .. } => format!("an event does not follow: {cause}"),
            Self::WrongSlot { event_seq, event_slot, slot, .. } => {
                format!("event {event_seq} of slot {event_slot} came in a transaction of slot {slot}")
            }
            Self::Client(ClientError::Event { .. }) | Self::Store(StoreError::Corrupt { .. }) => self.to_string(),
            _ => "the servers' answers cannot be used".to_owned(),
        }
    }

    /// Whether it has nothing to do with what the server delivered, as a number too large to store has.
    pub(super) fn is_of_database(&self) -> bool {
        matches!(self, Self::Store(error) if !error.is_of_value())
    }

    /// Whether what was delivered, or stored before it, is false.
    pub(super) const fn is_falsehood(&self) -> bool {
        matches!(self, Self::Refuted { .. } | Self::FalseEvent { .. } | Self::WrongSlot { .. })
    }

    /// The refutation by a quorum, if there is one.
    pub(crate) fn refuted(quorum: &Quorum) -> Option<Self> {
        let (heads, servers) = quorum.refuted()?;
        Some(Self::Refuted { heads: Box::new(*heads), servers: servers.join(", ") })
    }

    /// The kind of error, for counting.
    #[must_use]
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Client(ClientError::Event { .. }) => "unknown_event",
            Self::Client(_) => "server",
            Self::Store(StoreError::CursorMoved { .. }) => "another_writer",
            Self::Store(StoreError::Corrupt { .. }) => "corrupt_index",
            Self::Store(_) => "database",
            Self::TooFewServers { .. } => "too_few_servers",
            Self::Gap { .. } => "gap",
            Self::FalseEvent { .. } | Self::WrongSlot { .. } => "false_event",
            Self::Refuted { .. } => "refuted",
        }
    }

    /// Of all servers' errors the one that decides: one that does not halt, else both heads, else any.
    pub(super) fn deciding(mut errors: Vec<Self>) -> Option<Self> {
        let transient = errors.iter().position(|error| !error.halts());
        let decides = transient.or_else(|| errors.iter().position(|error| matches!(error, Self::Refuted { .. })));
        if errors.is_empty() { None } else { Some(errors.swap_remove(decides.unwrap_or(0))) }
    }
}

impl From<StoreError> for FollowError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
