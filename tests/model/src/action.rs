//! The steps that a state can take.

/// A plan that a gateway is about to commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Draft {
    /// How many records are sealed with it.
    pub seals: u8,
    /// The ordinal of its first record.
    pub first: u8,
    /// How many records.
    pub records: u8,
    /// The size that it expects.
    pub index: u8,
}

/// A step. Gateways change their numbers: the one that has the lease is 0. The first number is a gateway's where its doc names one, another one a plan's or a transaction's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A gateway begins a round and takes the lease, which is switched off: it is there to be taken.
    Take(u8),
    /// A plan is decided by the event at its first index.
    Decide(u8, u8),
    /// A gateway sees that an open plan's transactions have expired.
    SeeExpired(u8, u8),
    /// It gives that plan up.
    GiveUpPlan(u8),
    /// A gateway reads which records come next, and signs a transaction for them.
    Draft(u8, Draft),
    /// It commits seals, plan and transaction. Where nothing is sealed this is only the check of the epoch.
    Plan(u8),
    /// A commit that sealed nothing ends.
    EndCommit(u8),
    /// A sender is started for a plan.
    BeginSending(u8, u8),
    /// The sender reads the plan's transactions and sends the newest one.
    Send(u8),
    /// The sender's transaction has expired: it writes another one.
    SignAgain(u8),
    /// A sender sees a plan confirmed.
    Confirm(u8),
    /// A gateway forgets all that is in its memory.
    Crash(u8),
    /// A gateway sends the transaction of its draft and crashes before it commits.
    SendDraftAndCrash(u8),
    /// A sender sends another transaction for its plan and crashes before it commits.
    SendAgainAndCrash(u8),
    /// A transaction arrives at a leader and lands.
    Land(u8),
    /// Another wallet appends.
    AppendForeign,
    /// The oldest confirmed append becomes final.
    Finalize,
    /// A fork drops what is confirmed and not final.
    Fork,
    /// The index takes a finalized append.
    Index,
    /// The newest block is past a transaction.
    PassAtTip(u8),
    /// The newest finalized block is past a transaction.
    Expire(u8),
    /// The database is backed up.
    BackUp,
    /// The gateways stop, the database is restored from its backup, and they start again.
    Restore,
}
