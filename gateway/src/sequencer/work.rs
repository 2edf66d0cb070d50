//! The state of one ledger's sequencer, and why a round of it fails.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use counterfoil_core::{GenesisHash, LedgerId, ProgramId};
use counterfoil_store::StoreError;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::ledgers::Ledgers;

/// The bounds of a sequencer's work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How often a busy ledger gets a transaction; an idle one gets it at once.
    pub(crate) window: Duration,
    /// After what time without renewal another gateway takes a ledger over; zero lets all of them plan at once.
    pub(crate) lease: Duration,
    /// How many plans may be open: confirmed and not yet final, for the most part.
    pub(crate) open_plans: usize,
    /// The most records of a plan: what is filled into the index in one transaction.
    pub(crate) records: u32,
}

/// Which cluster and program statements are for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cluster {
    pub(crate) genesis_hash: GenesisHash,
    pub(crate) program: ProgramId,
}

/// One ledger's sequencer.
pub(super) struct Work {
    pub(super) ledgers: Arc<Ledgers>,
    pub(super) cluster: Cluster,
    pub(super) pace: Pace,
    pub(super) ledger: LedgerId,
    pub(super) key: i32,
    pub(super) wake: Arc<Notify>,
    pub(super) epoch: Option<i64>,
    pub(super) sending: Option<(i64, JoinHandle<Sending>)>,
    pub(super) filling: Option<JoinHandle<Result<(), RoundError>>>,
    pub(super) last_plan: Option<Instant>,
    /// Plans of this process whose transactions no server has, for certain.
    pub(super) here: HashSet<i64>,
    /// The restore, by its number, after which the index was seen to have all that is final; none before.
    pub(super) caught_up: Option<u64>,
    /// The fault that was told last, so that each is told once.
    pub(super) told: Option<String>,
}

/// Why a round failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RoundError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Send(#[from] counterfoil_append::SendError),
    #[error(transparent)]
    Append(#[from] counterfoil_append::AppendError),
    #[error(transparent)]
    Fill(#[from] counterfoil_store::FillError),
    #[error("{0}")]
    Blocked(String),
}

impl From<counterfoil_store::SqlError> for RoundError {
    fn from(error: counterfoil_store::SqlError) -> Self {
        Self::Store(error.into())
    }
}

pub(super) fn blocked(error: impl std::fmt::Display) -> RoundError {
    RoundError::Blocked(error.to_string())
}

/// The outcome of sending.
pub(super) struct Sending {
    pub(super) verdict: Verdict,
    /// Whether it is certain that no server has the bytes.
    pub(super) is_here: bool,
}

pub(super) enum Verdict {
    /// The cluster confirmed it.
    Confirmed { slot: u64 },
    /// It is not known to be confirmed: the next round tries again.
    Failed { why: String },
}

impl Sending {
    pub(super) fn failed(why: String) -> Self {
        Self { verdict: Verdict::Failed { why }, is_here: false }
    }
}

/// Begins a transaction on a connection of the gateway's pool, and ends it with the work that it is given.
macro_rules! in_transaction {
    ($pool:expr, |$transaction:ident| $work:expr) => {{
        let mut connection = $pool.acquire().await?;
        let mut $transaction = begin(&mut connection).await?;
        let outcome = $work;
        $transaction.commit().await?;
        outcome
    }};
}
pub(super) use in_transaction;
