//! Bringing one ledger up to date, once.

use std::collections::BTreeMap;

use counterfoil_client::{AccountAt, ClientError, ListedTransaction, Source, TransactionRecord, decode};
use counterfoil_core::{ApplyError, Event, HeadMismatch, LedgerId, LedgerState, ProgramId, VerifiedAppend};
use counterfoil_store::{
    CommittedIn, PgPool, StoreError, commit, drop_unchecked, load_events, load_ledger, load_state, mark_checked,
};
use futures_util::future::join_all;
use merkle_log::LeafIndex;
use tracing::{debug, info, warn};

use crate::Agreement;

/// How many transactions are fetched, verified and written at a time.
const TRANSACTIONS_PER_BATCH: usize = 256;
/// After how many batches other ledgers get their turn.
const BATCHES_PER_PASS: usize = 16;
/// How many events may wait for one that comes before them. Servers list by slot, and a slot holds far fewer of one
/// ledger; so an event that is missing is found missing before the rest of the history fills the memory.
const MOST_WAITING: usize = 2_048;

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
    /// The servers; the first is the one that delivers events, as long as it does.
    pub sources: &'a [S],
    /// How many servers must report the same account.
    pub quorum: usize,
    /// The index.
    pub pool: &'a PgPool,
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
    /// Whether the server listed all that it has.
    is_whole: bool,
    listed: std::vec::IntoIter<ListedTransaction>,
    /// Events that came before the one that is next: servers list a slot's transactions in any order.
    waiting: BTreeMap<u64, (CommittedIn, Event)>,
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
    /// Brings one ledger up to date, or as far as fits into one pass. `kept` is what the last pass left; none loads
    /// it. It is given back only after a pass without error, so that an error always leads to loading it anew.
    ///
    /// # Errors
    /// [`FollowError`].
    pub async fn follow(&self, ledger: LedgerId, kept: Option<Kept>) -> Result<(Kept, Progress), FollowError> {
        // The accounts come first: whatever is appended after this reading is the next pass's.
        let mut agreement = self.read_accounts(ledger).await?;
        let mut kept = match kept {
            Some(kept) => kept,
            None => self.load(ledger).await?,
        };
        agreement.compare(&kept.state);
        self.mark_if_new(&agreement, ledger).await?;
        let target = agreement.event_seq_of_quorum();
        if kept.state.event_seq().get() < target || agreement.refuted().is_some() {
            kept = self.catch_up(ledger, kept, &mut agreement).await?;
        }
        if kept.state.event_seq().get() == target {
            self.look_ahead(ledger, &kept.state, &mut agreement).await?;
        }
        for (server, heads) in agreement.disagreeing() {
            warn!(ledger.id = %ledger, %server, "a server disagrees: {heads}");
        }
        let checked = self.mark_if_new(&agreement, ledger).await?;
        let applied = kept.state.event_seq().get();
        Ok((kept, Progress { applied, account: target, checked }))
    }

    async fn load(&self, ledger: LedgerId) -> Result<Kept, FollowError> {
        let state = load_state(&mut *self.connection().await?, ledger).await?;
        Ok(Kept { state, backlog: None })
    }

    /// Moves the watermark when the agreement is above it; gives it back.
    async fn mark_if_new(&self, agreement: &Agreement, ledger: LedgerId) -> Result<u64, FollowError> {
        let row = load_ledger(&mut *self.connection().await?, ledger).await?;
        let known = row.checked.map_or(0, |(head, _)| head.events.size.get());
        let agreed = agreement.checked().map_or(0, |(head, _)| head.head().events.size.get());
        if agreed > known {
            self.mark(agreement, &[], ledger).await?;
        }
        Ok(agreed.max(known))
    }

    /// Asks one server after the other for the missing events, until one has led to where a quorum stands.
    ///
    /// What a quorum refutes is dropped at once. An event that does not follow accuses either its server or the rows
    /// that another one has led to: these are dropped when no server goes on from them, and the accusers asked again.
    async fn catch_up(&self, ledger: LedgerId, kept: Kept, agreement: &mut Agreement) -> Result<Kept, FollowError> {
        let servers = self.sources.len();
        let first = kept.backlog.as_ref().map_or(0, |backlog| backlog.server);
        let mut asked: Vec<usize> = (first..servers).chain(0..first).collect();
        let mut kept = Some(kept);
        let mut errors = Vec::new();
        for is_asked_again in [false, true] {
            let mut accusers = Vec::new();
            for server in asked {
                let from = match kept.take() {
                    Some(kept) => kept,
                    None => self.load(ledger).await?,
                };
                let error = match self.catch_up_from(server, ledger, from, agreement).await {
                    Err(error) if !error.is_of_database() => error,
                    done => return done,
                };
                warn!(ledger.id = %ledger, server = self.sources[server].name(), "no way on: {error}");
                if matches!(error, FollowError::Refuted { .. }) || (is_asked_again && error.is_falsehood()) {
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

    async fn drop_unchecked(&self, ledger: LedgerId, agreement: &mut Agreement) -> Result<(), FollowError> {
        let mut transaction = self.pool.begin().await.map_err(StoreError::from)?;
        let dropped = drop_unchecked(&mut transaction, ledger).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        if dropped > 0 {
            warn!(ledger.id = %ledger, "dropped {dropped} events that were applied and never checked");
            // What was compared with them says nothing any more.
            agreement.forget();
        }
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
        match agreement.refuted() {
            Some((heads, servers)) => {
                Err(FollowError::Refuted { heads: Box::new(*heads), servers: servers.join(", ") })
            }
            None => result,
        }
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
        let mut listed_at = None;
        let mut batches = 0;
        while state.event_seq().get() < target {
            let mut rest = match backlog.take() {
                Some(rest) => rest,
                None if is_listed_now => return Err(gap(state.event_seq().get())),
                // A part of the list that led nowhere.
                None if listed_at == Some(state.event_seq()) => return Err(gap(state.event_seq().get())),
                None => {
                    listed_at = Some(state.event_seq());
                    let rest = self.list(server, ledger, &state).await?;
                    is_listed_now = rest.is_whole;
                    rest
                }
            };
            if batches == BATCHES_PER_PASS {
                let (event_seq, left) = (state.event_seq(), rest.listed.len());
                info!(ledger.id = %ledger, %event_seq, "{left} transactions are left for the next passes");
                return Ok(Kept { state, backlog: Some(rest) });
            }
            batches += 1;
            let chunk: Vec<ListedTransaction> = rest.listed.by_ref().take(TRANSACTIONS_PER_BATCH).collect();
            self.fetch_chunk(source, ledger, &chunk, &state, &mut rest.waiting).await?;
            let mut batch = Vec::new();
            while state.event_seq().get() < target {
                let Some((within, event)) = rest.waiting.remove(&state.event_seq().get()) else { break };
                let (next, append) = state
                    .apply(event)
                    .map_err(|error| FollowError::FalseEvent { server: source.name().to_owned(), source: error })?;
                state = next;
                batch.push((within, append));
                agreement.compare(&state);
            }
            self.mark(agreement, &batch, ledger).await?;
            if rest.waiting.len() > MOST_WAITING && state.event_seq().get() < target {
                return Err(gap(state.event_seq().get()));
            }
            if rest.listed.len() > 0 {
                backlog = Some(rest);
            }
        }
        Ok(Kept { state, backlog: None })
    }

    async fn list(&self, server: usize, ledger: LedgerId, state: &LedgerState) -> Result<Backlog, FollowError> {
        let source = &self.sources[server];
        let since = self.slot_of_last_event(ledger, state).await?;
        let listing = source.list_transactions(ledger, since).await.map_err(FollowError::Client)?;
        let (listed, is_whole) = (listing.transactions, listing.is_whole);
        debug!(ledger.id = %ledger, server = source.name(), since, "{} transactions are listed", listed.len());
        Ok(Backlog { server, is_whole, listed: listed.into_iter(), waiting: BTreeMap::new() })
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
        let mut checked = self.mark_if_new(agreement, ledger).await?;
        for (server, source) in self.sources.iter().enumerate() {
            if checked >= agreement.event_seq_of_quorum() || agreement.newest_event_seq() <= state.event_seq().get() {
                break;
            }
            let ahead = async {
                let listed = self.list(server, ledger, state).await?.listed;
                let chunk: Vec<ListedTransaction> = listed.take(TRANSACTIONS_PER_BATCH).collect();
                let mut waiting = BTreeMap::new();
                self.fetch_chunk(source, ledger, &chunk, state, &mut waiting).await?;
                Ok::<_, FollowError>(waiting)
            };
            match ahead.await {
                Ok(mut waiting) => {
                    let mut ahead = state.clone();
                    while let Some((_, event)) = waiting.remove(&ahead.event_seq().get()) {
                        let Ok((next, _)) = ahead.apply(event) else { break };
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

    /// Fetches transactions and sets their events of this ledger aside, by number.
    async fn fetch_chunk(
        &self,
        source: &S,
        ledger: LedgerId,
        chunk: &[ListedTransaction],
        state: &LedgerState,
        waiting: &mut BTreeMap<u64, (CommittedIn, Event)>,
    ) -> Result<(), FollowError> {
        let transactions: Vec<TransactionRecord> =
            source.fetch_transactions(chunk).await.map_err(FollowError::Client)?;
        for transaction in &transactions {
            let within = CommittedIn { signature: transaction.signature };
            for event in decode(self.program, transaction).map_err(FollowError::Client)? {
                let event_seq = event.header.event_seq.get();
                if event.header.ledger == ledger && event_seq >= state.event_seq().get() {
                    if event.header.slot != transaction.slot {
                        let (server, event_slot) = (source.name().to_owned(), event.header.slot);
                        return Err(FollowError::WrongSlot { server, event_seq, event_slot, slot: transaction.slot });
                    }
                    waiting.insert(event_seq, (within, event));
                }
            }
        }
        Ok(())
    }

    /// Writes a batch, and how far a quorum has confirmed it, in one SQL transaction.
    async fn mark(
        &self,
        agreement: &Agreement,
        batch: &[(CommittedIn, VerifiedAppend)],
        ledger: LedgerId,
    ) -> Result<(), FollowError> {
        let checked = agreement.checked();
        if batch.is_empty() && checked.is_none() {
            return Ok(());
        }
        let mut transaction = self.pool.begin().await.map_err(StoreError::from)?;
        commit(&mut transaction, ledger, batch).await?;
        if let Some((head, slot)) = checked {
            mark_checked(&mut transaction, &head, slot).await?;
        }
        transaction.commit().await.map_err(StoreError::from)?;
        if let Some((_, append)) = batch.last() {
            let header = &append.event().header;
            let events = batch.len();
            info!(ledger.id = %ledger, tree.size = %header.size, "verified {events} events, {} entries", header.size);
        }
        Ok(())
    }

    async fn read_accounts(&self, ledger: LedgerId) -> Result<Agreement, FollowError> {
        let readings = join_all(self.sources.iter().map(|source| fetch_account(source, ledger))).await;
        let (mut answers, mut errors) = (Vec::new(), Vec::new());
        for (source, reading) in self.sources.iter().zip(readings) {
            match reading {
                Ok(at) => answers.push((source.name().to_owned(), at)),
                Err(error) => errors.push(error.to_string()),
            }
        }
        if answers.len() < self.quorum {
            return Err(FollowError::TooFewServers {
                answered: answers.len(),
                asked: self.sources.len(),
                quorum: self.quorum,
                errors: errors.join("; "),
            });
        }
        Ok(Agreement::new(self.quorum, answers))
    }

    /// From this slot on events may be missing: the slot of the last one applied, for others can share it.
    async fn slot_of_last_event(&self, ledger: LedgerId, state: &LedgerState) -> Result<u64, FollowError> {
        let Some(last) = state.event_seq().get().checked_sub(1) else { return Ok(0) };
        let mut connection = self.connection().await?;
        let row = load_ledger(&mut connection, ledger).await?;
        let last = LeafIndex::new(last).expect("a log's last index is in range");
        let events = load_events(&mut connection, &row, &[last]).await?;
        Ok(events.first().map_or(0, |row| row.event.header.slot))
    }

    async fn connection(&self) -> Result<counterfoil_store::PgPoolConnection, FollowError> {
        Ok(self.pool.acquire().await.map_err(StoreError::from)?)
    }
}

/// One ledger's account, finalized.
pub(crate) async fn fetch_account<S: Source>(source: &S, ledger: LedgerId) -> Result<AccountAt, ClientError> {
    let accounts = source.fetch_accounts(&[ledger]).await?;
    accounts
        .into_iter()
        .next()
        .unwrap_or_else(|| Err(ClientError::NoLedger { server: source.name().to_owned(), ledger }))
}
