//! One sync of one ledger: the servers' accounts, the events up to there, and the state that is kept for the next sync.

use std::sync::Arc;
use std::time::{Duration, Instant};

use counterfoil_client::{AccountAt, Backoff, ClientError, Source, with_causes};
use counterfoil_core::{LedgerHead, LedgerId, ProgramId};
use counterfoil_store::Said;
use tracing::{error, warn};

use crate::database::Database;
use crate::health::{Condition, Health, LedgerHealth};
use crate::sync::finality::Finality;
use crate::sync::follow::{Awaited, Delivery};
use crate::sync::follower::Kept;
use crate::sync::reputation::Reputation;
use crate::{Feeding, FollowError, Follower, Quorum};

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// How long a feed is waited for before servers are asked for what it has not delivered.
const FEED_PATIENCE: Duration = Duration::from_secs(2);

/// The means to sync one ledger.
pub(crate) struct LedgerSync<S> {
    pub(crate) program: ProgramId,
    pub(crate) sources: Arc<Vec<S>>,
    pub(crate) reputation: Arc<Reputation>,
    pub(crate) quorum: usize,
    pub(crate) database: Database,
    pub(crate) health: Health,
    pub(crate) finality: Finality,
    pub(crate) feeding: Feeding,
}

/// The state of a ledger that one pass leaves for the next.
#[derive(Default)]
pub(crate) struct Memory {
    /// Whether the ledger is one of those followed, and not halted.
    pub(crate) is_followed: bool,
    pub(crate) kept: Option<Kept>,
    pub(crate) delivery: Delivery,
    /// The heads at which everything was applied and checked, when nothing was left to do.
    pub(crate) rest: Option<LedgerHead>,
    /// The servers' last accounts, as long as the state has not reached them.
    pub(crate) quorum: Option<Quorum>,
    /// Since when nothing was applied although a quorum's accounts were ahead.
    pub(crate) behind_since: Option<Instant>,
    /// Of the errors in a row; none after a success.
    backoff: Option<Backoff>,
    /// Errors in a row that can halt the ledger; others do not count towards that.
    halting_failures: u32,
    pub(crate) not_before: Option<Instant>,
}

/// Each server's answer about a ledger's account.
pub(crate) type Readings = Vec<(String, Result<AccountAt, ClientError>)>;

impl<S: Source> LedgerSync<S> {
    /// Looks at one ledger, at `now`; what happens to it is kept in the health.
    pub(crate) async fn sync(
        &self,
        ledger: LedgerId,
        mut memory: Memory,
        readings: Option<Readings>,
        now: Instant,
    ) -> Memory {
        let follower = Follower {
            program: self.program,
            sources: &self.sources,
            reputation: &self.reputation,
            quorum: self.quorum,
            database: &self.database,
        };
        let quorum = match (readings, memory.quorum.take()) {
            (None, Some(known)) => Ok(known),
            (readings, _) => follower.quorum(readings.unwrap_or_default()),
        };
        let mut quorum = match quorum {
            Ok(quorum) => quorum,
            Err(error) => return self.handle(ledger, memory, &error, &[], now).await,
        };
        self.finality.reached(ledger, quorum.event_seq_of_quorum(), quorum.slot_of_events());
        if let Some(rest) = memory.rest.filter(|rest| quorum.is_at(rest)) {
            memory.delivery.inbox.take_run(rest.events.size.get(), u64::MAX, 0);
            return memory;
        }
        memory.delivery.awaited = self.awaited(&memory, now);
        if let Feeding::Live(name) | Feeding::Finite(name) = &self.feeding {
            memory.delivery.feed.clone_from(name);
        }
        let before = memory.kept.as_ref().map(|kept| kept.state.event_seq().get());
        match follower.follow(ledger, memory.kept.take(), &mut quorum, &mut memory.delivery).await {
            Ok((kept, progress)) => {
                let health = LedgerHealth { condition: Condition::Following, progress: Some(progress) };
                self.health.set(ledger, health, now);
                let is_behind = progress.applied < progress.account;
                let has_moved = before.is_none_or(|before| before < progress.applied);
                let is_done = !is_behind && progress.checked == progress.account;
                Memory {
                    is_followed: memory.is_followed,
                    rest: is_done.then(|| kept.state.head()),
                    kept: Some(kept),
                    delivery: memory.delivery,
                    quorum: is_behind.then_some(quorum),
                    behind_since: if has_moved { None } else { memory.behind_since }.or(is_behind.then_some(now)),
                    ..Memory::default()
                }
            }
            Err(error) => {
                let said = quorum.said_last(ledger);
                self.handle(ledger, memory, &error, &said, now).await
            }
        }
    }

    fn awaited(&self, memory: &Memory, now: Instant) -> Awaited {
        match &self.feeding {
            Feeding::Nothing => Awaited::Not,
            Feeding::Live(_) => {
                let is_late = |since| now.saturating_duration_since(since) >= FEED_PATIENCE;
                if memory.behind_since.is_some_and(is_late) { Awaited::Not } else { Awaited::InAnyOrder }
            }
            Feeding::Finite(_) => Awaited::InOrder,
        }
    }

    async fn handle(
        &self,
        ledger: LedgerId,
        memory: Memory,
        error: &FollowError,
        said: &[Said],
        now: Instant,
    ) -> Memory {
        let mut backoff = memory.backoff.unwrap_or(Backoff::new(FIRST_RETRY, LONGEST_RETRY));
        let halting_failures = if error.halts() { memory.halting_failures.saturating_add(1) } else { 0 };
        let reason = with_causes(error);
        self.database.metrics.retried(error.cause());
        // A fault that may pass is tried once more before a person is called.
        if halting_failures > 1 {
            error!(ledger.id = %ledger, "ledger {ledger} halts: {reason}");
            self.database.metrics.halted();
            // The next pass comes to the same result when the database cannot keep this one.
            if let Err(error) = self.database.halt(ledger, &error.public_reason(), said).await {
                error!(ledger.id = %ledger, "the halt could not be written: {error}");
            }
            self.health.set(ledger, LedgerHealth { condition: Condition::Halted { reason }, progress: None }, now);
            return Memory::default();
        }
        let delay = if error.is_for_operator() { LONGEST_RETRY } else { backoff.next_delay() };
        warn!(ledger.id = %ledger, retry_ms = delay.as_millis(), "ledger {ledger} is tried again: {reason}");
        self.health.set(ledger, LedgerHealth { condition: Condition::Retrying { reason }, progress: None }, now);
        Memory {
            is_followed: memory.is_followed,
            delivery: memory.delivery,
            backoff: Some(backoff),
            halting_failures,
            not_before: now.checked_add(delay),
            behind_since: memory.behind_since.or(Some(now)),
            ..Memory::default()
        }
    }
}
