//! A state of the world: the database, the gateways' memory, the transactions on the network, and the chain.

use std::fmt;
use std::hash::{Hash, Hasher};

/// At most `N` values, in order, without an allocation.
#[derive(Clone, Copy)]
pub struct List<T, const N: usize> {
    values: [T; N],
    length: u8,
}

impl<T: Copy + Default, const N: usize> List<T, N> {
    /// Appends a value. Whether there was room.
    pub fn push(&mut self, value: T) -> bool {
        let Some(place) = self.values.get_mut(usize::from(self.length)) else { return false };
        *place = value;
        self.length += 1;
        true
    }

    /// Drops all values from `length` on.
    pub fn truncate(&mut self, length: usize) {
        while usize::from(self.length) > length {
            self.length -= 1;
            self.values[usize::from(self.length)] = T::default();
        }
    }
}

impl<T: Copy + Default, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self { values: [T::default(); N], length: 0 }
    }
}

impl<T, const N: usize> std::ops::Deref for List<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[..usize::from(self.length)]
    }
}

impl<T, const N: usize> std::ops::DerefMut for List<T, N> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[..usize::from(self.length)]
    }
}

impl<T: Hash, const N: usize> Hash for List<T, N> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (**self).hash(hasher);
    }
}

impl<T: PartialEq, const N: usize> PartialEq for List<T, N> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq, const N: usize> Eq for List<T, N> {}

impl<T: fmt::Debug, const N: usize> fmt::Debug for List<T, N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}

/// The outcome of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It may land.
    #[default]
    Open,
    /// It is in the ledger.
    Landed,
    /// It is not in the ledger and never will be.
    Dead,
}

/// A plan: ordinals from `first` on, which are to follow the ledger's first `index` leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Plan {
    /// The ordinal of its first record.
    pub first: u8,
    /// How many records.
    pub records: u8,
    /// The size that it expects.
    pub index: u8,
    /// Its outcome.
    pub outcome: Outcome,
    /// Whether one of its transactions was seen confirmed.
    pub is_confirmed: bool,
    /// Its transactions, a bit each.
    pub attempts: u16,
}

impl Plan {
    /// Whether its outcome is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.outcome == Outcome::Open
    }

    /// Whether it may land, or has.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.outcome != Outcome::Dead
    }
}

/// The gateway's database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Db {
    /// The ordinal of the next record that is sealed.
    pub sealed: u8,
    /// All plans, the oldest first.
    pub plans: List<Plan, 8>,
}

/// How long a transaction can still land.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// The next block may have it.
    #[default]
    Valid,
    /// No block after the newest one can have it. A fork may take that back.
    AtTip,
    /// The newest finalized block is past it.
    AtFinalized,
}

/// A signed transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Transaction {
    /// The ordinal of its first record.
    pub first: u8,
    /// How many records.
    pub records: u8,
    /// The size that it expects.
    pub index: u8,
    /// How long it can land.
    pub expiry: Expiry,
    /// Whether the network may have it. It may then arrive late, twice, or never.
    pub is_sent: bool,
}

/// An append in the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Event {
    /// By the gateway's wallet.
    Own {
        /// The ordinal of its first record.
        first: u8,
        /// How many records.
        records: u8,
    },
    /// One leaf by another wallet.
    #[default]
    Foreign,
}

impl Event {
    /// How many leaves it appended.
    #[must_use]
    pub const fn leaves(self) -> u8 {
        match self {
            Self::Own { records, .. } => records,
            Self::Foreign => 1,
        }
    }
}

/// A gateway's reads that it has not acted on in the database yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Look {
    /// Nothing.
    #[default]
    Idle,
    /// A plan whose transactions have all expired: it is to be given up.
    Expired {
        /// The plan.
        plan: u8,
        /// Its transactions, a bit each.
        attempts: u16,
    },
    /// A plan that is to be committed.
    Drafted(crate::Draft),
    /// A plan that is in an open transaction, which has compared the epoch.
    Inserted(crate::Draft),
}

/// The memory of a gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gateway {
    /// Whether its epoch is the newest.
    pub has_lease: bool,
    /// How far its round is.
    pub look: Look,
    /// The plan of its sender, which has not read its transactions yet.
    pub sending: Option<u8>,
}

/// A state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// The database.
    pub db: Db,
    /// Its backup.
    pub backup: Option<Db>,
    /// Whether the database was restored from the backup.
    pub is_restored: bool,
    /// Whether a gateway planned where no plan was open and the index showed it an append of its own that the database does not
    /// have.
    pub has_planned_blindly: bool,
    /// The gateways. Which one is the first has no meaning.
    pub gateways: [Gateway; 2],
    /// All transactions that were signed, the oldest first.
    pub transactions: List<Transaction, 10>,
    /// The ledger's appends, the newest last.
    pub log: List<Event, 8>,
    /// How many of them are final.
    pub finalized: u8,
    /// How many of those the index has.
    pub indexed: u8,
}

impl State {
    /// The size of the ledger after its first `events` appends.
    #[must_use]
    pub fn size(&self, events: usize) -> u8 {
        self.log[..events].iter().map(|event| event.leaves()).sum()
    }

    /// The first `events` appends, each with the index of its first leaf.
    pub fn events(&self, events: usize) -> impl Iterator<Item = (u8, Event)> + '_ {
        self.log[..events].iter().scan(0, |size, &event| {
            let index = *size;
            *size += event.leaves();
            Some((index, event))
        })
    }

    /// The size that the index shows.
    #[must_use]
    pub fn indexed_size(&self) -> u8 {
        self.size(self.indexed.into())
    }

    /// The finalized size.
    #[must_use]
    pub fn finalized_size(&self) -> u8 {
        self.size(self.finalized.into())
    }

    /// The append that begins at this index, among the first `events`.
    #[must_use]
    pub fn event_at(&self, index: u8, events: usize) -> Option<Event> {
        self.events(events).find(|(first, _)| *first == index).map(|(_, event)| event)
    }

    /// Whether the first `events` appends have exactly this plan's leaves at its index.
    #[must_use]
    pub fn has_landed(&self, plan: &Plan, events: usize) -> bool {
        self.event_at(plan.index, events) == Some(Event::Own { first: plan.first, records: plan.records })
    }

    /// The open plans, in the order of the log.
    #[must_use]
    pub fn open_plans(&self) -> List<u8, 8> {
        let mut open = List::default();
        for (at, plan) in (0..).zip(&*self.db.plans) {
            if plan.is_open() {
                open.push(at);
            }
        }
        open.sort_by_key(|&at| (self.db.plans[usize::from(at)].index, at));
        open
    }

    /// The transactions of these bits.
    pub fn attempts(&self, bits: u16) -> impl Iterator<Item = &Transaction> + '_ {
        self.transactions.iter().enumerate().filter(move |(at, _)| bits & (1 << at) != 0).map(|(_, attempt)| attempt)
    }

    /// The newest transaction of a plan.
    #[must_use]
    pub fn newest(&self, plan: &Plan) -> Option<usize> {
        (0..self.transactions.len()).rev().find(|at| plan.attempts & (1 << at) != 0)
    }
}
