//! The rules of sealing, each of which can be taken out.

/// A rule that keeps records from landing twice, or the gateway from saying what is not so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Rule {
    /// An open plan is given up only when its transactions have expired in the newest *finalized* block. Without it the newest
    /// block is enough.
    ExpiryAtFinalized = 1,
    /// A plan is decided by finalized events. Without it confirmed ones are enough.
    DecideAtFinalized = 1 << 1,
    /// A record of an open plan is not planned again. Without it open plans hold no records back.
    OnePlanForARecord = 1 << 2,
    /// Records of a dead plan wait until no later plan is open. Without it they are planned behind the open ones.
    DeadBeforeOpen = 1 << 3,
    /// A write names the epoch of the lease, and the ordinal that it counts on, and fails when another gateway has taken the lease.
    Epoch = 1 << 4,
    /// No two plans that may land begin with one record: the unique index `plan_live`.
    UniquePlan = 1 << 5,
    /// Where no plan is open, nothing is planned over an append of the gateway's own that its database does not have.
    ExpectOwn = 1 << 6,
    /// That looks at all appends, not at the newest one alone.
    ExpectOwnEverywhere = 1 << 7,
    /// An open plan is given up only when its transactions have expired.
    WaitForExpiry = 1 << 8,
    /// Transactions are written before they are sent.
    WriteBeforeSend = 1 << 9,
    /// The size below which an expired plan is given up is the chain's at the height that was asked for, not the index's, which
    /// may be behind.
    SizeAtHeight = 1 << 10,
    /// A transaction is added only to an open plan, and a plan is given up only with the transactions that were looked at.
    AttemptsLocked = 1 << 11,
    /// A gateway begins on a restored database only when all that it may have sent before has expired, and the index has all that
    /// landed of it.
    RestoreAfterExpiry = 1 << 12,
    /// A plan gets no new transaction while records before its own are in no plan.
    HeldPlansEnd = 1 << 13,
}

/// A set of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules(u16);

impl Rules {
    /// All rules.
    pub const ALL: Self = Self(u16::MAX);

    /// These rules without one.
    #[must_use]
    pub const fn without(self, rule: Rule) -> Self {
        Self(self.0 & !(rule as u16))
    }

    /// Whether a rule is kept.
    #[must_use]
    pub const fn has(self, rule: Rule) -> bool {
        self.0 & rule as u16 != 0
    }
}
