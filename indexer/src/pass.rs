//! One pass over all ledgers: each on its own, so that one that waits, halts or has much to catch up with does not
//! hold the others up.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use counterfoil_client::Source;
use counterfoil_core::{LedgerId, ProgramId};
use counterfoil_store::{Halt, PgPool, StoreError, add_ledger, halt, load_ledgers};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tracing::{error, info, warn};

use crate::follow::{Kept, fetch_account};
use crate::health::{Condition, Health, LedgerHealth};
use crate::{FollowError, Follower};

/// How many ledgers are followed at once.
const CONCURRENT_LEDGERS: usize = 4;
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
const LEDGERS_PER_PAGE: u32 = 1_000;
/// How many ledgers become known in one pass: servers can list addresses that are none.
const NEW_LEDGERS_PER_PASS: usize = 64;

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

/// What a pass leaves of a ledger for the next one.
#[derive(Default)]
pub struct Memory {
    kept: Option<Kept>,
    /// Errors in a row.
    failures: u32,
    /// Errors in a row that can halt the ledger; others do not count towards that.
    halting_failures: u32,
    not_before: Option<Instant>,
}

impl<S: Source> Indexer<S> {
    /// Looks at each ledger once, at `now`.
    ///
    /// # Errors
    /// Only when the index could not be read; what happens to a ledger is kept in [`Self::health`].
    pub async fn pass(&mut self, now: Instant) -> Result<(), StoreError> {
        let (ledgers, problem) = self.ledgers().await?;
        let work: Vec<(LedgerId, Memory)> =
            ledgers.into_iter().map(|ledger| (ledger, self.memory.remove(&ledger).unwrap_or_default())).collect();
        let this = &*self;
        let done: Vec<(LedgerId, Memory)> = stream::iter(work)
            .map(|(ledger, memory)| async move { (ledger, this.look_at(ledger, memory, now).await) })
            .buffer_unordered(CONCURRENT_LEDGERS)
            .collect()
            .await;
        self.memory.extend(done);
        self.health.passed(problem);
        Ok(())
    }

    /// Whether a ledger has more to do than fitted into the last pass, so that the next one need not be waited for.
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        self.memory.values().any(|memory| memory.kept.as_ref().is_some_and(Kept::has_backlog))
    }

    /// The ledgers to follow that have not halted, and why none that is new could be found, if so.
    async fn ledgers(&self) -> Result<(Vec<LedgerId>, Option<String>), StoreError> {
        let mut known = self.known_ledgers().await?;
        let (wanted, problem) = match &self.selection {
            Selection::These(ledgers) => {
                for ledger in ledgers.iter().filter(|ledger| !known.contains_key(ledger)) {
                    self.add(*ledger).await?;
                }
                (ledgers.clone(), None)
            }
            // A ledger never goes away: one that no server lists is still followed.
            Selection::All => {
                let (new, problem) = self.new_ledgers(&known).await;
                for ledger in &new {
                    self.add(*ledger).await?;
                }
                (new.into_iter().chain(known.keys().copied()).collect(), problem)
            }
        };
        let (halted, going): (Vec<LedgerId>, Vec<LedgerId>) =
            wanted.into_iter().partition(|ledger| matches!(known.get(ledger), Some(Some(_))));
        for ledger in halted {
            let reason = known.remove(&ledger).flatten().map(|halt| halt.reason).unwrap_or_default();
            self.health.set(ledger, LedgerHealth { condition: Condition::Halted { reason }, progress: None });
        }
        Ok((going, problem))
    }

    async fn known_ledgers(&self) -> Result<BTreeMap<LedgerId, Option<Halt>>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let mut known = BTreeMap::new();
        let mut after = None;
        loop {
            let page = load_ledgers(&mut connection, after, LEDGERS_PER_PAGE).await?;
            let Some(last) = page.last() else { return Ok(known) };
            after = Some(last.ledger);
            known.extend(page.into_iter().map(|row| (row.ledger, row.halt)));
        }
    }

    async fn add(&self, ledger: LedgerId) -> Result<(), StoreError> {
        info!(ledger.id = %ledger, "following ledger {ledger}");
        add_ledger(&mut *self.pool.acquire().await?, ledger).await
    }

    /// Ledgers that some server lists and a quorum reports; those that most servers list come first.
    async fn new_ledgers(&self, known: &BTreeMap<LedgerId, Option<Halt>>) -> (Vec<LedgerId>, Option<String>) {
        let mut votes: BTreeMap<LedgerId, usize> = BTreeMap::new();
        let mut errors = Vec::new();
        for answer in join_all(self.sources.iter().map(|source| source.fetch_ledgers(None))).await {
            match answer {
                Ok(listed) => {
                    let new = BTreeSet::from_iter(listed).into_iter().filter(|ledger| !known.contains_key(ledger));
                    new.for_each(|ledger| *votes.entry(ledger).or_default() += 1);
                }
                Err(error) => errors.push(with_causes(&error)),
            }
        }
        let mut listed: Vec<(LedgerId, usize)> = votes.into_iter().collect();
        listed.sort_by_key(|(_, votes)| Reverse(*votes));
        listed.truncate(NEW_LEDGERS_PER_PASS);
        let this = self;
        let confirmed: Vec<Option<LedgerId>> = stream::iter(listed)
            .map(|(ledger, _)| async move { this.is_reported_by_quorum(ledger).await.then_some(ledger) })
            .buffer_unordered(CONCURRENT_LEDGERS)
            .collect()
            .await;
        let problem =
            (errors.len() == self.sources.len()).then(|| format!("no server lists ledgers: {}", errors.join("; ")));
        if let Some(problem) = &problem {
            warn!("{problem}");
        }
        (confirmed.into_iter().flatten().collect(), problem)
    }

    async fn is_reported_by_quorum(&self, ledger: LedgerId) -> bool {
        let answers = join_all(self.sources.iter().map(|source| fetch_account(source, ledger))).await;
        let reported = answers.iter().filter(|answer| answer.is_ok()).count();
        if reported < self.quorum {
            warn!(ledger.id = %ledger, "not followed: {reported} servers report it, {} are needed", self.quorum);
        }
        reported >= self.quorum
    }

    async fn look_at(&self, ledger: LedgerId, mut memory: Memory, now: Instant) -> Memory {
        if memory.not_before.is_some_and(|not_before| now < not_before) {
            return memory;
        }
        let follower =
            Follower { program: self.program, sources: &self.sources, quorum: self.quorum, pool: &self.pool };
        match follower.follow(ledger, memory.kept.take()).await {
            Ok((kept, progress)) => {
                let health = LedgerHealth { condition: Condition::Following, progress: Some(progress) };
                self.health.set(ledger, health);
                Memory { kept: Some(kept), ..Memory::default() }
            }
            Err(error) => self.handle(ledger, memory, &error, now).await,
        }
    }

    async fn handle(&self, ledger: LedgerId, memory: Memory, error: &FollowError, now: Instant) -> Memory {
        let failures = memory.failures.saturating_add(1);
        let halting_failures = if error.halts() { memory.halting_failures.saturating_add(1) } else { 0 };
        let reason = with_causes(error);
        // What can be a passing fault of one moment is tried once more before a person is called.
        if halting_failures > 1 {
            error!(ledger.id = %ledger, "ledger {ledger} halts: {reason}");
            self.halt(ledger, &error.public_reason()).await;
            self.health.set(ledger, LedgerHealth { condition: Condition::Halted { reason }, progress: None });
            return Memory::default();
        }
        let delay = if error.is_for_operator() { LONGEST_RETRY } else { retry_delay(failures) };
        warn!(ledger.id = %ledger, retry_ms = delay.as_millis(), "ledger {ledger} is tried again: {reason}");
        self.health.set(ledger, LedgerHealth { condition: Condition::Retrying { reason }, progress: None });
        Memory { kept: None, failures, halting_failures, not_before: now.checked_add(delay) }
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

/// An error with what lies under it, for the operator.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
