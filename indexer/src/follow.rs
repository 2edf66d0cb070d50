//! Bringing one ledger up to date, once.

use counterfoil_client::{AccountAt, ClientError, ListedTransaction, Listing, Source, TransactionRecord};
use counterfoil_core::{ApplyError, HeadMismatch, LedgerId, LedgerState, ProgramId};
use counterfoil_store::StoreError;
use futures_util::future::join_all;
use tracing::{Instrument, debug, debug_span, info, warn};

use crate::Agreement;
use crate::apply::Writer;
use crate::database::Database;
use crate::inbox::{Delivered, Inbox};
use crate::standing::Standing;

/// How many transactions are fetched, verified and written at a time.
const TRANSACTIONS_PER_BATCH: usize = 256;
/// After how many batches other ledgers get their turn.
const BATCHES_PER_PASS: usize = 16;
/// How many events of a feed are written of one ledger before others get their turn.
const EVENTS_PER_PASS: usize = 65_536;
/// How many events may wait for one that comes before them. Servers list by slot, and a slot holds far fewer of one
/// ledger; so an event that is missing is found missing before the rest of the history fills the memory.
const MOST_WAITING: usize = 2_048;
/// Over how many slots an event that is not listed is looked for in blocks: some three minutes.
const MOST_SLOTS_SEARCHED: u64 = 432;

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
        /// What the others said.
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
    #[error("{server} delivered an event that does not follow: {source}")]
    FalseEvent {
        /// The server.
        server: String,
        /// Why it does not follow.
        source: ApplyError,
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
        /// Who says so.
        servers: String,
    },
}

impl FollowError {
    /// Whether the ledger must stop until a person has looked. What one server did counts only when the others did
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
            Self::FalseEvent { source, .. } => format!("an event does not follow: {source}"),
            Self::WrongSlot { event_seq, event_slot, slot, .. } => {
                format!("event {event_seq} of slot {event_slot} came in a transaction of slot {slot}")
            }
            Self::Client(ClientError::Event { .. }) | Self::Store(StoreError::Corrupt { .. }) => self.to_string(),
            _ => "the servers' answers cannot be used".to_owned(),
        }
    }

    /// Whether it has nothing to do with what the server delivered, as a number too large to store has.
    fn is_of_database(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient() || matches!(error, StoreError::CursorMoved { .. }))
    }

    /// Whether what was delivered, or stored before it, is false.
    const fn is_falsehood(&self) -> bool {
        matches!(self, Self::Refuted { .. } | Self::FalseEvent { .. } | Self::WrongSlot { .. })
    }

    /// What a quorum holds against us, if it does.
    pub(crate) fn refuted(agreement: &Agreement) -> Option<Self> {
        let (heads, servers) = agreement.refuted()?;
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
    fn deciding(mut errors: Vec<Self>) -> Option<Self> {
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

/// What is needed to follow a ledger.
pub struct Follower<'a, S> {
    /// The program whose events count.
    pub program: ProgramId,
    /// The servers.
    pub sources: &'a [S],
    /// What they have done so far.
    pub standing: &'a Standing,
    /// How many servers must report the same account.
    pub quorum: usize,
    /// The index.
    pub database: &'a Database,
}

/// Whether the feed may still deliver what is next, so that no server need be asked for it yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Awaited {
    /// It will not.
    #[default]
    Not,
    /// It may.
    InAnyOrder,
    /// It may unless something later is there already.
    InOrder,
}

/// What a feed has delivered for a ledger, and whether more of it can be expected.
#[derive(Debug, Default)]
pub struct Delivery {
    /// The events that wait for their turn.
    pub inbox: Inbox,
    /// Whether more of it can be expected.
    pub awaited: Awaited,
    /// The feed's name.
    pub feed: String,
}

/// What a pass leaves for the next one, so that it need not be read again.
pub struct Kept {
    /// The state as stored.
    pub state: LedgerState,
    backlog: Option<Backlog>,
}

impl Kept {
    /// Whether more is known to be there than fitted into the pass.
    #[must_use]
    pub const fn has_backlog(&self) -> bool {
        self.backlog.is_some()
    }
}

/// What a server listed and was not fetched yet.
struct Backlog {
    server: usize,
    listed: std::vec::IntoIter<ListedTransaction>,
    /// Whether the server lists nothing newer, and else from which slot on it has to be asked again.
    next_slot: Option<u64>,
    /// Events that came before the one that is next: servers list a slot's transactions in any order.
    waiting: Inbox,
}

/// How far a ledger is after a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Events applied.
    pub applied: u64,
    /// Events that the accounts of a quorum have reached.
    pub account: u64,
    /// Events checked.
    pub checked: u64,
}

impl<S: Source> Follower<'_, S> {
    /// Reads the ledger's account from all servers.
    ///
    /// # Errors
    /// [`FollowError::TooFewServers`].
    pub async fn read_account(&self, ledger: LedgerId) -> Result<Agreement, FollowError> {
        let readings = join_all(self.sources.iter().map(|source| source.fetch_accounts(std::slice::from_ref(&ledger))));
        let named = self.sources.iter().zip(readings.await).map(|(source, reading)| {
            let server = source.name().to_owned();
            let nothing = || ClientError::NoLedger { server: server.clone(), ledger };
            let at = reading.and_then(|mut accounts| accounts.pop().unwrap_or_else(|| Err(nothing())));
            (server, at)
        });
        self.agreement(named.collect())
    }

    /// What the servers' answers amount to.
    ///
    /// # Errors
    /// [`FollowError::TooFewServers`].
    pub fn agreement(&self, readings: Vec<(String, Result<AccountAt, ClientError>)>) -> Result<Agreement, FollowError> {
        let asked = readings.len();
        let (mut answers, mut errors) = (Vec::new(), Vec::new());
        for (server, reading) in readings {
            match reading {
                Ok(at) => answers.push((server, at)),
                Err(error) => errors.push(error.to_string()),
            }
        }
        if answers.len() < self.quorum {
            let (answered, quorum) = (answers.len(), self.quorum);
            return Err(FollowError::TooFewServers { answered, asked, quorum, errors: errors.join("; ") });
        }
        Ok(Agreement::new(self.quorum, answers))
    }

    /// Brings one ledger up to where `agreement` stands, or as far as fits into one pass. `kept` is what the last pass
    /// left; none loads it. It is given back only after a pass without error, so that an error always leads to loading
    /// it anew.
    ///
    /// The agreement was read before: whatever was appended since is the next pass's.
    ///
    /// # Errors
    /// [`FollowError`].
    pub async fn follow(
        &self,
        ledger: LedgerId,
        kept: Option<Kept>,
        agreement: &mut Agreement,
        delivery: &mut Delivery,
    ) -> Result<(Kept, Progress), FollowError> {
        let mut kept = match kept {
            Some(kept) => kept,
            None => self.load(ledger).await?,
        };
        agreement.compare(&kept.state);
        self.mark_if_new(agreement, ledger).await?;
        let target = agreement.event_seq_of_quorum();
        if kept.state.event_seq().get() < target || agreement.refuted().is_some() {
            kept = self.catch_up(ledger, kept, agreement, delivery).await?;
        }
        if kept.state.event_seq().get() == target {
            self.look_ahead(ledger, &kept.state, agreement).await?;
        }
        for (server, heads) in agreement.disagreeing() {
            warn!(ledger.id = %ledger, %server, "a server disagrees: {heads}");
        }
        let checked = self.mark_if_new(agreement, ledger).await?;
        let applied = kept.state.event_seq().get();
        Ok((kept, Progress { applied, account: target, checked }))
    }

    async fn load(&self, ledger: LedgerId) -> Result<Kept, FollowError> {
        Ok(Kept { state: self.database.load_state(ledger).await?, backlog: None })
    }

    /// Moves the watermark when the agreement is above it; gives it back.
    async fn mark_if_new(&self, agreement: &Agreement, ledger: LedgerId) -> Result<u64, FollowError> {
        let row = self.database.load_ledger(ledger).await?;
        let known = row.checked.map_or(0, |(head, _)| head.events.size.get());
        let agreed = agreement.checked().map_or(0, |(head, _)| head.head().events.size.get());
        if agreed > known {
            self.database.write(ledger, &[], agreement.checked()).await?;
        }
        Ok(agreed.max(known))
    }

    /// Takes what the feed has delivered, then asks one server after the other for the missing events, until one has
    /// led to where a quorum stands.
    ///
    /// What a quorum refutes is dropped at once. An event that does not follow accuses either its server or the rows
    /// that another one has led to: these are dropped when no server goes on from them, and the accusers asked again.
    async fn catch_up(
        &self,
        ledger: LedgerId,
        kept: Kept,
        agreement: &mut Agreement,
        delivery: &mut Delivery,
    ) -> Result<Kept, FollowError> {
        let target = agreement.event_seq_of_quorum();
        let mut kept = self.take_delivery(ledger, kept, agreement, delivery).await?;
        let is_enough = |kept: &mut Kept| {
            let next = kept.state.event_seq().get();
            let is_awaited = match delivery.awaited {
                Awaited::Not => false,
                Awaited::InAnyOrder => true,
                Awaited::InOrder => delivery.inbox.is_empty(),
            };
            next >= target || is_awaited || delivery.inbox.holds(next)
        };
        // What a quorum refutes is not enough, however far it reaches.
        if agreement.refuted().is_none()
            && let Some(kept) = kept.take_if(is_enough)
        {
            return Ok(kept);
        }
        let mut asked = self.standing.order();
        if let Some(first) = kept.as_ref().and_then(|kept| kept.backlog.as_ref()).map(|backlog| backlog.server) {
            asked.sort_by_key(|server| *server != first);
        }
        let mut errors = Vec::new();
        for is_asked_again in [false, true] {
            let mut accusers = Vec::new();
            for server in asked {
                let from = match kept.take() {
                    Some(kept) => kept,
                    None => self.load(ledger).await?,
                };
                let error = match self.catch_up_from(server, ledger, from, agreement).await {
                    Ok(kept) => {
                        self.standing.succeeded(server);
                        return Ok(kept);
                    }
                    Err(error) if error.is_of_database() => return Err(error),
                    Err(error) => error,
                };
                let name = self.sources[server].name();
                warn!(ledger.id = %ledger, server = name, "no way on: {error}");
                self.standing.failed(server);
                if matches!(error, FollowError::Refuted { .. }) || (is_asked_again && error.is_falsehood()) {
                    self.standing.lied(server);
                    self.database.metrics.lied(name);
                    self.drop_unchecked(ledger, agreement).await?;
                } else if error.is_falsehood() {
                    accusers.push(server);
                    continue;
                }
                errors.push(error);
            }
            if !accusers.is_empty() {
                self.drop_unchecked(ledger, agreement).await?;
            }
            asked = accusers;
        }
        Err(FollowError::deciding(errors).expect("each server has ended in an error"))
    }

    /// Goes on with the events that a feed has delivered. None when they led astray: they are forgotten then, and what
    /// they led to and was never checked is dropped.
    async fn take_delivery(
        &self,
        ledger: LedgerId,
        Kept { mut state, backlog }: Kept,
        agreement: &mut Agreement,
        delivery: &mut Delivery,
    ) -> Result<Option<Kept>, FollowError> {
        let target = agreement.event_seq_of_quorum();
        if agreement.refuted().is_some() {
            return Ok(Some(Kept { state, backlog }));
        }
        let run = delivery.inbox.take_run(state.event_seq().get(), target, EVENTS_PER_PASS);
        if run.is_empty() {
            return Ok(Some(Kept { state, backlog }));
        }
        match self.writer(ledger).apply(state, run, agreement, &delivery.feed).await {
            Ok(applied) => state = applied,
            Err(error) if error.is_falsehood() => {
                warn!(ledger.id = %ledger, feed = delivery.feed, "the feed is not believed: {error}");
                self.database.metrics.lied(&delivery.feed);
                *delivery = Delivery::default();
                if matches!(error, FollowError::Refuted { .. }) {
                    self.drop_unchecked(ledger, agreement).await?;
                }
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        Ok(Some(Kept { state, backlog: None }))
    }

    fn writer(&self, ledger: LedgerId) -> Writer<'_> {
        Writer { database: self.database, ledger }
    }

    async fn drop_unchecked(&self, ledger: LedgerId, agreement: &mut Agreement) -> Result<(), FollowError> {
        let dropped = self.database.drop_unchecked(ledger).await?;
        if dropped > 0 {
            warn!(ledger.id = %ledger, "dropped {dropped} events that were applied and never checked");
            self.database.metrics.dropped(dropped);
        }
        // What was compared with them says nothing any more.
        agreement.forget();
        Ok(())
    }

    /// Goes on with one server's transactions. What a quorum says against the result comes before any other error.
    async fn catch_up_from(
        &self,
        server: usize,
        ledger: LedgerId,
        kept: Kept,
        agreement: &mut Agreement,
    ) -> Result<Kept, FollowError> {
        agreement.compare(&kept.state);
        let result = match agreement.refuted() {
            Some(_) => Ok(kept),
            None => self.fetch_from(server, ledger, kept, agreement).await,
        };
        FollowError::refuted(agreement).map_or(result, Err)
    }

    async fn fetch_from(
        &self,
        server: usize,
        ledger: LedgerId,
        Kept { mut state, backlog }: Kept,
        agreement: &mut Agreement,
    ) -> Result<Kept, FollowError> {
        let source = &self.sources[server];
        let target = agreement.event_seq_of_quorum();
        let gap = |expected| FollowError::Gap { expected, server: source.name().to_owned(), account: target };
        let mut backlog = backlog.filter(|backlog| backlog.server == server);
        let mut is_listed_now = false;
        let mut batches = 0;
        while state.event_seq().get() < target {
            let event_seq = state.event_seq().get();
            let mut rest = match backlog.take() {
                Some(rest) if rest.listed.len() > 0 || rest.waiting.holds(event_seq) => rest,
                // What is newer was left out of the listing; whatever has been listed so far may be anybody's.
                Some(Backlog { next_slot: Some(slot), waiting, .. }) => {
                    self.list(server, ledger, slot, waiting).await?
                }
                // All that is listed was looked through: the event is not among it.
                Some(mut rest) if is_listed_now => {
                    self.search_blocks(source, ledger, event_seq, agreement, &mut rest.waiting).await?;
                    if !rest.waiting.holds(event_seq) {
                        return Err(gap(event_seq));
                    }
                    rest
                }
                _ => {
                    is_listed_now = true;
                    let since = self.database.slot_before(ledger, event_seq).await?;
                    self.list(server, ledger, since, Inbox::default()).await?
                }
            };
            if batches == BATCHES_PER_PASS {
                info!(ledger.id = %ledger, event_seq, "{} transactions are left for the next passes", rest.listed.len());
                return Ok(Kept { state, backlog: Some(rest) });
            }
            batches += 1;
            let chunk: Vec<ListedTransaction> = rest.listed.by_ref().take(TRANSACTIONS_PER_BATCH).collect();
            self.fetch_chunk(source, ledger, &chunk, event_seq, &mut rest.waiting).await?;
            let run = rest.waiting.take_run(event_seq, target, usize::MAX);
            state = self.writer(ledger).apply(state, run, agreement, source.name()).await?;
            let event_seq = state.event_seq().get();
            if rest.waiting.len() > MOST_WAITING && event_seq < target {
                self.search_blocks(source, ledger, event_seq, agreement, &mut rest.waiting).await?;
                if !rest.waiting.holds(event_seq) {
                    return Err(gap(event_seq));
                }
            }
            backlog = Some(rest);
        }
        Ok(Kept { state, backlog: None })
    }

    /// Looks for an event that the server does not list in the blocks where it must be: after the event before it,
    /// and before the next one that is there.
    async fn search_blocks(
        &self,
        source: &S,
        ledger: LedgerId,
        event_seq: u64,
        agreement: &Agreement,
        waiting: &mut Inbox,
    ) -> Result<(), FollowError> {
        let first = self.database.slot_before(ledger, event_seq).await?;
        let last = waiting.first_slot().unwrap_or_else(|| agreement.slot_of_last_append());
        if event_seq == 0 || last.saturating_sub(first) > MOST_SLOTS_SEARCHED {
            return Ok(());
        }
        let server = source.name();
        warn!(ledger.id = %ledger, server, "event {event_seq} is not listed: reading blocks {first} to {last}");
        let found = source.fetch_slots(first, last).await.map_err(FollowError::Client)?;
        self.take_events(ledger, &found, event_seq, waiting)
    }

    async fn list(&self, server: usize, ledger: LedgerId, since: u64, waiting: Inbox) -> Result<Backlog, FollowError> {
        let source = &self.sources[server];
        let Listing { transactions, is_whole } =
            source.list_transactions(ledger, since).await.map_err(FollowError::Client)?;
        debug!(ledger.id = %ledger, server = source.name(), since, "{} transactions are listed", transactions.len());
        let last = transactions.last().map(|listed| listed.slot);
        // A slot that fills a listing alone cannot be listed further: the next one is.
        let next_slot = last.filter(|_| !is_whole).map(|last| last.max(since.saturating_add(1)));
        Ok(Backlog { server, listed: transactions.into_iter(), next_slot, waiting })
    }

    /// Lets servers that are ahead of the quorum agree to where it stands: their events are applied in memory, one
    /// batch, and kept nowhere, for one server alone must not lead the index. What fails here leads to fewer that
    /// agree and to nothing else.
    async fn look_ahead(
        &self,
        ledger: LedgerId,
        state: &LedgerState,
        agreement: &mut Agreement,
    ) -> Result<(), FollowError> {
        let event_seq = state.event_seq().get();
        let mut checked = self.mark_if_new(agreement, ledger).await?;
        for (server, source) in self.sources.iter().enumerate() {
            if checked >= agreement.event_seq_of_quorum() || agreement.newest_event_seq() <= event_seq {
                break;
            }
            let ahead = async {
                let since = self.database.slot_before(ledger, event_seq).await?;
                let listed = self.list(server, ledger, since, Inbox::default()).await?.listed;
                let chunk: Vec<ListedTransaction> = listed.take(TRANSACTIONS_PER_BATCH).collect();
                let mut waiting = Inbox::default();
                self.fetch_chunk(source, ledger, &chunk, event_seq, &mut waiting).await?;
                Ok::<_, FollowError>(waiting.take_run(event_seq, u64::MAX, usize::MAX))
            };
            match ahead.await {
                Ok(run) => {
                    let mut ahead = state.clone();
                    for delivered in run {
                        let Ok((next, _)) = ahead.apply(delivered.event) else { break };
                        ahead = next;
                        agreement.compare(&ahead);
                    }
                }
                Err(error) => debug!(ledger.id = %ledger, server = source.name(), "not looked ahead: {error}"),
            }
            checked = self.mark_if_new(agreement, ledger).await?;
        }
        Ok(())
    }

    /// Fetches transactions and sets their events of this ledger aside, from number `event_seq` on.
    async fn fetch_chunk(
        &self,
        source: &S,
        ledger: LedgerId,
        chunk: &[ListedTransaction],
        event_seq: u64,
        waiting: &mut Inbox,
    ) -> Result<(), FollowError> {
        let span = debug_span!("fetch", ledger.id = %ledger, server = source.name(), transactions = chunk.len());
        let transactions = source.fetch_transactions(chunk).instrument(span).await.map_err(FollowError::Client)?;
        self.take_events(ledger, &transactions, event_seq, waiting)
    }

    fn take_events(
        &self,
        ledger: LedgerId,
        transactions: &[TransactionRecord],
        event_seq: u64,
        waiting: &mut Inbox,
    ) -> Result<(), FollowError> {
        for transaction in transactions {
            for delivered in Delivered::decode(self.program, transaction).map_err(FollowError::Client)? {
                if delivered.ledger() == ledger && delivered.event.header.event_seq.get() >= event_seq {
                    waiting.insert(delivered);
                }
            }
        }
        Ok(())
    }
}
