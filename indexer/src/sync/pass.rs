//! Passes over the ledgers: each on its own, so that one that waits, halts or has much to catch up with does not hold
//! the others up.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use counterfoil_client::{AccountAt, ClientError, Source, with_causes};
use counterfoil_core::{LedgerId, ProgramId, Wallet};
use counterfoil_store::{LedgerRow, StoreError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{Instrument, debug_span, info, warn};

use crate::database::Database;
use crate::feed::inbox::Delivered;
use crate::gather::gather;
use crate::health::{Condition, Health, LedgerHealth};
use crate::strangers::Strangers;
use crate::sync::finality::Finality;
use crate::sync::follower::Kept;
use crate::sync::ledger::{LedgerSync, Memory, Readings};
use crate::sync::reputation::Reputation;
use crate::{Feeding, Quorum};

/// How many ledgers are followed at once.
const CONCURRENT_LEDGERS: usize = 4;
/// How many ledgers' accounts are read with one call.
const LEDGERS_PER_READING: usize = 100;
/// How many ledgers' states are kept in memory between passes; at most 100 KB each.
const STATES_KEPT: usize = 512;
/// The most ledgers whose work may outlast the pass that began it.
const SLOW_LEDGERS: usize = 16;
const PASS_PATIENCE: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(1);
/// How many ledgers become known in one pass: servers can list addresses that are none.
const NEW_LEDGERS_PER_PASS: usize = 64;

/// The selection of ledgers to follow.
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

/// The ledgers that a pass covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// All that are followed; new ones are looked for.
    All,
    /// Those for which events came in, or which have a backlog.
    New,
}

/// The indexer's memory between passes.
pub struct Indexer<S> {
    /// The program.
    pub program: ProgramId,
    /// The servers.
    pub sources: Arc<Vec<S>>,
    /// Their reputation.
    pub reputation: Arc<Reputation>,
    /// How many servers must report the same account.
    pub quorum: usize,
    /// The ledgers.
    pub selection: Selection,
    /// The index.
    pub database: Database,
    /// The health that the operator sees.
    pub health: Health,
    /// The finality of each ledger, for the pending events.
    pub finality: Finality,
    /// Whether there is a feed.
    pub feeding: Feeding,
    /// How long the other servers are waited for when a quorum has answered.
    pub grace: Duration,
    /// How long a pass waits for its slowest ledgers; their work goes on during the next passes.
    pub patience: Duration,
    memory: BTreeMap<LedgerId, Memory>,
    strangers: Strangers,
    /// The looks that have not ended.
    working: JoinSet<(LedgerId, Memory)>,
    /// Their ledgers.
    at_work: BTreeSet<LedgerId>,
    /// The turns of ledgers. A sync that outlasts a pass gives its turn up for a slow one.
    turns: Arc<Semaphore>,
    slow_turns: Arc<Semaphore>,
}

/// One server's answer about several ledgers' accounts.
type Answer = Result<Vec<Result<AccountAt, ClientError>>, ClientError>;

impl<S: Source + 'static> Indexer<S> {
    /// Nothing is known yet.
    pub fn new(program: ProgramId, sources: Vec<S>, quorum: usize, selection: Selection, database: Database) -> Self {
        Self {
            program,
            reputation: Arc::new(Reputation::new(sources.len())),
            sources: Arc::new(sources),
            quorum,
            selection,
            health: Health::new(database.metrics.clone()),
            database,
            finality: Finality::default(),
            feeding: Feeding::Nothing,
            grace: GRACE,
            patience: PASS_PATIENCE,
            memory: BTreeMap::new(),
            strangers: Strangers::default(),
            working: JoinSet::new(),
            at_work: BTreeSet::new(),
            turns: Arc::new(Semaphore::new(CONCURRENT_LEDGERS)),
            slow_turns: Arc::new(Semaphore::new(SLOW_LEDGERS)),
        }
    }

    /// The same, with `concurrency` ledgers followed at once.
    #[must_use]
    pub fn with_turns(mut self, ledgers: usize) -> Self {
        self.turns = Arc::new(Semaphore::new(ledgers));
        self
    }

    /// Takes in what the feed delivered; the next pass over what is new writes it. Whether it names ledgers that are
    /// not known, so that new ones should be looked for: not those that were looked for just now and not found.
    pub fn deliver(&mut self, events: Vec<Delivered>, now: Instant) -> bool {
        let mut is_unknown = false;
        let takes_any = self.selection.takes_any();
        for delivered in events {
            let ledger = delivered.ledger();
            if !takes_any && !self.selection.ledgers.contains(&ledger) {
                continue;
            }
            let is_followed = self.memory.get(&ledger).is_some_and(|memory| memory.is_followed);
            if !is_followed && !self.at_work.contains(&ledger) {
                if !self.strangers.may_be_looked_for(ledger, now) {
                    continue;
                }
                is_unknown = true;
            }
            let memory = self.memory.entry(ledger).or_default();
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
    pub async fn pass(&mut self, now: Instant, round: Round) -> Result<(), StoreError> {
        let problem = match round {
            Round::All => self.choose(now).await?,
            Round::New => self.health.problem(),
        };
        let is_due = |memory: &Memory| match round {
            Round::All => true,
            Round::New => !memory.delivery.inbox.is_empty() || memory.kept.as_ref().is_some_and(Kept::has_backlog),
        };
        let is_allowed = |memory: &Memory| memory.not_before.is_none_or(|not_before| now >= not_before);
        let due: Vec<LedgerId> = self
            .memory
            .iter()
            .filter(|(_, memory)| memory.is_followed && is_due(memory) && is_allowed(memory))
            .filter(|(ledger, _)| !self.at_work.contains(ledger))
            .map(|(ledger, _)| *ledger)
            .collect();
        for chunk in due.chunks(LEDGERS_PER_READING) {
            let work = self.read(chunk, round, now).await;
            self.begin(work, now);
            let enough = sleep(self.patience);
            tokio::pin!(enough);
            // Those that an earlier pass did not wait for are not waited for again.
            while chunk.iter().any(|ledger| self.at_work.contains(ledger)) {
                tokio::select! {
                    biased;
                    () = self.settle() => {}
                    () = &mut enough => break,
                }
            }
        }
        let behind_since = self.tidy(now, round);
        self.health.passed(problem, behind_since, now);
        Ok(())
    }

    /// Begins the syncs.
    fn begin(&mut self, work: Vec<(LedgerId, Memory, Option<Readings>)>, now: Instant) {
        let sync = Arc::new(LedgerSync {
            program: self.program,
            sources: self.sources.clone(),
            reputation: self.reputation.clone(),
            quorum: self.quorum,
            database: self.database.clone(),
            health: self.health.clone(),
            finality: self.finality.clone(),
            feeding: self.feeding.clone(),
        });
        for (ledger, memory, readings) in work {
            self.at_work.insert(ledger);
            self.health.begun(ledger, now);
            let (sync, patience) = (Arc::clone(&sync), self.patience);
            let (turns, slow_turns) = (self.turns.clone(), self.slow_turns.clone());
            let work = async move {
                let turn = turns.acquire_owned().await;
                let look = sync.sync(ledger, memory, readings, now);
                tokio::pin!(look);
                let give_way = async {
                    sleep(patience).await;
                    slow_turns.acquire().await
                };
                tokio::select! {
                    memory = &mut look => (ledger, memory),
                    _slow_turn = give_way => {
                        drop(turn);
                        (ledger, look.await)
                    }
                }
            };
            self.working.spawn(work.instrument(debug_span!("follow", ledger.id = %ledger)));
        }
    }

    /// Waits until one of the looks ends, and keeps what it leaves; for ever, when there are none.
    pub async fn settle(&mut self) {
        let Some(ended) = self.working.join_next().await else { return std::future::pending().await };
        let (ledger, mut memory) = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        self.at_work.remove(&ledger);
        self.health.ended(ledger);
        // Events delivered and decided in the meantime.
        if let Some(meanwhile) = self.memory.remove(&ledger) {
            memory.is_followed |= meanwhile.is_followed;
            memory.delivery.inbox.extend(meanwhile.delivery.inbox);
        }
        self.memory.insert(ledger, memory);
    }

    /// Whether a ledger has more to do than fitted into the last pass, so that the next one need not be waited for.
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        self.memory.values().any(|memory| memory.kept.as_ref().is_some_and(Kept::has_backlog))
    }

    /// Whether looks are under way that the last pass did not wait for.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        !self.at_work.is_empty()
    }

    /// The ledgers that wait for an event which no feed is awaited to deliver any more.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.memory.values().any(|memory| memory.is_followed && memory.behind_since.is_some())
    }

    /// Reads the accounts of those ledgers that need it, all with one call a server. None stands for a ledger whose
    /// last reading is not reached yet.
    async fn read(
        &mut self,
        ledgers: &[LedgerId],
        round: Round,
        now: Instant,
    ) -> Vec<(LedgerId, Memory, Option<Readings>)> {
        let mut work: Vec<(LedgerId, Memory, Option<Readings>)> = Vec::new();
        for ledger in ledgers {
            let memory = self.memory.remove(ledger).unwrap_or_default();
            let is_reached =
                |quorum: &Quorum| memory.delivery.inbox.last().is_some_and(|last| last >= quorum.event_seq_of_quorum());
            let is_enough = round == Round::New && memory.quorum.as_ref().is_some_and(|known| !is_reached(known));
            work.push((*ledger, memory, if is_enough { None } else { Some(Vec::new()) }));
        }
        let wanted: Vec<LedgerId> = work.iter().filter(|work| work.2.is_some()).map(|work| work.0).collect();
        if wanted.is_empty() {
            return work;
        }
        let questions = self.sources.iter().map(|source| source.fetch_accounts(&wanted));
        let answers = gather(questions, self.quorum, self.grace).await;
        let late = self.sources.iter().zip(&answers).filter(|(_, answer)| answer.is_none());
        self.health.late(late.map(|(source, _)| source.name().to_owned()).collect());
        self.tell_slots(&answers, now);
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
                    // One error stands for each of the ledgers.
                    for (_, readings) in readings {
                        let server = server.clone();
                        let again = match &error {
                            ClientError::Rpc { method, reason, .. } => {
                                ClientError::Rpc { server: server.clone(), method, reason: reason.clone() }
                            }
                            ClientError::Malformed { method, what, .. } => {
                                ClientError::Malformed { server: server.clone(), method, what: what.clone() }
                            }
                            other => {
                                let (method, reason) = ("getMultipleAccounts", other.to_string());
                                ClientError::Rpc { server: server.clone(), method, reason }
                            }
                        };
                        readings.push((server, Err(again)));
                    }
                }
            }
        }
        work
    }

    /// Tells which slot each server has reported, and which a quorum has.
    fn tell_slots(&self, answers: &[Option<Answer>], now: Instant) {
        let mut slots = Vec::new();
        for (source, answer) in self.sources.iter().zip(answers) {
            let accounts = answer.iter().flatten().flatten();
            if let Some(slot) = accounts.filter_map(|account| Some(account.as_ref().ok()?.slot)).max() {
                self.database.metrics.server_slot(source.name(), slot);
                slots.push(slot);
            }
        }
        self.health.asked(now);
        slots.sort_unstable_by(|a, b| b.cmp(a));
        if let Some(slot) = self.quorum.checked_sub(1).and_then(|index| slots.get(index)) {
            self.health.reported(*slot, now);
        }
    }

    /// Decides which ledgers are followed; why none that is new could be found, if so.
    async fn choose(&mut self, now: Instant) -> Result<Option<String>, StoreError> {
        let mut known: BTreeMap<LedgerId, LedgerRow> =
            self.database.load_ledgers().await?.into_iter().map(|row| (row.ledger, row)).collect();
        self.database.hints.found(known.values());
        let mut wanted = self.selection.ledgers.clone();
        let mut problem = None;
        if self.selection.takes_any() {
            let (found, why) = self.find_ledgers(&known, now).await;
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
                    self.health.set(ledger, LedgerHealth { condition, progress: None }, now);
                }
                None => self.memory.entry(ledger).or_default().is_followed = true,
            }
        }
        Ok(problem)
    }

    /// Ledgers that some server lists and a quorum reports; those that most servers list come first.
    async fn find_ledgers(
        &mut self,
        known: &BTreeMap<LedgerId, LedgerRow>,
        now: Instant,
    ) -> (Vec<LedgerId>, Option<String>) {
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
        for answer in
            gather(questions, self.quorum.saturating_mul(authorities.len()), self.grace).await.into_iter().flatten()
        {
            match answer {
                Ok(listed) => {
                    let is_new = |ledger: &LedgerId| {
                        !known.contains_key(ledger) && self.strangers.may_be_looked_for(*ledger, now)
                    };
                    let new = BTreeSet::from_iter(listed).into_iter().filter(is_new);
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
        (self.reported_by_quorum(&listed, now).await, problem)
    }

    async fn reported_by_quorum(&mut self, ledgers: &[LedgerId], now: Instant) -> Vec<LedgerId> {
        if ledgers.is_empty() {
            return Vec::new();
        }
        let mut reports = vec![0; ledgers.len()];
        let answers =
            gather(self.sources.iter().map(|source| source.fetch_accounts(ledgers)), self.quorum, self.grace).await;
        for accounts in answers.into_iter().flatten().flatten() {
            let good = accounts.iter().map(|account| usize::from(account.is_ok()));
            reports.iter_mut().zip(good).for_each(|(reports, good)| *reports += good);
        }
        let (mut confirmed, mut refused) = (Vec::new(), Vec::new());
        for (ledger, reported) in ledgers.iter().zip(reports) {
            if reported >= self.quorum { confirmed.push(*ledger) } else { refused.push((*ledger, reported)) }
        }
        if let Some((ledger, reported)) = refused.first() {
            let (count, quorum) = (refused.len(), self.quorum);
            warn!("{count} listed addresses are not followed: {reported} servers report {ledger}, {quorum} are needed");
        }
        refused.iter().for_each(|(ledger, _)| self.strangers.not_found(*ledger, now));
        confirmed
    }

    /// Keeps the memory bounded. Since when a ledger is behind, if one is.
    fn tidy(&mut self, now: Instant, round: Round) -> Option<Instant> {
        // An address that is not followed after a look is no ledger, or is not chosen.
        if round == Round::All {
            for ledger in self.memory.extract_if(.., |_, memory| !memory.is_followed).map(|(ledger, _)| ledger) {
                self.strangers.not_found(ledger, now);
            }
        }
        let mut resting = self.memory.values_mut().filter(|memory| memory.rest.is_some() && memory.kept.is_some());
        let surplus = resting.by_ref().count().saturating_sub(STATES_KEPT);
        let resting = self.memory.values_mut().filter(|memory| memory.rest.is_some() && memory.kept.is_some());
        resting.take(surplus).for_each(|memory| memory.kept = None);
        self.memory.values().filter_map(|memory| memory.behind_since).min()
    }
}
