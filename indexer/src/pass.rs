//! Passes over the ledgers: each on its own, so that one that waits, halts or has much to catch up with does not hold
//! the others up.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use counterfoil_client::{AccountAt, ClientError, Source, with_causes};
use counterfoil_core::{LedgerHead, LedgerId, ProgramId, Wallet};
use counterfoil_store::{LedgerRow, Said, StoreError};
use futures_util::{StreamExt, stream};
use tracing::{Instrument, debug_span, error, info, warn};

use crate::database::Database;
use crate::finality::Finality;
use crate::follow::{Awaited, Delivery, Kept};
use crate::gather::gather;
use crate::health::{Condition, Health, LedgerHealth};
use crate::inbox::Delivered;
use crate::standing::Standing;
use crate::{Agreement, FollowError, Follower};

/// How many ledgers are followed at once.
const CONCURRENT_LEDGERS: usize = 4;
/// How many ledgers' accounts are read with one call.
const LEDGERS_PER_READING: usize = 100;
/// How many ledgers' states are kept in memory between passes; at most 100 KB each.
const STATES_KEPT: usize = 512;
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// How long a feed is waited for before servers are asked for what it has not delivered.
const FEED_PATIENCE: Duration = Duration::from_secs(2);
/// How many ledgers become known in one pass: servers can list addresses that are none.
const NEW_LEDGERS_PER_PASS: usize = 64;

/// Which ledgers are followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// These; none, and no authorities, for all of the program's.
    pub ledgers: BTreeSet<LedgerId>,
    /// The ledgers of these authorities.
    pub authorities: BTreeSet<Wallet>,
}

impl Selection {
    /// Whether ledgers that it does not name can be among those followed.
    fn takes_any(&self) -> bool {
        self.ledgers.is_empty() || !self.authorities.is_empty()
    }
}

/// Which ledgers a pass looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// All that are followed; new ones are looked for.
    All,
    /// Those for which events came in, or which have a backlog.
    New,
}

/// What the feed is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feeding {
    /// There is none, or it has ended.
    Nothing,
    /// It goes on for ever, and delivers soon or not at all.
    Live(String),
    /// It ends, and delivers each ledger's events in order until then.
    Finite(String),
}

/// The indexer's memory between passes.
pub struct Indexer<S> {
    /// The program.
    pub program: ProgramId,
    /// The servers.
    pub sources: Vec<S>,
    /// What they have done so far.
    pub standing: Standing,
    /// How many servers must report the same account.
    pub quorum: usize,
    /// Which ledgers.
    pub selection: Selection,
    /// The index.
    pub database: Database,
    /// What is told to the operator.
    pub health: Health,
    /// What finality has decided, for what is shown before.
    pub finality: Finality,
    /// Whether there is a feed.
    pub feeding: Feeding,
    /// How many ledgers are followed at once.
    pub concurrency: usize,
    memory: BTreeMap<LedgerId, Memory>,
}

/// What a pass leaves of a ledger for the next one.
#[derive(Default)]
struct Memory {
    /// Whether the ledger is one of those followed, and not halted.
    is_followed: bool,
    kept: Option<Kept>,
    delivery: Delivery,
    /// The heads at which everything was applied and checked, when nothing was left to do.
    rest: Option<LedgerHead>,
    /// What the servers said last, as long as the state has not reached it.
    agreement: Option<Agreement>,
    /// Since when nothing was applied although a quorum's accounts were ahead.
    behind_since: Option<Instant>,
    /// Errors in a row.
    failures: u32,
    /// Errors in a row that can halt the ledger; others do not count towards that.
    halting_failures: u32,
    not_before: Option<Instant>,
}

type Readings = Vec<(String, Result<AccountAt, ClientError>)>;

impl<S: Source> Indexer<S> {
    /// Nothing is known yet.
    pub fn new(program: ProgramId, sources: Vec<S>, quorum: usize, selection: Selection, database: Database) -> Self {
        Self {
            program,
            standing: Standing::new(sources.len()),
            sources,
            quorum,
            selection,
            health: Health::new(database.metrics.clone()),
            database,
            finality: Finality::default(),
            feeding: Feeding::Nothing,
            concurrency: CONCURRENT_LEDGERS,
            memory: BTreeMap::new(),
        }
    }

    /// Takes in what the feed delivered; the next pass over what is new writes it. Whether it names ledgers that are
    /// not known, so that new ones should be looked for.
    pub fn deliver(&mut self, events: Vec<Delivered>) -> bool {
        let mut is_unknown = false;
        let takes_any = self.selection.takes_any();
        for delivered in events {
            if !takes_any && !self.selection.ledgers.contains(&delivered.ledger()) {
                continue;
            }
            let memory = self.memory.entry(delivered.ledger()).or_default();
            is_unknown |= !memory.is_followed && memory.failures == 0;
            memory.delivery.inbox.insert(delivered);
        }
        is_unknown
    }

    /// About how much memory the events take that were delivered before their turn.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.memory.values().map(|memory| memory.delivery.inbox.bytes()).sum()
    }

    /// Forgets what was delivered before its turn: servers are asked for it when its turn comes.
    pub fn forget_waiting(&mut self) {
        self.memory.values_mut().for_each(|memory| memory.delivery.inbox.clear());
    }

    /// Looks at each ledger once, at `now`.
    ///
    /// # Errors
    /// Only when the index could not be read; what happens to a ledger is kept in [`Self::health`].
    pub async fn pass(&mut self, now: Instant, look: Look) -> Result<(), StoreError> {
        let problem = match look {
            Look::All => self.choose().await?,
            Look::New => self.health.problem(),
        };
        let is_due = |memory: &Memory| match look {
            Look::All => true,
            Look::New => !memory.delivery.inbox.is_empty() || memory.kept.as_ref().is_some_and(Kept::has_backlog),
        };
        let is_allowed = |memory: &Memory| memory.not_before.is_none_or(|not_before| now >= not_before);
        let due: Vec<LedgerId> = self
            .memory
            .iter()
            .filter(|(_, memory)| memory.is_followed && is_due(memory) && is_allowed(memory))
            .map(|(ledger, _)| *ledger)
            .collect();
        for chunk in due.chunks(LEDGERS_PER_READING) {
            let work = self.read(chunk, look).await;
            let this = &*self;
            let done: Vec<(LedgerId, Memory)> = stream::iter(work)
                .map(|(ledger, memory, readings)| async move {
                    let span = debug_span!("follow", ledger.id = %ledger);
                    (ledger, this.look_at(ledger, memory, readings, now).instrument(span).await)
                })
                .buffer_unordered(self.concurrency)
                .collect()
                .await;
            self.memory.extend(done);
        }
        self.tidy(now, look);
        self.health.passed(problem);
        Ok(())
    }

    /// Whether a ledger has more to do than fitted into the last pass, so that the next one need not be waited for.
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        self.memory.values().any(|memory| memory.kept.as_ref().is_some_and(Kept::has_backlog))
    }

    /// The ledgers that wait for an event which no feed is awaited to deliver any more.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.memory.values().any(|memory| memory.is_followed && memory.behind_since.is_some())
    }

    /// Reads the accounts of those ledgers that need it, all with one call a server. None stands for a ledger whose
    /// last reading is not reached yet.
    async fn read(&mut self, ledgers: &[LedgerId], look: Look) -> Vec<(LedgerId, Memory, Option<Readings>)> {
        let mut work: Vec<(LedgerId, Memory, Option<Readings>)> = Vec::new();
        for ledger in ledgers {
            let memory = self.memory.remove(ledger).unwrap_or_default();
            let is_reached = |agreement: &Agreement| {
                memory.delivery.inbox.last().is_some_and(|last| last >= agreement.event_seq_of_quorum())
            };
            let is_enough = look == Look::New && memory.agreement.as_ref().is_some_and(|known| !is_reached(known));
            work.push((*ledger, memory, if is_enough { None } else { Some(Vec::new()) }));
        }
        let wanted: Vec<LedgerId> = work.iter().filter(|work| work.2.is_some()).map(|work| work.0).collect();
        if wanted.is_empty() {
            return work;
        }
        let questions = self.sources.iter().map(|source| source.fetch_accounts(&wanted));
        let answers = gather(questions, self.quorum).await;
        let late = self.sources.iter().zip(&answers).filter(|(_, answer)| answer.is_none());
        self.health.late(late.map(|(source, _)| source.name().to_owned()).collect());
        for (source, answer) in self.sources.iter().zip(answers) {
            let server = source.name().to_owned();
            let answer = answer.unwrap_or_else(|| {
                let reason = "no answer a second after a quorum's".to_owned();
                Err(ClientError::Rpc { server: server.clone(), method: "getMultipleAccounts", reason })
            });
            let readings = work.iter_mut().filter_map(|work| Some((work.0, work.2.as_mut()?)));
            match answer {
                Ok(accounts) => {
                    let mut accounts = accounts.into_iter();
                    for (ledger, readings) in readings {
                        let nothing = ClientError::NoLedger { server: server.clone(), ledger };
                        readings.push((server.clone(), accounts.next().unwrap_or(Err(nothing))));
                    }
                }
                Err(error) => {
                    let reason = error.to_string();
                    for (_, readings) in readings {
                        let method = "getMultipleAccounts";
                        let error = ClientError::Rpc { server: server.clone(), method, reason: reason.clone() };
                        readings.push((server.clone(), Err(error)));
                    }
                }
            }
        }
        work
    }

    /// Decides which ledgers are followed; why none that is new could be found, if so.
    async fn choose(&mut self) -> Result<Option<String>, StoreError> {
        let mut known: BTreeMap<LedgerId, LedgerRow> =
            self.database.load_ledgers().await?.into_iter().map(|row| (row.ledger, row)).collect();
        let mut wanted = self.selection.ledgers.clone();
        let mut problem = None;
        if self.selection.takes_any() {
            let (found, why) = self.find_ledgers(&known).await;
            problem = why;
            // A ledger never goes away: one that no server lists is still followed. So is one whose authority has
            // passed to somebody else.
            wanted.extend(found.into_iter().chain(known.keys().copied()));
        }
        for ledger in &wanted {
            if !known.contains_key(ledger) {
                info!(ledger.id = %ledger, "following ledger {ledger}");
                self.database.add_ledger(*ledger).await?;
            }
        }
        for (ledger, memory) in &mut self.memory {
            memory.is_followed = wanted.contains(ledger);
        }
        for ledger in wanted {
            match known.remove(&ledger).and_then(|row| row.halt) {
                Some(halt) => {
                    self.memory.remove(&ledger);
                    let condition = Condition::Halted { reason: halt.reason };
                    self.health.set(ledger, LedgerHealth { condition, progress: None });
                }
                None => self.memory.entry(ledger).or_default().is_followed = true,
            }
        }
        Ok(problem)
    }

    /// Ledgers that some server lists and a quorum reports; those that most servers list come first.
    async fn find_ledgers(&self, known: &BTreeMap<LedgerId, LedgerRow>) -> (Vec<LedgerId>, Option<String>) {
        let mut votes: BTreeMap<LedgerId, usize> = BTreeMap::new();
        let mut errors = Vec::new();
        let authorities: Vec<Option<Wallet>> = match self.selection.authorities.is_empty() {
            true => vec![None],
            false => self.selection.authorities.iter().copied().map(Some).collect(),
        };
        let questions =
            self.sources.iter().flat_map(|source| authorities.iter().map(|authority| source.fetch_ledgers(*authority)));
        let asked = self.sources.len().saturating_mul(authorities.len());
        // Ledgers are looked for again and again, and one server that lists is enough to find them.
        for answer in gather(questions, self.quorum.saturating_mul(authorities.len())).await.into_iter().flatten() {
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
        let listed: Vec<LedgerId> = listed.into_iter().map(|(ledger, _)| ledger).collect();
        let problem = (errors.len() == asked).then(|| format!("no server lists ledgers: {}", errors.join("; ")));
        if let Some(problem) = &problem {
            warn!("{problem}");
        }
        (self.reported_by_quorum(&listed).await, problem)
    }

    async fn reported_by_quorum(&self, ledgers: &[LedgerId]) -> Vec<LedgerId> {
        if ledgers.is_empty() {
            return Vec::new();
        }
        let mut reports = vec![0; ledgers.len()];
        let answers = gather(self.sources.iter().map(|source| source.fetch_accounts(ledgers)), self.quorum).await;
        for accounts in answers.into_iter().flatten().flatten() {
            let good = accounts.iter().map(|account| usize::from(account.is_ok()));
            reports.iter_mut().zip(good).for_each(|(reports, good)| *reports += good);
        }
        let mut confirmed = Vec::new();
        for (ledger, reported) in ledgers.iter().zip(reports) {
            if reported >= self.quorum {
                confirmed.push(*ledger);
            } else {
                warn!(ledger.id = %ledger, "not followed: {reported} servers report it, {} are needed", self.quorum);
            }
        }
        confirmed
    }

    async fn look_at(&self, ledger: LedgerId, mut memory: Memory, readings: Option<Readings>, now: Instant) -> Memory {
        let follower = Follower {
            program: self.program,
            sources: &self.sources,
            standing: &self.standing,
            quorum: self.quorum,
            database: &self.database,
        };
        let agreement = match (readings, memory.agreement.take()) {
            (None, Some(known)) => Ok(known),
            (readings, _) => follower.agreement(readings.unwrap_or_default()),
        };
        let mut agreement = match agreement {
            Ok(agreement) => agreement,
            Err(error) => return self.handle(ledger, memory, &error, &[], now).await,
        };
        self.finality.reached(ledger, agreement.event_seq_of_quorum(), agreement.slot_of_quorum());
        if let Some(rest) = memory.rest.filter(|rest| agreement.is_at(rest)) {
            memory.delivery.inbox.take_run(rest.events.size.get(), u64::MAX, 0);
            return memory;
        }
        memory.delivery.awaited = self.awaited(&memory, now);
        if let Feeding::Live(name) | Feeding::Finite(name) = &self.feeding {
            memory.delivery.feed.clone_from(name);
        }
        let before = memory.kept.as_ref().map(|kept| kept.state.event_seq().get());
        match follower.follow(ledger, memory.kept.take(), &mut agreement, &mut memory.delivery).await {
            Ok((kept, progress)) => {
                let health = LedgerHealth { condition: Condition::Following, progress: Some(progress) };
                self.health.set(ledger, health);
                let is_behind = progress.applied < progress.account;
                let has_moved = before.is_none_or(|before| before < progress.applied);
                let is_done = !is_behind && progress.checked == progress.account;
                Memory {
                    is_followed: memory.is_followed,
                    rest: is_done.then(|| kept.state.head()),
                    kept: Some(kept),
                    delivery: memory.delivery,
                    agreement: is_behind.then_some(agreement),
                    behind_since: if has_moved { None } else { memory.behind_since }.or(is_behind.then_some(now)),
                    ..Memory::default()
                }
            }
            Err(error) => {
                let said = agreement.said_last(ledger);
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
        let failures = memory.failures.saturating_add(1);
        let halting_failures = if error.halts() { memory.halting_failures.saturating_add(1) } else { 0 };
        let reason = with_causes(error);
        self.database.metrics.retried(error.cause());
        // What can be a passing fault of one moment is tried once more before a person is called.
        if halting_failures > 1 {
            error!(ledger.id = %ledger, "ledger {ledger} halts: {reason}");
            self.database.metrics.halted();
            // The next pass comes to the same result when the database cannot keep this one.
            if let Err(error) = self.database.halt(ledger, &error.public_reason(), said).await {
                error!(ledger.id = %ledger, "the halt could not be written: {error}");
            }
            self.health.set(ledger, LedgerHealth { condition: Condition::Halted { reason }, progress: None });
            return Memory::default();
        }
        let delay = if error.is_for_operator() { LONGEST_RETRY } else { retry_delay(failures) };
        warn!(ledger.id = %ledger, retry_ms = delay.as_millis(), "ledger {ledger} is tried again: {reason}");
        self.health.set(ledger, LedgerHealth { condition: Condition::Retrying { reason }, progress: None });
        Memory {
            is_followed: memory.is_followed,
            delivery: memory.delivery,
            failures,
            halting_failures,
            not_before: now.checked_add(delay),
            behind_since: memory.behind_since.or(Some(now)),
            ..Memory::default()
        }
    }

    /// Keeps the memory bounded, and tells how far behind the ledgers are.
    fn tidy(&mut self, now: Instant, look: Look) {
        // What is not followed after a look is no ledger, or is not chosen.
        if look == Look::All {
            self.memory.retain(|_, memory| memory.is_followed);
        }
        let mut resting = self.memory.values_mut().filter(|memory| memory.rest.is_some() && memory.kept.is_some());
        let surplus = resting.by_ref().count().saturating_sub(STATES_KEPT);
        let resting = self.memory.values_mut().filter(|memory| memory.rest.is_some() && memory.kept.is_some());
        resting.take(surplus).for_each(|memory| memory.kept = None);
        let behind = self.memory.values().filter_map(|memory| memory.behind_since).min();
        self.database.metrics.lag(behind.map_or(Duration::ZERO, |since| now.saturating_duration_since(since)));
    }
}

/// Doubles with each failure, and draws from the upper half, so that many ledgers do not come back at once.
fn retry_delay(failures: u32) -> Duration {
    let longest = FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_RETRY);
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}
