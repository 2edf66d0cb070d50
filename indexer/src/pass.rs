//! One pass over all ledgers: each on its own, so that one that waits or halts does not hold the others up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use counterfoil_client::Source;
use counterfoil_core::{LedgerId, LedgerState, ProgramId};
use counterfoil_store::{PgPool, StoreError, add_ledger, halt, load_ledgers};
use futures_util::{StreamExt, stream};
use tracing::{error, info, warn};

use crate::health::{Condition, Health, LedgerHealth};
use crate::{FollowError, Follower};

/// How many ledgers are followed at once.
const CONCURRENT_LEDGERS: usize = 4;
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
const LEDGERS_PER_PAGE: u32 = 1_000;

/// Which ledgers are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of the program's.
    All,
    /// These.
    These(BTreeSet<LedgerId>),
}

/// The indexer's memory between passes.
pub struct Indexer<S> {
    /// The program.
    pub program: ProgramId,
    /// The servers.
    pub sources: Vec<S>,
    /// How many servers must report the same account.
    pub quorum: usize,
    /// Which ledgers.
    pub selection: Selection,
    /// The index.
    pub pool: PgPool,
    /// What is told to the operator.
    pub health: Health,
    /// Of each ledger, what the last pass left.
    pub memory: BTreeMap<LedgerId, Memory>,
}

/// What a pass leaves for the next one.
#[derive(Default)]
pub struct Memory {
    state: Option<LedgerState>,
    failures: u32,
    not_before: Option<Instant>,
}

impl<S: Source> Indexer<S> {
    /// Looks at each ledger once, at `now`.
    ///
    /// # Errors
    /// Only when no list of ledgers could be had; what happens to a ledger is kept in [`Self::health`].
    pub async fn pass(&mut self, now: Instant) -> Result<(), FollowError> {
        let ledgers = self.ledgers().await?;
        let work: Vec<(LedgerId, Memory)> =
            ledgers.into_iter().map(|ledger| (ledger, self.memory.remove(&ledger).unwrap_or_default())).collect();
        let this = &*self;
        let done: Vec<(LedgerId, Memory)> = stream::iter(work)
            .map(|(ledger, memory)| async move { (ledger, this.look_at(ledger, memory, now).await) })
            .buffer_unordered(CONCURRENT_LEDGERS)
            .collect()
            .await;
        self.memory.extend(done);
        self.health.passed();
        Ok(())
    }

    /// The ledgers to follow that have not halted; new ones are made known to the index.
    async fn ledgers(&self) -> Result<Vec<LedgerId>, FollowError> {
        let mut connection = self.pool.acquire().await.map_err(StoreError::from)?;
        let mut known = BTreeMap::new();
        let mut after = None;
        loop {
            let page = load_ledgers(&mut connection, after, LEDGERS_PER_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.ledger);
            known.extend(page.into_iter().map(|row| (row.ledger, row.halt)));
        }
        let wanted = match &self.selection {
            Selection::These(ledgers) => ledgers.clone(),
            // A ledger never goes away: one that a server no longer lists is still followed.
            Selection::All => {
                let listed = self.sources[0].fetch_ledgers().await.map_err(FollowError::Client)?;
                listed.into_iter().chain(known.keys().copied()).collect()
            }
        };
        for ledger in wanted.iter().filter(|ledger| !known.contains_key(ledger)) {
            info!(ledger.id = %ledger, "following ledger {ledger}");
            add_ledger(&mut connection, *ledger).await?;
        }
        let (halted, going): (Vec<LedgerId>, Vec<LedgerId>) =
            wanted.into_iter().partition(|ledger| matches!(known.get(ledger), Some(Some(_))));
        for ledger in halted {
            let reason = known.remove(&ledger).flatten().map(|halt| halt.reason).unwrap_or_default();
            self.health.set(ledger, LedgerHealth { condition: Condition::Halted { reason }, progress: None });
        }
        Ok(going)
    }

    async fn look_at(&self, ledger: LedgerId, mut memory: Memory, now: Instant) -> Memory {
        if memory.not_before.is_some_and(|not_before| now < not_before) {
            return memory;
        }
        let follower =
            Follower { program: self.program, sources: &self.sources, quorum: self.quorum, pool: &self.pool };
        match follower.follow(ledger, memory.state.take()).await {
            Ok((state, progress)) => {
                let health = LedgerHealth { condition: Condition::Following, progress: Some(progress) };
                self.health.set(ledger, health);
                Memory { state: Some(state), failures: 0, not_before: None }
            }
            Err(error) => self.handle(ledger, memory, &error, now).await,
        }
    }

    async fn handle(&self, ledger: LedgerId, memory: Memory, error: &FollowError, now: Instant) -> Memory {
        let failures = memory.failures.saturating_add(1);
        // What can be a passing fault of one moment is tried once more before a person is called.
        if error.halts() && failures > 1 {
            error!(ledger.id = %ledger, "ledger {ledger} halts: {error}");
            self.halt(ledger, &error.to_string()).await;
            self.health.set(
                ledger,
                LedgerHealth { condition: Condition::Halted { reason: error.to_string() }, progress: None },
            );
            return Memory::default();
        }
        let delay = retry_delay(failures);
        warn!(ledger.id = %ledger, retry_ms = delay.as_millis(), "ledger {ledger} is tried again: {}", with_causes(error));
        self.health
            .set(ledger, LedgerHealth { condition: Condition::Retrying { reason: error.to_string() }, progress: None });
        Memory { state: None, failures, not_before: now.checked_add(delay) }
    }

    async fn halt(&self, ledger: LedgerId, reason: &str) {
        let written = async {
            let mut connection = self.pool.acquire().await.map_err(StoreError::from)?;
            halt(&mut connection, ledger, reason).await
        };
        // The next pass comes to the same result when the database cannot keep this one.
        if let Err(error) = written.await {
            error!(ledger.id = %ledger, "the halt could not be written: {error}");
        }
    }
}

/// Doubles with each failure, and draws from the upper half, so that many ledgers do not come back at once.
fn retry_delay(failures: u32) -> Duration {
    let longest = FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_RETRY);
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// An error with what lies under it, for the log.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
